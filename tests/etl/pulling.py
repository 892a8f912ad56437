"""A network folder pulled in a test, and what a reader of its snapshot finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from etl import published
from etl.collect import Window
from etl.network import load_network
from etl.run import RunResult, pull
from tests.etl.drops import BATCHES, ENVIRON, SITES, drop

HEADER = BATCHES.splitlines()[0] + "\n"
LATER = "beta-005,01/11/2026,,,HE\n"
NEW = Window()


@contextmanager
def one_paper() -> Iterator[None]:
    """In the block the library of published criteria holds but its first paper.

    All of it takes longer to read than three small sites; tests/etl/test_published.py,
    the made-up network and every process of its own read it whole.
    """
    paper = published.sources().head(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "sources", lambda: paper)
        yield


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
