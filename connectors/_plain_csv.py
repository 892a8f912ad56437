"""Plain CSV, many records at once: where each begins, and its values in columns.

Plain means what RFC 4180 says: quotation marks enclose whole values and are doubled
within, and every record has as many values as the header. Of anything else nothing is
said, so that nothing can be misread here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from connectors._lines import BLOCK
from connectors._text import blank_to_null

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_BOM = "\ufeff".encode()


@dataclass(frozen=True)
class Records:
    """The whole records at the start of some bytes, those without any value left out.

    `begins` holds the line of each, from 0; `length` and `lines` are what was read.
    """

    frame: pl.DataFrame
    begins: Places
    length: int
    lines: int


def records_of(data: bytes, delimiter: str, names: Sequence[str]) -> Records | None:
    """The whole records that the bytes (UTF-8) begin with; None if they are not plain.

    What follows the last record's end is left for when more has come.
    """
    mark = delimiter.encode()
    if len(mark) > 1:
        return None
    seen = _Seen(data)
    ends = seen.outside(_NEWLINE)
    if not ends.size:
        return _none_yet(names) if len(data) < BLOCK else None
    length = int(ends[-1]) + 1
    starts = np.append(0, ends[:-1] + 1)
    blank = ends - starts == (seen.bytes[starts] == _RETURN)
    values = np.diff(np.searchsorted(seen.outside(mark[0]), ends), prepend=0) + 1
    if (values[~blank] != len(names)).any() or not seen.plain(length, mark[0]):
        return None
    written = np.repeat(~blank, ends - starts + 1)
    whole = seen.bytes[:length][written].tobytes() if blank.any() else data[:length]
    # polars takes this mark away wherever it begins to read.
    if whole.startswith(_BOM):
        return None
    frame = _cut(whole, delimiter, names, seen.quoted)
    if frame is None or frame.height != starts.size - blank.sum():
        return None
    lines = np.flatnonzero(seen.bytes[:length] == _NEWLINE)
    begins = np.searchsorted(lines, starts[~blank])
    some = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    return Records(frame.filter(some), begins[some.to_numpy()], length, lines.size)


def _none_yet(names: Sequence[str]) -> Records:
    empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return Records(empty, np.empty(0, np.int64), 0, 0)


def _cut(
    data: bytes, delimiter: str, names: Sequence[str], quoted: bool
) -> pl.DataFrame | None:
    schema = dict.fromkeys(names, pl.String)
    if not data:
        return pl.DataFrame(schema=schema)
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=schema,
            separator=delimiter,
            quote_char='"' if quoted else None,
        )
    except pl.exceptions.PolarsError:
        return None
    return blank_to_null(frame)


class _Seen:
    """Bytes looked at all at once: which of them stand within quotation marks."""

    def __init__(self, data: bytes) -> None:
        self.bytes: Bytes = np.frombuffer(data, np.uint8)
        quote = self.bytes == _QUOTE
        self.quoted = bool(quote.any())
        self._inside = np.logical_xor.accumulate(quote) if self.quoted else None

    def outside(self, byte: int) -> Places:
        """Where the byte stands outside quotation marks."""
        found = self.bytes == byte
        return np.flatnonzero(found if self._inside is None else found & ~self._inside)

    def plain(self, length: int, mark: int) -> bool:
        """Whether quotation marks enclose whole values, and returns stand in line ends.

        The byte at `length` - 1 is a line end: so every byte that is judged has one
        after it, and the first has one, so to speak, before it.
        """
        part = self.bytes[:length]
        returns = np.flatnonzero(part == _RETURN)
        if (part[returns + 1] != _NEWLINE).any():
            return False
        if self._inside is None:
            return True
        quotes = np.flatnonzero(part == _QUOTE)
        opens = self._inside[quotes]
        edges = np.array([mark, _NEWLINE, _QUOTE], np.uint8)
        before, after = part[quotes[opens] - 1], part[quotes[~opens] + 1]
        last = np.append(edges, np.uint8(_RETURN))
        return bool(np.isin(before, edges).all() and np.isin(after, last).all())
