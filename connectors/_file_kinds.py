"""The kinds of files, each read into frames of text with a reference for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import PurePosixPath

import polars as pl
from pydantic import Field, field_validator

from connectors._delimited import delimited_frames
from connectors._lines import Lines, texts
from connectors._page import ROWS
from connectors._settings import Settings
from connectors._tabular import Frames, UnreadableError, references
from connectors._text import as_text, flatten, parse_json, record_frame
from connectors._workbook import Workbook

TEXT = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
WORKBOOKS = {".xlsx", ".xlsm"}
LINES = {".jsonl", ".ndjson"}
HELD = 256 * 2**20
"""The most bytes of a file that cannot be read from its front: XLSX and Parquet."""

Content = Callable[[], Iterator[bytes]]
"""What a file holds, from its start, each time it is called."""


class Read(Settings):
    """How the site writes its files; `header_row` counts from 1, as editors do.

    Of a header that spans several rows, `header_row` is the lowest.
    """

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    header_row: int = Field(default=1, ge=1)
    sheet: str | None = None

    @field_validator("delimiter")
    @classmethod
    def _parts_values(cls, mark: str | None) -> str | None:
        if mark and mark in '"\r\n':
            raise ValueError("must part values; a quotation mark or line end cannot")
        return mark

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            "a".encode(name)
        except LookupError as error:
            raise ValueError("is no encoding; try utf-8, latin-1 or cp1252") from error
        return name


def file_frames(name: str, content: Content, read: Read) -> tuple[str, Frames]:
    """What a person would open, and the rows that stand in it, by the file's name."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in WORKBOOKS:
        workbook = Workbook(_held(content))
        sheet = workbook.sheet_name(read.sheet)
        return f"{name}, sheet {sheet}", workbook.frames(sheet, read.header_row)
    if read.sheet:
        raise UnreadableError("is no workbook and has no sheets; leave the sheet out")
    if suffix in TEXT:
        delimiter = read.delimiter or TEXT[suffix]
        decoded = texts(content(), read.encoding)
        return name, delimited_frames(decoded, delimiter, read.header_row)
    if suffix in LINES:
        return name, _json_lines(content, read)
    if suffix == ".parquet":
        return name, _parquet(_held(content))
    known = ", ".join((*TEXT, *sorted(WORKBOOKS | LINES), ".parquet"))
    raise UnreadableError(f"is none of {known}; save it as one of these")


def _held(content: Content) -> bytes:
    held = bytearray()
    for block in content():
        held += block
        if len(held) > HELD:
            raise UnreadableError(
                f"has more than {HELD // 2**20} MiB, the most that is held in memory; "
                f"save it as CSV, which may be larger"
            )
    return bytes(held)


def _json_lines(content: Content, read: Read) -> Frames:
    """Twice through the file: a record leaves out what is empty, its page must not."""
    columns = dict.fromkeys(
        name for _, record in _objects(content, read) for name in record
    )
    if not columns:
        raise UnreadableError("holds no record; send it again")
    objects = _objects(content, read)
    while batch := list(islice(objects, ROWS)):
        yield (
            record_frame([record for _, record in batch], columns),
            references("line", [number for number, _ in batch]),
        )


def _objects(
    content: Content, read: Read
) -> Iterator[tuple[int, dict[str, str | None]]]:
    lines = Lines(texts(content(), read.encoding))
    for line in lines:
        if line.strip():
            yield lines.taken, _object(line, lines.taken)


def _object(line: str, number: int) -> dict[str, str | None]:
    try:
        record = parse_json(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UnreadableError(f"holds no JSON object on line {number}; send it again")
    return flatten(record)


def _parquet(data: bytes) -> Frames:
    try:
        frame = pl.scan_parquet(BytesIO(data))
        height = frame.select(pl.len()).collect().item()
        for first in range(0, max(height, 1), ROWS):
            page = as_text(frame.slice(first, ROWS).collect())
            yield page, references("row", range(first + 1, first + page.height + 1))
    except pl.exceptions.PolarsError:
        raise UnreadableError(
            "is no Parquet file, or a damaged one; send it again"
        ) from None
