"""Records under a header, as frames whose rows can be found again in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from connectors._page import ROWS
from connectors._text import text_frame

if TYPE_CHECKING:
    import numpy as np

    Numbers = Sequence[int] | np.ndarray | pl.Series

Record = tuple[int, Sequence[str | None]]
Frames = Iterator[tuple[pl.DataFrame, pl.Series]]


class UnreadableError(Exception):
    """Why a file cannot be read, worded to follow its name."""


def frames(records: Iterator[Record], names: Sequence[str], word: str) -> Frames:
    """The records as frames of the header's columns, with a reference each.

    A record that does not fit the header makes the whole file UnreadableError: in which
    column its values belong would be a guess.
    """
    while batch := list(islice(records, ROWS)):
        _expect_length(batch, len(names), word)
        yield (
            text_frame(names, [record for _, record in batch]),
            references(word, [number for number, _ in batch]),
        )


def paged(read: Frames, names: Sequence[str]) -> Frames:
    """The same rows a page's worth at a time; a page without rows where there are none.

    A header alone tells at least that the columns are still there.
    """
    frame, refs = text_frame(names, []), references("row", [])
    done = False
    for more, places in read:
        frame, refs = pl.concat([frame, more]), pl.concat([refs, places])
        while frame.height >= ROWS:
            yield frame.head(ROWS), refs.head(ROWS)
            frame, refs, done = frame.slice(ROWS), refs.slice(ROWS), True
    if frame.height or not done:
        yield frame, refs


def references(word: str, numbers: Numbers) -> pl.Series:
    """`line 14`, `row 14`: where each record stands."""
    counted = pl.Series("ref", numbers, pl.Int64)
    return pl.select(pl.format(word + " {}", counted).alias("ref")).to_series()


def column_names(header: Sequence[str | None], place: str) -> list[str]:
    """The header's names; a column without one is called by its position."""
    if not header:
        raise UnreadableError("has no header; send it again, or check read.header_row")
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


def _expect_length(batch: Sequence[Record], length: int, word: str) -> None:
    for number, record in batch:
        if len(record) != length:
            raise UnreadableError(
                f"has {len(record)} values in the record on {word} {number} and "
                f"{length} in its header; correct the file, or check read.delimiter "
                f"and read.header_row"
            )
