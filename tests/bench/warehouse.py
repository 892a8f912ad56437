"""Check, store and publish: results a second, memory, and what a second run costs.

Run it: `python -m tests.bench.warehouse [BATCHES ...]` (10000, 33334 and 100000 unless
said otherwise; 30 results a batch, so the second is a million results). Each size runs
in a process of its own: everything for the first time; 1,000 corrected results; nothing
new. dlt merges the same results into DuckDB beside it, and the same corrections. Memory
is the peak above what importing took. The plot lands in .pictures/warehouse.svg.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.ingest import DLT
from tests.bench.made_up import RESULTS, MadeUp, changed, made_up
from tests.bench.plot import Line, plotted
from tests.connectors.servers.installed import python_with

ROOT = Path(__file__).parents[2]
SIZES = (10_000, 33_334, 100_000)
CORRECTED = 1_000
PICTURE = ROOT / ".pictures" / "warehouse.svg"


def status(field_of: str) -> float:
    """A line of this process's memory, in MB."""
    text = Path("/proc/self/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(field_of))
    return int(line.split()[1]) / 1024


@dataclass
class Steps:
    """Seconds, CPU seconds and peak memory above the import of each step."""

    results: int
    imported: float = field(default_factory=lambda: status("VmRSS"))
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    def take(self, name: str, work: Callable[[], object]) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        began, spent = time.perf_counter(), time.process_time()
        work()
        self.seconds[name] = time.perf_counter() - began
        self.cpu[name] = time.process_time() - spent
        self.peaks[name] = status("VmHWM") - self.imported


def measure(made: MadeUp) -> Steps:
    """The pipeline from the archive on: all, then a few corrections, then nothing."""
    import pyarrow  # noqa: F401

    from etl.build import build
    from etl.publish import publish
    from etl.run import edition
    from etl.store import Warehouse

    network = made.network()
    snapshots = made.folder / "data" / "snapshots"
    steps = Steps(made.size * RESULTS)
    with Warehouse(made.folder / "data" / "warehouse.duckdb") as warehouse:

        def stored() -> None:
            with warehouse.run(datetime.now(UTC)) as run:
                odd = build(warehouse, made.archive, network, run, kept=False)
                warehouse.finish(run, odd)
            assert not odd, odd

        def published() -> None:
            publish(warehouse, edition(network), warehouse.last_run(), snapshots)

        for name in ("first", "changed", "unchanged"):
            if name == "changed":
                changed(made, CORRECTED)
            steps.take(f"{name}: check, store", stored)
            steps.take(f"{name}: publish", published)
        standing = warehouse.query(
            "select count(*) from result where closed_run is null"
        )
        assert standing.item() == steps.results
    return steps


def asked(command: list[str]) -> dict[str, object]:
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    answer: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return answer


def dlt_beside(made: MadeUp) -> Steps:
    """dlt's merge of the same results, then of the corrections."""
    files: dict[bool, list[str]] = {True: [], False: []}
    for site, name in made.archive.names():
        manifest = made.archive.manifest(site, name)
        if manifest.dataset == "result":
            path = made.archive.object_path(manifest.rows)
            files[manifest.full].append(str(path))
    said = json.dumps({"first": files[True], "changed": files[False]})
    program = ROOT / "tests" / "bench" / "dlt_merge.py"
    return Steps(**asked([str(python_with("dlt", *DLT)), str(program), said]))  # type: ignore[arg-type]


def whole(steps: Steps, run: str) -> float:
    return sum(s for name, s in steps.seconds.items() if name.startswith(run))


def told(name: str, steps: Steps) -> None:
    for step, seconds in steps.seconds.items():
        of = steps.results if step.startswith("first") else CORRECTED
        rate = f"{of / seconds:>11,.0f}" if "unchanged" not in step else f"{'–':>11}"
        print(
            f"{name + ' ' + step:34}{steps.results:>12,}{seconds:>9.1f}"
            f"{steps.cpu[step]:>8.1f}{rate}{steps.peaks[step]:>8.0f}",
            flush=True,
        )


def bench(size: int, *, peer: bool) -> Steps:
    with tempfile.TemporaryDirectory() as temporary:
        made = made_up(Path(temporary) / "network", size)
        command = [sys.executable, "-m", "tests.bench.warehouse", "--measure"]
        mine = Steps(**asked([*command, str(made.folder), str(size)]))  # type: ignore[arg-type]
        told("pocnet", mine)
        first = whole(mine, "first")
        print(
            f"{'':8}check + store + publish: {mine.results / first:,.0f} results/s; "
            f"second run {whole(mine, 'changed') / first:.1%}, "
            f"unchanged {whole(mine, 'unchanged') / first:.1%} of the first"
        )
        if peer:
            theirs = dlt_beside(made)
            told("dlt", theirs)
            print(
                f"{'':8}pocnet takes {first / whole(theirs, 'first'):.1f} times as "
                "long as dlt for the first, "
                f"{whole(mine, 'changed') / whole(theirs, 'changed'):.1f} times for "
                "the second; dlt checks and publishes nothing"
            )
    return mine


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--without-dlt", action="store_true")
    arguments = parser.parse_args()
    sizes = arguments.sizes or [*SIZES]
    if arguments.measure:
        print(json.dumps(asdict(measure(MadeUp(arguments.measure, sizes[0])))))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':34}{'results':>12}{'seconds':>9}{'CPU':>8}{'results/s':>11}{'MB':>8}")
    measured = [bench(size, peer=not arguments.without_dlt) for size in sizes]
    lines = [
        Line(words, [(m.results, whole(m, run)) for m in measured])
        for run, words in (
            ("first", "all of it"),
            ("changed", f"{CORRECTED:,} corrected"),
            ("unchanged", "nothing new"),
        )
    ]
    title = "Check, store and publish: seconds against the number of results"
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(plotted(title, ("results", "seconds"), lines))
    print(f"Drawn in {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
