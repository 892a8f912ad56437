"""When a run is shown that follows another, told by the clock and the files alone."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dashboard.journal import Journal
from dashboard.queries import snapshot
from dashboard.queries.changing import Changing
from dashboard.queries.turns import HOLD, STANDS_IN, Run, moment, turn

START = 1000 * HOLD


def runs(*seconds: float) -> list[Run]:
    """Runs that were published so many seconds after START, from run 1 on."""
    return [Run(Path(f"{n}.duckdb"), START + s) for n, s in enumerate(seconds, 1)]


def shown(lying: list[Run], first: Run, after: float) -> int:
    return turn(lying, first, lying[-1], START + after).number


def test_a_run_at_leisure_is_shown_at_once_and_one_that_follows_waits() -> None:
    first, second = runs(10, 10 + HOLD)
    assert moment(second, first) <= second.at
    first, second = runs(10, 20)
    assert moment(second, first) == START + HOLD


def test_of_many_runs_in_a_row_one_is_shown_in_each_time() -> None:
    lying = runs(-5, 5, 15, 25)
    assert shown(lying, lying[0], 30) == 1
    assert shown(lying, lying[0], HOLD - 1) == 1
    assert shown(lying, lying[0], HOLD) == 4


@pytest.mark.parametrize("after", [0, 5, 15])
@pytest.mark.parametrize("first", [0, 7])
def test_processes_that_look_at_other_moments_show_the_same(
    after: int, first: int
) -> None:
    """Whatever they showed before, though no more than three files lie there."""
    lying = runs(*range(3, 2 * HOLD, 10))
    there = [run for run in lying if run.at <= START + HOLD + after][-3:]
    newest = max(run.number for run in lying if run.at <= START + HOLD)
    assert shown(there, lying[first], HOLD + after) == newest


def test_nothing_goes_back_but_to_what_was_brought_back() -> None:
    first, second, third = runs(0, 10, 20)
    assert turn([first, second, third], third, first, START + 30) == first
    assert turn([first, third], third, third, START + 30) == third


def test_a_clock_that_was_set_holds_nothing_back() -> None:
    first, second = runs(500, 20)
    assert moment(second, first) <= START


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "snapshots"
    made.mkdir(parents=True)
    return made


Change = Callable[[duckdb.DuckDBPyConnection], object]


def published(folder: Path, run: int, at: float, change: Change | None = None) -> Path:
    """A file with what is looked at when runs follow each other."""
    path = folder / f"{run}.duckdb"
    with duckdb.connect(path) as made:
        made.execute("create table meta (key varchar, value varchar)")
        said = {"contract": "1", "metrics": "m", "network": "n", "as_of": "2026-11-16"}
        said |= {"config": json.dumps({"disclosure": {}}), "built_at": _day(at)}
        said |= {"warehouse": "w", "taken": "1"}
        made.executemany("insert into meta values (?, ?)", [*said.items()])
        made.execute("create table site (site text, region text, kind text)")
        made.execute("insert into site values ('a', 'r', 'member')")
        for table, key in (("batch", "batch"), ("demand", "order_key")):
            made.execute(f"create table {table} (site text, {key} text)")
            made.execute(f"insert into {table} values ('a', 'k1'), ('a', 'k2')")
        if change is not None:
            change(made)
    os.utime(path, (START + at, START + at))
    link = folder / "next"
    link.symlink_to(path.name)
    os.replace(link, folder / "current")
    return path


def _day(at: float) -> str:
    return f"2026-11-16T00:{int(at) // 60:02}:{int(at) % 60:02}+00:00"


def changing() -> Changing:
    readers = Changing(snapshot._opened)
    readers.take_turns()
    return readers


def test_who_serves_nobody_is_shown_the_newest(folder: Path) -> None:
    alone = Changing(snapshot._opened)
    alone.shown(published(folder, 1, 10), START + 11)
    second = published(folder, 2, 20)
    assert alone.shown(second, START + 21).snapshot.path == second


def test_what_follows_closely_waits_and_its_pages_are_stood_in_for(
    folder: Path,
) -> None:
    readers, first = changing(), published(folder, 1, 10)
    assert readers.shown(first, START + 11).snapshot.path == first
    second = published(folder, 2, 20, lambda made: made.execute(
        "insert into batch values ('a', 'k3')"))  # fmt: skip
    waiting = readers.shown(second, START + 21)
    assert waiting.snapshot.path == first
    now = readers.shown(second, START + HOLD)
    assert now.snapshot.path == second
    assert now.earlier is waiting.snapshot
    assert now.standing_in(START + HOLD + 1) == (waiting.marks,)
    assert now.standing_in(START + HOLD + STANDS_IN) == ()


TAKEN_BACK = {
    "a batch or an order": "update meta set value = '2' where key = 'taken'",
    "all but what a new warehouse has": "update meta set value = 'n'"
    " where key = 'warehouse'",
    "a site": "delete from site",
    "a region": "update site set region = 's'",
    "another rule": 'update meta set value = \'{"disclosure": {"public": 1}}\''
    " where key = 'config'",
    "another count": "update meta set value = 'o' where key = 'metrics'",
    "another day": "update meta set value = '2026-11-17' where key = 'as_of'",
}


@pytest.mark.parametrize("change", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_what_is_taken_away_or_held_back_is_so_at_once(
    folder: Path, change: str
) -> None:
    readers = changing()
    readers.shown(published(folder, 1, 10), START + 11)
    second = published(folder, 2, 20, lambda made: made.execute(change))
    now = readers.shown(second, START + 21)
    assert now.snapshot.path == second
    assert now.standing_in(START + 22) == (), "no page of before stands in"


def test_what_a_site_keeps_to_itself_is_kept_at_once(folder: Path) -> None:
    readers = changing()
    readers.shown(published(folder, 1, 10), START + 11)
    journal = Journal(folder.parent / "journal.sqlite")
    body = {"group": "batches", "to": "nobody"}
    journal.write("site:a", "publication", "a", body, "ours alone")
    second = published(folder, 2, 20, lambda made: made.execute(
        "update meta set value = '2099-01-01T00:00:00+00:00' where key = 'built_at'"
    ))  # fmt: skip
    now = readers.shown(second, START + 21)
    assert now.snapshot.path == second
    assert now.standing_in(START + 22) == ()


def test_a_withdrawal_after_runs_that_waited_takes_all_that_was_before(
    folder: Path,
) -> None:
    readers = changing()
    readers.shown(published(folder, 1, 10), START + 11)
    assert readers.shown(published(folder, 2, 20), START + HOLD).standing_in(
        START + HOLD
    )
    last = published(folder, 3, HOLD + 5, lambda made: made.execute(
        TAKEN_BACK["a batch or an order"]))  # fmt: skip
    now = readers.shown(last, START + HOLD + 6)
    assert now.snapshot.path == last
    assert now.standing_in(START + HOLD + 6) == ()


def test_the_file_before_stays_open_when_it_is_gone(folder: Path) -> None:
    readers, first = changing(), published(folder, 1, 10)
    second = published(folder, 2, 10 + HOLD)
    now = readers.shown(second, START + HOLD + 11).snapshot
    first.unlink()
    before = readers.before(now)
    assert before is not None
    assert before.rows("select count(*) from batch").item() == 2


def test_what_is_shown_stays_while_more_runs_follow_than_are_kept(folder: Path) -> None:
    readers, first = changing(), published(folder, 1, 10)
    kept = readers.shown(first, START + 11).snapshot
    newest = [published(folder, run, 10.0 * run) for run in (2, 3, 4, 5)][-1]
    first.unlink()
    assert readers.shown(newest, START + 51).snapshot is kept
