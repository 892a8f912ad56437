"""What goes wrong with a machine, provoked for real, and the words said about it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import httpx
import pytest

from etl.run import data_folder
from tests.confined import needs_root, on_disk
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = write_network(tmp_path / "network", ("alpha",))
    pulled(network)
    return network


def last_line(said: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in said.stderr
    return re.sub(r"\s+", " ", said.stderr.strip().splitlines()[-1])


@needs_root
@pytest.mark.parametrize("size", ["300k", "4m"])
def test_a_full_disk_is_said_and_what_was_published_stands(
    folder: Path, size: str
) -> None:
    data = data_folder(folder)
    before = (data / "snapshots" / "current").read_bytes()
    # The warehouse and what was published stay where they are; new rows find no room.
    disk = data / "archive"
    mount = f'mount -t tmpfs -o size={size} none "$DISK"; head -c 20m /dev/zero '
    mount += '>"$DISK/full" 2>/dev/null || true'
    done = on_disk(disk, mount, *POCNET, "pull", str(folder), "--full")
    assert done.returncode == 1
    assert "could not be written" in last_line(done)
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


@pytest.mark.parametrize(
    "words", [["pull"], ["build"], ["build", "--as-of", "1"]], ids=" ".join
)
def test_whoever_writes_while_another_does_is_told_who(
    folder: Path, words: list[str]
) -> None:
    holding = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(); input()"
    warehouse = data_folder(folder) / "warehouse.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", holding, warehouse],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        command, *options = words
        done = pocnet(command, folder, *options)
        holder.kill()
    assert done.returncode == 1
    said = last_line(done)
    assert "Another pocnet is writing" in said and f"process {holder.pid}" in said
    assert "try again" in said


def republished_by(folder: Path, contract: str) -> None:
    """The snapshot as if a pocnet of another contract had published it."""
    snapshot = (data_folder(folder) / "snapshots" / "current").resolve()
    with duckdb.connect(snapshot) as database:
        database.execute("update meta set value = ? where key = 'contract'", [contract])


@pytest.mark.parametrize(
    ("contract", "said"), [("2", "newer pocnet"), ("0", "`pocnet migrate`")]
)
def test_a_snapshot_of_another_version_is_not_shown_and_why_is_said(
    folder: Path, contract: str, said: str
) -> None:
    republished_by(folder, contract)
    port = free_port()
    command = [*POCNET, "serve", "--port", str(port), str(folder)]
    with serving_command(command, port, ROOT, ENVIRONMENT) as home:
        ready = httpx.get(f"{home}/readyz", timeout=60)
        card = httpx.get(f"{home}/api/v1/cards/failure-funnel", timeout=60)
        asked = {
            "output": "_pages_content.children",
            "outputs": {"id": "_pages_content", "property": "children"},
            "inputs": [
                {"id": "_pages_location", "property": "pathname", "value": "/failures"},
                {"id": "_pages_location", "property": "search", "value": ""},
            ],
            "changedPropIds": ["_pages_location.pathname"],
        }
        page = httpx.post(f"{home}/_dash-update-component", json=asked, timeout=60)
    for answer in (ready, card):
        assert answer.status_code == 503
        assert said in answer.json()["detail"]
        assert f"version {contract} of the contract" in answer.json()["detail"]
    assert "Nothing can be shown" in json.dumps(page.json(), ensure_ascii=False)
    assert said.strip("`") in json.dumps(page.json(), ensure_ascii=False)
