import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl

from tests.etl.drops import ENVIRON
from tests.etl.pulling import leave_more, pulled

ROOT = Path(__file__).parents[2]


# What depends on the clock or on how many runs there were, and on nothing else.
PASSING = {"meta", "run", "source_error"}
CLOCK = {"run", "arrived_at", "received_at"}
# Numbers by which two marts refer to each other, given out in no order.
NUMBERS = {"assigned", "criterion"}


def content(snapshot: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of a snapshot, without what the clock puts into it."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{snapshot}' as snapshot (read_only)")
        connection.execute("set timezone = 'UTC'")
        tables = connection.sql(
            "select table_name as name from duckdb_tables() order by name"
        ).pl()["name"]
        frames = {
            table: connection.sql(f'from snapshot."{table}"').pl()
            for table in tables
            if table not in PASSING
        }
    frames["count"] = frames["count"].filter(pl.col("run") == pl.col("run").max())
    return {
        table: sorted(frame.drop(CLOCK | NUMBERS, strict=False).rows(), key=repr)
        for table, frame in frames.items()
    }


def killed(folder: Path, seconds: float) -> bool:
    """Pull in another process and kill it; whether it was still at work by then."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from etl.network import load_network; from etl.run import pull\n"
        "network = load_network(Path(sys.argv[1]), os.environ)\n"
        "print('go', flush=True); pull(network)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout and process.stdout.readline() == b"go\n"
    time.sleep(seconds)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return at_work


def test_a_killed_run_loses_nothing_and_the_next_one_finishes_it(
    folder: Path, tmp_path: Path
) -> None:
    undisturbed = Path(shutil.copytree(folder, tmp_path / "other", symlinks=True))
    for each in (folder, undisturbed):
        leave_more(each)
    started = time.monotonic()
    expected = content(pulled(undisturbed).snapshot)
    takes = time.monotonic() - started
    before = folder / "data" / "snapshots" / "1.duckdb"
    old = content(before)
    chance = random.Random(11)
    hits = 0
    for _ in range(5):
        hits += killed(folder, chance.uniform(0, takes))
        current = (folder / "data" / "snapshots" / "current").resolve()
        assert content(current) in (old, expected)
    assert hits >= 2
    assert content(pulled(folder).snapshot) == expected
    assert not list((folder / "data").rglob("*.part*"))
