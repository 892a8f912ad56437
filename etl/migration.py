"""What an earlier pocnet has left in a network's folder, and all of it brought along.

Bundles stay as they were sent, and are translated whenever they are read
(`etl.contract.version`). Warehouse and snapshot are made of them, so they are not
altered but made again, beside those in use, and exchanged when they are whole: killed
anywhere, the old ones stand, and the next migration begins anew.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.archive_place import archive_of
from etl.bundle import Archive
from etl.contract.version import CONTRACT
from etl.ledger import LAYOUT
from etl.network import Network
from etl.publish import assert_publishable, contract_of
from etl.rebuild import WAREHOUSE, Rebuilt, rebuild
from etl.run import data_folder
from etl.run_record import recorded
from etl.store import version_at
from etl.withdrawal import register_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Place:
    """One part of a network's folder, what lies there, and what a migration does.

    It is `due` where it is not of this version, and nothing else makes it so.
    """

    place: str
    holds: str
    does: str
    due: bool = False


def survey(network: Network) -> tuple[Place, ...]:
    """The archive and what is made of it; nothing is changed.

    NewerError where anything was made by a newer pocnet; PocnetError while another one
    writes to the warehouse.
    """
    data = data_folder(network.folder)
    assert_publishable(data / "snapshots")
    archive = archive_of(network)
    made = _warehouse(data / WAREHOUSE), _snapshot(data / "snapshots" / "current")
    return (*_archive(archive), *made)


def migrate(
    network: Network,
    progress: Progress = lambda done, total: None,
    *,
    kept: bool = False,
) -> Rebuilt | None:
    """Make warehouse and snapshot again where either is of an earlier version.

    None where neither is. `kept` is as in `rebuild`.
    """
    if not any(place.due for place in survey(network)):
        return None
    return rebuild(network, progress, kept=kept)


def _archive(archive: Archive) -> Iterator[Place]:
    versions = Counter(archive.manifest(*pair).contract for pair in archive.names())
    yield Place("archive", _counted(versions, "bundles"), _stays(versions))
    runs = Counter(record.contract for _, record in recorded(archive))
    yield Place("runs", _counted(runs, "records"), _stays(runs))
    # Those of a newer pocnet are refused by whoever reads them.
    register_of(archive)


def _counted(versions: Counter[str], what: str) -> str:
    said = [f"{n:,} {what} of contract {v}" for v, n in sorted(versions.items())]
    return ", ".join(said) or f"no {what}"


def _stays(versions: Counter[str]) -> str:
    if {*versions} <= {CONTRACT}:
        return "nothing"
    return f"nothing: they stay, and are read as contract {CONTRACT} says it"


def _warehouse(path: Path) -> Place:
    if not path.is_file():
        return Place("warehouse", "none", "nothing: `pocnet build` makes it")
    version = version_at(path)
    holds = f"contract {version.contract}, layout {version.layout}"
    if not version.older:
        return Place("warehouse", holds, "nothing")
    again = f"made again from the archive, contract {CONTRACT}, layout {LAYOUT}"
    return Place("warehouse", holds, again, due=True)


def _snapshot(path: Path) -> Place:
    said = contract_of(path)
    if said is None:
        return Place("snapshot", "none", "nothing: `pocnet build` makes it")
    holds = f"contract {said}" if said else "no contract"
    if said == CONTRACT:
        return Place("snapshot", holds, "nothing")
    return Place("snapshot", holds, f"published again, contract {CONTRACT}", due=True)
