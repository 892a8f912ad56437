import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors import ConfigError
from dashboard.commands.withdraw import command
from etl.bundle import Archive
from etl.collect import Window
from etl.network import load_network
from etl.pseudonym import mark
from etl.rebuild import as_of
from etl.reception import Reception
from etl.run import data_folder, pull
from etl.store import Warehouse
from etl.verification import applied, verify
from etl.withdrawal import Withdrawal, note, register_of
from etl.withdrawing import Named, finish, lift, named_by, withdraw
from tests.etl.drops import ENVIRON
from tests.etl.pulling import pulled, rows
from tests.etl.sending import AT, ROWS, here, hub, packed
from tests.etl.withdrawn import GONE, ORDER, STAYS, copied, holding, network, prepared
from tests.serving import ROOT

FULL = Window(full=True)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("before") / "network")


@pytest.fixture
def folder(before: Path, tmp_path: Path) -> Path:
    return copied(before, tmp_path)


@pytest.fixture(scope="module")
def done(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network after a withdrawal, to be read only."""
    folder = copied(before, tmp_path_factory.mktemp("done"))
    (folder / "data" / "spool" / "alpha").mkdir(parents=True)
    (folder / "data" / "spool" / "alpha" / "half").write_text(GONE)
    receipt = folder / "data" / "receipts" / "alpha" / "0.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text(json.dumps({"ref": f"record {GONE}"}))
    as_of(network(folder), 1)
    withdraw(network(folder), batch(folder), "consent was taken back")
    return folder


def batch(folder: Path) -> Named:
    return named_by(network(folder), "alpha", GONE)


def archive(folder: Path) -> Archive:
    return Archive(folder / "data" / "archive")


def stands(folder: Path, table: str) -> list[tuple[object, ...]]:
    return rows(folder / "data" / "snapshots" / "current", table)


def test_it_stood_in_seven_datasets_so_that_there_is_something_to_find(
    before: Path,
) -> None:
    found = holding(before / "data", GONE)
    assert "warehouse.duckdb" in found
    assert {"snapshots/1.duckdb", "snapshots/2.duckdb"} <= {*found}
    assert len([name for name in found if name.startswith("archive/objects")]) >= 7
    assert holding(before / "data", ORDER)


@pytest.mark.parametrize("said", [GONE, ORDER])
def test_no_byte_of_it_is_left_in_anything_that_is_kept(done: Path, said: str) -> None:
    assert holding(done / "data", said) == []


def test_everything_else_stays_as_it_was(before: Path, done: Path) -> None:
    for table in ("batch", "release", "result", "demand", "material", "deviation"):
        kept = [row for row in stands(before, table) if GONE not in row]
        kept = [row for row in kept if ORDER not in row]
        assert len(kept) < len(stands(before, table)), table
        assert stands(done, table) == kept, table
    assert any(STAYS in row for row in stands(done, "result"))


def test_nothing_vanishes_and_what_went_says_only_where_it_stood(done: Path) -> None:
    count = rows(done / "data/snapshots/current", "count", "read, good, rejected")
    assert all(read == good + rejected for read, good, rejected in count)
    snapshot = done / "data" / "snapshots" / "current"
    columns = 'site, dataset, origin, ref, "read", rule'
    told = {row for row in rows(snapshot, "reject", columns) if row[-1] == "withdrawn"}
    assert ("alpha", "batch", "batches.csv", "line 3", None, "withdrawn") in told
    assert ("lab", "result", "counts.csv", "line 2", None, "withdrawn") in told
    assert any(origin == "results_withdrawn.csv" for _, _, origin, *_ in told)


def test_the_archive_is_whole_and_keeps_the_old_hash_and_the_new(done: Path) -> None:
    kept = archive(done)
    known = applied(done / "data" / "warehouse.duckdb")
    assert verify(kept, known).findings == ()
    replaced = register_of(kept).replaced
    # Two runs of four datasets that changed nothing but the batch, and the laboratory.
    assert {each.dataset for each in replaced.values()} >= {"batch", "result", "demand"}
    for old, anew in replaced.items():
        manifest = kept.manifest(anew.site, anew.new)
        assert (manifest.replaces, manifest.withdrawn) == (old, anew.rows)
        assert not kept.holds(anew.site, old)


def test_an_earlier_day_says_what_it_cannot_show(done: Path, tmp_path: Path) -> None:
    folder = copied(done, tmp_path)
    again = as_of(network(folder), 1)
    told = {each.site: each.message for each in again.failures}
    assert "cannot be rebuilt" in told["alpha"] and "run 1" in told["alpha"]
    assert {*told} == {"alpha", "lab"}
    assert holding(folder / "data", GONE) == []
    assert ("alpha", STAYS) in rows(again.snapshot, "batch", "site, batch")


def test_sent_again_it_stays_out_and_the_site_is_told(
    done: Path, tmp_path: Path
) -> None:
    folder = copied(done, tmp_path)
    result = pulled(folder, window=FULL)
    assert holding(folder / "data", GONE) == []
    counted = {
        (c.site, c.dataset): (c.read, c.good, c.rejected) for c in result.datasets
    }
    assert counted["alpha", "batch"] == (5, 3, 2)
    told = rows(result.snapshot, "reject", "site, dataset, rule")
    assert ("alpha", "batch", "withdrawn") in told


@pytest.mark.slow
def test_under_a_new_key_it_is_known_again(done: Path, tmp_path: Path) -> None:
    folder = copied(done, tmp_path)
    own = folder / "sites" / "alpha.toml"
    changed = own.read_text().replace(
        'key_id = "k1"',
        'key_id = "k2"\n[[privacy.former]]\nkey = { env = "POCNET_KEY_TEST" }\n'
        'key_id = "k1"',
    )
    own.write_text(changed.replace("POCNET_KEY_TEST", "POCNET_KEY_NEW", 1))
    environ = {**ENVIRON, "POCNET_KEY_NEW": "another key"}
    result = pull(load_network(folder, environ), ("alpha",))
    batches = rows(result.snapshot, "batch", "site, batch")
    assert len([1 for site, _ in batches if site == "alpha"]) == 2


def test_lifted_it_comes_back_when_it_is_sent(done: Path, tmp_path: Path) -> None:
    folder = copied(done, tmp_path)
    assert lift(network(folder), batch(folder), "a mistake")
    assert not lift(network(folder), batch(folder), "again")
    result = pulled(folder, "alpha", window=FULL)
    assert ("alpha", GONE) in rows(result.snapshot, "batch", "site, batch")
    assert finish(network(folder)) is None


def test_doing_it_twice_changes_nothing_more(done: Path, tmp_path: Path) -> None:
    folder = copied(done, tmp_path)
    names = [*archive(folder).shelf.names()]
    outcome = withdraw(network(folder), batch(folder), "once more")
    assert (outcome.held, outcome.rebuilt) == ((), None)
    assert [*archive(folder).shelf.names()] == names


def test_an_order_goes_with_all_its_batches(folder: Path) -> None:
    what = named_by(network(folder), "alpha", ORDER)
    assert set(what.pseudonyms) == {ORDER, GONE}


def test_an_order_stays_for_the_other_batches_made_for_it(folder: Path) -> None:
    with Warehouse(data_folder(folder) / "warehouse.duckdb") as warehouse:
        warehouse.connection.execute(
            "update batch set order_key = ? where site = 'alpha'", [ORDER]
        )
    what = named_by(network(folder), "alpha", GONE)
    assert (what.pseudonyms, what.shared_orders) == ((GONE,), 1)


@pytest.mark.slow
def test_a_bundle_that_comes_in_besides_is_cleaned_before_it_is_built(
    done: Path, before: Path, tmp_path: Path
) -> None:
    """As when somebody puts the files of an old backup back by hand."""
    folder = copied(done, tmp_path)
    old = archive(before)
    for site, name in old.names():
        manifest = old.manifest(site, name)
        if archive(folder).holds(site, name):
            continue
        for held in manifest.objects:
            copy = tmp_path / held
            copy.write_bytes(old.object_path(held).read_bytes())
            archive(folder).shelf.put(f"objects/{held}.parquet", copy)
        late = manifest.model_copy(update={"mapping": "by hand"})
        archive(folder).put_bytes(f"manifests/{site}/{late.name}.json", late.to_bytes())
    pulled(folder, "beta")
    assert holding(folder / "data", GONE) == []


@pytest.mark.parametrize(
    ("site", "said", "error"),
    [
        ("alhpa", GONE, "Did you mean"),
        ("alpha", "alpha-002", "no pseudonym"),
    ],
)
def test_mistakes_are_named(folder: Path, site: str, said: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        named_by(network(folder), site, said)


def test_the_command_shows_first_and_does_it_only_when_told_to(folder: Path) -> None:
    words = ["alpha", GONE, str(folder), "--reason", "consent taken back", "--json"]
    names = [*archive(folder).shelf.names()]
    said = CliRunner().invoke(command, words, catch_exceptions=False)
    shown = json.loads(said.stdout)
    assert shown["done"] is False and "--yes" in said.stderr
    assert {"site": "lab", "dataset": "result", "bundles": 2, "rows": 2} in shown[
        "removed"
    ]
    assert [*archive(folder).shelf.names()] == names
    said = CliRunner().invoke(command, [*words, "--yes"], catch_exceptions=False)
    told = json.loads(said.stdout)
    assert told["done"] is True and told["removed"] == shown["removed"]
    assert any("Backups made before" in line for line in told["remains"])
    assert GONE not in said.stdout
    assert holding(folder / "data", GONE) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from etl import rebuild, traces
from etl.network import load_network
from etl.shelf import FolderShelf
from etl.withdrawing import named_by, withdraw
folder, step = Path(sys.argv[1]), int(sys.argv[3])
def die():
    os.kill(os.getpid(), signal.SIGKILL)
count = 0
def counting(of, name):
    done = getattr(of, name)
    def step_by_step(*args, **kwargs):
        global count
        count += 1
        if count == step:
            die()
        return done(*args, **kwargs)
    setattr(of, name, step_by_step)
for of, name in ((FolderShelf, "put"), (FolderShelf, "remove"), (rebuild, "publish"),
                 (rebuild, "clear"), (os, "replace"), (Path, "unlink")):
    counting(of, name)
network = load_network(folder, os.environ)
withdraw(network, named_by(network, "alpha", sys.argv[2]), "killed")
print(count)
"""


def killed(folder: Path, step: int) -> int | None:
    """Withdraw in a process that dies before a step; how many it took if it did not."""
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), GONE, str(step)],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0, process.stderr
    return int(process.stdout)


def assert_forgotten(folder: Path, expected: list[tuple[object, ...]]) -> None:
    pulled(folder, "beta")
    assert holding(folder / "data", GONE) == []
    assert stands(folder, "batch") == expected
    assert verify(archive(folder), applied(folder / "data/warehouse.duckdb")).whole


# Every step is killed in the slow tier; here one of those after which most is left.
@pytest.mark.parametrize("share", [pytest.param(0.3, marks=pytest.mark.slow), 0.8])
def test_killed_anywhere_it_is_finished_by_the_next_pull(
    before: Path, done: Path, tmp_path: Path, share: float, steps: int
) -> None:
    folder = copied(before, tmp_path)
    assert killed(folder, 2 + round(share * (steps - 2))) is None
    assert_forgotten(folder, stands(done, "batch"))


@pytest.fixture(scope="module")
def steps(before: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many times a withdrawal puts, removes, publishes, clears or swaps a file."""
    count = killed(copied(before, tmp_path_factory.mktemp("steps")), 0)
    assert count and count > 20
    return count


@pytest.mark.slow
def test_killed_at_every_single_step_it_is_finished_by_the_next_pull(
    before: Path, done: Path, tmp_path: Path, steps: int
) -> None:
    for step in range(2, steps + 1):
        folder = copied(before, tmp_path / str(step))
        assert killed(folder, step) is None
        assert_forgotten(folder, stands(done, "batch"))


def test_what_an_agent_sends_of_a_withdrawn_batch_is_left_out_and_it_is_told(
    tmp_path: Path,
) -> None:
    """An agent need not know of the withdrawal: its hub does."""
    folder, gone = hub(tmp_path / "hub", ("alpha", "beta")), ROWS["batch"][0]
    asked = Withdrawal(at=AT, site="alpha", reason="asked", marks=(mark(gone),))
    note(archive(folder), asked)
    package, desk = packed(tmp_path), Reception(folder, here)
    receipt = desk.receive(package)
    assert "1 rows of batches that the site has withdrawn" in receipt.message
    assert (receipt.read, receipt.good, receipt.rejected) == (3, 0, 3)
    (told,) = (each for each in receipt.rejects if each.rule == "withdrawn")
    assert (told.origin, told.ref, told.read) == ("batches.csv", "line 2", None)
    # Sent again, as after a lost answer, it is answered alike.
    assert desk.receive(package) == receipt
    result = pulled(folder)
    assert ("alpha",) not in rows(result.snapshot, "batch", "site")
    refused = rows(result.snapshot, "reject", "site, rule")
    assert ("alpha", "withdrawn") in refused
    assert holding(folder / "data", gone) == []
