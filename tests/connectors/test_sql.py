import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from connectors import (
    ConfigError,
    Extract,
    Page,
    Source,
    SourceError,
    open_keys,
    open_source,
)
from connectors._dialects import MYSQL, POSTGRESQL, SQLSERVER
from connectors._selection import Column

Read = Callable[..., list[Page]]

SCHEMA = """
CREATE SCHEMA qc;
CREATE TABLE qc.results (
    "Lote" text, n numeric(20, 6), f float8, i bigint, ok boolean, day date,
    at timestamptz, local timestamp, raw bytea, tags text[], modified timestamptz,
    changed timestamp
);
INSERT INTO qc.results VALUES
    ('007', 1.500000, 0.1, 12, true, '2024-03-01', '2024-03-01 13:45:10.5+01',
     '2024-03-01 13:45:10', 'a', '{x}', '2026-11-10 10:30+00', '2026-11-10 05:30'),
    ('', 100, 1.5e-7, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE VIEW qc.newest AS SELECT "Lote", n, modified FROM qc.results;
CREATE MATERIALIZED VIEW qc.kept AS SELECT "Lote" FROM qc.results;
CREATE TABLE many AS SELECT g AS id FROM generate_series(1, 120000) g;
CREATE TABLE nothing (id int, modified timestamptz);
CREATE TABLE fails AS SELECT 'Ana García'::text AS name;
CREATE VIEW failing AS SELECT name::int AS age FROM fails;
CREATE SEQUENCE counter;
CREATE VIEW counting AS SELECT nextval('counter') AS n;
CREATE ROLE reader LOGIN PASSWORD 'p@ss/word:1';
GRANT SELECT ON many TO reader;
"""


@pytest.fixture(scope="module")
def server(postgresql: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known = {"driver", "database"}
    login = {name: value for name, value in postgresql.items() if name not in known}
    with psycopg.connect(**login, dbname="postgres", autocommit=True) as base:
        base.execute(SCHEMA)
    yield postgresql


postgres = pytest.mark.postgres


@postgres
def test_every_type_is_text_without_noise(read: Read, server: dict[str, Any]) -> None:
    [page] = read("sql", server, "qc.results", key="Lote")
    assert set(page.frame.dtypes) == {pl.String}
    second, first = page.frame.to_dicts()
    assert first == {
        "Lote": "007",
        "n": "1.5",
        "f": "0.1",
        "i": "12",
        "ok": "true",
        "day": "2024-03-01",
        "at": "2024-03-01T12:45:10.5+00:00",
        "local": "2024-03-01T13:45:10",
        "raw": "61",
        "tags": "{x}",
        "modified": "2026-11-10T10:30:00+00:00",
        "changed": "2026-11-10T05:30:00",
    }
    assert second["n"] == "100"
    assert second["f"] == "1.5e-07"
    assert second["ok"] == "false"
    assert {second[name] for name in ("Lote", "i", "day", "at", "modified")} == {None}
    assert page.origin == "table qc.results"
    assert page.refs.to_list() == ["row 1", "record 007"]
    assert page.watermark is None


@postgres
def test_views_of_both_sorts_are_read(read: Read, server: dict[str, Any]) -> None:
    [page] = read("sql", server, "qc.newest")
    assert page.frame.columns == ["Lote", "n", "modified"]
    assert page.refs.to_list() == ["row 1", "row 2"]
    [page] = read("sql", server, "qc.kept")
    assert page.frame["Lote"].to_list() == ["007", None]


@postgres
def test_a_large_table_comes_in_pages(read: Read, server: dict[str, Any]) -> None:
    pages = read("sql", server, "many")
    assert max(page.frame.height for page in pages) <= 50_000
    assert sum(page.frame.height for page in pages) == 120_000
    assert pages[-1].refs[-1] == "row 120000"
    assert {int(n) for page in pages for n in page.frame["id"]} == set(
        range(1, 120_001)
    )


@postgres
def test_a_url_and_a_password_with_signs_work(
    read: Read, server: dict[str, Any]
) -> None:
    host = f"{server['host']}:{server['port']}"
    url = f"postgresql://reader:p%40ss%2Fword%3A1@{host}/postgres"
    assert (
        sum(page.frame.height for page in read("sql", {"url": url}, "many")) == 120_000
    )
    parts = {**server, "user": "reader", "password": "p@ss/word:1"}
    assert sum(page.frame.height for page in read("sql", parts, "many")) == 120_000


@postgres
@pytest.mark.parametrize(
    ("since", "column", "zone", "found"),
    [
        ("2026-11-10T10:35:00+00:00", "modified", "UTC", [None, "007"]),
        ("2026-11-10T10:35:01+00:00", "modified", "UTC", [None]),
        ("2026-11-10T11:35:00+00:00", "changed", "America/Bogota", [None, "007"]),
        ("2026-11-10T11:35:01+00:00", "changed", "America/Bogota", [None]),
    ],
)
def test_since_gives_what_changed_and_what_bears_no_time(
    read: Read,
    server: dict[str, Any],
    since: str,
    column: str,
    zone: str,
    found: list[str | None],
) -> None:
    where = {**server, "time_zone": zone}
    [page] = read("sql", where, "qc.results", since=since, modified=column)
    assert sorted(page.frame["Lote"], key=str) == sorted(found, key=str)
    assert page.watermark == "2026-11-10T10:30:00+00:00"


@postgres
def test_an_empty_table_gives_an_empty_page(read: Read, server: dict[str, Any]) -> None:
    since = "2026-11-10T00:00:00+00:00"
    [page] = read("sql", server, "nothing", since=since, modified="modified")
    assert page.frame.schema == {"id": pl.String, "modified": pl.String}
    assert page.watermark == since


@postgres
@pytest.mark.parametrize(
    ("location", "reading", "words"),
    [
        ("lost", {}, "there is no table or view lost that this user may read"),
        ("Many", {}, "capital letters included"),
        (
            "many",
            {"key": "lot"},
            "many has no column 'lot', which read.key names; it has",
        ),
        ("many", {"modified": "at"}, "which read.modified names"),
    ],
)
def test_a_table_or_column_that_is_gone_is_named(
    read: Read,
    server: dict[str, Any],
    location: str,
    reading: dict[str, str],
    words: str,
) -> None:
    with pytest.raises(SourceError, match=words):
        read("sql", server, location, **reading)


@postgres
def test_a_user_without_rights_is_told_what_to_grant(
    read: Read, server: dict[str, Any]
) -> None:
    where = {**server, "user": "reader", "password": "p@ss/word:1"}
    with pytest.raises(
        SourceError, match="reader connect but not read this; grant SEL"
    ):
        read("sql", where, "nothing")


@postgres
def test_a_failure_in_mid_reading_shows_no_value(
    read: Read, server: dict[str, Any]
) -> None:
    with pytest.raises(SourceError, match="failed .*; check the view there") as caught:
        read("sql", server, "failing")
    assert "Ana" not in str(caught.value)


@postgres
def test_the_session_can_only_read(read: Read, server: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="read-only"):
        read("sql", server, "counting")


def test_an_unreachable_server_is_said_at_once(read: Read, closed_port: int) -> None:
    url = f"mysql://u:s3cret@127.0.0.1:{closed_port}/lims"
    began = time.monotonic()
    with pytest.raises(
        SourceError, match="cannot be reached .*check host, port"
    ) as caught:
        read("sql", {"url": url}, "lots")
    assert time.monotonic() - began < 5
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "location", ['lots"; DROP TABLE x', "a.b.c", "lots where 1=1", "", "1lots", "a-b"]
)
def test_only_a_name_is_taken_as_a_table(
    read: Read, tmp_path: Path, location: str
) -> None:
    with pytest.raises(ConfigError, match="batch.from: must name a table or view"):
        read("sql", {"file": tmp_path / "x.db"}, location)


@pytest.fixture
def lims(tmp_path: Path) -> Path:
    file = tmp_path / "lims.db"
    with closing(sqlite3.connect(file)) as base:
        base.executescript(
            """
            CREATE TABLE qc
                (id INTEGER, lote TEXT, v REAL, ok BOOLEAN, m TEXT, raw BLOB);
            INSERT INTO qc VALUES
                (1, '007', 12.0, 1, '2026-11-10 10:30:00', x'6162'),
                (2, '1.0', '<0,3', 0, '2026-11-10T12:30:00+02:00', NULL),
                (3, '', 0.1, NULL, '2026-11-10 10:29:59', NULL),
                (4, 'x', 1.5e300, 7, NULL, NULL),
                (5, 'y', 97.099999999999994, 1, 'ayer', NULL);
            CREATE VIEW todo AS SELECT id, lote FROM qc;
            CREATE TABLE "none" (id INTEGER, m TEXT);
            """
        )
        base.commit()
    return file


def test_sqlite_values_are_text_by_what_they_are(read: Read, lims: Path) -> None:
    [page] = read("sql", {"file": lims}, "qc", key="id")
    assert page.frame["v"].to_list() == ["12", "<0,3", "0.1", "1.5e+300", "97.1"]
    assert page.frame["ok"].to_list() == ["true", "false", None, "7", "true"]
    assert page.frame["lote"].to_list() == ["007", "1.0", None, "x", "y"]
    assert page.frame["raw"][0] == "6162"
    assert page.refs[1] == "record 2"
    [page] = read("sql", {"url": f"sqlite:///{lims}"}, "todo")
    assert page.frame.columns == ["id", "lote"]


def test_sqlite_since_reads_both_ways_to_write_a_time(read: Read, lims: Path) -> None:
    since = "2026-11-10T10:35:00+00:00"
    [page] = read("sql", {"file": lims}, "qc", since=since, modified="m")
    assert page.frame["id"].to_list() == ["1", "2", "4", "5"]
    assert page.watermark == "2026-11-10T10:30:00+00:00"


def test_a_date_in_the_future_does_not_stop_later_pulls(read: Read, lims: Path) -> None:
    with closing(sqlite3.connect(lims)) as base:
        base.execute("UPDATE qc SET m = '2099-01-01' WHERE id = 1")
        base.commit()
    [page] = read("sql", {"file": lims}, "qc", modified="m")
    assert page.watermark is not None
    assert page.watermark < "2090"


def test_an_empty_sqlite_table_gives_its_columns(read: Read, lims: Path) -> None:
    [page] = read("sql", {"file": lims}, "none", modified="m")
    assert page.frame.columns == ["id", "m"]
    assert page.frame.is_empty()


def test_a_sqlite_file_is_never_made_or_changed(read: Read, lims: Path) -> None:
    missing = lims.with_name("missing.db")
    with pytest.raises(SourceError, match="there is no file 'missing.db'"):
        read("sql", {"file": missing}, "qc")
    assert not missing.exists()
    before = lims.read_bytes()
    read("sql", {"file": lims}, "qc")
    assert lims.read_bytes() == before


def test_a_file_that_is_no_sqlite_database_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("lot;day\n" * 500)
    with pytest.raises(SourceError, match=r"x\.db cannot be read as a SQLite database"):
        read("sql", {"file": tmp_path / "x.db"}, "qc")
    (tmp_path / "y.db").touch()
    with pytest.raises(SourceError, match="there is no table or view qc"):
        read("sql", {"file": tmp_path / "y.db"}, "qc")


def test_names_are_quoted_in_every_dialect() -> None:
    odd = Column('a`]"b', "int")
    assert MYSQL.quoted(odd.name) == '`a``]"b`'
    assert SQLSERVER.quoted(odd.name) == '[a`]]"b]'


@pytest.fixture
def ten_thousand(tmp_path: Path) -> Path:
    file = tmp_path / "qc.db"
    with closing(sqlite3.connect(file)) as base:
        base.execute("CREATE TABLE qc (id INTEGER, lot TEXT, m TEXT)")
        rows = [(n, f"L-{n}", "2026-01-01 10:00:00") for n in range(1, 10_001)]
        base.executemany("INSERT INTO qc VALUES (?, ?, ?)", rows)
        base.commit()
    return file


def test_sqlite_three_changed_one_new_one_gone_of_ten_thousand(
    read: Read, ten_thousand: Path
) -> None:
    at = "2026-11-10 10:30:00"
    with closing(sqlite3.connect(ten_thousand)) as base:
        base.execute("UPDATE qc SET lot = 'x', m = ? WHERE id IN (7, 500, 9999)", [at])
        base.execute("INSERT INTO qc VALUES (10001, 'new', ?)", [at])
        base.execute("DELETE FROM qc WHERE id = 42")
        base.commit()
    where: dict[str, object] = {"file": ten_thousand}
    since = "2026-11-10T10:34:00+00:00"
    [page] = read("sql", where, "qc", since=since, key="id", modified="m")
    assert page.frame.rows() == [
        ("7", "x", at),
        ("500", "x", at),
        ("9999", "x", at),
        ("10001", "new", at),
    ]
    assert page.resume is None
    keys = open_keys(Source("alpha", "main", "sql", where))
    assert keys is not None
    listed = [r for some in keys(Extract("batch", "qc", {"key": "id"})) for r in some]
    assert listed == [f"record {n}" for n in range(1, 10_002) if n != 42]


def test_a_broken_sqlite_read_goes_on_by_the_keys_own_type(
    read: Read, ten_thousand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors._sqlite.ROWS", 4000)
    extract = Extract("batch", "qc", {"key": "id", "modified": "m"})
    reader = open_source(Source("alpha", "main", "sql", {"file": ten_thousand}))
    broken = reader(extract, None)
    got = [next(broken), next(broken)]
    broken.close()  # type: ignore[attr-defined]
    rest = list(reader(extract, got[-1].resume))
    found = [ref for page in [*got, *rest] for ref in page.refs]
    assert found == [f"record {number}" for number in range(1, 10_001)]
    assert {page.watermark for page in [*got, *rest]} == {"2026-01-01T10:00:00+00:00"}


def test_rows_without_a_key_are_listed_by_their_place(ten_thousand: Path) -> None:
    keys = open_keys(Source("alpha", "main", "sql", {"file": ten_thousand}))
    assert keys is not None
    [refs] = keys(Extract("batch", "qc", {}))
    assert refs.to_list()[:2] == ["row 1", "row 2"]


def test_a_damaged_note_of_where_a_read_broke_is_not_guessed_at(
    read: Read, ten_thousand: Path
) -> None:
    with pytest.raises(SourceError, match="the note of where the last pull broke off"):
        read("sql", {"file": ten_thousand}, "qc", since="resume:{")


def test_a_key_that_looks_like_sql_stays_a_value() -> None:
    odd = Column("k", "text")
    assert POSTGRESQL.literal("a'; DROP", odd) == "'a''; DROP'"
    assert MYSQL.literal("a'\\", odd) == "_utf8mb4 X'61275c'"
    assert SQLSERVER.literal("a'", odd) == "N'a'''"
    assert MYSQL.literal("12", Column("k", "int")) == "12"
    assert MYSQL.literal("12 OR 1=1", Column("k", "int")).startswith("_utf8mb4 X'")


def test_no_row_of_a_key_with_several_is_lost_in_a_broken_sqlite_read(
    ten_thousand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors._sqlite.ROWS", 1000)
    with closing(sqlite3.connect(ten_thousand)) as base:
        base.execute("UPDATE qc SET lot = 'L-' || (id / 700)")
        base.commit()
    extract = Extract("batch", "qc", {"key": "lot"})
    reader = open_source(Source("alpha", "main", "sql", {"file": ten_thousand}))
    whole = [n for page in reader(extract, None) for n in page.frame["id"]]
    assert sorted(whole, key=int) == [str(n) for n in range(1, 10_001)]
    broken = reader(extract, None)
    got = [next(broken), next(broken), next(broken)]
    rest = list(reader(extract, got[-1].resume))
    found = [n for page in [*got, *rest] for n in page.frame["id"]]
    assert sorted(found, key=int) == sorted(whole, key=int)
