"""Rows a second and memory from a site's system to checked, pseudonymised bundles.

Run it: `python -m tests.bench.ingest [ROWS ...]` (100000 and 1000000 unless said
otherwise). The same results come from a CSV file, PostgreSQL and a REST server of its
own process; beside pocnet the same run has dlt load them, as Arrow and as dicts. Each
measurement is a process of its own; memory is its peak above what importing took.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench.results import NETWORK, SITE, results, serve
from tests.connectors.servers.installed import python_with
from tests.connectors.servers.postgresql import PASSWORD, postgresql

ROOT = Path(__file__).parents[2]
DLT = (
    "dlt[duckdb,filesystem]>=1.20,<2",
    "pandas>=2,<3",
    "pyarrow>=18",
    "sqlalchemy>=2,<3",
    "psycopg2-binary>=2.9,<3",
)
# As dicts dlt takes minutes for a million rows.
MOST_DICTS = 100_000
Settings = dict[str, Any]
ENVIRON = {
    "POCNET_KEY_BENCH": "a key of the benchmark's own",
    "POCNET_PASSWORD_BENCH": PASSWORD,
}


@dataclass(frozen=True)
class Measured:
    """Seconds from the beginning to each step's end, and the peak in MB."""

    rows: int
    seconds: dict[str, float]
    peaks: dict[str, float]


def peak() -> float:
    """The most memory that this process ever held, in MB."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def pocnet(folder: Path) -> Measured:
    """What the pipeline takes for the one site of a network folder."""
    import pyarrow  # noqa: F401

    from connectors import open_source
    from etl.bundle import Archive
    from etl.check import check
    from etl.collect import Collection, Window
    from etl.network import load_network
    from etl.store import Warehouse

    network = load_network(folder, ENVIRON)
    site = network.sites["alpha"]
    for source in site.sources.values():
        open_source(source)
    imported, began = peak(), time.perf_counter()
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}

    def done(step: str, after: float = 0.0) -> None:
        nonlocal began
        began, took = time.perf_counter(), time.perf_counter() - began
        seconds[step] = after + took
        peaks[step] = peak() - imported

    archive = Archive(folder / "data" / "archive")
    collection = Collection(site, {}, Window(), spool=folder / "data" / "spool")
    bundles = collection.bundles(lambda step: None, threading.Event())
    (manifest,) = [archive.put(bundle) for bundle in bundles]
    done("bundled")
    checked = sum(
        piece.good.height + piece.rejects["row"].n_unique()
        for piece in check(archive.load(manifest), network).slices
    )
    done("checked", seconds["bundled"])
    assert checked == manifest.read, (checked, manifest.read)
    with (
        Warehouse(folder / "data" / "warehouse.duckdb") as warehouse,
        warehouse.run(manifest.extracted_at) as run,
    ):
        warehouse.land(run, [check(archive.load(manifest), network)])
    # Storing checks by itself; it is not to be counted twice.
    done("stored", seconds["bundled"])
    return Measured(checked, seconds, peaks)


def measured(what: str, folder: Path) -> Measured:
    """The measurement of a process of its own."""
    command = [sys.executable, "-m", "tests.bench.ingest", "--measure", str(folder)]
    if what != "pocnet":
        settings = json.dumps({"as": what, "folder": str(folder)})
        program = ROOT / "tests" / "bench" / "dlt_ingest.py"
        command = [str(python_with("dlt", *DLT)), str(program), settings]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Measured(**json.loads(run.stdout.splitlines()[-1]))


@contextmanager
def systems(frame: pl.DataFrame, folder: Path) -> Iterator[dict[str, Settings]]:
    """The settings that reach the same results in each kind of system."""
    drops = folder / "drops"
    drops.mkdir()
    frame.write_csv(drops / "results.csv")
    with ExitStack() as stack:
        login = stack.enter_context(postgresql())
        _fill(login, drops / "results.csv", frame.columns)
        url = stack.enter_context(serve(frame))
        yield {
            "CSV": {"kind": "files", "folder": str(drops)},
            "PostgreSQL": {"kind": "sql", **login},
            "REST": {"kind": "rest", "url": url, "requests_per_minute": 100_000},
        }


def _fill(login: Settings, path: Path, columns: list[str]) -> None:
    import psycopg

    to = {k: v for k, v in login.items() if k not in ("driver", "database")}
    with psycopg.connect(dbname=login["database"], **to) as connection:
        named = ", ".join(f'"{name}" text' for name in columns if name != "Id")
        connection.execute(f'create table results ("Id" bigint primary key, {named})')
        copy = "copy results from stdin with (format csv, header true)"
        with connection.cursor().copy(copy) as sink, path.open("rb") as file:
            while chunk := file.read(1 << 20):
                sink.write(chunk)


def network_of(folder: Path, kind: str, settings: Settings) -> Path:
    """A network folder whose one site keeps its results in this system."""
    place = folder / kind
    (place / "sites").mkdir(parents=True)
    (place / "network.toml").write_text(NETWORK)
    lines = "\n".join(
        f"{name} = {json.dumps(said)}"
        for name, said in settings.items()
        if name != "password"
    )
    if "password" in settings:
        lines += '\npassword = { env = "POCNET_PASSWORD_BENCH" }'
    (place / "sites" / "alpha.toml").write_text(SITE[kind].format(source=lines))
    (place / "source.json").write_text(json.dumps({"system": kind, **settings}))
    return place


HEAD = f"{'':26}{'rows':>10}{'seconds':>10}{'rows/s':>10}{'MB above import':>17}"


def line(name: str, step: str, told: Measured) -> str:
    """One line of the table."""
    took = told.seconds[step]
    return (
        f"{name:26}{told.rows:>10,}{took:>10.1f}{told.rows / took:>10,.0f}"
        f"{told.peaks[step]:>17.0f}"
    )


def bench(rows: int, say: Callable[[str], None]) -> None:
    """Measure all for so many results."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with systems(results(rows), folder) as there:
            for kind, settings in there.items():
                place = network_of(folder, kind, settings)
                mine = measured("pocnet", place)
                for step in mine.seconds:
                    say(line(f"{kind}: pocnet, {step}", step, mine))
                for way in ("arrow", "dicts"):
                    if way == "arrow" and kind == "REST":
                        continue
                    if way == "dicts" and rows > MOST_DICTS:
                        continue
                    theirs = measured(way, place)
                    say(line(f"{kind}: dlt, {way}", "loaded", theirs))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", type=int)
    parser.add_argument("--measure", type=Path)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(asdict(pocnet(arguments.measure))))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("bundled: mapped, past the gate, pseudonymised; checked: and every value")
    print("read and judged; stored: and laid into the warehouse. dlt only loads.")
    print(HEAD)
    for rows in arguments.rows or [100_000, 1_000_000]:
        bench(rows, lambda said: print(said, flush=True))


if __name__ == "__main__":
    main()
