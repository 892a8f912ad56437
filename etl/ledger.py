"""What the warehouse keeps beside the datasets: runs, bundles, rejects, failures.

A reject stands until its place in the source is read again without it, so that it has a
history like a row: new in one run, still there in the next, resolved in a third.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import duckdb

from etl.contract.version import CONTRACT, FIRST, is_known
from etl.fold import Landed
from etl.history import REJECT, names, record, same

# Raised with every change of the tables below, or of how rows are kept beside them.
LAYOUT: Final = 2
TABLES: Final = """
create table if not exists begun (started_at timestamptz);
insert into begun select now() where not exists (select 1 from begun);
create table if not exists run (
    run bigint, started_at timestamptz, finished_at timestamptz, state varchar);
create table if not exists source_error (
    run bigint, site varchar, source varchar, message varchar);
create table if not exists bundle (
    bundle varchar, run bigint, site varchar, dataset varchar,
    extracted_at timestamptz, complete boolean, mapping varchar,
    watermarks varchar[], compared timestamptz[],
    records bigint, "read" bigint, good bigint,
    repeated bigint, rejected bigint, weeks boolean);
create table if not exists reject (
    dataset varchar, sender varchar, "row" bigint, origin varchar, ref varchar,
    "column" varchar, rule varchar, "read" varchar, expected varchar,
    entry varchar, bundle varchar, opened_run bigint, closed_run bigint);
"""
# What durations are made of.
DATED: Final = ("demand", "batch", "release", "result")
_STANDS: Final = "sender = $sender and dataset = $dataset and closed_run is null"
_Named = Callable[[str], str]


@dataclass(frozen=True)
class Version:
    """Which contract's columns the rows of a warehouse have, and which tables it has.

    The first layout lacks whether a bundle has weeks for days.
    """

    contract: str
    layout: int

    @property
    def older(self) -> bool:
        """Whether it must be made again before this pocnet works with it."""
        return (int(self.contract), self.layout) < (int(CONTRACT), LAYOUT)

    @property
    def newer(self) -> bool:
        """Whether this pocnet does not know it yet."""
        return not is_known(self.contract) or self.layout > LAYOUT


def version_of(connection: duckdb.DuckDBPyConnection) -> Version:
    """What the warehouse of a connection says it is; an empty one is today's.

    One that says nothing was made before any did: its tables tell.
    """
    asked = "select table_name, column_name from duckdb_columns()"
    there = {*connection.execute(asked).fetchall()}
    if ("version", "layout") in there:
        return Version(*connection.execute("from version").fetchall()[0])
    if ("bundle", "bundle") not in there:
        return Version(CONTRACT, LAYOUT)
    return Version(FIRST, LAYOUT if ("bundle", "weeks") in there else 1)


def stamp(version: Version) -> str:
    """Has a warehouse say what it is, before anything else is in it."""
    return (
        f"create table if not exists version as select '{version.contract}' "
        f"as contract, {version.layout}::bigint as layout"
    )


@dataclass(frozen=True)
class Failure:
    """What kept a source from answering: the site, its source, one clear line."""

    site: str
    source: str
    message: str


def entry(run: int, landed: Landed) -> list[object]:
    """A bundle's row in the ledger: where it stands, and what it counted."""
    manifest = landed.manifest
    return [
        manifest.name,
        run,
        manifest.site,
        manifest.dataset,
        manifest.extracted_at,
        landed.complete,
        manifest.mapping,
        [part.watermark for part in manifest.parts],
        [part.compared for part in manifest.parts],
        manifest.records,
        manifest.read,
        landed.good_rows,
        landed.repeated,
        landed.rejected,
        any(part.precision == "week" for part in manifest.parts),
    ]


def resolving(reject: str, *, complete: bool) -> str:
    """Closes the rejects whose record was read again and that did not come again.

    In `touched` are the records that were read; a complete state has read them all.
    """
    touched = f"n.entry is not distinct from t.entry and n.record = {record('t')}"
    again = f"exists (select 1 from touched as n where {touched})"
    return (
        f"update {reject} as t set closed_run = $run where {_STANDS} "
        f"and {'true' if complete else again} and not exists "
        f"(select 1 from refusals as i where {same(REJECT, 'i', 't')})"
    )


def refusing(reject: str) -> str:
    """Adds the rejects of `refusals` that do not stand already."""
    columns = names((*REJECT, "entry", "bundle"))
    return (
        f"insert into {reject} ({columns}, dataset, sender, opened_run) "
        f"select {columns}, $dataset, $sender, $run from refusals as i "
        f"where not exists (select 1 from {reject} as t "
        f"where {_STANDS} and {same(REJECT, 'i', 't')})"
    )


def rejects(table: _Named) -> str:
    """The rows that stand refused, each with the run that first refused it."""
    return (
        f"select opened_run as run, sender as site, dataset, {names(REJECT)} "
        f"from {table('reject')} where closed_run is null"
    )


def counts(table: _Named) -> str:
    """The counts by run, sender and dataset, and when they arrived.

    A run that was killed after a bundle was kept leaves it to the next run, whose own
    bundle of that dataset is then the one that counts.
    """
    return (
        'select run, site, dataset, records, "read", good, repeated, rejected, '
        f"extracted_at as arrived_at from {table('bundle')} "
        "qualify row_number() over (partition by run, site, dataset "
        "order by extracted_at desc, bundle) = 1"
    )


def coarse(table: _Named) -> str:
    """The sites and datasets of which standing rows came with weeks instead of days.

    One such row is enough: durations made of it are known to the week only.
    """
    weekly = f"select bundle from {table('bundle')} where weeks"
    return " union all ".join(
        f"select distinct site, '{dataset}' as dataset from {table(dataset)}"
        f" where closed_run is null and bundle in ({weekly})"
        for dataset in DATED
    )


def failures(table: _Named) -> str:
    """What failing sources said when their site was last asked."""
    asked = " union all ".join(
        f"select run, site from {table(name)}" for name in ("bundle", "source_error")
    )
    return (
        f"select f.* from {table('source_error')} as f where f.run = "
        f"(select max(a.run) from ({asked}) as a where a.site = f.site)"
    )
