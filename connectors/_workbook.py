"""The cells of a workbook as text, as a person reading the sheet would say them."""

from __future__ import annotations

import zipfile
from io import BytesIO

import fastexcel
import polars as pl

from connectors._tabular import (
    Frames,
    UnreadableError,
    column_names,
    paged,
    references,
)
from connectors._text import blank_to_null

UNPACKED = 2**30
"""The most bytes a workbook may unpack to: some are made to fill a machine's memory."""

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


class Workbook:
    """A workbook held in memory; UnreadableError where it is none."""

    def __init__(self, data: bytes) -> None:
        try:
            _expect_no_bomb(data)
            self._reader = fastexcel.read_excel(data)
        except (fastexcel.FastExcelError, zipfile.BadZipFile):
            raise UnreadableError(
                "is no XLSX workbook, or is damaged or locked with a password; open it "
                "in Excel and save it as .xlsx"
            ) from None

    def sheet_name(self, wanted: str | None) -> str:
        """The sheet to read: the one named, or the workbook's first."""
        names = self._reader.sheet_names
        if wanted is None:
            return str(names[0])
        if wanted not in names:
            raise UnreadableError(f"has no sheet {wanted!r}; it has {', '.join(names)}")
        return wanted

    def frames(self, sheet: str, header_row: int) -> Frames:
        """Each row below the header that holds something, with its number in the sheet.

        Dates are ISO 8601 where the cell is formatted as one; a date kept as a plain
        number stays that number. Percentages are the fraction that is stored: a
        format cannot be seen from here. A formula that failed is the error it shows.
        """
        # Without skip_rows=0 leading blank rows are dropped and all numbers shift.
        read = self._reader.load_sheet(
            sheet, header_row=None, skip_rows=0, dtypes="string"
        )
        cells = blank_to_null(_with_errors(read))
        rows = cells.with_row_index("", 1).filter(
            pl.col("") >= header_row, ~pl.all_horizontal(pl.exclude("").is_null())
        )
        numbers, cells = rows[""].cast(pl.Int64), rows.drop("")
        header = cells.row(0) if cells.height else ()
        names = column_names(header, f"row {numbers[0]}" if header else "")
        cells.columns = names
        below = cells.slice(1), references("row", numbers.slice(1))
        yield from paged(iter([below]), names)


def _expect_no_bomb(data: bytes) -> None:
    with zipfile.ZipFile(BytesIO(data)) as packed:
        unpacked = sum(part.file_size for part in packed.infolist())
    if unpacked > UNPACKED:
        raise UnreadableError(
            f"unpacks to {unpacked // 2**20} MiB, more than {UNPACKED // 2**20}; save "
            f"it as CSV"
        )


def _with_errors(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    if not sheet.width:
        return pl.DataFrame()
    batch, errors = sheet.to_arrow_with_errors()
    frame = pl.DataFrame(pl.from_arrow(batch))
    columns = {at: frame.to_series(at).cast(pl.String) for at in range(frame.width)}
    for error in errors.errors if errors else ():
        row, column = error.offset_position
        columns[column] = columns[column].scatter(row, _shown(error.detail))
    return pl.DataFrame(
        [_as_iso(values).alias(str(at)) for at, values in columns.items()]
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
