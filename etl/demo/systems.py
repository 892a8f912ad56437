"""The made-up sites' own systems: files, workbooks, a LIMS, REDCap, a JSON API."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from connectors.standins import RedcapProject, RestApi, Standin
from etl.demo.entries import Entry
from etl.demo.members import Member
from etl.demo.notation import Notation, file_name, header, notation_of

# Past this a workbook is no way to keep a table, and the site exports CSV instead.
SHEET_ROWS = 100_000
OFFICE = "ADMIN"
_BY_BATCH = ("batch", "result", "release", "deviation", "material")


@dataclass(frozen=True)
class System:
    """A site's source: its options, where each entry is found, what serves it."""

    options: dict[str, Any]
    places: list[tuple[str, dict[str, Any]]]
    standin: Standin | None = None


def secret(member: Member, what: str) -> str:
    """A made-up password, the same in every run."""
    return hashlib.sha256(f"{what} of {member.slug}".encode()).hexdigest()[:32].upper()


def build(member: Member, made: list[Entry], folder: Path | None, url: str) -> System:
    """The member's system with its tables; without a folder no file is written."""
    notation = notation_of(member)
    if member.system == "redcap":
        return _redcap(member, notation, made, url)
    if member.system == "rest":
        return _rest(member, notation, made, url)
    if member.system == "sql":
        return _sqlite(member, notation, made, folder)
    return _files(member, notation, made, folder)


def _name(notation: Notation, entry: Entry) -> str:
    name = file_name(notation, entry.dataset)
    return f"{name}_{entry.part}" if entry.part else name


def _files(
    member: Member, notation: Notation, made: list[Entry], folder: Path | None
) -> System:
    drop = folder / "drops" / member.slug if folder else None
    sheets: list[tuple[str, Entry]] = []
    places: list[tuple[str, dict[str, Any]]] = []
    for entry in made:
        name = _name(notation, entry)
        if member.system == "xlsx" and entry.table.height <= SHEET_ROWS:
            sheets.append((name, entry))
            places.append((f"registro.xlsx#{name}", {"header_row": 2}))
            continue
        places.append(_csv(notation, entry, name, drop))
    if drop and sheets:
        _workbook(drop / "registro.xlsx", member, notation, sheets)
    return System({"kind": "files", "folder": f"../drops/{member.slug}"}, places)


def _csv(
    notation: Notation, entry: Entry, name: str, drop: Path | None
) -> tuple[str, dict[str, Any]]:
    """One CSV file, or one a year for batches whose numbers begin with the year."""
    encoding = notation.encoding
    read: dict[str, Any] = {}
    if notation.delimiter != ",":
        read["delimiter"] = notation.delimiter
    if encoding not in ("utf-8", "utf-8-sig"):
        read["encoding"] = encoding
    parts = {name: entry.table}
    pattern = f"{name}.csv"
    if entry.dataset == "batch" and encoding == "latin-1":
        year = entry.table[header(notation, "batch", "batch")].str.head(2)
        parts = {
            f"{name}_20{y}": entry.table.filter(year == y)
            for y in year.unique().sort().to_list()
        }
        pattern = f"{name}_*.csv"
    for part, table in parts.items():
        if drop:
            drop.mkdir(parents=True, exist_ok=True)
            text = table.write_csv(separator=notation.delimiter)
            (drop / f"{part}.csv").write_bytes(text.encode(encoding))
    return pattern, read


def _workbook(
    path: Path, member: Member, notation: Notation, sheets: list[tuple[str, Entry]]
) -> None:
    """A sheet a table, each under a merged title row, as people make them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        book.set_properties({"created": datetime(2026, 1, 1)})
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, entry in sheets:
            sheet = book.add_worksheet(name)
            last = max(1, entry.table.width - 1)
            sheet.merge_range(0, 0, 0, last, f"{member.name}: {name}")
            sheet.write_row(1, 0, entry.table.columns)
            for row, values in enumerate(entry.table.iter_rows(), start=2):
                for column, value in enumerate(values):
                    if value is not None:
                        _write(sheet, (row, column), value, notation, days)


def _write(
    sheet: Any, at: tuple[int, int], value: str, notation: Notation, days: Any
) -> None:
    """Serial days and whole numbers as figures, ISO days as days, the rest as text."""
    if value.isdecimal() and len(value) < 15 and value[0] != "0":
        sheet.write_number(*at, int(value))
    elif notation.dates == "iso" and len(value) == 10 and value[4::3] == "--":
        sheet.write_datetime(*at, datetime.fromisoformat(value), days)
    else:
        sheet.write_string(*at, value)


def _sqlite(
    member: Member, notation: Notation, made: list[Entry], folder: Path | None
) -> System:
    if folder:
        path = folder / "lims" / f"{member.slug}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as base, base:
            for entry in made:
                _table(base, _name(notation, entry), entry.table)
    places: list[tuple[str, dict[str, Any]]] = [
        (_name(notation, entry), {}) for entry in made
    ]
    return System({"kind": "sql", "file": f"../lims/{member.slug}.sqlite"}, places)


def _table(base: sqlite3.Connection, name: str, table: pl.DataFrame) -> None:
    columns = ", ".join(f'"{column}" TEXT' for column in table.columns)
    marks = ", ".join("?" * table.width)
    base.execute(f'CREATE TABLE "{name}" ({columns})')
    base.executemany(f'INSERT INTO "{name}" VALUES ({marks})', table.iter_rows())


def _redcap(member: Member, notation: Notation, made: list[Entry], url: str) -> System:
    """Forms of one project: a record a batch, and one for everything of the office."""
    forms = {}
    for entry in made:
        table = entry.table
        if entry.dataset not in _BY_BATCH:
            table = table.select(pl.lit(OFFICE).alias("record_id"), pl.all())
        forms[_name(notation, entry)] = table
    project = RedcapProject(
        token=secret(member, "token"),
        record_id="record_id",
        forms=forms,
        repeating=frozenset(forms) - {"batch"},
    )
    options = {
        "kind": "redcap",
        "url": f"{url}/{member.slug}/api/",
        "token": {"env": f"POCNET_TOKEN_{variable(member)}"},
        "requests_per_minute": 6000,
    }
    return System(options, [(name, {}) for name in forms], project)


def _rest(member: Member, notation: Notation, made: list[Entry], url: str) -> System:
    frames = {f"/{_name(notation, entry)}": entry.table for entry in made}
    api = RestApi(api_key=secret(member, "token"), frames=frames)
    options = {
        "kind": "rest",
        "url": f"{url}/{member.slug}",
        "api_key": {"env": f"POCNET_TOKEN_{variable(member)}"},
        "requests_per_minute": 6000,
    }
    read = {"records": "items", "paging": "cursor", "next": "next_cursor",
            "page_size": 1000}  # fmt: skip
    places = [
        (path, {**read, "fields": entry.table.columns})
        for path, entry in zip(frames, made, strict=True)
    ]
    return System(options, places, api)


def variable(member: Member) -> str:
    """The member's name as it stands in environment variables."""
    return member.slug.upper().replace("-", "_")
