"""A snapshot continued: what the run before published, with what has changed since.

A daily run changes little, so the new file begins as a copy of the one before. Contract
rows that changed are exchanged, the batches that they speak of are judged again, and
the counts are moved by what is other than before (`etl.recount`). Where more than
single rows changed, as criteria, rules or the code itself did, the snapshot is made
anew: to continue is only a quicker way to the same tables.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import duckdb

from etl.contract.schemas import KEYS, SCHEMAS
from etl.filling import height
from etl.history import current, equal, names
from etl.judged_tables import Judgement, members_usual
from etl.provenance import ABOUT, provenance
from etl.recount import recounting
from etl.store import Warehouse

# All batches follow from these, so there is nothing to continue when one changes.
_RULING: Final = ("site", "product", "criterion")
# What stands in rows of single batches: to be judged again when one changes.
_JUDGED_BY: Final = ("batch", "result", "release")
# As large as the network; the others are small, and written anew in their order.
_LARGE: Final = (*_JUDGED_BY, "demand", "material", "deviation")
# When so much of all batches was exchanged, a file is written anew, in order.
_WORN: Final = 0.1
_MADE_BY: Final = ("duckdb", "polars")


@cache
def made_by() -> str:
    """A fingerprint of all that makes a snapshot of rows: this code, its libraries."""
    seal = hashlib.sha256()
    for name in _MADE_BY:
        seal.update(f"{name} {version(name)}\n".encode())
    for file in _sources(files("etl")):
        seal.update(file.name.encode() + file.read_bytes())
    return seal.hexdigest()[:12]


def _sources(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _sources(entry)
        elif entry.name.endswith((".py", ".sql", ".toml")):
            yield entry


@dataclass(frozen=True)
class Continued:
    """How a copy stands: batches exchanged since it was made anew; has anything moved?

    It has not where no row, no bundle and no day is other than before.
    """

    worn: int
    moved: bool


@dataclass(frozen=True)
class _Earlier:
    run: int
    as_of: date
    worn: int


def begun(warehouse: Warehouse) -> str:
    """When the warehouse was begun, which tells it from one made of the same runs."""
    moment: datetime = warehouse.query("from begun").item()
    return moment.isoformat()


def copied(folder: Path, to: Path) -> bool:
    """Whether there is a snapshot to continue; if so, it lies at `to` now."""
    before = folder / "current"
    if not before.exists():
        return False
    shutil.copyfile(before.resolve(), to)
    try:
        duckdb.connect(to).close()
    except duckdb.Error:
        # Cut short, or of a newer DuckDB: not to be continued, and no reason to stop.
        to.unlink()
        return False
    return True


def continued(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    as_of: date,
    config: str,
) -> Continued | None:
    """Bring the copy in the connection's current schema up to the rows that stand now.

    None where it cannot be continued, and is spoilt.
    """
    earlier = _earlier(connection, warehouse, config)
    if earlier is None or not _same_usual(connection, earlier.as_of, as_of):
        return None
    days = (earlier.as_of, as_of)
    with _changes(connection, warehouse, earlier.run) as changed:
        worn = earlier.worn + height(connection, "touched")
        ruled = any(changed[name] for name in _RULING)
        if ruled or worn > _WORN * height(connection, '"batch"'):
            return None
        same = earlier.as_of == as_of and not any(changed.values())
        if not same:
            with recounting(connection, warehouse, days):
                _exchange_all(connection, warehouse, changed, as_of)
    _trace_again(connection, warehouse, earlier.run)
    bundles = f"{warehouse.table('bundle')} where run > {earlier.run}"
    return Continued(worn, not same or height(connection, bundles) > 0)


def _exchange_all(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    changed: Mapping[str, int],
    as_of: date,
) -> None:
    """Exchange the rows that changed, and judge again the batches that they touch."""
    for name in (name for name, some in changed.items() if some):
        _exchange(connection, warehouse, name)
    if any(changed[name] for name in _JUDGED_BY):
        Judgement(connection, as_of).again("from touched")


def _same_usual(connection: duckdb.DuckDBPyConnection, before: date, now: date) -> bool:
    """Whether most members ask the same on both days: versions begin and end."""
    if before == now:
        return True
    then = members_usual(connection, before)
    return then.equals(members_usual(connection, now))


def _earlier(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, config: str
) -> _Earlier | None:
    """What the copy says of itself, if this code made it of this warehouse.

    A warehouse that was made again has a history of its own, even of the same runs: of
    a withdrawn batch it never heard. One brought back from a copy lacks the last runs.
    """
    if not height(connection, "duckdb_tables() where table_name = 'meta'"
                  " and database_name = 'snapshot'"):  # fmt: skip
        return None
    meta = dict(connection.sql("select key, value from meta").pl().iter_rows())
    if meta.get("made_by") != made_by() or meta.get("config") != config:
        return None
    run, known = int(meta["run"]), warehouse.table("run")
    strange = height(connection, f"(from run except from {known})")
    lacking = height(connection, f"(from {known} where run <= {run} except from run)")
    if strange or lacking or meta["warehouse"] != begun(warehouse):
        return None
    return _Earlier(run, date.fromisoformat(meta["as_of"]), int(meta["worn"]))


@contextmanager
def _changes(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, run: int
) -> Iterator[Mapping[str, int]]:
    """How many keys of each dataset changed after a run; they stand in `changed_NAME`.

    Table `touched` has the batches of which a result, a decision or a date changed.
    """
    for name in SCHEMAS:
        table, key = warehouse.table(name), names(KEYS[name])
        connection.execute(
            f"create or replace temp table changed_{name} as "
            f"select {key} from {table} where opened_run > {run} union "
            f"select {key} from {table} where closed_run > {run}"
        )
    said = (f"select site, batch from changed_{name}" for name in _JUDGED_BY)
    connection.execute(
        f"create or replace temp table touched as {' union '.join(said)}"
    )
    yield {name: height(connection, f"changed_{name}") for name in SCHEMAS}
    for name in ("touched", *(f"changed_{name}" for name in SCHEMAS)):
        connection.execute(f"drop table temp.{name}")


def _exchange(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, name: str
) -> None:
    if name not in _LARGE:
        connection.execute(
            f'create or replace table "{name}" as from '
            f"({warehouse.current_sql(name)}) order by {names(KEYS[name])}"
        )
        return
    matched = equal(KEYS[name], "t", "c")
    connection.execute(f'delete from "{name}" as t using changed_{name} as c '
                       f"where {matched}")  # fmt: skip
    connection.execute(
        f"create or replace temp table said_{name} as select t.* from "
        f"{warehouse.table(name)} as t semi join changed_{name} as c on {matched}"
    )
    connection.execute(
        f'insert into "{name}" by name from ({current(f"said_{name}", name)})'
    )
    connection.execute(f"drop table temp.said_{name}")


def _trace_again(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, run: int
) -> None:
    """The provenance of all batches of which a row came or went after a run."""
    said = " union ".join(
        f"select site, batch from {warehouse.table(name)}"
        f" where opened_run > {run} or closed_run > {run}"
        for name in ABOUT
    )
    connection.execute(f"create or replace temp table traced as {said}")
    connection.execute(
        "delete from provenance as p using traced as c"
        " where p.site = c.site and p.batch = c.batch"
    )
    rows = provenance(warehouse.table, "traced")
    connection.execute(f"insert into provenance {rows}")
    connection.execute("drop table temp.traced")
