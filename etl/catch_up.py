"""Recorded runs gone through again in a warehouse that does not know them yet.

It may be an empty one, whose file was lost or is made anew, or that of another host
that shares the archive. Each run keeps its number, its moment and its own bundles, so
that what changed between two of them is the same everywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import polars as pl

from etl.build import bring
from etl.bundle import Archive, manifest_name
from etl.contract.schemas import SCHEMAS
from etl.contract.version import translated
from etl.ledger import Failure
from etl.network import Network
from etl.run_record import RunRecord, note_runs, records
from etl.store import Warehouse
from etl.withdrawal import Register, register_of

# The sources of failures that a rebuild tells of: a loss, and a site's right.
LOST: Final = "archive"
WITHDRAWN: Final = "withdrawal"
Progress = Callable[[int, int], None]
Bundles = list[tuple[str, str]]
Bringing = Callable[[Warehouse, Archive, Network, int, Bundles], object]


def catch_up(
    warehouse: Warehouse,
    archive: Archive,
    network: Network,
    until: int | None = None,
    progress: Progress = lambda done, total: None,
    bringing: Bringing = bring,
) -> list[Failure]:
    """Go through the runs that the warehouse lacks; gives what cannot be as it was.

    `bringing` lays the bundles of a run over what is known. Runs that the warehouse
    alone knows, because they were killed before they were recorded, are recorded first.
    """
    note_runs(warehouse, archive)
    runs = [
        record
        for record in records(archive, warehouse.last_run())
        if until is None or record.run <= until
    ]
    again = _Again(warehouse, archive, network, register_of(archive), bringing)
    for done, record in enumerate(runs):
        again.go_through(record)
        progress(done + 1, len(runs))
    return again.lost


def on_day(network: Network, day: datetime) -> Network:
    """The network on the day of a run; a made-up one stays on the day it was made."""
    return replace(network, made_up_today=network.made_up_today or day.date())


@dataclass(frozen=True)
class _Again:
    """A warehouse being brought on; `lost` says what is not there any more.

    The rules of the network and the codes of its products, by which rows are checked,
    are today's.
    """

    warehouse: Warehouse
    archive: Archive
    network: Network
    register: Register
    bringing: Bringing
    lost: list[Failure] = field(default_factory=list)

    def go_through(self, record: RunRecord) -> None:
        """One run, with its number and its own bundles."""
        then = on_day(self.network, record.finished_at)
        with self.warehouse.run(record.started_at, after=record.run - 1) as run:
            for dataset in ("site", "product"):
                self._say(record, dataset)
            known = self.warehouse.bundle_names()
            new = [pair for pair in self._brought(record) if pair[1] not in known]
            self.bringing(self.warehouse, self.archive, then, run, new)
            self._say(record, "report")
            self.warehouse.finish_as(run, record.state, record.finished_at, record.said)

    def _say(self, record: RunRecord, dataset: str) -> None:
        said = self.archive.table(record.hub[dataset])
        rows = translated(said, dataset, record.contract).collect()
        schema = pl.Schema(SCHEMAS[dataset].create_empty().schema)
        self.warehouse.write(record.run, dataset, rows.cast(schema), complete=True)

    def _brought(self, record: RunRecord) -> Iterator[tuple[str, str]]:
        withdrawn: dict[str, int] = {}
        for site, name in record.bundles:
            today, rows = self.register.now(name)
            withdrawn[site] = withdrawn.get(site, 0) + rows
            if self.archive.holds(site, today):
                yield site, today
            else:
                self._miss(record.run, site, name)
        for site, rows in withdrawn.items():
            if rows:
                message = (
                    f"{site} has withdrawn {rows} of the rows that came in run "
                    f"{record.run}. They cannot be rebuilt: what is shown is without "
                    "them, and so are the counts made of them."
                )
                self.lost.append(Failure(site, WITHDRAWN, message))

    def _miss(self, run: int, site: str, name: str) -> None:
        place = self.archive.shelf.place(manifest_name(site, name))
        message = (
            f"{place} is gone, by which run {run} had rows from {site}. Bring it back "
            "from a backup of the archive, or pull the site with --full."
        )
        self.lost.append(Failure(site, LOST, message))
