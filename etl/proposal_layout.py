"""How a site's file is laid out: encoding, delimiter, sheet, and where its header is.

Notes stand above many headers, and headers of merged cells run over several rows; the
lowest is the one that the file is read by (`read.header_row`), and what stands above
it helps to understand it.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import fastexcel
import polars as pl

from connectors import ConfigError
from etl.proposal_names import header, likenesses
from etl.values import Style, numbers

_HEAD: Final = 200_000
_ROWS: Final = 40
_DELIMITERS: Final = (";", ",", "\t", "|")
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_DEFAULTS: Final = {"delimiter": ",", "encoding": "utf-8", "header_row": 1}
_TABS: Final = (".tsv", ".txt")
_RECOGNISED: Final = 0.75
WORKBOOKS: Final = (".xlsx", ".xlsm")
TEXTS: Final = (".csv", ".tsv", ".txt")
OTHERS: Final = (".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Layout:
    """How to read one table of a file: `read` of a `[[dataset]]`, and its `#Sheet`.

    `above` is what stands over a column, by the column's place: the name of a column
    whose own cell is empty, or that of a group.
    """

    read: Mapping[str, object]
    sheet: str | None = None
    above: Mapping[int, str] = field(default_factory=dict)


def layouts(path: Path) -> list[Layout]:
    """How each table of a file is to be read; ConfigError if nothing looks like one."""
    suffix = path.suffix.lower()
    if suffix in WORKBOOKS:
        found = _workbook(path)
    elif suffix in TEXTS:
        found = [_text(path)]
    elif suffix in OTHERS:
        return [Layout({})]
    else:
        known = ", ".join((*TEXTS, *WORKBOOKS, *OTHERS))
        raise ConfigError(f"{path.name} is none of {known}; save it as one of these")
    if not found:
        raise ConfigError(f"{path.name} has no sheet with a table in it")
    return found


def _text(path: Path) -> Layout:
    with path.open("rb") as file:
        start = file.read(_HEAD)
    encoding, text = _decoded(start, len(start) == _HEAD)
    delimiter = max(_DELIMITERS, key=lambda mark: _evenness(text, mark))
    rows = _cut(text, delimiter)
    if not rows or max(map(len, rows)) < 2:
        raise ConfigError(
            f"{path.name} has no columns when cut at semicolon, comma, tab or bar; "
            "export it again as CSV"
        )
    at = _header_at(rows)
    usual = dict(_DEFAULTS)
    if path.suffix.lower() in _TABS:
        usual["delimiter"] = "\t"
    # Blank lines count as lines of the file, but are no records of it.
    line = _line_of(text, delimiter, at)
    read = {"delimiter": delimiter, "encoding": encoding, "header_row": line}
    return Layout({k: v for k, v in read.items() if usual[k] != v}, None, {})


def _decoded(start: bytes, cut: bool) -> tuple[str, str]:
    """The encoding a text is written in, and the text."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            text = start.decode(
                "utf-8-sig" if encoding == "utf-8" else encoding, "replace"
            )
            return "utf-8", text
    whole = start.rsplit(b"\n", 1)[0] if cut else start
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            return encoding, whole.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("every byte is a letter of latin-1")


def _cut(text: str, delimiter: str) -> list[list[str]]:
    records = csv.reader(io.StringIO(text), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for record in records:
            if any(record):
                rows.append(record)
            if len(rows) == _ROWS:
                break
    except csv.Error:
        pass
    return rows


def _line_of(text: str, delimiter: str, at: int) -> int:
    """The line on which the record number `at`, blank ones not counted, begins."""
    records = csv.reader(io.StringIO(text), delimiter=delimiter)
    begins = 1
    for record in records:
        if any(record):
            if not at:
                return begins
            at -= 1
        begins = records.line_num + 1
    return begins


def _evenness(text: str, delimiter: str) -> float:
    """How many columns most records have, weighed by how many records have them."""
    lengths = [len(row) for row in _cut(text, delimiter)]
    if not lengths:
        return 0.0
    usual = max(set(lengths), key=lengths.count)
    return (usual - 1) * lengths.count(usual) / len(lengths)


def _workbook(path: Path) -> list[Layout]:
    try:
        book = fastexcel.read_excel(path)
    except fastexcel.FastExcelError:
        raise ConfigError(
            f"{path.name} is no XLSX workbook, or is damaged or locked with a "
            "password; open it in Excel and save it as .xlsx"
        ) from None
    found = [_sheet(book, name) for name in book.sheet_names]
    tables = [each for each in found if each is not None]
    return tables


def _sheet(book: fastexcel.ExcelReader, name: str) -> Layout | None:
    read = book.load_sheet(
        name, header_row=None, skip_rows=0, n_rows=_ROWS, dtypes="string"
    )
    if read.visible != "visible" or read.width < 2:
        return None
    rows = [
        ["" if cell is None else cell for cell in row]
        for row in read.to_polars().rows()
    ]
    at = _header_at(rows)
    if sum(map(bool, rows[at])) < 2:
        return None
    given = {"header_row": at + 1} if at else {}
    return Layout(given, name, _above(rows, at))


def _above(rows: Sequence[Sequence[str]], at: int) -> dict[int, str]:
    """What stands over each column: merged cells name the columns that follow, too.

    A row with a single text in it is a title, not a header.
    """
    if not at or sum(map(bool, rows[at - 1])) < 2:
        return {}
    found: dict[int, str] = {}
    last = ""
    for place, (over, own) in enumerate(zip(rows[at - 1], rows[at], strict=True)):
        last = over or (last if own else "")
        if last:
            found[place] = last
    return found


def _header_at(rows: Sequence[Sequence[str]]) -> int:
    """The place of the header: the row with the most cells that name a column."""
    width = max(sum(map(bool, row)) for row in rows)
    scores = [_names(row, width) for row in rows[:20]]
    best = max(scores)
    return scores.index(best) if best else 0


def _names(row: Sequence[str], width: int) -> float:
    """How much a row looks like a header: texts, all different, that name columns."""
    told = [cell.strip() for cell in row if cell.strip()]
    if len(told) < 2 or len(told) < width / 2 or len(set(told)) < len(told):
        return 0.0
    figures = numbers(pl.Series(told), Style())["value"].count()
    if figures > len(told) * 0.1:
        return 0.0
    named = sum(
        max(likenesses(header(cell)).values(), default=0.0) >= _RECOGNISED
        for cell in told
    )
    return 0.1 + named
