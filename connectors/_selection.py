"""What is wanted from a table: which columns, which rows, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Place = tuple[str | int | float | None, ...]
"""The last row's values in the order of reading, from which a read can go on."""

PART = r"[^\W\d]\w{0,62}"


@dataclass(frozen=True)
class Column:
    """A column of a table or view, with the type its database gives it."""

    name: str
    kind: str

    @property
    def is_decimal(self) -> bool:
        return self.kind.startswith(("numeric", "decimal"))

    @property
    def is_moment(self) -> bool:
        return self.kind.startswith(("timestamp", "datetime", "smalldatetime", "date"))


@dataclass(frozen=True)
class Selection:
    """Which rows of a table are wanted, in which order, and after which one.

    `order` is (key,), or (modified, key) where `since` says what is wanted; `after`
    holds the last row's values in that order, as text; null where nobody knows when
    it changed. `until` leaves to the next pull what changes while this one reads.
    """

    columns: Sequence[Column]
    order: tuple[Column, ...] = ()
    modified: Column | None = None
    since: datetime | None = None
    until: str | None = None
    after: Place | None = None


def is_location(text: str) -> bool:
    """Whether this is the name of a table or view, perhaps after its schema."""
    return re.fullmatch(rf"{PART}(\.{PART})?", text) is not None
