"""A build by DuckDB on this machine beside one on a cluster of Spark, on equal rows.

Run as `python -m tests.bench.spark`: the made-up network's archive with one million and
ten million results, each built by both, and compared table by table and row by row. The
cluster is a master and two workers of one core each, on loopback. Give numbers to take
other multiples of the network's 74,000 results: `python -m tests.bench.spark 1`.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.connectors.servers.programs import below
from tests.demo import made
from tests.etl.spark.cluster import Running, build, differences, running
from tests.etl.spark.grown import grown, results

TIMES = (14, 136)
_HEADER = "results|engine|seconds|builder MB|workers MB|tables that differ"


@dataclass(frozen=True)
class Taken:
    """How long a build took, and the most memory that was held at one moment, in MB."""

    seconds: float
    builder: int
    workers: int


def main(times: Iterable[int]) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}; {_HEADER.replace('|', ' | ')}")
    for each in times:
        with tempfile.TemporaryDirectory() as place:
            _compared(Path(place), each)


def _compared(place: Path, times: int) -> None:
    archive = grown(made().folder, place / "archive", times)
    n = results(archive)
    one, other = (
        Path(shutil.copytree(archive, place / name, symlinks=True))
        for name in ("duckdb", "spark")
    )
    here = taken(build(one, spark=False))
    _print(n, "DuckDB", here, "")
    with running(place / "cluster") as cluster:
        words = ("--engine", "spark", "--master", cluster.master)
        there = taken(build(other, *words), cluster)
    _print(n, "Spark", there, ", ".join(differences(one, other)) or "none")


def _print(n: int, engine: str, took: Taken, differing: str) -> None:
    memory = f"{took.builder:,} | {took.workers:,}"
    print(f"{n:,} | {engine} | {took.seconds:.0f} | {memory} | {differing}", flush=True)


def taken(process: "subprocess.Popen[str]", cluster: Running | None = None) -> Taken:
    """Wait for a build; what it and the workers hold is looked at meanwhile."""
    began, most = time.monotonic(), [0, 0]
    done = threading.Event()
    programs = cluster.workers if cluster else ()

    def watch() -> None:
        while not done.wait(0.2):
            most[0] = max(most[0], held(process.pid))
            most[1] = max(most[1], sum(held(each.pid) for each in programs))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, said = process.communicate()
    done.set()
    watcher.join()
    assert process.returncode == 0, said[-4000:]
    return Taken(time.monotonic() - began, most[0], most[1])


def held(process: int) -> int:
    """Memory that a process and all below it hold, in MB; 0 where one just ended.

    What forked processes share is counted in each.
    """
    try:
        pages = [
            int(Path(f"/proc/{each}/statm").read_text().split()[1])
            for each in (process, *below(process))
        ]
    except OSError:
        return 0
    return sum(pages) * 4096 // 1_000_000


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or TIMES)
