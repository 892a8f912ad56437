"""CSV and its kin, each record with the line it begins on."""

from __future__ import annotations

import codecs
import csv
from itertools import islice
from pathlib import Path

from connectors._tabular import Rows, UnreadableError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a text may begin with; it tells the encoding more surely than a person."""

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def text_encoding(path: Path, declared: str) -> str:
    """The encoding the file's first bytes show, else the declared one."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        raise UnreadableError("is a workbook or archive, not text; name it .xlsx")
    shown = (name for mark, name in MARKS.items() if start.startswith(mark))
    return next(shown, declared)


def not_in(encoding: str) -> UnreadableError:
    """That a file does not hold the encoding it was declared to have."""
    return UnreadableError(
        f"is not written in {encoding}; set read.encoding (Excel's CSV is mostly "
        f"cp1252 or latin-1)"
    )


def delimited_rows(path: Path, delimiter: str, encoding: str, header_row: int) -> Rows:
    """Each record from the header on, blank ones left out.

    A quoted value may run over several lines, so records are not lines: the number
    is that of the line, counted from 1, on which the record begins.
    """
    with path.open(encoding=text_encoding(path, encoding), newline="") as lines:
        begins, header_read = 1, False
        try:
            skipped = sum(1 for _ in islice(lines, header_row - 1))
            begins += skipped
            records = csv.reader(lines, delimiter=delimiter, strict=True)
            for record in records:
                if any(record):
                    if not header_read:
                        _expect_columns(record, delimiter)
                    header_read = True
                    yield begins, record
                begins = skipped + records.line_num + 1
        except UnicodeError:
            raise not_in(encoding) from None
        except csv.Error as error:
            raise UnreadableError(
                f"breaks the rules of CSV in the record that begins on line {begins} "
                f"({error}); look there for a quotation mark that is not closed"
            ) from None


def _expect_columns(header: list[str], delimiter: str) -> None:
    other = next((mark for mark in DELIMITERS if mark in header[0]), None)
    if len(header) == 1 and other:
        cut = DELIMITERS.get(delimiter, delimiter)
        raise UnreadableError(
            f"has only one column when cut at each {cut}; set read.delimiter = "
            f'"{other}" ({DELIMITERS[other]})'
        )
