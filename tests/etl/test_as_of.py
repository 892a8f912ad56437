import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from connectors import PocnetError
from dashboard import queries
from dashboard.commands.build import command
from dashboard.viewer import Viewer
from etl.difference import differences
from etl.network import Network
from etl.rebuild import as_of, rebuild
from etl.sound import load_known
from tests.etl.pulling import pulled, rows
from tests.etl.test_continuing import PLACED, panel_of

PASSING = {"built_at", "taken", "warehouse", "worn"}


def network(folder: Path) -> Network:
    return load_known(folder).network


def everything(snapshot: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a snapshot, row by row, but for when and of which file."""
    with duckdb.connect(snapshot, read_only=True) as connection:
        names = connection.sql("select table_name from duckdb_tables()").fetchall()
    tables = {name: rows(snapshot, name) for (name,) in names}
    tables["meta"] = [row for row in tables["meta"] if row[0] not in PASSING]
    return tables


def contents(folder: Path) -> dict[str, bytes]:
    kept = (folder / "data").rglob("*")
    return {
        str(path): path.read_bytes()
        for path in kept
        if path.is_file() and "as-of" not in path.parts
    }


@pytest.fixture(scope="module")
def back(third: Path) -> Iterator[dict[int, Path]]:
    """The snapshots of two earlier runs, made again after the third."""
    before = contents(third)
    words = [str(third), "--as-of", "2"]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert f"pocnet serve {third}/data/as-of/2" in done.stderr
    second = third / "data" / "as-of" / "2" / "data" / "snapshots" / "2.duckdb"
    yield {1: as_of(network(third), 1).snapshot, 2: second}
    assert contents(third) == before, "the network's own data was touched"


@pytest.mark.parametrize("run", [1, 2])
def test_an_earlier_run_comes_back_table_by_table_and_row_by_row(
    third: Path, back: dict[int, Path], run: int
) -> None:
    published = everything(third / "data" / "snapshots" / f"{run}.duckdb")
    again = everything(back[run])
    assert again.keys() == published.keys()
    assert len(published) > 30
    for table, content in published.items():
        assert again[table] == content, table


def test_the_runs_are_not_alike_so_their_equality_means_something(
    third: Path,
) -> None:
    snapshots = third / "data" / "snapshots"
    said = [rows(snapshots / f"{run}.duckdb", "batch") for run in (1, 2, 3)]
    assert said[0] != said[1] != said[2] != said[0]


def test_it_is_shown_like_any_network(back: dict[int, Path]) -> None:
    place = back[1].parents[2]
    assert (place.name, place.parent.name) == ("1", "as-of")
    assert (place / "network.toml").is_file()
    assert os.readlink(place / "data" / "snapshots" / "current") == "1.duckdb"
    asked = queries.about(place / "data" / "snapshots", Viewer("lead"))
    assert "Test network" in repr(asked)


def test_settings_and_day_are_those_of_the_run(folder: Path) -> None:
    file = folder / "sites" / "beta.toml"
    file.write_text(file.read_text().replace('name = "beta"', 'name = "Beta II"'))
    assert ("Beta II",) in rows(pulled(folder, "beta").snapshot, "site", "name")
    real = replace(network(folder), made_up_today=None)
    again = as_of(real, 1).snapshot
    assert ("beta",) in rows(again, "site", "name")
    assert ("Beta II",) not in rows(again, "site", "name")
    first = folder / "data" / "snapshots" / "1.duckdb"
    (ran,) = rows(first, "run", "finished_at::date::varchar")
    assert ("as_of", ran[0]) in rows(again, "meta", "key, value")


def test_a_run_that_was_never_made_is_named_with_those_that_were(folder: Path) -> None:
    with pytest.raises(PocnetError, match=r"run 7\. It knows 1:"):
        as_of(network(folder), 7)
    assert not (folder / "data" / "as-of").exists()


def test_a_lost_bundle_is_said_and_no_wrong_figures_are_shown(folder: Path) -> None:
    lost = min((folder / "data/archive/manifests/beta").iterdir())
    lost.unlink()
    with pytest.raises(PocnetError, match=lost.name):
        as_of(network(folder), 1)
    (failure,) = rebuild(network(folder)).failures
    assert (failure.site, failure.source) == ("beta", "archive")


def test_a_new_warehouse_remembers_every_run(third: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(third, tmp_path / "network", symlinks=True))
    result = rebuild(network(folder))
    assert (result.run, result.failures) == (4, ())
    warehouse = folder / "data" / "warehouse.duckdb"
    before = differences(third / "data" / "warehouse.duckdb", 1, 2)
    assert differences(warehouse, 1, 2) == before
    assert differences(warehouse, 3, 4) == ()
    for table in ("batch", "release", "site", "report", "rollup_batch", "reject"):
        earlier = rows(third / "data" / "snapshots" / "3.duckdb", table)
        assert rows(result.snapshot, table) == earlier, table
    assert not (folder / "data" / "rebuilt").exists()
    assert pulled(folder, "alpha").run == 5


def alone(folder: Path) -> None:
    """Leave nothing of the network's data but the archive, and no site to ask."""
    for path in (folder / "data").iterdir():
        if path.name != "archive":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(folder / "drops")


@pytest.fixture
def lost(third: Path, tmp_path: Path) -> Path:
    """The network after three runs, of whose data nothing but the archive is left."""
    folder = Path(shutil.copytree(third, tmp_path / "network", symlinks=True))
    alone(folder)
    return folder


# The second run has both: rows that it closed and rows that the third will.
@pytest.mark.parametrize("run", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_archive_alone_knows_what_each_run_was(
    third: Path, lost: Path, run: int
) -> None:
    published = everything(third / "data" / "snapshots" / f"{run}.duckdb")
    again = as_of(network(lost), run)
    assert again.failures == ()
    assert everything(again.snapshot) == published


def test_the_archive_alone_is_enough_to_go_on_from(third: Path, lost: Path) -> None:
    done = CliRunner().invoke(command, [str(lost)], catch_exceptions=False)
    assert "4.duckdb" in done.stdout
    warehouse = lost / "data" / "warehouse.duckdb"
    for earlier, later in ((1, 2), (2, 3), (1, 3)):
        before = differences(third / "data" / "warehouse.duckdb", earlier, later)
        assert before and differences(warehouse, earlier, later) == before
    assert differences(warehouse, 3, 4) == ()
    after = everything(lost / "data" / "snapshots" / "4.duckdb")
    before = everything(third / "data" / "snapshots" / "3.duckdb")
    for content in (before, after):
        del content["meta"], content["run"], content["source_error"]
        # What is made anew may place batches otherwise in the panel that pages read.
        for table in ("replay_batch", *PLACED):
            del content[table]
    assert after == before
    panels = [
        panel_of(folder / "data" / "snapshots" / name, "car-t-cd19")
        for folder, name in ((third, "3.duckdb"), (lost, "4.duckdb"))
    ]
    assert panels[0] == panels[1]


def test_a_run_killed_before_it_was_recorded_is_recorded_by_the_next(
    folder: Path,
) -> None:
    (record,) = (folder / "data" / "archive" / "runs").iterdir()
    said = record.read_bytes()
    record.unlink()
    pulled(folder, "alpha")
    assert record.read_bytes() == said
    assert len([*record.parent.iterdir()]) == 2


def test_failures_of_a_run_are_known_when_all_else_is_lost(folder: Path) -> None:
    shutil.rmtree(folder / "drops" / "beta")
    (failure,) = {each for each in pulled(folder).failures if each.site == "beta"}
    alone(folder)
    again = as_of(network(folder), 2).snapshot
    told = rows(again, "source_error", "site, message")
    assert (failure.site, failure.message) in told
    assert ("partial",) in rows(again, "run", "state")


def test_a_network_that_never_recorded_a_run_comes_in_one(folder: Path) -> None:
    before = rows(folder / "data" / "snapshots" / "1.duckdb", "batch")
    alone(folder)
    shutil.rmtree(folder / "data" / "archive" / "runs")
    result = rebuild(network(folder))
    assert (result.run, result.failures) == (1, ())
    assert rows(result.snapshot, "batch") == before
