import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors import PocnetError
from dashboard.commands.diff import command
from etl.difference import NETWORK, Change, differences
from etl.store import Warehouse
from tests.etl.pulling import leave_more, pulled


def warehouse(folder: Path) -> Path:
    return folder / "data" / "warehouse.duckdb"


def changed(folder: Path, earlier: int, later: int) -> dict[tuple[str, str], Change]:
    found = differences(warehouse(folder), earlier, later)
    return {(each.site, each.dataset): each for each in found}


def test_rows_are_opened_closed_or_changed_under_their_key(third: Path) -> None:
    batches = changed(third, 1, 2)["beta", "batch"]
    columns = {"harvested": 2, "ended": 1}
    assert batches == Change("beta", "batch", 1, 0, 2, columns)
    batches = changed(third, 2, 3)["beta", "batch"]
    assert batches == Change("beta", "batch", 0, 1, 1, {"harvested": 1})


def test_what_was_taken_back_in_between_is_no_change(third: Path) -> None:
    batches = changed(third, 1, 3)["beta", "batch"]
    columns = {"harvested": 1, "ended": 1}
    assert batches == Change("beta", "batch", 0, 0, 1, columns)


def test_two_runs_the_other_way_round_are_the_way_back(third: Path) -> None:
    there, back = changed(third, 1, 2), changed(third, 2, 1)
    assert there.keys() == back.keys()
    for key, each in there.items():
        assert (back[key].opened, back[key].closed) == (each.closed, each.opened)
        assert back[key].columns == each.columns


def test_nothing_changed_for_who_sent_the_same_again(third: Path) -> None:
    assert {site for site, _ in changed(third, 1, 3)} <= {"beta"}
    assert changed(third, 2, 2) == {}


def test_counts_are_those_of_the_rows_that_stood(third: Path) -> None:
    counted = "select count(*) from batch where opened_run <= {0} and "
    counted += "(closed_run is null or closed_run > {0})"
    with Warehouse(warehouse(third)) as opened:
        stood = {run: opened.query(counted.format(run)).item() for run in (1, 2, 3)}
    for earlier, later in ((1, 2), (2, 3), (1, 3)):
        batches = changed(third, earlier, later)["beta", "batch"]
        assert stood[later] - stood[earlier] == batches.opened - batches.closed


def test_what_the_settings_say_is_told_like_what_sites_say(folder: Path) -> None:
    file = folder / "network.toml"
    file.write_text(file.read_text().replace("CD19 CAR-T", "CAR-T against CD19"))
    pulled(folder, "alpha")
    (product,) = differences(warehouse(folder), 1, 2)
    assert product == Change(NETWORK, "product", 0, 0, 1, {"title": 1})


def test_a_run_that_was_never_made_is_named_with_those_that_were(folder: Path) -> None:
    with pytest.raises(PocnetError, match=r"run 7\. It knows 1 to 1"):
        differences(warehouse(folder), 1, 7)


def test_a_folder_without_a_warehouse_is_left_without_one(tmp_path: Path) -> None:
    with pytest.raises(PocnetError, match="pocnet pull"):
        differences(tmp_path / "warehouse.duckdb", 1, 2)
    assert not [*tmp_path.iterdir()]


def test_the_command_prints_counts_and_columns_and_no_value(folder: Path) -> None:
    leave_more(folder)
    pulled(folder, "beta")
    words = ["1", "2", str(folder)]
    said = CliRunner().invoke(command, [*words, "--json"], catch_exceptions=False)
    (batches,) = [
        each
        for each in json.loads(said.stdout)["changes"]
        if each["dataset"] == "batch"
    ]
    assert (batches["site"], batches["opened"]) == ("beta", 1)
    table = CliRunner().invoke(command, words, catch_exceptions=False).stdout
    assert "batch" in table
    for value in ("2026-11", "k1-", "hospital"):
        assert value not in said.stdout + table
