"""Files in a folder: CSV, TSV, XLSX, JSON lines and Parquet, as people leave them.

A file is read whole every time: its clock says when it was copied, not what changed.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl
from pydantic import Field, field_validator

from connectors._delimited import delimited_rows, not_in, text_encoding
from connectors._errors import ConfigError
from connectors._page import ROWS, Extract, Page, Source
from connectors._settings import Settings, settings
from connectors._tabular import Frames, UnreadableError, frames, references
from connectors._text import as_text, flatten, parse_json, record_frame
from connectors._workbook import sheet_name, sheet_rows

TEXT = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
WORKBOOKS = {".xlsx", ".xlsm"}
LINES = {".jsonl", ".ndjson"}


class Options(Settings):
    """The folder that holds the site's files."""

    folder: Path


class Read(Settings):
    """How the site writes its files; `header_row` counts from 1, as editors do.

    Of a header that spans several rows, `header_row` is the lowest.
    """

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    header_row: int = Field(default=1, ge=1)
    sheet: str | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise ValueError("is no encoding; try utf-8, latin-1 or cp1252") from error
        return name


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of every file that matches `extract.location`, in order of name.

    `since` is not used. A reference is the line or row on which a record begins, so
    that it can be found again in the site's own file. A file whose records do not
    fit its header is a SourceError: in which column a value belongs is then a guess.
    """
    options = settings(Options, source.options, f"source.{source.name}")
    name = f"dataset {extract.dataset}"
    read = settings(Read, extract.options, f"{name}.read")
    pattern, _, sheet = extract.location.partition("#")
    if sheet and read.sheet and sheet != read.sheet:
        raise ConfigError(
            f"names another sheet than {name}.from", key=f"{name}.read.sheet"
        )
    if not pattern or pattern.startswith("/") or ".." in Path(pattern).parts:
        raise ConfigError(
            "must be a pattern inside the source's folder", key=f"{name}.from"
        )
    read = read.model_copy(update={"sheet": sheet or read.sheet})
    for path in _matching(source, options.folder, pattern):
        name = path.relative_to(options.folder).as_posix()
        try:
            yield from _file(path, name, read)
        except UnreadableError as error:
            raise source.error(f"{name} {error}") from None
        except OSError as error:
            raise source.error(f"{name} cannot be read: {error.strerror}") from None


def _matching(source: Source, folder: Path, pattern: str) -> list[Path]:
    if not folder.is_dir():
        raise source.error(f"there is no folder {folder.name!r}; check `folder`")
    # Excel and LibreOffice leave ~$ and .~lock files beside an open workbook.
    found = [
        path
        for path in sorted(folder.glob(pattern))
        if path.is_file() and not path.name.startswith((".", "~$"))
    ]
    inside = folder.resolve()
    for path in found:
        if not path.resolve().is_relative_to(inside):
            raise source.error(
                f"{path.name} is a link out of the folder; put a copy there"
            )
    if not found:
        raise source.error(
            f"no file matches {pattern!r} in the folder {folder.name!r}; check `from`, "
            f"and whether the site has sent its files"
        )
    return found


def _file(path: Path, name: str, read: Read) -> Iterator[Page]:
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise UnreadableError("is empty; send it again")
    if suffix in WORKBOOKS:
        sheet = sheet_name(path, read.sheet)
        rows = sheet_rows(path, sheet, read.header_row)
        yield from _pages(frames(rows, "row"), f"{name}, sheet {sheet}")
        return
    if read.sheet:
        raise UnreadableError("is no workbook and has no sheets; leave the sheet out")
    if suffix in TEXT:
        delimiter = read.delimiter or TEXT[suffix]
        lines = delimited_rows(path, delimiter, read.encoding, read.header_row)
        yield from _pages(frames(lines, "line"), name)
    elif suffix in LINES:
        yield from _pages(_json_lines(path, read), name)
    elif suffix == ".parquet":
        yield from _pages(_parquet(path), name)
    else:
        known = ", ".join((*TEXT, *sorted(WORKBOOKS | LINES), ".parquet"))
        raise UnreadableError(f"is none of {known}; save it as one of these")


def _pages(read: Frames, origin: str) -> Iterator[Page]:
    for frame, refs in read:
        yield Page(frame, origin, refs)


def _json_lines(path: Path, read: Read) -> Frames:
    """Twice through the file: a record leaves out what is empty, its page must not."""
    columns = dict.fromkeys(
        name for _, record in _objects(path, read) for name in record
    )
    if not columns:
        raise UnreadableError("holds no record; send it again")
    objects = _objects(path, read)
    while batch := list(islice(objects, ROWS)):
        yield (
            record_frame([record for _, record in batch], columns),
            references("line", [number for number, _ in batch]),
        )


def _objects(path: Path, read: Read) -> Iterator[tuple[int, dict[str, str | None]]]:
    with path.open(encoding=text_encoding(path, read.encoding)) as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _object(line, number)
        except UnicodeError:
            raise not_in(read.encoding) from None


def _object(line: str, number: int) -> dict[str, str | None]:
    try:
        record = parse_json(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UnreadableError(f"holds no JSON object on line {number}; send it again")
    return flatten(record)


def _parquet(path: Path) -> Frames:
    try:
        frame = pl.scan_parquet(path)
        height = frame.select(pl.len()).collect().item()
        for first in range(0, max(height, 1), ROWS):
            page = as_text(frame.slice(first, ROWS).collect())
            yield page, references("row", range(first + 1, first + page.height + 1))
    except pl.exceptions.PolarsError:
        raise UnreadableError(
            "is no Parquet file, or a damaged one; send it again"
        ) from None
