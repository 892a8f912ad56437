"""A SQLite file read with Python's own driver: opened read-only, never created."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from connectors._page import ROWS, Source
from connectors._selection import Column, Place, Selection
from connectors._text import text_frame

Row = tuple[Any, ...]


class SqliteDatabase:
    """The database in one file.

    SQLite keeps a type with each value, not with a column: `<0,3` may stand in a
    column of numbers. So every value is turned into text by what it is.
    """

    def __init__(self, source: Source, file: Path, zone: str) -> None:
        self._source, self._file, self._zone = source, file, ZoneInfo(zone)

    def columns(self, location: str) -> list[Column]:
        """The columns of a table or view; none if there is no such table."""
        schema, _, table = location.rpartition(".")
        scope = f"{_quoted(schema)}." if schema else ""
        with self._opened() as base:
            rows = base.execute(f"PRAGMA {scope}table_info({_quoted(table)})")
            return [Column(str(row[1]), str(row[2]).lower()) for row in rows]

    def latest(self, location: str, column: Column) -> tuple[None, datetime] | None:
        """The latest moment in a column; the earlier reading where zones leave two.

        Its text is not told: times are written in several ways in one column.
        """
        name = _quoted(column.name)
        latest = f"strftime('%Y-%m-%dT%H:%M:%f', max(julianday({name})))"
        with self._opened() as base:
            [[text]] = base.execute(f"SELECT {latest} FROM {_table(location)}")
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        return None, min(moment.replace(tzinfo=zone) for zone in (self._zone, UTC))

    def rows(
        self, location: str, selection: Selection
    ) -> Iterator[tuple[pl.DataFrame, Place | None]]:
        """The rows as text, and after each batch the place to go on from.

        A place is the key with the type it has: 10 comes after 9 and "10" before
        "9". Only a whole table is read in an order, rows without a key first.
        """
        texts = [_text(column) for column in selection.columns]
        order = [column for column in selection.order if not selection.since]
        key = _quoted(order[-1].name) if order else "NULL"
        statement = f"SELECT {', '.join(texts)}, {key} FROM {_table(location)}"
        conditions, bound = self._conditions(selection, key)
        if conditions:
            statement += f" WHERE {' AND '.join(conditions)}"
        if order:
            statement += f" ORDER BY {key}"
        names = [column.name for column in selection.columns]
        with self._opened() as base, closing(base.execute(statement, bound)) as cursor:
            held: list[Row] = []
            while batch := cursor.fetchmany(ROWS):
                # The other rows of the last key may come with the next batch.
                cut = order and len(batch) == ROWS
                done = [row for row in batch if not cut or row[-1] != batch[-1][-1]]
                if done:
                    yield _told(names, held + done)
                    held = []
                held += batch[len(done) :]
            if held:
                yield _told(names, held)

    def _conditions(
        self, selection: Selection, key: str
    ) -> tuple[list[str], list[object]]:
        conditions: list[str] = []
        bound: list[object] = []
        if selection.modified and selection.since:
            name = _quoted(selection.modified.name)
            conditions.append(
                f"(julianday({name}) >= julianday(?) OR julianday({name}) IS NULL)"
            )
            # Texts with an offset are compared in UTC, those without as they stand.
            local = [selection.since.astimezone(zone) for zone in (self._zone, UTC)]
            bound.append(min(f"{moment:%Y-%m-%d %H:%M:%S}" for moment in local))
        if selection.after:
            conditions.append(f"{key} > ?")
            bound.append(selection.after[-1])
        return conditions, bound

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self._file.is_file():
            raise self._source.error(
                f"there is no file {self._file.name!r}; check `file`"
            )
        address = f"{self._file.resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=30)) as base:
                yield base
        except sqlite3.Error as error:
            raise self._source.error(
                f"{self._file.name} cannot be read as a SQLite database ({error}); "
                f"check that it is one, and that no program holds it"
            ) from None


def _told(
    names: Sequence[str], rows: Sequence[Row]
) -> tuple[pl.DataFrame, Place | None]:
    last = rows[-1][-1]
    place = (last,) if isinstance(last, int | float | str) else None
    return text_frame(names, [row[:-1] for row in rows]), place


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(location: str) -> str:
    return ".".join(_quoted(part) for part in location.split("."))


def _text(column: Column) -> str:
    name = _quoted(column.name)
    whole = f"CAST(CAST({name} AS INTEGER) AS TEXT)"
    logical = ""
    if column.kind.startswith("bool"):
        logical = f"WHEN {name} IN (0, 1) THEN iif({name}, 'true', 'false') "
    return (
        f"CASE {logical}"
        f"WHEN typeof({name}) = 'real' AND abs({name}) < 1e15 "
        f"AND {name} = CAST({name} AS INTEGER) THEN {whole} "
        f"WHEN typeof({name}) = 'blob' THEN hex({name}) "
        f"ELSE CAST({name} AS TEXT) END"
    )
