"""Sites asked over HTTP by servers that break, dribble and forget."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from etl.collect import Collection, Window
from etl.network import load_network
from etl.run import pull
from tests.etl.drops import ENVIRON, edit
from tests.etl.pulling import known, pulled, rows

PAGE = 500
SETTINGS = """
kind = "rest"
url = "{url}"
requests_per_minute = 100000
"""
READ = (
    'read = {{ records = "items", key = "Batch", paging = "cursor", next = "next", '
    'parameter = "after", deleted = "deleted", may_be_empty = true{more} }}'
)


@dataclass
class System:
    """A system with one list of batches, as it stands now, and its faults."""

    batches: dict[str, str]
    deleted: set[str] = field(default_factory=set)
    break_at: int | None = None
    slow: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> tuple[int, object]:
        self.asked.append(query)
        time.sleep(self.slow)
        start = int(query.get("after", 0))
        if self.break_at is not None and start >= self.break_at:
            return 404, {"error": "no such page"}
        wanted = list(self.batches)
        if "changed" in query:
            wanted = [name for name in wanted if name.startswith("new")]
        items = [self.record(name) for name in wanted[start : start + PAGE]]
        if "changed" in query:
            items += [{"Batch": name, "deleted": True} for name in self.deleted]
        after = start + PAGE
        more = {"next": str(after)} if after < len(wanted) else {}
        return 200, {"items": items, **more}

    def record(self, name: str) -> dict[str, object]:
        said = {"Batch": name, "Start": "03/08/2026", "Harvest": self.batches[name]}
        return {**said, "End": "", "Path": "EC"}


@contextmanager
def serving(system: System) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            status, body = system.answer(query)
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def ask_over_http(folder: Path, site: str, url: str, more: str = "") -> None:
    """Let a site answer with its batches over HTTP and with nothing else."""
    edit(
        folder,
        site,
        f'kind = "files"\nfolder = "../drops/{site}"\n',
        SETTINGS.format(url=url),
    )
    keep_batches_only(folder, site)
    edit(folder, site, '"batches*.csv"', f'"/batches"\n{READ.format(more=more)}')


def keep_batches_only(folder: Path, site: str) -> None:
    path = folder / "sites" / f"{site}.toml"
    text = path.read_text()
    path.write_text(text[: text.index('[[dataset]]\nname = "release"')])


def batches(count: int) -> dict[str, str]:
    return {f"lot-{number:05}": "13/08/2026" for number in range(count)}


CHANGED = ', modified_parameter = "changed"'


def test_a_pull_that_broke_goes_on_without_loss_or_repetition(folder: Path) -> None:
    system = System(batches(12_000), break_at=10_000)
    with serving(system) as url:
        ask_over_http(folder, "beta", url)
        broken = pulled(folder, "beta")
        assert [failure.site for failure in broken.failures] == ["beta"]
        assert broken.datasets == ()
        assert known(broken)["beta"] == 3
        assert (folder / "data" / "spool" / "beta" / "batch-0" / "state.json").exists()
        system.break_at = None
        system.asked.clear()
        whole = pulled(folder, "beta")
    assert system.asked[0]["after"] == "10000"
    assert whole.failures == ()
    (counts,) = whole.datasets
    assert (counts.records, counts.read, counts.good) == (12_000, 12_000, 12_000)
    assert known(whole)["beta"] == 12_000
    assert not list((folder / "data" / "spool").rglob("*.*"))


def test_a_record_that_the_source_calls_deleted_is_closed(folder: Path) -> None:
    system = System(batches(40))
    with serving(system) as url:
        ask_over_http(folder, "beta", url, CHANGED)
        assert known(pulled(folder, "beta"))["beta"] == 40
        del system.batches["lot-00007"]
        system.deleted = {"lot-00007"}
        system.batches["new-1"] = "14/08/2026"
        result = pulled(folder, "beta")
    assert result.failures == ()
    assert result.datasets[0].records == 1
    assert known(result)["beta"] == 40


def a_week_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.collect.WEEK", timedelta())


def test_once_a_week_the_keys_are_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(batches(40))
    with serving(system) as url:
        ask_over_http(folder, "beta", url, CHANGED)
        pulled(folder, "beta")
        del system.batches["lot-00007"]
        assert known(pulled(folder, "beta"))["beta"] == 40
        a_week_later(folder, monkeypatch)
        system.asked.clear()
        assert known(pulled(folder, "beta"))["beta"] == 39
    assert ["changed" in query for query in system.asked] == [True, False]


def test_a_list_that_lacks_most_records_is_told_and_deletes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(batches(40))
    with serving(system) as url:
        ask_over_http(folder, "beta", url, CHANGED)
        pulled(folder, "beta")
        a_week_later(folder, monkeypatch)
        system.batches = batches(19)
        result = pulled(folder, "beta")
        (failure,) = result.failures
        assert "without 21 of the 40 known" in failure.message
        assert known(result)["beta"] == 40
        full = pulled(folder, "beta", window=Window(full=True))
    assert full.failures == ()
    assert known(full)["beta"] == 19


def test_without_keys_of_its_own_a_source_is_read_in_full_once_a_week(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(batches(40))
    with serving(system) as url:
        ask_over_http(folder, "beta", url, CHANGED)
        edit(folder, "beta", 'key = "Batch", ', "")
        edit(folder, "beta", 'deleted = "deleted", ', "")
        pulled(folder, "beta")
        del system.batches["lot-00007"]
        a_week_later(folder, monkeypatch)
        result = pulled(folder, "beta")
    assert result.failures == ()
    assert known(result)["beta"] == 39


def test_a_table_without_a_key_is_read_in_full_once_a_week(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "drops" / "beta.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute('create table lots (Batch, Start, Harvest, "End", Path, at)')
        database.executemany(
            "insert into lots values (?, '03/08/2026', null, null, 'EC', ?)",
            [(f"lot-{n}", f"2026-11-0{n}T00:00:00Z") for n in (1, 2, 3, 4)],
        )
    edit(folder, "beta", 'kind = "files"\nfolder = "../drops/beta"',
         f'kind = "sql"\nfile = "{path}"')  # fmt: skip
    keep_batches_only(folder, "beta")
    edit(folder, "beta", '"batches*.csv"', '"lots"\nread = { modified = "at" }')
    assert known(pulled(folder, "beta"))["beta"] == 4
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("delete from lots where Batch = 'lot-2'")
    assert known(pulled(folder, "beta"))["beta"] == 4
    a_week_later(folder, monkeypatch)
    result = pulled(folder, "beta")
    assert result.failures == ()
    assert known(result)["beta"] == 3


def test_a_slow_site_holds_nobody_up_and_is_given_up_in_time(folder: Path) -> None:
    system = System(batches(PAGE * 200), slow=0.3)
    network = load_network(folder, ENVIRON)
    with serving(system) as url:
        ask_over_http(folder, "beta", url)
        slow = load_network(folder, ENVIRON).sites["beta"]
        began = time.monotonic()
        collection = Collection(slow, {}, Window(), hours=2 / 3600)
        assert list(collection.bundles(lambda step: None, threading.Event())) == []
        assert time.monotonic() - began < 10
    (failure,) = collection.failures
    assert "given up" in failure.message and failure.source == "main"
    ends: dict[str, float] = {}
    system.slow = 0.5
    system.batches = batches(PAGE * 8)
    with serving(system) as url:
        edit(folder, "beta", slow.sources["main"].options["url"], url)
        network = load_network(folder, ENVIRON)
        pull(network, progress=lambda step: ends.update({step.site: time.monotonic()}))
    assert max(ends["alpha"], ends["gamma"]) < ends["beta"] - 1


def test_the_mark_says_when_all_keys_were_last_read(folder: Path) -> None:
    system = System(batches(4))
    with serving(system) as url:
        ask_over_http(folder, "beta", url, CHANGED)
        pulled(folder, "beta")
        last = pulled(folder, "beta")
    with duckdb.connect(folder / "data" / "warehouse.duckdb") as connection:
        full, incremental = (
            connection.sql(
                "select compared[1] as at, extracted_at from bundle "
                "where site = 'beta' and dataset = 'batch' "
                "order by extracted_at desc limit 2"
            )
            .pl()
            .reverse()
            .rows()
        )
    assert full[0] == full[1]
    assert incremental[0] == full[0]
    assert rows(last.snapshot, "batch", "site").count(("beta",)) == 4
