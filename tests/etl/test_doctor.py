import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from connectors import Source, clock
from etl.doctor import Examined, examine_entries, examine_sources
from etl.doctor_advice import advice
from etl.network import load_network
from tests.etl.drops import ENVIRON, NETWORK, drop, edit, write_network


@contextmanager
def serving(ahead: timedelta, status: int, body: object = None) -> Iterator[str]:
    """A web server whose clock is wrong, which answers everything in one way."""

    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) + ahead, usegmt=True)

        def do_GET(self) -> None:
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(said)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def examined(folder: Path, slug: str = "alpha") -> list[Examined]:
    network = load_network(folder, ENVIRON)
    return list(examine_entries(network, network.sites[slug]))


def advised(folder: Path, slug: str = "alpha") -> list[str]:
    network = load_network(folder, ENVIRON)
    site = network.sites[slug]
    found = list(examine_entries(network, site))
    return advice(list(examine_sources(site)), found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_network(tmp_path / "n", ("alpha",))


REST = """
[site]
name = "Web"
country = "ES"
kind = "manufacturer"
stage = "active"
[source.lims]
kind = "rest"
url = "{url}"
[privacy]
key = {{ env = "POCNET_KEY_TEST" }}
key_id = "k1"
[[dataset]]
name = "batch"
from = "lots"
columns = {{ batch = "lot", started = "start", product = {{ constant = "car-t-cd19" }}, pathway = {{ constant = "clinical_trial" }} }}
"""  # noqa: E501


def over_the_web(tmp_path: Path, url: str) -> Path:
    folder = tmp_path / "web"
    (folder / "sites").mkdir(parents=True)
    (folder / "network.toml").write_text(NETWORK)
    (folder / "sites" / "alpha.toml").write_text(REST.format(url=url))
    return folder


def test_each_entry_is_read_and_its_rejects_are_counted_by_rule(folder: Path) -> None:
    batch, release, declared = examined(folder)
    assert (batch.records, batch.read, batch.rejected) == (5, 5, 1)
    (reject,) = batch.rejects
    assert (reject.column, reject.rule, reject.rows) == ("started", "no_such_day", 1)
    assert reject.read == "32/10/2026"
    assert reject.place == "batches.csv, line 6"
    assert (release.read, release.rejected) == (2, 0)
    assert all(each.fine for each in (batch, release, declared))


def test_three_rows_are_shown_as_they_would_leave(folder: Path) -> None:
    batch, *_ = examined(folder)
    assert batch.rows.height == 3
    assert batch.rows["batch"].str.contains(r"^k1-[0-9a-f]{16}$").all()
    assert "alpha-001" not in repr(batch.rows.to_dicts())


def test_what_no_rule_names_is_listed_by_its_shape(folder: Path) -> None:
    head = "Batch,Start,Harvest,End,Path,Patient\n"
    drop(
        folder,
        "alpha",
        {"batches.csv": head + "A-1,01/02/2026,,,EC,Lucía Ortega\n"},
    )
    batch, *_ = examined(folder)
    assert batch.unmapped == (("Patient", "Aaaaa Aaaaaa"),)
    assert "Ortega" not in repr(batch)


def test_a_row_that_tells_of_a_person_is_stopped_and_not_shown(folder: Path) -> None:
    edit(folder, "alpha", 'started = "Start",', 'started = "Start", trial = "Note",')
    head = "Batch,Start,Harvest,End,Path,Note\n"
    row = "A-1,01/02/2026,,,EC,lucia.ortega@example.org\n"
    drop(folder, "alpha", {"batches.csv": head + row})
    batch, *_ = examined(folder)
    assert (batch.read, batch.rejected, batch.rows.height) == (1, 1, 0)
    assert batch.rejects[0].rule == "identifier"
    assert "example.org" not in repr(batch)
    assert not batch.fine


def test_a_column_that_is_gone_is_named_with_what_to_ask(folder: Path) -> None:
    edit(folder, "alpha", 'started = "Start"', 'started = "Strat"')
    batch, *_ = examined(folder)
    assert batch.gone == ("Strat",)
    assert 'Did you mean "Start"?' in batch.problem
    assert not batch.fine
    assert any('IT whether "Strat"' in text for text in advised(folder))


def test_a_file_that_is_not_there_is_a_problem_and_the_rest_is_read(
    folder: Path,
) -> None:
    (folder / "drops" / "alpha" / "releases.csv").unlink()
    batch, release, _ = examined(folder)
    assert batch.fine and not release.fine
    assert "no file matches" in release.problem
    told = advised(folder)
    assert any("releases.csv: no file matches" in text for text in told)
    assert any("may read the place where the files are left" in text for text in told)


def test_nothing_is_written(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    examined(folder)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_refusal_is_told_in_the_servers_words_with_the_rights_it_takes(
    tmp_path: Path,
) -> None:
    with serving(timedelta(), 403, {"error": "no rights on lots"}) as url:
        folder = over_the_web(tmp_path, url)
        (batch,) = examined(folder)
        told = advised(folder)
    assert "403" in batch.problem and "no rights on lots" in batch.problem
    assert any("may read the paths that `from` names" in text for text in told)


def test_an_empty_answer_is_asked_about(tmp_path: Path, folder: Path) -> None:
    drop(folder, "alpha", {"batches.csv": "Batch,Start,Harvest,End,Path\n"})
    assert any("answered with no record" in text for text in advised(folder))
    with serving(timedelta(), 200, []) as url:
        told = advised(over_the_web(tmp_path, url))
    assert any("check the rights of the key" in text for text in told)


def test_a_clock_that_is_wrong_is_told_with_its_difference(tmp_path: Path) -> None:
    with serving(timedelta(hours=1), 200, [{"lot": "A", "start": "2026-02-03"}]) as url:
        folder = over_the_web(tmp_path, url)
        site = load_network(folder, ENVIRON).sites["alpha"]
        (reached,) = examine_sources(site)
        told = advised(folder)
    assert reached.ahead is not None and abs(reached.ahead - 3600) < 30
    assert any("is 60 minutes ahead of this machine's" in text for text in told)


def test_a_clock_that_agrees_is_not_mentioned(tmp_path: Path) -> None:
    with serving(timedelta(), 200, [{"lot": "A", "start": "2026-02-03"}]) as url:
        assert advised(over_the_web(tmp_path, url)) == []


def test_a_clock_is_told_even_by_a_refusal_and_by_nobody_who_is_not_there() -> None:
    with serving(timedelta(minutes=-10), 401) as url:
        there = clock(Source("alpha", "lims", "rest", {"url": url}))
    assert there is not None
    assert abs((datetime.now(UTC) - there).total_seconds() - 600) < 30
    assert clock(Source("alpha", "lims", "rest", {"url": url})) is None
    assert clock(Source("alpha", "main", "files", {"folder": "/"})) is None


def test_a_database_is_examined_too(tmp_path: Path, folder: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "lims.sqlite")) as base, base:
        base.execute("CREATE TABLE lots (lot TEXT, start TEXT, operator TEXT)")
        base.execute("INSERT INTO lots VALUES ('A-1', '2026-02-03', 'x')")
    text = REST.format(url="-").replace('kind = "rest"', 'kind = "sql"')
    text = text.replace('url = "-"', f'file = "{tmp_path / "lims.sqlite"}"')
    (folder / "sites" / "alpha.toml").write_text(text)
    (batch,) = examined(folder)
    assert (batch.read, batch.rejected, batch.problem) == (1, 0, "")
    assert [name for name, _ in batch.unmapped] == ["operator"]
