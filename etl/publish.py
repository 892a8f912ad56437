"""The snapshot: one immutable file with the current rows and the marts made of them.

Built beside the one that readers have open, under a name nobody looks at, and put in
its place by exchanging a link: a reader sees the old file or the new one, whole.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import duckdb

from etl import ledger
from etl.continuing import begun, continued, copied, made_by
from etl.contract.schemas import KEYS, SCHEMAS
from etl.contract.version import CONTRACT, FIRST, assert_known
from etl.history import names, quoted
from etl.marts import build_marts, statements
from etl.places import create_places
from etl.provenance import provenance
from etl.shelf import sync
from etl.store import Warehouse

KEPT = 3
# What a site can withdraw.
WITHDRAWN: Final = ("batch", "demand")
_DUCKDB: Final = f"duckdb {duckdb.__version__}"


@dataclass(frozen=True)
class Edition:
    """What a snapshot says of itself: the network's name, its day, and its rules."""

    network: str
    as_of: date
    rules: Mapping[str, object]

    @property
    def config(self) -> str:
        """The rules as they are written down."""
        return json.dumps(self.rules, sort_keys=True)


@dataclass(frozen=True)
class Making:
    """What made a snapshot last, and how many batches were exchanged in it since.

    `taken` is the last run that took a batch or an order away.
    """

    engine: str
    taken: int
    worn: int = 0


def publish(
    warehouse: Warehouse,
    edition: Edition,
    run: int,
    folder: Path,
    *,
    anew: bool = False,
) -> Path:
    """The file that readers see from now on: `<run>.duckdb`, with `current` to it.

    It continues the one before where it can (`etl.continuing`), unless it is to be made
    `anew`. The rows are copied by DuckDB from the open warehouse, never its file:
    closing a copy made inside the writing process would drop the writer's lock. The
    link moves only when every byte is on the disk, so a killed run leaves the old
    snapshot.
    """
    with replacing(folder, run) as temporary:
        if anew or not _continued(warehouse, edition, run, temporary):
            temporary.unlink(missing_ok=True)
            with made_anew(warehouse, edition, run, temporary) as connection:
                build_marts(connection, edition.as_of)
    return folder / f"{run}.duckdb"


@contextmanager
def replacing(folder: Path, run: int) -> Iterator[Path]:
    """Where to write the snapshot of a run, which is put in its place when it is whole.

    Nothing changes for readers if the block fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for litter in folder.glob("*.part*"):
        litter.unlink()
    temporary = folder / f"{run}.duckdb.part"
    yield temporary
    sync(temporary)
    target = folder / f"{run}.duckdb"
    temporary.rename(target)
    _point(folder, target)
    _prune(folder)


@contextmanager
def made_anew(
    warehouse: Warehouse,
    edition: Edition,
    run: int,
    temporary: Path,
    engine: str = _DUCKDB,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a new snapshot, in which the marts are to be made by `engine`."""
    with _attached(warehouse, temporary) as connection:
        _copy(connection, warehouse)
        _note(connection, warehouse)
        yield connection
        create_places(connection, warehouse.table)
        making = Making(engine, _taken(warehouse, temporary.parent, run))
        _describe(connection, warehouse, edition, run, making)


def _continued(
    warehouse: Warehouse, edition: Edition, run: int, temporary: Path
) -> bool:
    """Whether the file before could be continued, and now lies there."""
    if not copied(temporary.parent, temporary):
        return False
    with _attached(warehouse, temporary) as connection:
        done = continued(connection, warehouse, edition.as_of, edition.config)
        if done is None:
            return False
        _note(connection, warehouse)
        if done.moved:
            create_places(connection, warehouse.table)
        taken = _taken(warehouse, temporary.parent, run)
        making = Making(_DUCKDB, taken, done.worn)
        _describe(connection, warehouse, edition, run, making)
    return True


def contract_of(snapshot: Path) -> str | None:
    """The version of the contract that a published file follows.

    Blank where it says none; None where there is no file, or none that can be read.
    """
    said = _said_by(snapshot)
    return None if said is None else said.get("contract", "")


def _said_by(snapshot: Path) -> Mapping[str, str] | None:
    """What a published file says of itself; None where none can be read."""
    if not snapshot.exists():
        return None
    with duckdb.connect(":memory:") as connection:
        file = quoted(str(snapshot.resolve()))
        try:
            connection.execute(f"attach {file} as snapshot (read_only)")
            said = connection.execute("select key, value from snapshot.meta").fetchall()
        except duckdb.CatalogException:
            return {}
        except duckdb.Error:
            return None
    return dict(said)


def assert_publishable(folder: Path) -> None:
    """NewerError where a newer pocnet has published what readers see here."""
    said = contract_of(folder / "current")
    if said and said.isdigit() and int(said) >= int(FIRST):
        assert_known(said, str((folder / "current").resolve()))


def latest(folder: Path) -> int:
    """The highest number of a published run in the folder, 0 where there is none."""
    return max((int(path.stem) for path in snapshots_in(folder)), default=0)


@contextmanager
def _attached(warehouse: Warehouse, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the warehouse's database, writing to the new file."""
    with warehouse.connection.cursor() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {quoted(str(path))} as snapshot")
        connection.execute("use snapshot")
        try:
            yield connection
        finally:
            connection.execute(f"use {warehouse.catalog}")
            connection.execute("detach snapshot")


def _copy(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    # In the order of their keys: the same rows make the same snapshot, whatever the
    # order in which they came, and a site's rows lie together.
    queries = {
        name: f"from ({warehouse.current_sql(name)}) order by {names(KEYS[name])}"
        for name in SCHEMAS
    }
    queries["provenance"] = provenance(warehouse.table)
    for table, query in queries.items():
        connection.execute(f'create table "{table}" as {query}')


def _note(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """What the warehouse keeps beside the datasets, as it stands now."""
    queries = {
        "reject": ledger.rejects(warehouse.table),
        "count": ledger.counts(warehouse.table),
        "run": f"from {warehouse.table('run')}",
        "source_error": ledger.failures(warehouse.table),
        "coarse": ledger.coarse(warehouse.table),
    }
    for table, query in queries.items():
        connection.execute(f'create or replace table "{table}" as {query}')


def _describe(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    edition: Edition,
    run: int,
    making: Making,
) -> None:
    facts = {
        "run": str(run),
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "as_of": edition.as_of.isoformat(),
        "network": edition.network,
        "contract": CONTRACT,
        "metrics": _marts_version(),
        "code": _code_version(),
        "config": edition.config,
        "made_by": made_by(),
        "warehouse": begun(warehouse),
        "taken": str(making.taken),
        "worn": str(making.worn),
        "engine": making.engine,
    }
    connection.execute("create or replace table meta (key varchar, value varchar)")
    connection.executemany("insert into meta values (?, ?)", [*facts.items()])
    connection.execute("checkpoint snapshot")


def _taken(warehouse: Warehouse, folder: Path, run: int) -> int:
    """The last run that took a batch or an order away, as far as one can tell.

    So readers know what must be shown at once (`dashboard.queries.urgent`).
    """
    before = _said_by(folder / "current") or {}
    if "taken" not in before or before["warehouse"] != begun(warehouse):
        return run
    last = int(before["run"])
    gone = any(warehouse.taken_away(name, last) for name in WITHDRAWN)
    return run if gone else int(before["taken"])


def _marts_version() -> str:
    """A fingerprint of the marts' SQL: figures with the same one are counted alike."""
    sql = "".join(f"{name}\n{text}" for name, text in statements())
    return hashlib.sha256(sql.encode()).hexdigest()[:12]


def _code_version() -> str:
    try:
        return version("pocnet")
    except PackageNotFoundError:
        return "checkout"


def _point(folder: Path, target: Path) -> None:
    link = folder / "current.part"
    link.symlink_to(target.name)
    os.replace(link, folder / "current")
    sync(folder)


def _prune(folder: Path) -> None:
    numbered = sorted(snapshots_in(folder), key=lambda path: int(path.stem))
    for path in numbered[:-KEPT]:
        path.unlink()


def snapshots_in(folder: Path) -> list[Path]:
    """The published files of a folder, in no order."""
    return [path for path in folder.glob("*.duckdb") if path.stem.isdigit()]
