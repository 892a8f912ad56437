"""The same build on a real cluster: one master, two workers, one of them killed."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.connectors.servers.programs import below
from tests.demo import Demo
from tests.etl.spark.cluster import Running, build, differences, libraries, running
from tests.etl.spark.grown import grown, results

pytestmark = pytest.mark.slow
# Some 74,000 results of the made-up network, so many times.
TIMES = 14


@pytest.fixture(scope="module")
def archive(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network folder with an archive of a million results, and nothing built."""
    libraries()
    folder = grown(demo.folder, tmp_path_factory.mktemp("grown") / "network", TIMES)
    assert results(folder) > 1_000_000
    return folder


@pytest.fixture(scope="module")
def once(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the network's own results, where another million shows no more."""
    libraries()
    return grown(demo.folder, tmp_path_factory.mktemp("once") / "network", 1)


@pytest.fixture(scope="module")
def cluster(
    archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="module")
def here(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DuckDB makes of the archive on this machine."""
    folder = copied(archive, tmp_path_factory.mktemp("here"))
    finished(build(folder, "--json", spark=False))
    return folder


def copied(archive: Path, place: Path) -> Path:
    return Path(shutil.copytree(archive, place / "network", symlinks=True))


def finished(process: "subprocess.Popen[str]") -> dict[str, object]:
    out, err = process.communicate()
    assert process.returncode == 0, err[-4000:]
    said: dict[str, object] = json.loads(out)
    return said


def test_a_cluster_makes_the_same_snapshot_and_the_same_warehouse(
    archive: Path, here: Path, cluster: Running, tmp_path: Path
) -> None:
    folder = copied(archive, tmp_path)
    words = ("--engine", "spark", "--master", cluster.master, "--json")
    said = finished(build(folder, *words))
    assert (said["run"], said["failures"]) == (1, [])
    assert differences(here, folder) == {}
    with duckdb.connect(folder / "data/snapshots/current", read_only=True) as shown:
        ((judged,), (batches,)) = (
            shown.sql(f"select count(*) from {table}").fetchall()[0]
            for table in ("judged", "fact_batch")
        )
        ((engine,),) = shown.sql(
            "select value from meta where key = 'engine'"
        ).fetchall()
    assert judged > 1_000_000 and batches > 80_000
    assert engine.startswith("spark 4")
    assert warehouse(folder) == warehouse(here)


def warehouse(folder: Path) -> dict[str, int]:
    """Rows of each table of a warehouse; the snapshot says what stands in them."""
    with duckdb.connect(folder / "data/warehouse.duckdb", read_only=True) as opened:
        names = opened.sql("select table_name from duckdb_tables()").fetchall()
        return {
            name: opened.sql(f'select count(*) from "{name}"').fetchall()[0][0]
            for (name,) in names
        }


def test_a_worker_killed_in_the_middle_changes_nothing(
    once: Path, tmp_path: Path
) -> None:
    """Killed as when the power fails, when it holds rows that others still need."""
    here, folder = (copied(once, tmp_path / name) for name in ("here", "of"))
    finished(build(here, "--json", spark=False))
    with running(tmp_path / "cluster") as cluster:
        words = ("--engine", "spark", "--master", cluster.master, "--json")
        process = build(folder, *words)
        await_rows(cluster, process)
        cluster.workers[0].kill()
        assert process.poll() is None
        finished(process)
    assert differences(here, folder) == {}


def test_a_spark_that_dies_on_this_machine_is_told_and_nothing_is_published(
    once: Path, tmp_path: Path
) -> None:
    """Killed as when there is no memory left for it."""
    folder = copied(once, tmp_path / "of")
    with running(tmp_path / "cluster") as cluster:
        words = ("--engine", "spark", "--master", cluster.master)
        process = build(folder, *words)
        await_rows(cluster, process)
        os.kill(driver_of(process), signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "spark.driver.memory" in err and "Nothing was published." in err
    assert not (folder / "data" / "snapshots").exists()


def await_rows(cluster: Running, process: "subprocess.Popen[str]") -> None:
    """Wait until a worker holds rows that others still need."""
    while not any(cluster.spills[0].rglob("rdd_*")):
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.1)


def driver_of(process: "subprocess.Popen[str]") -> int:
    """The Java process that a build has on this machine."""
    (found,) = (
        each
        for each in below(process.pid)
        if b"SparkSubmit" in Path(f"/proc/{each}/cmdline").read_bytes()
    )
    return found


def test_a_history_of_several_runs_comes_out_alike_on_the_cores_of_one_machine(
    third: Path, tmp_path: Path
) -> None:
    """Corrections, a batch taken back, and three runs that keep their numbers."""
    one, other = (copied(third, tmp_path / name) for name in ("one", "other"))
    finished(build(one, "--json", spark=False))
    said = finished(build(other, "--engine=spark", "--master=local[2]", "--json"))
    assert said["run"] == 4
    assert differences(one, other) == {}
    history = "from (select * exclude (sender) from batch) order by all"
    rows = []
    for folder in (one, other):
        path = folder / "data" / "warehouse.duckdb"
        with duckdb.connect(path, read_only=True) as opened:
            rows.append(opened.sql(history).fetchall())
    assert rows[0] == rows[1]


def test_a_master_without_workers_is_told_in_a_minute_and_nothing_is_published(
    once: Path, tmp_path: Path
) -> None:
    folder = copied(once, tmp_path / "of")
    with running(tmp_path / "cluster", workers=0) as cluster:
        words = ("--engine", "spark", "--master", cluster.master)
        out, err = (process := build(folder, *words)).communicate(timeout=180)
    assert process.returncode == 1
    assert "No worker of spark://" in err and "1g of memory free" in err
    assert not (folder / "data" / "snapshots").exists()
