"""A warehouse and its snapshot made again from the archive alone, as of any run.

What the archive cannot know is which run brought which bundle, what the settings said
then, and which source did not answer: the warehouse in use remembers it. Where there
is one, its runs are gone through again one by one; where there is none, as after a
restore, everything comes in one run.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from connectors import PocnetError
from etl.build import bring, build
from etl.bundle import Archive
from etl.contract.schemas import SCHEMAS
from etl.ledger import Failure
from etl.network import NETWORK_FILE, Network
from etl.publish import latest, publish
from etl.published import with_library
from etl.run import data_folder, disk_errors, edition
from etl.store import HUB, Warehouse

WAREHOUSE: Final = "warehouse.duckdb"
_AS_OF: Final = "as-of"
# Where a new warehouse grows until it is whole.
_BESIDE: Final = "rebuilt"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Rebuilt:
    """The run that the snapshot shows, the snapshot, and what was odd on the way."""

    run: int
    snapshot: Path
    failures: tuple[Failure, ...] = ()


def as_of(
    network: Network, run: int, progress: Progress = lambda done, total: None
) -> Rebuilt:
    """The snapshot of an earlier run, made again in a folder of its own.

    The folder is `data/as-of/<run>` and can be shown like a network's; nothing else is
    written. Rows of sites and products are those of the run. The rules of the network
    and the codes of its products, by which rows are checked, are today's. PocnetError
    for a run that the warehouse does not know, or whose bundles are not all there.
    """
    data = data_folder(network.folder)
    place = data / _AS_OF / str(run)
    if not (data / WAREHOUSE).is_file():
        raise PocnetError(
            f"{data / WAREHOUSE} is not there, so no run is known. `pocnet build` "
            "without --as-of makes it from the archive."
        )
    with disk_errors(data), Warehouse(data / WAREHOUSE) as past:
        _assert_known(past, run)
        shutil.rmtree(place, ignore_errors=True)
        (place / "data").mkdir(parents=True)
        shutil.copyfile(network.folder / NETWORK_FILE, place / NETWORK_FILE)
        with Warehouse(place / "data" / WAREHOUSE) as warehouse:
            again = _Again(past, warehouse, network)
            again.until(run, progress)
            if again.lost:
                raise PocnetError(f"Run {run} cannot be shown: {again.lost[0].message}")
            said = edition(_on(network, again.ended(run)))
            snapshot = publish(warehouse, said, run, place / "data" / "snapshots")
    return Rebuilt(run, snapshot)


def rebuild(
    network: Network,
    progress: Progress = lambda done, total: None,
    *,
    kept: bool = False,
) -> Rebuilt:
    """A new warehouse in the place of the one in use, and the snapshot of a new run.

    The runs that are known keep their numbers, so that each can still be asked for.
    The old warehouse stays until the new one is whole. `kept` says that some sites'
    files could not be read: see `etl.build.build`.
    """
    data = data_folder(network.folder)
    archive, snapshots = Archive(data / "archive"), data / "snapshots"
    beside = data / _BESIDE
    with disk_errors(data), Warehouse(data / WAREHOUSE) as past:
        shutil.rmtree(beside, ignore_errors=True)
        with Warehouse(beside / WAREHOUSE) as warehouse:
            again = _Again(past, warehouse, network)
            again.until(past.last_run(), progress)
            started, whole = datetime.now(UTC), with_library(network)
            with warehouse.run(started, after=latest(snapshots)) as run:
                odd = build(warehouse, archive, whole, run, kept=kept)
                found = (*again.lost, *odd)
                warehouse.finish(run, found)
            said = edition(network)
            snapshot = publish(warehouse, said, run, snapshots, anew=True)
        # Its log must be gone, or it would be taken for the new file's.
        past.connection.execute("checkpoint")
        os.replace(beside / WAREHOUSE, data / WAREHOUSE)
        shutil.rmtree(beside)
    return Rebuilt(run, snapshot, found)


def _assert_known(past: Warehouse, run: int) -> None:
    runs = sorted(past.query("select run from run")["run"])
    if run not in runs:
        known = ", ".join(str(each) for each in runs) or "none"
        raise PocnetError(
            f"The warehouse does not know run {run}. It knows {known}: name one of "
            "them."
        )


def _on(network: Network, day: datetime) -> Network:
    """The network on the day of a run; a made-up one stays on the day it was made."""
    return replace(network, made_up_today=network.made_up_today or day.date())


@dataclass(frozen=True)
class _Again:
    """The runs of a past warehouse, gone through again in an empty one.

    `lost` says which bundles are not in the archive any more.
    """

    past: Warehouse
    warehouse: Warehouse
    network: Network
    lost: list[Failure] = field(default_factory=list)

    def until(self, last: int, progress: Progress) -> None:
        """Every run up to the last, each with its number and its own bundles."""
        whole = with_library(self.network)
        runs = self.past.query(
            "from run where run <= $last order by run", {"last": last}
        )
        for done, row in enumerate(runs.iter_rows(named=True)):
            self._go_through(row, whole)
            progress(done + 1, len(runs))
        self._remember("from source_error where run <= $last", "source_error", last)
        for dataset in SCHEMAS:
            self._remember(_said_by_hub(self.past.table(dataset)), dataset, last)

    def ended(self, run: int) -> datetime:
        """When a run was finished."""
        asked = "select finished_at from run where run = $run"
        ended: datetime = self.past.query(asked, {"run": run}).item()
        return ended

    def _go_through(self, row: Mapping[str, Any], network: Network) -> None:
        archive = Archive(data_folder(network.folder) / "archive")
        then = _on(network, row["finished_at"])
        with self.warehouse.run(row["started_at"], after=row["run"] - 1) as run:
            bundles = [*self._brought(run, archive)]
            bring(self.warehouse, archive, then, run, bundles)
            self.warehouse.connection.execute(
                "update run set state = ?, finished_at = ? where run = ?",
                [row["state"], row["finished_at"], run],
            )

    def _brought(self, run: int, archive: Archive) -> Iterator[tuple[str, str]]:
        asked = "select site, bundle, dataset from bundle where run = $run"
        for site, name, dataset in self.past.query(asked, {"run": run}).rows():
            path = archive.manifest_path(site, name)
            if path.is_file():
                yield site, name
                continue
            message = (
                f"{path} is gone, by which run {run} had `{dataset}` from {site}. "
                "Bring it back from a backup of the archive, or pull the site with "
                "--full."
            )
            self.lost.append(Failure(site, "archive", message))

    def _remember(self, query: str, table: str, last: int) -> None:
        """Copy what no bundle says: failures, and what the hub itself wrote."""
        frame = self.past.query(query, {"last": last})
        self.warehouse.connection.register("remembered", frame.to_arrow())
        into = self.warehouse.table(table)
        self.warehouse.connection.execute(f"insert into {into} by name from remembered")
        self.warehouse.connection.unregister("remembered")


def _said_by_hub(table: str) -> str:
    """The hub's own rows as they stood after a run."""
    return (
        "select * replace (case when closed_run <= $last then closed_run end "
        f"as closed_run) from {table} "
        f"where sender = '{HUB}' and opened_run <= $last"
    )
