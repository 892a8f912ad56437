"""The search for what must not be found: on disk, in tables, in every kind of file."""

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl

# Shorter ones would be found by chance in digits that happen to stand in a row.
_TELLING = 10


def plain(text: str) -> str:
    """The text without accents, in small letters."""
    bare = text if text.isascii() else unicodedata.normalize("NFKD", text)
    return re.sub("[\u0300-\u036f]", "", bare).lower()


def joined(text: str) -> str:
    """Its letters and digits alone, so that another way of writing hides nothing."""
    return re.sub("[^a-z0-9]+", "", plain(text))


def found(needles: Iterable[str], haystack: str) -> set[str]:
    """Which of the needles are in it, as they are written or otherwise."""
    bare, run = plain(haystack), joined(haystack)
    return {
        needle
        for needle in needles
        if plain(needle) in bare
        or (len(told := joined(needle)) >= _TELLING and told in run)
    }


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder: its name, and all that it says, unpacked."""
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)), path.name
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), _text(path)


def _text(path: Path) -> str:
    raw = path.read_bytes()
    said = raw.decode("utf-8", "ignore")
    if raw[:4] == b"PAR1":
        return said + _rows(pl.read_parquet(path, memory_map=False))
    if raw[:6] == b"SQLite":
        return said + _of_sqlite(path)
    if raw[8:12] == b"DUCK":
        return said + _of_duckdb(path)
    return said


def _rows(frame: pl.DataFrame) -> str:
    return "\n".join((*frame.columns, frame.write_ndjson()))


def _of_sqlite(path: Path) -> str:
    with closing(sqlite3.connect(path)) as base:
        return "\n".join(base.iterdump())


def _of_duckdb(path: Path) -> str:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{path}' as it (read_only)")
        connection.execute("set timezone = 'UTC'")
        listed = connection.sql(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'it'"
        ).fetchall()
        names = [f'it."{schema}"."{table}"' for schema, table in listed]
        tables = [connection.sql(f"select * from {name}").pl() for name in names]
        return "\n".join(map(_rows, tables))
