"""What a site's systems said, in the site's own words: the door to all connectors.

Every public module of this package but `standins` is one kind of source system and
holds two models, `Options` (how to reach it) and `Read` (how to read one dataset),
and one function, `pages(source, extract, since)`; where the system can list its keys
alone also `present(source, extract)`. A new kind is a new module: it is
found by its name and registered nowhere.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from connectors._errors import ConfigError, PocnetError, SourceError
from connectors._page import Extract, Page, Source

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl
    from pydantic import BaseModel

__all__ = [
    "ConfigError",
    "Extract",
    "Keys",
    "Page",
    "PocnetError",
    "Reader",
    "Source",
    "SourceError",
    "clock",
    "kinds",
    "open_keys",
    "open_source",
    "options_model",
    "read_model",
]

Reader = Callable[[Extract, str | None], Iterator[Page]]
Keys = Callable[[Extract], Iterator["pl.Series"]]


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of source systems that can be read, by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(
        sorted(name for name in names if name[0] != "_" and name != "standins")
    )


def options_model(kind: str) -> type[BaseModel]:
    """The settings that reach a source of this kind: `[source.NAME]` of a site."""
    model: type[BaseModel] = _protocol(kind).Options
    return model


def read_model(kind: str) -> type[BaseModel]:
    """The settings that read one dataset from it: `read` of a `[[dataset]]`."""
    model: type[BaseModel] = _protocol(kind).Read
    return model


def open_source(source: Source) -> Reader:
    """A function that reads an extract of this source, page by page.

    The kind and the options are checked here and the extract's reading options when
    the function is called, both before anything is asked of the site: ConfigError.
    With `since` (an ISO instant) it reads what changed after it, where the protocol
    can tell; with None everything. SourceError while reading ends this source only.
    """
    from connectors._settings import settings

    protocol = _protocol(source.kind, f"source.{source.name}.kind")
    settings(protocol.Options, source.options, f"source.{source.name}")

    def read(extract: Extract, since: str | None) -> Iterator[Page]:
        settings(protocol.Read, extract.options, f"dataset {extract.dataset}.read")
        pages: Iterator[Page] = protocol.pages(source, extract, since)
        return pages

    return read


def open_keys(source: Source) -> Keys | None:
    """A function that lists the refs of all records there are now, without the rest.

    It finds what was deleted where a source does not tell. None where the protocol
    has no cheaper way than to read everything: its module has no `present`.
    """
    present = getattr(_protocol(source.kind), "present", None)
    if present is None:
        return None

    def keys(extract: Extract) -> Iterator[pl.Series]:
        refs: Iterator[pl.Series] = present(source, extract)
        return refs

    return keys


def clock(source: Source) -> datetime | None:
    """What time it is where the source is; None where it does not tell.

    A protocol module that can ask says so by a function `clock(source)`; of any other
    the answer of its web server is looked at.
    """
    from connectors._clock import web_clock

    asked = getattr(_protocol(source.kind), "clock", web_clock)
    told: datetime | None = asked(source)
    return told


def _protocol(kind: str, key: str | None = None) -> Any:
    if kind not in kinds():
        close = get_close_matches(kind, kinds(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else ""
        known = f"the kinds are {', '.join(kinds())}"
        raise ConfigError(
            f"no kind of source is called {kind!r}; {hint or known}", key=key
        )
    return import_module(f"connectors.{kind}")
