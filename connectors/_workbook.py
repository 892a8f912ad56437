"""The cells of a workbook as text, as a person reading the sheet would say them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import fastexcel
import polars as pl

from connectors._tabular import UnreadableError

ERRORS = {
    "NA": "#N/A",
    "Div0": "#DIV/0!",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
}
"""calamine's names for what a broken formula shows."""


def sheet_name(path: Path, wanted: str | None) -> str:
    """The sheet to read: the one named, or the workbook's first."""
    names = _open(path).sheet_names
    if wanted is None:
        return str(names[0])
    if wanted not in names:
        raise UnreadableError(f"has no sheet {wanted!r}; it has {', '.join(names)}")
    return wanted


def sheet_rows(
    path: Path, sheet: str, header_row: int
) -> Iterator[tuple[int, Sequence[str | None]]]:
    """Each row that holds something, from the header on, with its number in the sheet.

    Dates are ISO 8601 where the cell is formatted as one; a date kept as a plain
    number stays that number. Percentages are the fraction that is stored: a format
    cannot be seen from here. A formula that failed is the error it shows.
    """
    # Without skip_rows=0 leading blank rows are dropped and all numbers shift.
    read = _open(path).load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
    frame = _with_errors(read)
    for number, row in enumerate(frame.iter_rows(), start=1):
        if number >= header_row and any(row):
            yield number, row


def _open(path: Path) -> fastexcel.ExcelReader:
    try:
        return fastexcel.read_excel(path)
    except fastexcel.FastExcelError:
        raise UnreadableError(
            "is no XLSX workbook, or is damaged or locked with a password; open it in "
            "Excel and save it as .xlsx"
        ) from None


def _with_errors(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    if not sheet.width:
        return pl.DataFrame()
    batch, errors = sheet.to_arrow_with_errors()
    frame = pl.DataFrame(pl.from_arrow(batch))
    columns = {at: frame.to_series(at).to_list() for at in range(frame.width)}
    for error in errors.errors if errors else ():
        row, column = error.offset_position
        columns[column][row] = _shown(error.detail)
    return pl.DataFrame(
        [
            _as_iso(pl.Series(str(at), values, pl.String))
            for at, values in columns.items()
        ]
    )


def _shown(detail: str) -> str:
    name = detail.partition("Error(")[2].partition(")")[0]
    return ERRORS.get(name, "#ERROR!")


def _as_iso(column: pl.Series) -> pl.Series:
    # calamine writes a time of day as an instant on Excel's day nought.
    return (
        column.str.replace(r"^1899-12-3[01] (\d\d:\d\d:\d\d)", "$1")
        .str.replace(r"^(\d{4}-\d\d-\d\d) 00:00:00$", "$1")
        .str.replace(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", "${1}T$2")
    )
