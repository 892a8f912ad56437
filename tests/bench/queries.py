"""Milliseconds of every question that pages ask, beside the same one of the raw tables.

Run it: `python -m tests.bench.queries [BATCHES]` (100000 unless said otherwise; a
million takes some minutes to make). The snapshot is what the pipeline publishes of a
made-up network. The raw side answers the same function, with every rollup being the
query that would have made it; both must come to the same rows. The network's lead asks,
without a filter: nobody sees more.
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from dashboard import queries
from dashboard.journal import Journal
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Request, asking
from etl.build import build
from etl.marts import statements
from etl.publish import publish
from etl.run import edition
from etl.store import Warehouse
from tests.bench.made_up import MadeUp, made_up
from tests.bench.made_up_more import more
from tests.bench.questions import LEAD, OF_BATCHES, Question, questions

REPEATS = 40
GOAL = 10
SLOW = 1000


def published(made: MadeUp) -> Path:
    """The folder with the snapshot of the network."""
    network, folder = made.network(), made.folder / "data" / "snapshots"
    with Warehouse(made.folder / "data" / "warehouse.duckdb") as warehouse:
        with warehouse.run(datetime.now(UTC)) as run:
            warehouse.finish(
                run, build(warehouse, made.archive, network, run, kept=False)
            )
        publish(warehouse, edition(network), run, folder)
    return folder


@contextlib.contextmanager
def raw(snapshot: Snapshot) -> Iterator[Snapshot]:
    """The same snapshot, each of its rollups being counted when it is asked."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{snapshot.path}' as published (read_only)")
        connection.execute("attach ':memory:' as snapshot")
        connection.execute("use snapshot")
        connection.execute(
            "create view network_day as select cast(value as date) as as_of"
            " from published.meta where key = 'as_of'"
        )
        made = dict(_views())
        tables = connection.sql(
            "select table_name from duckdb_tables() where database_name = 'published'"
        ).fetchall()
        kept = [name for (name,) in tables if name not in made]
        for name in kept:
            connection.execute(f'create view "{name}" as from published."{name}"')
        for name, query in made.items():
            connection.execute(f"create view {name} as {query}")
        yield Snapshot(snapshot.path, connection)


def _views() -> Iterator[tuple[str, str]]:
    """Name and query of each rollup; what became of a batch stays in its table."""
    for _, statement in statements():
        words = "\n".join(
            line for line in statement.splitlines() if not line.startswith("--")
        )
        head, _, query = words.strip().partition(" as\n")
        name = head.removeprefix("create table ")
        if head != words.strip() and name != "fact_batch":
            yield name, query.rstrip().rstrip(";")


@dataclass(frozen=True)
class Spent:
    """Milliseconds of several runs by the clock, and of all threads' CPU.

    `first` is what the very first took, which also reads what is kept of a snapshot.
    """

    first: float
    wall: list[float]
    cpu: list[float]
    answer: pl.DataFrame


def timed(ask: Question, repeats: int = REPEATS) -> Spent:
    """Several runs after the first, fewer where one takes long.

    What the snapshot remembers of an answer is forgotten before each; what is kept of
    it whatever is asked stays.
    """
    began = time.perf_counter()
    answer = ask()
    spent = Spent(1000 * (time.perf_counter() - began), [], [], answer)
    while len(spent.wall) < repeats and (
        len(spent.wall) < 3 or sum(spent.wall) < 3 * SLOW
    ):
        for memory in ("answers", "_counts"):
            vars(current()).pop(memory, None)
        began, used = time.perf_counter(), time.process_time()
        ask()
        spent.wall.append(1000 * (time.perf_counter() - began))
        spent.cpu.append(1000 * (time.process_time() - used))
    return spent


def alike(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    """Whether both say the same, whatever the order of their rows."""
    try:
        return ours.sort(ours.columns).equals(theirs.sort(ours.columns))
    except PolarsError:
        return False


def line(name: str, ask: Question, beside: Snapshot) -> float:
    """Print one line of the table; gives the p95 of the rollups' side."""
    mine = timed(ask)
    with queries.answering_from(beside):
        theirs = timed(ask, 5)
    p95 = float(np.percentile(mine.wall, 95))
    middle, cpu, slow, slow_cpu = (
        float(np.median(each))
        for each in (mine.wall, mine.cpu, theirs.wall, theirs.cpu)
    )
    mark = "" if p95 <= GOAL else " of batches" if name in OF_BATCHES else " above"
    same = "same" if alike(mine.answer, theirs.answer) else "DIFFERS"
    print(
        f"{name:20}{mine.answer.height:>9,}{mine.first:>8.1f}{middle:>8.1f}{p95:>8.1f}"
        f"{cpu:>8.1f}{slow:>9.1f}{slow_cpu:>9.1f}{slow_cpu / cpu:>8.1f}  {same}{mark}",
        flush=True,
    )
    return p95


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("batches", nargs="?", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="keep the network there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "network"
        if not (folder / "data" / "snapshots" / "current").exists():
            published(more(made_up(folder, arguments.batches)))
        snapshots = folder / "data" / "snapshots"
        size = (snapshots / "current").resolve().stat().st_size / 2**20
        about = queries.about(snapshots, LEAD)
        journal = Journal(folder / "data" / "journal.sqlite")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {size:,.0f} MiB")
        print(
            f"{'':20}{'rows':>9}{'first':>8}{'ms':>8}{'p95':>8}{'CPU':>8}"
            f"{'raw ms':>9}{'CPU':>9}{'times':>8}"
        )
        with asking(Request(LEAD, snapshots, journal, about)), raw(current()) as beside:
            found = {name: line(name, ask, beside) for name, ask in questions().items()}
    counted = {name: p95 for name, p95 in found.items() if name not in OF_BATCHES}
    good = sum(p95 <= GOAL for p95 in counted.values())
    print(f"\n{good} of {len(counted)} questions about counts have a p95 of at most")
    print(f"{GOAL} ms; those about every batch grow with the network.")


if __name__ == "__main__":
    main()
