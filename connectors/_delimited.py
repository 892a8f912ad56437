"""CSV and its kin, each record with the line it begins on.

A block at a time the ends of the records are found in the bytes and polars cuts them,
as long as everything in sight is plain CSV. From the first record that is not (a
quotation mark within a bare value, a value too many, line ends of an old Mac) Python's
own reader goes on, record by record: it is slower, and says on which line it stands.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain

from connectors._lines import Lines
from connectors._plain_csv import records_of
from connectors._tabular import (
    Frames,
    Record,
    UnreadableError,
    column_names,
    frames,
    paged,
    references,
)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def delimited_frames(texts: Iterator[str], delimiter: str, header_row: int) -> Frames:
    """The records below the header, blank ones left out, in pages of columns.

    A quoted value may run over several lines, so records are not lines: the number
    is that of the line, counted from 1, on which the record begins.
    """
    lines = Lines(texts)
    for _ in range(header_row - 1):
        next(lines, None)
    at, header = next(_careful(lines, delimiter), (0, []))
    names = column_names(header, f"line {at}")
    _expect_columns(names, delimiter)
    yield from paged(_frames(lines, names, delimiter), names)


def _expect_columns(names: list[str], delimiter: str) -> None:
    other = next((mark for mark in DELIMITERS if mark in names[0]), None)
    if len(names) == 1 and other:
        cut = DELIMITERS.get(delimiter, delimiter)
        raise UnreadableError(
            f"has only one column when cut at each {cut}; set read.delimiter = "
            f'"{other}" ({DELIMITERS[other]})'
        )


def _frames(lines: Lines, names: list[str], delimiter: str) -> Frames:
    """What is left of the lines: quickly while that is safe, then carefully."""
    taken, data = lines.taken, b""
    # The last record may lack its line end; a line more than there is does no harm.
    texts = chain(lines.rest(), ["\n"])
    for text in texts:
        data += text.encode()
        if (records := records_of(data, delimiter, names)) is None:
            break
        yield records.frame, references("line", records.begins + taken + 1)
        data, taken = data[records.length :], taken + records.lines
    if data:
        left = Lines(chain([data.decode()], texts), taken)
        yield from frames(_careful(left, delimiter), names, "line")


def _careful(lines: Lines, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begins = lines.taken + 1
    try:
        for record in reader:
            if any(record):
                yield begins, record
            begins = lines.taken + 1
    except csv.Error as error:
        raise UnreadableError(
            f"breaks the rules of CSV in the record that begins on line {begins} "
            f"({error}); look there for a quotation mark that is not closed"
        ) from None
