"""A folder that an earlier pocnet has worked in, and one that a later one has.

`earlier/network-2026-11-22.tar.xz` is the former, as the code of that day left it after
two runs: no run is recorded in its archive, its warehouse lacks what later ones have,
its journal has no audit trail. The latter is made by `tests.etl.next_contract`.
"""

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from connectors import PocnetError
from dashboard.cli import cli
from dashboard.journal import Journal
from dashboard.service import assert_servable
from etl.backup import backup
from etl.bundle import Archive
from etl.contract import version
from etl.contract.schemas import SCHEMAS
from etl.contract.version import NewerError
from etl.ledger import LAYOUT
from etl.migration import survey
from etl.reception import Reception
from etl.run import pull
from etl.signature import RefusedError
from tests.etl.drops import ENVIRON, edit
from tests.etl.kills import Killer, process
from tests.etl.next_contract import NEW, OLD
from tests.etl.pulling import rows
from tests.etl.sending import hub, packed
from tests.etl.withdrawn import network
from tests.serving import ROOT

EARLIER = Path(__file__).parent / "earlier" / "network-2026-11-22.tar.xz"
LATER = [sys.executable, "-m", "tests.etl.next_contract"]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    with tarfile.open(EARLIER) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "network"


def pocnet(*words: str | Path) -> Result:
    return CliRunner(env=ENVIRON).invoke(cli, [*map(str, words)], standalone_mode=False)


def later(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """What the next pocnet says and does."""
    said = subprocess.run(
        [*LATER, *map(str, words)],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert "Traceback" not in said.stderr, said.stderr
    return said


def bytes_of(place: Path) -> dict[str, str]:
    """A hash of each file; links by what they lead to."""
    return {
        path.relative_to(place).as_posix(): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def figures(snapshot: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the contract's datasets; a report's days follow from the clock."""
    return {name: rows(snapshot, f'"{name}"') for name in SCHEMAS if name != "report"}


def current(folder: Path) -> Path:
    return (folder / "data" / "snapshots" / "current").resolve()


def dues(said: str) -> dict[str, bool]:
    return {each["place"]: each["due"] for each in json.loads(said)["places"]}


def test_check_says_what_each_place_needs_and_changes_nothing(earlier: Path) -> None:
    before = bytes_of(earlier)
    said = pocnet("migrate", "--check", "--json", earlier)
    assert said.return_value == 4
    assert bytes_of(earlier) == before
    assert dues(said.stdout) == {
        "archive": False, "runs": False, "warehouse": True, "snapshot": False,
        "journal": True,
    }  # fmt: skip
    told = pocnet("migrate", "--check", earlier).stdout
    assert "archive: 34 bundles of contract 1; nothing." in told
    assert "warehouse: contract 1, layout 1; made again from the archive" in told
    assert "journal: version 0; marked as version 1." in told


@pytest.mark.parametrize("words", [("pull",), ("diff", "1", "2")], ids=" ".join)
def test_until_then_every_command_says_how(
    earlier: Path, words: tuple[str, ...]
) -> None:
    before = bytes_of(earlier)
    refused = pocnet(*words, earlier)
    assert isinstance(refused.exception, PocnetError)
    assert f"`pocnet migrate {earlier}`" in str(refused.exception)
    assert bytes_of(earlier) == before


def test_a_migration_keeps_bundles_and_figures_and_is_done_once(earlier: Path) -> None:
    archived = bytes_of(earlier / "data" / "archive")
    shown = figures(current(earlier))
    assert pocnet("migrate", earlier).return_value == 0
    assert archived.items() <= bytes_of(earlier / "data" / "archive").items()
    assert figures(current(earlier)) == shown
    (note,) = Journal(earlier / "data" / "journal.sqlite").read("note")
    assert note.why == "a gap"
    after = bytes_of(earlier)
    assert pocnet("migrate", "--check", earlier).return_value == 0
    again = pocnet("migrate", "--json", earlier)
    assert again.return_value == 0
    assert json.loads(again.stdout)["snapshot"] is None
    assert bytes_of(earlier) == after
    # What the runs of then changed is known as ever.
    said = json.loads(pocnet("diff", "1", "2", "--json", earlier).stdout)
    assert [each["columns"] for each in said["changes"]] == [{"harvested": 1}]


def killed_and_finished(earlier: Path, place: Path, kills: int, seed: int) -> None:
    """Kills at moments drawn by lot, each in a copy; the next migration finishes."""
    chance = random.Random(seed)
    expected = figures(current(earlier))
    with process("-W", "ignore", "-m", "tests.etl.kills") as worker:
        killer = Killer(worker)
        warm = Path(shutil.copytree(earlier, place / "warm", symlinks=True))
        takes = killer.whole("migrate", warm)
        hit = 0
        for number in range(kills):
            copy = Path(shutil.copytree(earlier, place / str(number), symlinks=True))
            hit += killer.killed("migrate", copy, chance.uniform(0, 0.9 * takes))
            assert figures(current(copy)) == expected
            killer.whole("migrate", copy)
            assert figures(current(copy)) == expected
            assert not any(place.due for place in survey(network(copy)))
            with duckdb.connect(copy / "data" / "warehouse.duckdb") as made:
                assert made.sql("from version").fetchall() == [("1", LAYOUT)]
            shutil.rmtree(copy)
    assert hit * 2 >= kills, "most kills came too late"


def test_killed_in_the_middle_the_next_migration_finishes(
    earlier: Path, tmp_path: Path
) -> None:
    killed_and_finished(earlier, tmp_path, 1, 3)


@pytest.mark.slow
def test_killed_at_many_moments_the_next_migration_finishes(
    earlier: Path, tmp_path: Path
) -> None:
    killed_and_finished(earlier, tmp_path, 30, 4)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of then after the next pocnet has migrated it, and pulled."""
    place = tmp_path_factory.mktemp("newer")
    with tarfile.open(EARLIER) as tar:
        tar.extractall(place, filter="data")
    folder = place / "network"
    edit(folder, "alpha", OLD, NEW)
    check = later("migrate", "--check", folder)
    assert check.returncode == 4
    assert "nothing: they stay, and are read as contract 2 says it" in check.stdout
    assert later("migrate", folder).returncode == 0
    return folder


def test_a_bundle_of_an_earlier_contract_stays_and_is_read_in_todays_words(
    earlier: Path, newer: Path
) -> None:
    sent = bytes_of(earlier / "data" / "archive")
    assert sent.items() <= bytes_of(newer / "data" / "archive").items()
    grades = rows(current(newer), "batch", f"batch, {NEW}")
    assert grades == [
        (batch, f"grade-{grade}" if grade else None)
        for batch, grade in rows(current(earlier), "batch", f"batch, {OLD}")
    ]
    assert {grade for _, grade in grades} == {"grade-b", "grade-c", None}
    shown, before = figures_but_grades(newer), figures_but_grades(earlier)
    assert shown == before
    assert later("migrate", "--check", newer).returncode == 0


def figures_but_grades(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The figures of a folder of either contract, without the column that differs."""
    with duckdb.connect(current(folder), read_only=True) as shown:
        columns = [name for name, *_ in shown.sql("describe batch").fetchall()]
    less = ", ".join(name for name in columns if name not in (OLD, NEW))
    names = (name for name in SCHEMAS if name not in ("batch", "report"))
    told = {name: rows(current(folder), f'"{name}"') for name in names}
    return {**told, "batch": rows(current(folder), "batch", less)}


def test_the_hub_that_is_newer_takes_in_what_an_older_agent_sends(
    tmp_path: Path,
) -> None:
    """Agents are updated one by one, and what waits at a site is signed already."""
    folder = hub(tmp_path / "hub", ("alpha", "beta"))
    edit(folder, "beta", "POCNET_KEY_TEST", "POCNET_KEY_AT_ALPHA")
    package = packed(tmp_path)
    said = later("receive", package, "--dir", folder, "--json")
    assert said.returncode == 0, said.stderr
    (answer,) = json.loads(said.stdout)
    receipt = answer["receipt"]
    assert (receipt["good"], receipt["rejected"]) == (1, 2)


OPENED: dict[str, Callable[[Path], object]] = {
    "pull": lambda folder: pull(network(folder)),
    "build": lambda folder: run(folder, "build"),
    "build --as-of": lambda folder: run(folder, "build", "--as-of", "1"),
    "migrate": lambda folder: run(folder, "migrate"),
    "migrate --check": lambda folder: run(folder, "migrate", "--check"),
    "archive verify": lambda folder: run(folder, "archive", "verify"),
    "diff": lambda folder: run(folder, "diff", "1", "2"),
    "backup": lambda folder: backup(folder, folder.parent / "kept.tar"),
}


def run(folder: Path, *words: str) -> None:
    if (found := pocnet(*words, folder).exception) is not None:
        raise found


@pytest.mark.parametrize("command", OPENED)
def test_what_a_newer_pocnet_has_made_is_refused_by_every_command(
    newer: Path, tmp_path: Path, command: str
) -> None:
    folder = Path(shutil.copytree(newer, tmp_path / "network", symlinks=True))
    edit(folder, "alpha", NEW, OLD)
    before = bytes_of(folder / "data")
    with pytest.raises(NewerError, match="Nothing was changed: install"):
        OPENED[command](folder)
    assert bytes_of(folder / "data") == before


def without_warehouse(folder: Path) -> None:
    (folder / "data" / "warehouse.duckdb").unlink()


def without_snapshot(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "snapshots")


def test_each_place_of_a_newer_pocnet_is_refused_for_itself(
    newer: Path, tmp_path: Path
) -> None:
    """Of the three any may be all that somebody has copied here."""
    gone: dict[str, Callable[[Path], object]] = {
        "runs/": lambda f: (without_warehouse(f), without_snapshot(f)),
        "snapshots/": lambda f: without_warehouse(f),
        "warehouse.duckdb": lambda f: without_snapshot(f),
    }
    for number, (said, take) in enumerate(gone.items()):
        place = tmp_path / str(number)
        folder = Path(shutil.copytree(newer, place, symlinks=True))
        edit(folder, "alpha", NEW, OLD)
        take(folder)
        with pytest.raises(NewerError, match=said):
            pull(network(folder))


def test_a_bundle_of_a_newer_contract_is_named_and_one_of_a_newer_form(
    folder: Path,
) -> None:
    archive = Archive(folder / "data" / "archive")
    (site, name), *_ = archive.names()
    sent = archive.manifest(site, name)
    for update, said in (
        ({"contract": "2"}, "version 2 of the contract"),
        ({"unheard": "of"}, "another version of pocnet"),
    ):
        raw = json.dumps(json.loads(sent.to_bytes()) | update).encode()
        put = hashlib.sha256(raw).hexdigest()
        archive.put_bytes(f"manifests/{site}/{put}.json", raw)
        with pytest.raises(PocnetError, match=said):
            archive.manifest(site, put)


def test_a_newer_package_is_refused_and_the_message_says_where_to_update(
    tmp_path: Path,
) -> None:
    folder = hub(tmp_path / "hub")
    newer = {"contract": "2"}
    with pytest.raises(RefusedError, match="newer pocnet at the hub"):
        Reception(folder).receive(packed(tmp_path, manifest=newer, claim=newer))


def test_a_newer_journal_is_refused_and_keeps_its_bytes(folder: Path) -> None:
    path = folder / "data" / "journal.sqlite"
    Journal(path).write("lead", "note", "beta", {}, "a gap")
    with sqlite3.connect(path) as base:
        base.execute("pragma user_version = 2")
    before = path.read_bytes()
    for opening in (
        lambda: Journal(path).read("note"),
        lambda: Journal(path).write("lead", "note", "beta", {}, "more"),
        lambda: run(folder, "migrate", "--check"),
        lambda: assert_servable(folder, "127.0.0.1", 8123, None),
    ):
        with pytest.raises(NewerError, match=r"journal\.sqlite was written by a newer"):
            opening()
    assert path.read_bytes() == before


def test_every_earlier_version_has_its_way_to_this_one() -> None:
    known = {str(n) for n in range(1, int(version.CONTRACT))}
    assert version.UPGRADES.keys() <= known
    assert all(steps.keys() <= SCHEMAS.keys() for steps in version.UPGRADES.values())
