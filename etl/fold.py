"""What several bundles of one dataset say together, in whatever order they came.

A complete bundle speaks for everything its sender has, so nothing before it matters;
the ones after it add, correct and take away. They are laid one over the other, by
rank, in temporary tables beside the warehouse, before anything of it is touched: the
state is a function of the set of bundles, each row is written at most once, and no
bundle has to fit into memory.

An incremental bundle replaces whole records: all that was said before under the same
record of the same entry is gone unless it is said again. (Where a source has no keys of
its own a row is just `row 3` of an answer; it cannot be known again and replaces
nothing.) Records that the source calls deleted are gone too, and so are those missing
from a list of all keys, unless more than half of the entry's records would go with it:
then something is wrong with the list. An entry that was read in full beside others that
were not speaks for all its records.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from etl import history
from etl.bundle import GONE, PRESENT, Manifest
from etl.contract.schemas import KEYS, SCHEMAS
from etl.filling import number
from etl.history import REJECT, equal, names, quoted

_BEFORE: Final = "from said_before"
_PAIR: Final = "(entry varchar, record varchar)"


@dataclass(frozen=True)
class Slice:
    """Some checked rows of a bundle.

    `good` has the columns of the schema with `origin`, `ref`, `entry` and `_row`;
    `rejects` those of a reject frame with `entry`.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class Arrival:
    """A bundle whose rows are checked while `slices` is gone through, which is once.

    `keys` has `entry`, `ref` and `said`: the records that are gone, or present.
    """

    manifest: Manifest
    slices: Iterable[Slice]
    keys: pl.LazyFrame


@dataclass(frozen=True)
class Doubt:
    """A list of keys that was not believed: it lacks `lacking` of `known` records."""

    entry: str
    known: int
    lacking: int


@dataclass(frozen=True)
class Landed:
    """What a bundle came to: read = good_rows + rejected, repeated in good_rows.

    It is `complete` when rows that are not in it are gone at the sender. Only a full
    read with at least one good row is believed that far: an empty answer, or one in
    which every row is refused, says that something broke.
    """

    manifest: Manifest
    good_rows: int
    repeated: int
    rejected: int
    doubts: tuple[Doubt, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether rows that are not in it are gone at the sender."""
        return self.manifest.full and self.good_rows > 0


class Fold:
    """The state that arrivals leave behind, to be laid over a sender's history.

    In `state` are the rows that were said, `alive` unless taken away again; `touched`
    has the records of which nothing said before stands; `refusals` the rejects.
    `complete` says that nothing else is known of the sender and dataset. Checked rows
    lie in `folder` as Parquet until the fold is laid over the history.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: tuple[str, str],
        of: tuple[str, str],
        folder: Path,
    ) -> None:
        self._connection, self._folder = connection, folder
        self._table, self._reject = tables
        self._sender, self._dataset = of
        self._key = KEYS[self._dataset]
        self.complete = False
        self._said, self._number = "", 0
        columns = names((*SCHEMAS[self._dataset].column_names(), *history.PROVENANCE))
        self._do(
            "create or replace temp table said_before as select "
            f"{columns}, 0::bigint as _row, true as alive from {self._table} limit 0"
        )
        self._view("state", _BEFORE)
        refused = f"select {names(REJECT)}, entry, bundle from {self._reject} limit 0"
        for name in ("refused", "refusals"):
            self._do(f"create or replace temp table {name} as {refused}")
        for name in ("touched", "now", "listed"):
            self._do(f"create or replace temp table {name} {_PAIR}")

    def say(self, good: pl.DataFrame) -> None:
        """Take in rows of the hub's own, which come from no bundle."""
        nowhere = [pl.lit(None, pl.String).alias(n) for n in history.PROVENANCE]
        rows = good.with_columns(*nowhere, _row=pl.int_range(pl.len()), alive=True)
        self._insert("said_before", rows)

    def add(self, arrival: Arrival) -> Landed:
        """Lay a bundle over those before it; they must come in the order of rank."""
        for name in ("refused", "now", "listed"):
            self._do(f"delete from {name}")
        self._hear(arrival)
        good = self._count("select count(*) from said")
        repeated = self._once(good)
        rejected = self._count('select count(distinct "row") from refused')
        landed = Landed(arrival.manifest, good, repeated, rejected)
        if landed.complete:
            self._begin_anew()
            return landed
        doubts = tuple(self._touch(arrival))
        self._take_over()
        return replace(landed, doubts=doubts)

    def _hear(self, arrival: Arrival) -> None:
        """Have the checked rows as `said` and the rejects as `refused`."""
        bundle = pl.lit(arrival.manifest.name).alias("bundle")
        heard: list[Path] = []
        for piece in arrival.slices:
            if piece.good.height:
                heard.append(self._folder / f"{self._number}.parquet")
                rows = piece.good.with_columns(bundle, alive=True)
                rows.write_parquet(heard[-1], compression="lz4")
                self._number += 1
            self._insert("refused", piece.rejects.select(*REJECT, "entry", bundle))
        paths = ", ".join(quoted(str(path)) for path in heard)
        self._said = f"from read_parquet([{paths}])" if heard else f"{_BEFORE} limit 0"
        self._view("said", self._said)

    def _once(self, rows: int) -> int:
        """Keep one row a key, the last one said; gives how many rows went."""
        hashed = f"count(distinct hash({names(self._key)}))"
        if self._count(f"select {hashed} from said") == rows:
            return 0
        kept, self._number = f"said_once_{self._number}", self._number + 1
        self._do(
            f"create or replace temp table {kept} as from said as s where not exists "
            f"(select 1 from said as o where {equal(self._key, 'o', 's')} "
            "and o._row > s._row)"
        )
        self._said = f"from {kept}"
        self._view("said", self._said)
        return rows - self._count("select count(*) from said")

    def _begin_anew(self) -> None:
        self.complete = True
        self._do("delete from said_before")
        self._view("state", self._said)
        self._do("delete from refusals")
        self._do("insert into refusals from refused")
        self._do("delete from touched")

    def _touch(self, arrival: Arrival) -> Iterator[Doubt]:
        """Note in `now` the records of which nothing said before stands."""
        for source in ("said", "refused"):
            self._do(
                "insert into now select distinct entry, "
                f"{history.record(source)} from {source} where ref like 'record %'"
            )
        self._put_keys(arrival, GONE, "now")
        self._put_keys(arrival, PRESENT, "listed")
        for part in arrival.manifest.parts:
            whole = part.since is None and part.records > 0
            bound = {"entry": part.entry}
            if whole and self._count("select count(*) from said where entry = $entry",
                                     bound):  # fmt: skip
                self._do(f"insert into now {self._standing()}", bound)
            elif part.present is not None:
                yield from self._missing(part.entry)

    def _missing(self, entry: str) -> Iterator[Doubt]:
        """Touch the records of an entry that its list of all keys does not hold."""
        bound = {"entry": entry}
        lacking = f"({self._standing()} except (from listed union all from now))"
        known = f"({self._standing()} union (from now where entry = $entry))"
        gone = self._count(f"select count(*) from {lacking}", bound)
        of = self._count(f"select count(*) from {known}", bound)
        if 2 * gone > of:
            yield Doubt(entry, of, gone)
        else:
            self._do(f"insert into now from {lacking}", bound)

    def _standing(self) -> str:
        """The records of an entry that stand before this bundle, good or refused."""
        found = [
            f"select entry, {history.record('state')} as record from state where alive",
            f"select entry, {history.record('refusals')} as record from refusals",
        ]
        if not self.complete:
            ours = f"t.closed_run is null and t.sender = '{self._sender}'"
            key = equal(self._key, "s", "t")
            # What was touched and said again since stands, but not as it stood before.
            before = f"(t.entry, {history.record('t')}) not in (from touched)"
            found += [
                f"select t.entry, {history.record('t')} as record "
                f"from {self._table} as t where {ours} and {before} "
                f"and not exists (select 1 from state as s where {key})",
                f"select t.entry, {history.record('t')} as record "
                f"from {self._reject} as t where {ours} and {before} "
                f"and t.dataset = '{self._dataset}'",
            ]
        union = " union all ".join(found)
        return f"(select distinct entry, record from ({union}) where entry = $entry)"

    def _take_over(self) -> None:
        self._settle()
        record = history.record("s")
        now = f"select 1 from now as n where n.entry = s.entry and n.record = {record}"
        self._do(f"update said_before as s set alive = false where exists ({now})")
        self._do(
            "delete from said_before as s where exists (select 1 from said as o where "
            f"{equal(self._key, 'o', 's')})"
        )
        self._do("insert into said_before by name from said")
        self._do(f"delete from refusals as s where exists ({now})")
        self._do("insert into refusals from refused")
        self._do("insert into touched from now")

    def _settle(self) -> None:
        """Have `state` as a table, so that rows can be taken away from it."""
        if self._count("select count(*) from said_before") == 0:
            self._do("insert into said_before by name from state")
        self._view("state", _BEFORE)

    def _put_keys(self, arrival: Arrival, said: str, table: str) -> None:
        keys = arrival.keys.filter(pl.col("said") == said)
        for frame in keys.collect_batches(chunk_size=100_000):
            with _registered(self._connection, frame):
                self._do(
                    f"insert into {table} select distinct entry, "
                    f"{history.record('incoming')} from incoming"
                )

    def _view(self, name: str, query: str) -> None:
        self._do(f"create or replace temp view {name} as {query}")

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        if frame.height:
            with _registered(self._connection, frame):
                self._do(f"insert into {table} by name from incoming")

    def _do(self, sql: str, bound: object = None) -> None:
        self._connection.execute(sql, bound)

    def _count(self, sql: str, bound: object = None) -> int:
        return number(self._connection, sql, bound)


@contextmanager
def _registered(
    connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame
) -> Iterator[None]:
    connection.register("incoming", frame.to_arrow())
    yield
    connection.unregister("incoming")
