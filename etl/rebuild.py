"""A warehouse and its snapshot made again from the archive alone, as of any run.

The archive knows what the sites sent and what each run was (`etl.run_record`), so
neither the old warehouse nor any site is asked. What no record tells of, because
nothing was ever recorded, comes in one run.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors import PocnetError
from etl.archive_place import archive_of
from etl.build import build
from etl.bundle import Archive
from etl.catch_up import LOST, catch_up, on_day
from etl.ledger import Failure
from etl.machine import assert_later, disk_errors
from etl.network import NETWORK_FILE, Network
from etl.publish import assert_publishable, latest, publish
from etl.published import with_library
from etl.run import data_folder, edition
from etl.run_record import note_runs, records
from etl.store import Warehouse
from etl.traces import clear
from etl.withdrawal import register_of

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

    The folder is `data/as-of/<run>` and can be shown like a network's; of the network's
    own nothing is changed. Rows of sites and products are those of the run. The rules
    of the network and the codes of its products, by which rows are checked, are
    today's. PocnetError for a run that left no record.
    """
    data, archive = data_folder(network.folder), archive_of(network)
    place = data / _AS_OF / str(run)
    with disk_errors(data):
        if (data / WAREHOUSE).is_file():
            with Warehouse(data / WAREHOUSE, older=True) as known:
                note_runs(known, archive)
        ended = _ended(archive, run)
        shutil.rmtree(place, ignore_errors=True)
        (place / "data").mkdir(parents=True)
        shutil.copyfile(network.folder / NETWORK_FILE, place / NETWORK_FILE)
        with Warehouse(place / "data" / WAREHOUSE) as warehouse:
            whole = with_library(network)
            odd = catch_up(warehouse, archive, whole, run, progress)
            for each in odd:
                if each.source == LOST:
                    raise PocnetError(f"Run {run} cannot be shown: {each.message}")
            said = edition(on_day(network, ended))
            snapshot = publish(warehouse, said, run, place / "data" / "snapshots")
    return Rebuilt(run, snapshot, tuple(odd))


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
    data, archive = data_folder(network.folder), archive_of(network)
    snapshots = data / "snapshots"
    with renewing(data, archive) as warehouse:
        whole = with_library(network)
        lost = catch_up(warehouse, archive, whole, progress=progress)
        with warehouse.run(datetime.now(UTC), after=latest(snapshots)) as run:
            odd = build(warehouse, archive, whole, run, kept=kept)
            found = (*(each for each in lost if each.source == LOST), *odd)
            warehouse.finish(run, found)
        note_runs(warehouse, archive)
        snapshot = publish(warehouse, edition(network), run, snapshots, anew=True)
    return Rebuilt(run, snapshot, found)


@contextmanager
def renewing(data: Path, archive: Archive) -> Iterator[Warehouse]:
    """An empty warehouse that takes the place of the one in use in the end.

    The old one, which may be of an older version, stays if the block fails, and nobody
    else writes to it. NewerError where a newer version has published.
    """
    beside = data / _BESIDE
    assert_publishable(data / "snapshots")
    with disk_errors(data), Warehouse(data / WAREHOUSE, older=True) as past:
        note_runs(past, archive)
        ended = [record.finished_at for record in records(archive)]
        assert_later(datetime.now(UTC), max(ended, default=None), "build")
        marks = register_of(archive).marks
        shutil.rmtree(beside, ignore_errors=True)
        with Warehouse(beside / WAREHOUSE) as warehouse:
            yield warehouse
        if marks:
            clear(data, (data / "snapshots" / "current").resolve(), marks)
        # Its log must be gone, or it would be taken for the new file's.
        past.connection.execute("checkpoint")
        os.replace(beside / WAREHOUSE, data / WAREHOUSE)
        shutil.rmtree(beside)


def _ended(archive: Archive, run: int) -> datetime:
    """When a run was finished."""
    ended = {record.run: record.finished_at for record in records(archive)}
    if run not in ended:
        known = ", ".join(str(each) for each in sorted(ended)) or "none"
        raise PocnetError(
            f"The archive has no record of run {run}. It knows {known}: name one of "
            "them."
        )
    return ended[run]
