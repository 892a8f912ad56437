"""A network folder pulled in a test, and what a reader of its snapshot finds."""

from pathlib import Path

import duckdb

from etl.collect import Window
from etl.network import load_network
from etl.run import RunResult, pull
from tests.etl.drops import BATCHES, ENVIRON, SITES, drop

HEADER = BATCHES.splitlines()[0] + "\n"
LATER = "beta-005,01/11/2026,,,HE\n"
NEW = Window()


def pulled(folder: Path, *sites: str, window: Window = NEW) -> RunResult:
    """What a pull of these sites (all, unless named) comes to."""
    return pull(load_network(folder, ENVIRON), sites, window)


def rows(snapshot: Path, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    """A table of a snapshot, in an order of its own, as another program reads it."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{snapshot}' as snapshot (read_only)")
        connection.execute("set timezone = 'UTC'")
        frame = connection.sql(f"select {columns} from snapshot.{table}").pl()
    return sorted(frame.rows(), key=repr)


def known(result: RunResult) -> dict[str, int]:
    """Batches by site, as the snapshot has them."""
    counted = rows(result.snapshot, "batch", "site")
    return {site: counted.count((site,)) for site in SITES}


def leave_more(folder: Path) -> None:
    """Let beta have begun one batch more."""
    drop(folder, "beta", {"batches.csv": BATCHES.format(slug="beta") + LATER})
