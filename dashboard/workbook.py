"""Tables as a workbook: one sheet each, in which nothing is ever run as a formula."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import xlsxwriter

WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | None


@dataclass(frozen=True)
class Part:
    """One table: its heading, its columns and its rows."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def workbook(parts: Sequence[Part]) -> bytes:
    """The tables as XLSX, one sheet each.

    A text is written as a text, and one that a spreadsheet would run as a formula once
    the sheet is copied into another gets an apostrophe in front.
    """
    file = BytesIO()
    plain = dict.fromkeys(
        ("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False
    )
    with xlsxwriter.Workbook(file, {"in_memory": True, **plain}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
        for part in parts:
            sheet = book.add_worksheet(part.heading)
            for column, name in enumerate(part.columns):
                sheet.write_string(0, column, name, bold)
            for line, row in enumerate(part.rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, int | float):
                        sheet.write_number(line, column, cell)
                    else:
                        sheet.write_string(line, column, harmless(cell or ""))
            sheet.freeze_panes(1, 0)
            sheet.autofit()
    return file.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
