"""The template as somebody filled it in: rows written into its own sheets."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from etl.contract.schemas import SENT
from etl.template import HEADER_ROW, fields

Rows = Mapping[str, Sequence[Mapping[str, str | float]]]


def fill(template: Path, rows: Rows) -> None:
    """Write rows under the headers of the sheets, as a spreadsheet would keep them."""
    with ZipFile(template) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    for number, dataset in enumerate(SENT, start=1):
        name = f"xl/worksheets/sheet{number}.xml"
        written = "".join(
            _row(HEADER_ROW + place, dataset, row)
            for place, row in enumerate(rows.get(dataset, ()), start=1)
        )
        text = parts[name].decode()
        parts[name] = text.replace("</sheetData>", f"{written}</sheetData>").encode()
        parts[name] = re.sub(rb"<dimension [^>]*/>", b"", parts[name])
    with ZipFile(template, "w", ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)


def _row(number: int, dataset: str, row: Mapping[str, str | float]) -> str:
    cells = [
        _cell(f"{_letter(place)}{number}", row[each.name])
        for place, each in enumerate(fields(dataset))
        if each.name in row
    ]
    assert len(cells) == len(row), set(row) - {each.name for each in fields(dataset)}
    return f'<row r="{number}">{"".join(cells)}</row>'


def _letter(place: int) -> str:
    first, last = divmod(place, 26)
    return (chr(64 + first) if first else "") + chr(65 + last)


def _cell(at: str, value: str | float) -> str:
    if isinstance(value, str):
        text = f"<is><t>{escape(value)}</t></is>"
        return f'<c r="{at}" t="inlineStr">{text}</c>'
    return f'<c r="{at}"><v>{value}</v></c>'
