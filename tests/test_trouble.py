"""What goes wrong with a machine, provoked for real, and the words said about it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest
from click.testing import CliRunner

from connectors import PocnetError
from dashboard import queries, shell
from dashboard.cli import cli
from etl.run import data_folder
from tests.confined import needs_root, on_disk
from tests.demo import LEAD
from tests.etl.drops import ENVIRON, write_network
from tests.etl.pulling import pulled
from tests.serving import ROOT, free_port, serving_command

POCNET = [sys.executable, "-c", "from dashboard.cli import main; main()"]
ENVIRONMENT = {**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)}


def pocnet(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*POCNET, *map(str, words)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network after its first run."""
    network = write_network(tmp_path_factory.mktemp("once") / "network", ("alpha",))
    pulled(network)
    return network


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "network", symlinks=True))


def last_line(said: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in said.stderr
    return re.sub(r"\s+", " ", said.stderr.strip().splitlines()[-1])


@needs_root
def test_a_full_disk_is_said_and_what_was_published_stands(folder: Path) -> None:
    data = data_folder(folder)
    before = (data / "snapshots" / "current").read_bytes()
    # The warehouse and what was published stay where they are; new rows find no room.
    disk = data / "archive"
    mount = 'mount -t tmpfs -o size=300k none "$DISK"; head -c 20m /dev/zero '
    mount += '>"$DISK/full" 2>/dev/null || true'
    done = on_disk(disk, mount, *POCNET, "pull", str(folder), "--full")
    assert done.returncode == 1
    assert "could not be written: No space left on device" in last_line(done)
    assert "What was published before still stands" in last_line(done)
    assert (data / "snapshots" / "current").read_bytes() == before
    assert pocnet("pull", folder).returncode == 0


@needs_root
def test_a_disk_that_may_not_be_written_to_is_said(folder: Path) -> None:
    mount = 'mount --bind "$DISK" "$DISK"; mount -o remount,bind,ro "$DISK"'
    data = data_folder(folder)
    done = on_disk(data, mount, *POCNET, "pull", str(folder))
    assert done.returncode == 1
    assert "account's rights" in last_line(done) or "cannot be opened" in last_line(
        done
    )
    assert "ead-only" in last_line(done)


WRITING = {
    "pull": (),
    "build": (),
    "migrate": (),
    "migrate --check": (),
    "withdraw alpha k1-0123456789abcdef": ("--reason", "consent", "--yes"),
}


@pytest.fixture(scope="module")
def held(once: Path) -> Iterator[tuple[Path, int]]:
    """A network whose warehouse another process holds, and that process's number."""
    holding = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(); input()"
    warehouse = data_folder(once) / "warehouse.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", holding, warehouse],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield once, holder.pid
        holder.kill()


@pytest.mark.parametrize("command", WRITING)
def test_whoever_writes_while_another_does_is_told_who(
    held: tuple[Path, int], command: str
) -> None:
    folder, holder = held
    words = [*command.split(), str(folder), *WRITING[command]]
    done = CliRunner(env=ENVIRON).invoke(cli, words, standalone_mode=False)
    assert isinstance(done.exception, PocnetError)
    said = str(done.exception)
    assert "Another pocnet is writing" in said and f"process {holder}" in said
    assert "try again" in said


def test_a_build_after_the_clock_went_back_is_told_and_nothing_is_changed(
    folder: Path,
) -> None:
    """On an earlier day rows that came since would be refused as dated ahead."""
    warehouse = data_folder(folder) / "warehouse.duckdb"
    with duckdb.connect(warehouse) as connection:
        later = "finished_at + interval 2 hour"
        connection.execute(f"update run set finished_at = {later}")
    shutil.rmtree(data_folder(folder) / "archive" / "runs")
    before = (data_folder(folder) / "snapshots" / "current").readlink()
    done = pocnet("build", folder)
    assert done.returncode == 1
    assert "clock" in last_line(done) and "then build again" in last_line(done)
    assert (data_folder(folder) / "snapshots" / "current").readlink() == before


def republished_by(folder: Path, contract: str) -> None:
    """The snapshot as if a pocnet of another contract had published it."""
    snapshot = (data_folder(folder) / "snapshots" / "current").resolve()
    with duckdb.connect(snapshot) as database:
        database.execute("update meta set value = ? where key = 'contract'", [contract])


def test_a_snapshot_of_a_newer_version_is_not_shown_and_why_is_said(
    folder: Path,
) -> None:
    republished_by(folder, "2")
    port = free_port()
    command = [*POCNET, "serve", "--port", str(port), str(folder)]
    with serving_command(command, port, ROOT, ENVIRONMENT) as home:
        for path in ("/readyz", "/api/v1/cards/failure-funnel"):
            answer = httpx.get(home + path, timeout=60)
            assert answer.status_code == 503
            said = answer.json()["detail"]
            assert "follows version 2 of the contract" in said
            assert "Install the newer pocnet" in said
        assert httpx.get(home, timeout=60).status_code == 200


def test_a_snapshot_of_an_earlier_version_says_how_it_is_made_anew(
    folder: Path,
) -> None:
    republished_by(folder, "0")
    about = queries.about(data_folder(folder) / "snapshots", LEAD)
    assert about.built is None
    said = str(shell._nothing_yet(about))
    assert "Nothing can be shown" in said and "pocnet migrate" in said
