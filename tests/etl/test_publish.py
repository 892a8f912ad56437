import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from etl.publish import KEPT, Edition, latest, publish
from etl.store import Warehouse
from tests.etl.test_store import apply, arrival, releases

ROOT = Path(__file__).parents[2]
EDITION = Edition("Test network", date(2026, 11, 16), {"reporting": {"days": 14}})
READER = """
import sys, time, duckdb
folder, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
seen, looks = set(), 0
while time.monotonic() < until:
    path = duckdb.connect(":memory:")
    path.execute(f"attach '{folder}/current' as snapshot (read_only)")
    meta = dict(path.sql("from snapshot.meta").pl().iter_rows())
    rows = path.sql("select count(*) as n from snapshot.release").pl()["n"][0]
    assert rows == int(meta["run"]), (rows, meta)
    path.close()
    seen.add(meta["run"])
    looks += 1
print(looks, len(seen))
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def grow(warehouse: Warehouse, rows: int) -> int:
    """A run after which as many releases stand as there were runs."""
    said = releases({f"k1-{n:04}": "released" for n in range(rows)})
    return apply(warehouse, arrival(rows, said))


def test_a_snapshot_says_what_it_is_made_of(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = publish(warehouse, EDITION, grow(warehouse, 1), tmp_path / "snapshots")
    assert path == tmp_path / "snapshots" / "1.duckdb"
    assert os.readlink(path.parent / "current") == "1.duckdb"
    with duckdb.connect(path, read_only=True) as connection:
        meta = dict(connection.sql("from meta").pl().iter_rows())
        columns = connection.sql("from release").pl().columns
    assert meta["run"] == "1"
    assert meta["as_of"] == "2026-11-16"
    assert meta["network"] == "Test network"
    assert meta["config"] == '{"reporting": {"days": 14}}'
    assert datetime.fromisoformat(meta["built_at"]) <= datetime.now(UTC)
    assert columns == ["site", "batch", "gate", "decision", "decided", "reason"]


def test_readers_see_whole_snapshots_and_no_error(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    snapshots = tmp_path / "snapshots"
    publish(warehouse, EDITION, grow(warehouse, 1), snapshots)
    command = [sys.executable, "-c", READER, str(snapshots), "8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        rows = 1
        while reader.poll() is None:
            rows += 1
            publish(warehouse, EDITION, grow(warehouse, rows), snapshots)
        said = reader.stdout.read() if reader.stdout else ""
    assert reader.returncode == 0
    looks, snapshots_seen = map(int, said.split())
    assert looks > snapshots_seen > 1


def test_the_newest_three_are_kept(warehouse: Warehouse, tmp_path: Path) -> None:
    for rows in range(1, KEPT + 3):
        publish(warehouse, EDITION, grow(warehouse, rows), tmp_path / "snapshots")
    kept = {path.name for path in (tmp_path / "snapshots").iterdir()}
    assert kept == {"current", "3.duckdb", "4.duckdb", "5.duckdb"}
    assert latest(tmp_path / "snapshots") == 5


def test_what_a_killed_publication_left_is_swept_away(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    (folder / "1.duckdb.part").write_bytes(b"half a file")
    (folder / "current.part").symlink_to("1.duckdb")
    publish(warehouse, EDITION, grow(warehouse, 1), folder)
    assert {path.name for path in folder.iterdir()} == {"current", "1.duckdb"}


def test_the_writers_lock_outlives_a_publication(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    publish(warehouse, EDITION, grow(warehouse, 1), tmp_path / "snapshots")
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    path = str(tmp_path / "warehouse.duckdb")
    tried = subprocess.run([sys.executable, "-c", code, path], capture_output=True)
    assert b"lock" in tried.stderr


def test_a_publication_that_fails_leaves_the_old_one_and_the_warehouse_in_use(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots"
    publish(warehouse, EDITION, grow(warehouse, 1), folder)
    run = grow(warehouse, 2)
    (folder / f"{run}.duckdb.part").mkdir()
    with pytest.raises(OSError):
        publish(warehouse, EDITION, run, folder)
    assert os.readlink(folder / "current") == "1.duckdb"
    (folder / f"{run}.duckdb.part").rmdir()
    assert publish(warehouse, EDITION, run, folder).stem == str(run)
