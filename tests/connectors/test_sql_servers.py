import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from connectors import (
    Extract,
    Page,
    Source,
    SourceError,
    clock,
    open_keys,
    open_source,
)
from tests.connectors.servers.mariadb import run
from tests.faults.proxy import Proxy, reset

Read = Callable[..., list[Page]]

ROW = ("id", "batch", "value", "sampled", "modified")
CHANGED = "2026-11-10 10:30:00"
SINCE = "2026-11-10T10:34:00+00:00"

POSTGRESQL = """
CREATE TABLE {table} (id bigint PRIMARY KEY, batch text, value numeric(12, 4),
  sampled timestamptz, modified timestamptz);
INSERT INTO {table} SELECT g, 'B-' || g % 97, g * 0.5,
  timestamptz '2026-01-01 00:00:00+00' + g * interval '1 second',
  timestamptz '2026-01-02 00:00:00+00' + g * interval '1 second'
  FROM generate_series(1, {rows}) g;
CREATE INDEX ON {table} (modified, id);
"""
MARIADB = """
CREATE TABLE {table} (id BIGINT PRIMARY KEY, batch VARCHAR(40), value DECIMAL(12, 4),
  sampled DATETIME, modified TIMESTAMP(6) NULL, KEY (modified, id));
INSERT INTO {table} SELECT seq, CONCAT('B-', seq % 97), seq * 0.5,
  '2026-01-01' + INTERVAL seq SECOND, '2026-01-02' + INTERVAL seq SECOND
  FROM seq_1_to_{rows};
"""


@dataclass
class Base:
    """A database server: what reaches it, and how it is written to."""

    options: dict[str, object]
    run: Callable[[str], None]
    make: str
    zoned: str

    def table(self, name: str, rows: int) -> None:
        self.run(f"DROP TABLE IF EXISTS {name}")
        self.run(self.make.format(table=name, rows=rows))

    def row(self, number: int) -> tuple[str, ...]:
        hours, seconds = divmod(number, 3600)
        clock = f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
        value = f"{number * 0.5:.1f}".removesuffix(".0")
        day = f"B-{number % 97}", value, f"2026-01-01T{clock}{self.zoned}"
        return str(number), *day, f"2026-01-02T{clock}+00:00"


@pytest.fixture(
    params=[pytest.param("postgresql", marks=pytest.mark.postgres), "mariadb"]
)
def base(request: pytest.FixtureRequest) -> Base:
    options: dict[str, Any] = dict(request.getfixturevalue(request.param))
    if request.param == "mariadb":
        folder = options.pop("folder")
        utc = "SET time_zone = '+00:00';"
        return Base(options, lambda said: run(folder, utc + said), MARIADB, "")
    login = {n: options[n] for n in ("host", "port", "user", "password")}

    def written(said: str) -> None:
        with psycopg.connect(**login, dbname="postgres", autocommit=True) as there:
            there.execute("SET TIME ZONE 'UTC'")
            there.execute(said)

    return Base(options, written, POSTGRESQL, "+00:00")


def rows(pages: list[Page]) -> list[tuple[str | None, ...]]:
    return [row for page in pages for row in page.frame.select(ROW).rows()]


def refs(pages: list[Page]) -> list[str]:
    return [ref for page in pages for ref in page.refs]


def test_every_row_is_read_once_in_the_order_of_its_key(read: Read, base: Base) -> None:
    base.table("whole", 10_000)
    pages = read("sql", base.options, "whole", key="id", modified="modified")
    assert rows(pages) == [base.row(number) for number in range(1, 10_001)]
    assert refs(pages) == [f"record {number}" for number in range(1, 10_001)]
    assert pages[-1].watermark == "2026-01-02T02:46:40+00:00"


def test_three_changed_one_new_one_gone_of_ten_thousand(read: Read, base: Base) -> None:
    base.table("changing", 10_000)
    base.run(f"UPDATE changing SET value = -1, modified = '{CHANGED}' WHERE id = 7")
    base.run(f"UPDATE changing SET modified = '{CHANGED}.25' WHERE id IN (5, 9000)")
    base.run(f"INSERT INTO changing VALUES (10001, 'new', 1, NULL, '{CHANGED}')")
    base.run("DELETE FROM changing WHERE id = 42")
    pages = read(
        "sql", base.options, "changing", since=SINCE, key="id", modified="modified"
    )
    at = "2026-11-10T10:30:00"
    assert rows(pages) == [
        ("7", "B-7", "-1", base.row(7)[3], f"{at}+00:00"),
        ("10001", "new", "1", None, f"{at}+00:00"),
        (*base.row(5)[:4], pages[0].frame["modified"][2]),
        (*base.row(9000)[:4], pages[0].frame["modified"][3]),
    ]
    assert pages[0].frame["modified"][2].startswith(f"{at}.25")
    assert pages[-1].watermark == f"{at}+00:00"
    keys = open_keys(Source("alpha", "main", "sql", base.options))
    assert keys is not None
    listed = [
        ref
        for some in keys(Extract("batch", "changing", {"key": "id"}))
        for ref in some
    ]
    assert listed == [f"record {number}" for number in range(1, 10_002) if number != 42]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors._server.ROWS", 1000)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("since", [None, "2026-01-02T00:05:00+00:00"])
def test_a_read_that_the_network_broke_goes_on_where_it_was(
    base: Base, since: str | None
) -> None:
    base.table("broken", 10_000)
    base.run("UPDATE broken SET modified = '2026-01-01' WHERE id > 9000 AND id < 9004")
    reading = {"key": "id", "modified": "modified"}
    extract = Extract("batch", "broken", reading)
    target = (str(base.options["host"]), int(str(base.options["port"])))
    got: list[Page] = []
    with Proxy(target, http=False) as proxy:
        there = {**base.options, "port": proxy.port}
        pages = open_source(Source("alpha", "main", "sql", there))(extract, since)
        got += [next(pages) for _ in range(3)]
        proxy.spoil(reset(20_000), 0, 1000)
        with pytest.raises(
            SourceError, match="the database .* at 127.0.0.1 failed"
        ) as e:
            got += list(pages)
    assert "right-password" not in str(e.value)
    assert 3 <= len(got) < 10
    # One row read already and one still to come are changed before it goes on.
    base.run(
        f"UPDATE broken SET value = -5, modified = '{CHANGED}' WHERE id IN (3, 9500)"
    )
    again = open_source(Source("alpha", "main", "sql", base.options))
    rest = list(again(extract, got[-1].resume))
    found = refs([*got, *rest])
    expected = {f"record {number}" for number in range(1, 10_001)}
    if since is not None:
        # What changed meanwhile comes with the next pull.
        expected -= {"record 9500"} | {f"record {n}" for n in (9001, 9002, 9003)}
        assert {p.watermark for p in [*got, *rest]} == {got[0].watermark}
        next_pull = list(again(extract, rest[-1].watermark))
        assert {"record 3", "record 9500"} <= set(refs(next_pull))
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.usefixtures("small_pages")
def test_rows_that_bear_no_time_or_no_key_are_read_too(read: Read, base: Base) -> None:
    base.run("DROP TABLE IF EXISTS odd")
    kind = "timestamptz" if base.zoned else "TIMESTAMP NULL"
    base.run(f"CREATE TABLE odd (id varchar(9), modified {kind})")
    values = [f"('k{n:05}', NULL)" for n in range(1500)]
    values += [f"('t{n:05}', '{CHANGED}')" for n in range(1500)]
    values += [f"(NULL, '{CHANGED}')", "(NULL, NULL)", "('', NULL)"]
    base.run(f"INSERT INTO odd VALUES {', '.join(values)}")
    keys = {f"record {kind}{n:05}" for kind in "kt" for n in range(1500)}
    for since in (None, SINCE):
        pages = read(
            "sql", base.options, "odd", since=since, key="id", modified="modified"
        )
        found = refs(pages)
        assert len(found) == len(set(found)) == 3003
        assert keys <= set(found)
        place = pages[0].resume
        rest = read(
            "sql", base.options, "odd", since=place, key="id", modified="modified"
        )
        assert refs(rest) == found[pages[0].frame.height :]


def test_a_wrong_password_is_told_at_once_without_it(read: Read, base: Base) -> None:
    began = time.monotonic()
    with pytest.raises(SourceError, match="refused the user owner; check user") as told:
        read("sql", {**base.options, "password": "wr0ng"}, "whole")
    assert time.monotonic() - began < 5
    assert "wr0ng" not in str(told.value)


def test_a_server_that_falls_silent_is_given_up_and_holds_nobody(
    read: Read, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.table("silent", 10)
    monkeypatch.setattr("connectors._told.SILENT_SECONDS", 1.5)
    asleep = "pg_sleep(8)::text" if base.zoned else "SLEEP(8)"
    base.run("DROP VIEW IF EXISTS sleeping")
    base.run(f"CREATE VIEW sleeping AS SELECT id, {asleep} AS z FROM silent")
    beats: list[float] = []
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            beats.append(time.monotonic())

    threading.Thread(target=beat, daemon=True).start()
    with pytest.raises(SourceError, match="failed .no answer in 2 seconds"):
        read("sql", base.options, "sleeping", key="id")
    ended.set()
    assert max(b - a for a, b in zip(beats, beats[1:], strict=False)) < 1.0


def test_the_servers_clock_is_told(base: Base) -> None:
    there = clock(Source("alpha", "lims", "sql", base.options))
    assert there is not None
    assert abs((datetime.now(UTC) - there).total_seconds()) < 60


@pytest.mark.usefixtures("small_pages")
def test_no_row_of_a_key_with_several_is_lost_between_pages(
    read: Read, base: Base
) -> None:
    base.run("DROP TABLE IF EXISTS several")
    base.run("CREATE TABLE several (batch varchar(9), n int)")
    values = [f"('B{n // 7:04}', {n})" for n in range(5000)]
    base.run(f"INSERT INTO several VALUES {', '.join(values)}")
    pages = read("sql", base.options, "several", key="batch")
    found = [n for page in pages for n in page.frame["n"]]
    assert sorted(found, key=int) == [str(n) for n in range(5000)]
    place = pages[1].resume
    rest = read("sql", base.options, "several", since=place, key="batch")
    resumed = found[: sum(page.frame.height for page in pages[:2])]
    resumed += [n for page in rest for n in page.frame["n"]]
    assert sorted(resumed, key=int) == sorted(found, key=int)


@pytest.mark.usefixtures("small_pages")
def test_a_key_that_tells_nothing_apart_is_refused(read: Read, base: Base) -> None:
    base.table("alike", 1500)
    base.run("UPDATE alike SET batch = 'B-1'")
    with pytest.raises(SourceError, match="rows or more with the same batch; name a"):
        read("sql", base.options, "alike", key="batch")
