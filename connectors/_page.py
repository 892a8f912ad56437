"""What goes into a connector and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors._errors import SourceError

if TYPE_CHECKING:
    import polars as pl

ROWS = 50_000
"""The most rows one Page holds, so that memory does not grow with a site."""


@dataclass(frozen=True)
class Source:
    """One system of one site, and how to reach it.

    `options` is the site's `[source.NAME]` table without `kind`, its secrets already
    resolved to plain text and its folders made absolute.
    """

    site: str
    name: str
    kind: str
    options: Mapping[str, object] = field(repr=False)

    def error(self, message: str) -> SourceError:
        """A SourceError that names this site and source."""
        return SourceError(message, site=self.site, source=self.name)


@dataclass(frozen=True)
class Extract:
    """What to read from a source for one dataset of the contract.

    `location` is the site's word for it: a file pattern, a table or view, a REDCap
    form, a REST path. `options` is the dataset's `read` table. `columns` are those of
    the source that the mapping names, for systems that leave out what is empty.
    """

    dataset: str
    location: str
    options: Mapping[str, object]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """Some rows as the source said them: its own columns, every one of them text.

    Nothing is interpreted here, so that a wrong guess can never be stored; the only
    change is that an empty text is null. `origin` is what a person would open,
    `refs` says where in it each row stands, and `watermark` is the instant from
    which the next pull may start (null where the source cannot tell what changed).
    The watermark holds only once every page has been read.

    `gone` names records (as refs do) that were deleted or renamed since. `resume`,
    where a source can go on from the middle, is an opaque text that begins with
    `resume:`: given back as `since`, it reads what comes after this page, and ends
    with the watermark that the broken read would have had.
    """

    frame: pl.DataFrame
    origin: str
    refs: pl.Series
    watermark: str | None = None
    gone: tuple[str, ...] = ()
    resume: str | None = None
