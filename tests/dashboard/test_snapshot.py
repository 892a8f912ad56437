import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard import queries
from dashboard.queries.network import lines
from dashboard.viewer import Viewer
from tests.dashboard.republishing import republished
from tests.demo import LEAD, PUBLIC, Demo

COUNT = "select count(*) from fact_batch"


def test_an_open_question_ends_on_the_old_file_and_the_next_one_asks_the_new(
    demo: Demo, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    republished(demo, folder / "1.duckdb", agreed=0.1)
    old = queries.current(folder)
    opened, go_on = threading.Event(), threading.Event()
    answers: list[int] = []

    def ask() -> None:
        with old.connection.cursor() as cursor:
            cursor.execute("use snapshot")
            rows = cursor.execute(COUNT)
            opened.set()
            go_on.wait(20)
            answers.extend(rows.fetchall()[0])

    asked = threading.Thread(target=ask)
    asked.start()
    assert opened.wait(20)
    republished(demo, folder / "2.duckdb", agreed=0.2)
    new = queries.current(folder)
    go_on.set()
    asked.join(20)
    assert new.path.stem == "2"
    assert old.rules["reporting"]["completeness"] == 0.1
    assert new.rules["reporting"]["completeness"] == 0.2
    assert answers == [new.rows(COUNT).item()] == [old.rows(COUNT).item()]


def test_the_same_file_is_opened_once(demo: Demo) -> None:
    assert queries.current(demo.snapshots) is queries.current(demo.snapshots)


def test_a_network_that_never_published_says_so(tmp_path: Path) -> None:
    with pytest.raises(queries.NoSnapshotError, match="nothing was published"):
        queries.current(tmp_path)
    assert queries.about(tmp_path, LEAD).snapshot == "none"


def test_what_is_remembered_is_no_other_viewers_and_no_other_snapshots(
    demo: Demo, tmp_path: Path
) -> None:
    """Everybody asks the same in turn, and once more of a snapshot just opened."""
    folder = tmp_path / "snapshots"
    viewers = queries.about(demo.snapshots, LEAD).viewers
    chosen = [v for v in viewers if v.role != "site"] + list(viewers[-4:])

    def said(viewer: Viewer) -> list[list[tuple[object, ...]]]:
        with demo.asked_by(viewer) as filters:
            return [
                queries.counts(viewer, filters, ("no_product",), by).rows()
                for by in (("site",), ("product", "month"))
            ]

    first = {viewer: said(viewer) for viewer in chosen}
    assert {viewer: said(viewer) for viewer in reversed(chosen)} == first
    republished(demo, folder / "1.duckdb", {"public": {"threshold": 10_000}})
    fresh = queries.current(folder)
    for viewer in chosen:
        with queries.answering_from(fresh):
            alone = said(viewer)
        if viewer.role == "lead":
            assert alone == first[viewer]
        else:
            assert alone != first[viewer], "what is told of a pool has changed"
    assert first[chosen[0]] != first[Viewer("public")]


def test_what_is_remembered_of_a_pool_is_rounded_as_the_rules_of_today_say(
    demo: Demo, tmp_path: Path
) -> None:
    """Also where the same run was asked before, when its own rules still held."""
    folder = tmp_path / "snapshots"
    republished(demo, folder / "1.duckdb", {"public": {"threshold": 5}})
    before = queries.current(folder)
    republished(
        demo, folder / "2.duckdb", {"public": {"threshold": 5, "rounding": 1000}}
    )
    ruled = replace(before, ruled_by=queries.current(folder))

    def started(snapshot: queries.Snapshot) -> int:
        with demo.asked_by(PUBLIC) as filters, queries.answering_from(snapshot):
            return queries.counts(PUBLIC, filters, ("started",)).item(0, "started")

    assert started(before) % 1000
    assert started(ruled) % 1000 == 0
    assert started(before) % 1000


def test_what_is_kept_of_a_snapshot_is_what_its_reader_is_shown_of_it(
    demo: Demo, tmp_path: Path
) -> None:
    """Nothing before a first month is in it for whoever is shown nothing before it."""
    path = tmp_path / "snapshots" / "1.duckdb"
    republished(demo, path, {"public": {"threshold": 5, "since": "2026-08"}})
    whole = queries.current(path.parent)
    with demo.asked_by(PUBLIC), queries.answering_from(whole):
        seen = lines(queries.current())
        assert lines(queries.current()) is seen
    assert {*seen.rows()} < {*lines(whole).rows()}
    assert {*lines(queries.current(demo.snapshots)).rows()} == {*lines(whole).rows()}


def test_nobody_can_change_what_is_remembered(demo: Demo) -> None:
    snapshot = queries.current(demo.snapshots)
    ask = "select site, kind from site where site <> $none order by site"
    before = snapshot.counts(ask, {"none": ""}).rows()
    mine = snapshot.counts(ask, {"none": ""})
    mine.columns = ["kind", "site"]
    mine.insert_column(0, mine["kind"].alias("new"))
    again = snapshot.counts(ask, {"none": ""})
    assert (again.columns, again.rows()) == (["site", "kind"], before)
