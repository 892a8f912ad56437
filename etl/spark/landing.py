"""Bundles become rows, some senders' datasets at a time, each task by a warehouse.

What stands in the warehouse is a function of the bundles of one sender and dataset, so
a task can have a small one of its own, in a file that is gone when it ends. It is the
same code as on one machine and goes through the same runs.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from etl.build import bring
from etl.bundle import Archive, Manifest
from etl.contract.schemas import SCHEMAS
from etl.ledger import Failure
from etl.network import Network, Site
from etl.settings import Style
from etl.spark.parcels import HEIGHT, Batches, as_polars, parcels
from etl.spark.worker import assert_alike, assert_reads, scratch
from etl.store import Warehouse

ODD: Final = "odd"
_ODD_SCHEMA: Final = dict.fromkeys(("site", "source", "message"), pl.String)
# Of a task's warehouse; what is beyond goes to the disk.
_MEMORY: Final = "1GB"
# Rows that make a task worth its start.
_SHARE: Final = 200_000


@dataclass(frozen=True)
class Run:
    """A run that brings bundles in: its number, when it began, and the day it had."""

    number: int
    started_at: datetime
    day: date


# The number of a run, a site, and the name of a bundle that the run brought.
Brought = tuple[int, str, str]


def public(network: Network) -> Network:
    """The network as far as rows are checked by it: no source, no key, no account.

    Every machine of a cluster is told it, so nothing secret may be in it.
    """
    sites = {
        slug: Site(slug, site.info, {}, Style(), None, ())
        for slug, site in network.sites.items()
    }
    return replace(network, sites=sites, mail=None, archive=None)


def shares(
    bundles: Iterable[tuple[int, Manifest]], tasks: int
) -> list[tuple[Brought, ...]]:
    """The bundles, each with its run, dealt to so many tasks or more, evenly.

    All of one sender and dataset are one task's business.
    """
    groups: dict[tuple[str, str], list[Brought]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for run, manifest in bundles:
        of = manifest.site, manifest.dataset
        groups.setdefault(of, []).append((run, manifest.site, manifest.name))
        sizes[of] = sizes.get(of, 0) + manifest.read
    wanted = max(tasks, sum(sizes.values()) // _SHARE)
    dealt: list[list[Brought]] = [[] for _ in range(min(wanted, len(groups)))]
    loads = [0] * len(dealt)
    for of in sorted(groups, key=lambda each: (-sizes[each], each)):
        least = loads.index(min(loads))
        dealt[least] += groups[of]
        # A bundle is opened even where nothing is in it.
        loads[least] += sizes[of] + 1_000 * len(groups[of])
    return [tuple(share) for share in dealt]


@dataclass(frozen=True)
class Landing:
    """What a task does: give it the number of its share, and parcels come out.

    They are those of the warehouse's own tables, with the runs that opened and closed
    each row, and of ODD, what was odd about the bundles of the last run.
    """

    archive: Archive
    network: Network
    runs: tuple[Run, ...]
    shares: Sequence[tuple[Brought, ...]]
    code: str

    def __call__(self, numbers: Batches) -> Batches:
        """The parcels of the shares with these numbers."""
        assert_alike(self.code)
        assert_reads(self.archive.folder)
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from self._landed(self.shares[number])

    def _landed(self, share: tuple[Brought, ...]) -> Batches:
        with (
            tempfile.TemporaryDirectory(prefix="pocnet-", dir=scratch()) as folder,
            Warehouse(Path(folder) / "warehouse.duckdb") as warehouse,
        ):
            warehouse.connection.execute("set threads = 1")
            warehouse.connection.execute(f"set memory_limit = '{_MEMORY}'")
            odd = [asdict(each) for each in self._brought(warehouse, share)]
            yield from parcels({ODD: pl.DataFrame(odd, schema=_ODD_SCHEMA)})
            yield from _rows(warehouse)

    def _brought(
        self, warehouse: Warehouse, share: tuple[Brought, ...]
    ) -> list[Failure]:
        """Go through the runs; gives what was odd in the last one."""
        odd: list[Failure] = []
        for run in self.runs:
            new = [(site, name) for of, site, name in share if of == run.number]
            if new:
                that_day = replace(self.network, made_up_today=run.day)
                with warehouse.run(run.started_at, after=run.number - 1) as number:
                    odd = bring(warehouse, self.archive, that_day, number, new)
        return odd if any(of == self.runs[-1].number for of, _, _ in share) else []


def _rows(warehouse: Warehouse) -> Batches:
    for table in (*SCHEMAS, "reject", "bundle"):
        rows = warehouse.connection.sql(f"from {warehouse.table(table)}")
        for batch in rows.to_arrow_reader(HEIGHT):
            yield from parcels({table: as_polars(batch)})
