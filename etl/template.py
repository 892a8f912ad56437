"""The workbook for a site that has no system: one sheet a dataset, mapped by itself.

Headers are the contract's own names, so nothing is left to guess. Notes, units and an
example stand above the header, which the mapping reads from (`header_row`): what is
above it is never data.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dataframely as dy
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from connectors import ConfigError
from etl.contract.parameters import parameters
from etl.contract.schemas import SCHEMAS, SENT
from etl.contract.units import units
from etl.contract.vocabulary import VOCABULARIES
from etl.mapping import sender_column
from etl.proposal_toml import frame_text, source_text, text
from etl.template_words import EXAMPLES, NOTES, PURPOSES

HEAD: Final = """\
# Written by `pocnet template`: fill in what is marked, then run `pocnet config check`.
# The mapping below is complete; a product of the workbook is one of network.toml.
"""
HEADER_ROW: Final = 6
ROWS: Final = 5_000
_FOR_ALL: Final = ("milestone", "authorisation")
_LISTS: Final = "lists"
_WIDTH: Final = 20
_KINDS: Final = {
    "date": "a date",
    "number": "a number",
    "count": "a whole number",
    "band": "a band of 5 kg, such as 60-65",
    "word": "from the list",
    "parameter": "from the list",
    "unit": "from the list",
    "slug": "a short name",
    "lot": "as printed on it",
    "pseudonym": "your own number; it leaves the site as a pseudonym only",
    "text": "text",
}


@dataclass(frozen=True)
class Field:
    """A column of a sheet: its name, what to write in it, and the words it may hold."""

    name: str
    note: str
    example: str
    needed: bool
    kind: str
    words: tuple[str, ...]


def fields(dataset: str, products: Iterable[str] = ()) -> list[Field]:
    """The columns a site fills in for a dataset, those it must fill in first."""
    filled_by_us = sender_column(dataset, set())
    found = [
        _field(dataset, name, column, tuple(products))
        for name, column in SCHEMAS[dataset].columns().items()
        if name != filled_by_us
    ]
    return sorted(found, key=lambda each: not each.needed)


def write_template(path: Path, products: Iterable[str] = ()) -> None:
    """The empty workbook, with drop-downs for every word of a vocabulary."""
    if path.exists():
        raise ConfigError(f"{path} is already there and is left as it is.")
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = tuple(products)
    with xlsxwriter.Workbook(path) as book:
        _Template(book, listed).write()


def template_text(slug: str, workbook: Path, sites: Path) -> str:
    """The file of a site that fills in the workbook; its own name is left to be said.

    `sites` is the folder that the file is for, from which paths start.
    """
    folder = os.path.relpath(workbook.parent.resolve(), sites.resolve())
    entries = "\n".join(_entry(workbook.name, dataset) for dataset in SENT)
    return HEAD + frame_text(slug, source_text(folder), "") + "\n" + entries


class _Template:
    """The workbook while it is written."""

    def __init__(self, book: xlsxwriter.Workbook, products: tuple[str, ...]) -> None:
        self.book, self.products = book, products
        self.lists: dict[tuple[str, ...], str] = {}
        look: Mapping[str, dict[str, Any]] = {
            "title": {"bold": True, "font_size": 14},
            "note": {"text_wrap": True, "valign": "top", "font_color": "#555555"},
            "example": {"italic": True, "font_color": "#888888"},
            "needed": {"bold": True, "bg_color": "#FFE699", "border": 1},
            "header": {"bold": True, "bg_color": "#DDEBF7", "border": 1},
            "date": {"num_format": "yyyy-mm-dd"},
        }
        self.formats: dict[str, Format] = {
            name: book.add_format(said) for name, said in look.items()
        }

    def write(self) -> None:
        """Every sheet, and at the end the hidden one with the lists."""
        for dataset in SENT:
            self._sheet(dataset)
        sheet = self.book.add_worksheet(_LISTS)
        sheet.hide()
        for column, words in enumerate(self.lists):
            sheet.write_column(0, column, words)

    def _sheet(self, dataset: str) -> None:
        sheet = self.book.add_worksheet(dataset)
        sheet.write("A1", f"{dataset}: {PURPOSES[dataset]}", self.formats["title"])
        sheet.write("A2", NOTES, self.formats["example"])
        sheet.set_row(2, 75)
        for column, each in enumerate(fields(dataset, self.products)):
            self._column(sheet, column, each)
        sheet.freeze_panes(HEADER_ROW, 1)

    def _column(self, sheet: Worksheet, column: int, each: Field) -> None:
        dated = self.formats["date"] if each.kind == "date" else None
        sheet.set_column(column, column, _WIDTH, dated)
        sheet.write_string(2, column, each.note, self.formats["note"])
        sheet.write_string(3, column, "example", self.formats["example"])
        sheet.write_string(4, column, each.example, self.formats["example"])
        look = self.formats["needed" if each.needed else "header"]
        sheet.write_string(HEADER_ROW - 1, column, each.name, look)
        rule = self._validation(each)
        if rule:
            last = HEADER_ROW + ROWS - 1
            sheet.data_validation(HEADER_ROW, column, last, column, rule)

    def _validation(self, each: Field) -> dict[str, Any] | None:
        """What a cell may hold; a warning, where another word may be right."""
        if each.words:
            error = {"error_title": each.name, "error_message": "Choose from the list."}
            return {"validate": "list", "source": self._range(each.words), **error}
        if each.kind == "count":
            return {"validate": "integer", "criteria": ">=", "value": 0}
        return None

    def _range(self, words: tuple[str, ...]) -> str:
        """Where a list stands: Excel takes no list of its own of over 255 letters."""
        if words not in self.lists:
            letter = xlsxwriter.utility.xl_col_to_name(len(self.lists))
            self.lists[words] = f"={_LISTS}!${letter}$1:${letter}${len(words)}"
        return self.lists[words]


def _field(
    dataset: str, name: str, column: dy.Column, products: tuple[str, ...]
) -> Field:
    metadata = column.metadata or {}
    kind = str(metadata["kind"])
    needed = not column.nullable and metadata.get("missing") is None
    words = _words(dataset, name, kind, metadata.get("vocabulary"), products)
    first = "Needed. " if needed else ""
    note = f"{first}{_KINDS.get(kind, 'text')}. {_more(name)}".strip()
    return Field(name, note, EXAMPLES[dataset].get(name, ""), needed, kind, words)


def _more(name: str) -> str:
    if name.endswith("_kg"):
        return "In kg."
    if name.endswith("_ml"):
        return "In mL."
    return {
        "labour_hours": "In hours.",
        "value": "As reported: 94.2, <0.3, negative, nd.",
        "week": "The Monday of the week.",
        "period": "A month such as 2026-03.",
        "cells_final": "Cells, not millions.",
        "cells_planned": "Cells, not millions.",
        "logic_group": "A name with :and or :or behind it.",
    }.get(name, "")


def _words(
    dataset: str,
    name: str,
    kind: str,
    vocabulary: str | None,
    products: tuple[str, ...],
) -> tuple[str, ...]:
    if vocabulary:
        return VOCABULARIES[vocabulary]
    if kind == "parameter":
        return tuple(parameters())
    if kind == "unit":
        return tuple(units())
    if (dataset, name) == ("declared", "dataset"):
        return SENT
    if name != "product" or not products:
        return ()
    return (*products, "all") if dataset in _FOR_ALL else products


def _entry(workbook: str, dataset: str) -> str:
    columns = "\n".join(f"{each.name} = {text(each.name)}" for each in fields(dataset))
    return (
        f"[[dataset]]\nname = {text(dataset)}\nfrom = {text(f'{workbook}#{dataset}')}\n"
        f"read = {{ header_row = {HEADER_ROW} }}\n[dataset.columns]\n{columns}\n"
    )
