"""Records under a header, as frames whose rows can be found again in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import polars as pl

from connectors._page import ROWS
from connectors._text import text_frame

Rows = Iterator[tuple[int, Sequence[str | None]]]
Frames = Iterator[tuple[pl.DataFrame, pl.Series]]


class UnreadableError(Exception):
    """Why a file cannot be read, worded to follow its name."""


def frames(rows: Rows, word: str) -> Frames:
    """The records below the first, which is the header, with a reference each.

    A record that does not fit the header makes the whole file UnreadableError: in which
    column its values belong would be a guess. A column without a name is called by
    its position.
    """
    at, header = next(rows, (0, ()))
    if not header:
        raise UnreadableError("has no header; send it again, or check read.header_row")
    names = _names(header, f"{word} {at}")
    first = True
    while (batch := list(islice(rows, ROWS))) or first:
        _expect_length(batch, len(names), word)
        yield (
            text_frame(names, [record for _, record in batch]),
            references(word, [number for number, _ in batch]),
        )
        first = False


def references(word: str, numbers: Sequence[int]) -> pl.Series:
    """`line 14`, `row 14`: where each record stands."""
    return pl.Series("ref", [f"{word} {number}" for number in numbers], pl.String)


def _expect_length(
    batch: Sequence[tuple[int, Sequence[str | None]]], length: int, word: str
) -> None:
    for number, record in batch:
        if len(record) != length:
            raise UnreadableError(
                f"has {len(record)} values in the record on {word} {number} and "
                f"{length} in its header; correct the file, or check read.delimiter "
                f"and read.header_row"
            )


def _names(header: Sequence[str | None], place: str) -> list[str]:
    names = [
        (name or "").strip() or f"column {position}"
        for position, name in enumerate(header, start=1)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableError(
            f"has the column {twice[0]!r} twice in its header ({place}); rename one, "
            f"or set read.header_row if the header stands elsewhere"
        )
    return names
