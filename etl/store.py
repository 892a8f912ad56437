"""The warehouse: checked rows with the run that opened and the run that closed them.

One DuckDB file, one table a dataset. What it holds is a function of the set of
bundles: later bundles supersede earlier ones by (time of extraction, hash), whatever
the order in which they arrive. Everything of one run happens in one transaction, so a
killed run leaves no trace. There are no primary keys (they make a large merge many
times slower): keys are counted after each change instead.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from connectors import PocnetError
from etl import history, ledger
from etl.contract.schemas import SCHEMAS
from etl.contract.version import NewerError
from etl.filling import number
from etl.fold import Arrival, Fold, Landed
from etl.ledger import Failure

# Who sends what the hub itself writes; no site's slug begins like this.
HUB: Final = "_network"


class Warehouse:
    """The network's history in one DuckDB file, open for one writer.

    A second writer gets a PocnetError that names the first. DuckDB itself holds the
    lock, so it is gone when its process is gone, however that ended. One of another
    version of pocnet is refused; of an `older` one runs and bundles can be read.
    """

    def __init__(self, path: Path, *, older: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = _open(path)
        self.path, self.catalog = path, path.stem
        self.connection.execute("set timezone = 'UTC'")
        # DuckDB would draw a bar amid the data on stdout where nothing was started as a
        # file, as with `python -c`.
        self.connection.execute("set enable_progress_bar = false")
        self.version = ledger.version_of(self.connection)
        self._assert_known(older=older)
        self.connection.execute(ledger.stamp(self.version))
        self.connection.execute(ledger.TABLES)
        for dataset in SCHEMAS:
            self._create(dataset)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def run(self, started_at: datetime, after: int = 0) -> Iterator[int]:
        """The number of a new run; all of it is kept at the end, or none of it.

        `after` is the highest number already in use elsewhere: a warehouse that is
        built anew must not publish under the name of an older snapshot.
        """
        self.connection.execute("begin transaction")
        try:
            number = max(self.last_run(), after) + 1
            self.connection.execute(
                "insert into run values (?, ?, null, 'running')", [number, started_at]
            )
            yield number
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def last_run(self) -> int:
        """The number of the newest run, 0 before the first."""
        return self._count("select coalesce(max(run), 0) from run")

    def finish(self, run: int, failures: Sequence[Failure]) -> None:
        """Note that the run ends now, and what each failing source answered."""
        state = "partial" if failures else "complete"
        self.finish_as(run, state, datetime.now(UTC), failures)

    def finish_as(
        self, run: int, state: str, finished_at: datetime, failures: Sequence[Failure]
    ) -> None:
        """Note how and when the run ended, and what each failing source answered."""
        for failure in failures:
            self.connection.execute(
                "insert into source_error values (?, ?, ?, ?)",
                [run, failure.site, failure.source, failure.message],
            )
        self.connection.execute(
            "update run set state = ?, finished_at = ? where run = ?",
            [state, finished_at, run],
        )

    def land(
        self, run: int, arrivals: Sequence[Arrival], *, whole: bool = False
    ) -> list[Landed]:
        """Lay bundles of one sender and dataset over what is known of it.

        A row that is unchanged stays as it is, a changed one closes its earlier
        version. `whole` says that nothing else is known of this sender and dataset
        from before, as when a late bundle makes it necessary to replay all of them.
        """
        manifest = arrivals[0].manifest
        ordered = sorted(arrivals, key=lambda arrival: arrival.manifest.rank)
        with self._fold(manifest.site, manifest.dataset) as fold:
            fold.complete = whole
            landed = [fold.add(arrival) for arrival in ordered]
            self._apply(run, fold, manifest.site, manifest.dataset)
        known = self.bundle_names()
        for each in landed:
            if each.manifest.name not in known:
                row = ledger.entry(run, each)
                marks = ", ".join("?" * len(row))
                self.connection.execute(f"insert into bundle values ({marks})", row)
        return landed

    def write(
        self, run: int, dataset: str, rows: pl.DataFrame, *, complete: bool
    ) -> None:
        """Rows of the hub's own, which come from its settings and not from a bundle."""
        with self._fold(HUB, dataset) as fold:
            fold.complete = complete
            fold.say(SCHEMAS[dataset].validate(rows, cast=True))
            self._apply(run, fold, HUB, dataset)

    def take_over(self, table: str, rows: pl.DataFrame) -> None:
        """Add rows of the same table of another warehouse, as they are there."""
        self.connection.register("incoming", rows.to_arrow())
        self.connection.execute(
            f"insert into {self.table(table)} by name from incoming"
        )
        self.connection.unregister("incoming")

    def current(self, dataset: str) -> pl.DataFrame:
        """The contract's rows of a dataset as they stand now."""
        return self.query(self.current_sql(dataset))

    def current_sql(self, dataset: str) -> str:
        """The query behind `current`; its names hold whatever file is attached."""
        return history.current(self.table(dataset), dataset)

    def query(self, sql: str, bound: object = None) -> pl.DataFrame:
        """The answer to a question about the warehouse as it stands in this run."""
        answer: pl.DataFrame = self.connection.sql(sql, params=bound).pl()
        return answer

    def taken_away(self, dataset: str, run: int) -> bool:
        """Whether a key is said by nobody any more that was when a run had ended."""
        gone = history.gone(self.table(dataset), dataset)
        return bool(self.query(f"select exists ({gone})", {"run": run}).item())

    def bundles(self, site: str, dataset: str) -> pl.DataFrame:
        """The bundles applied so far for one sender and dataset, oldest first."""
        return self.query(
            f"from {self.table('bundle')} where site = ? and dataset = ? "
            "order by extracted_at, bundle",
            [site, dataset],
        )

    def newest(self, sites: Sequence[str]) -> datetime | None:
        """When the newest bundle of these sites was extracted, None without any."""
        newest: datetime | None = self.query(
            "select max(extracted_at) as newest from bundle "
            "where list_contains(?, site)",
            [list(sites)],
        )["newest"][0]
        return newest

    def standing(self, site: str, dataset: str) -> int:
        """How many rows of a sender stand in a dataset."""
        return self._count(
            f"select count(*) from {self.table(dataset)} "
            "where sender = ? and closed_run is null",
            [site],
        )

    def bundle_names(self) -> set[str]:
        """Every bundle applied so far."""
        return set(self.query("select bundle from bundle")["bundle"])

    def table(self, name: str) -> str:
        """A table's full name, which holds whatever file is attached beside."""
        return f'"{self.catalog}".main."{name}"'

    def _create(self, dataset: str) -> None:
        """Make the dataset's table with the types of its schema, if it is not there."""
        texts = (*history.PROVENANCE, "sender")
        runs = ("opened_run", "closed_run")
        frame = (
            SCHEMAS[dataset]
            .create_empty()
            .with_columns(*(pl.lit(None, pl.String).alias(name) for name in texts))
            .with_columns(*(pl.lit(None, pl.Int64).alias(name) for name in runs))
        )
        self.connection.register("incoming", frame.to_arrow())
        self.connection.execute(
            f"create table if not exists {self.table(dataset)} as from incoming"
        )
        self.connection.unregister("incoming")

    def _assert_known(self, *, older: bool) -> None:
        if self.version.newer:
            self.connection.close()
            raise _newer(self.path)
        if self.version.older and not older:
            self.connection.close()
            raise PocnetError(
                f"{self.path} was made by an earlier version of pocnet. `pocnet "
                f"migrate {self.path.parents[1]}` makes it again from the archive; no "
                "site is asked for anything twice."
            )

    @contextmanager
    def _fold(self, sender: str, dataset: str) -> Iterator[Fold]:
        tables = self.table(dataset), self.table("reject")
        folder = self.path.parent / "checked"
        # Also what a killed run left there: nobody else writes beside a warehouse.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield Fold(self.connection, tables, (sender, dataset), folder)
        shutil.rmtree(folder)

    def _apply(self, run: int, fold: Fold, sender: str, dataset: str) -> None:
        table, reject = self.table(dataset), self.table("reject")
        bound = {"run": run, "sender": sender}
        known = self.standing(sender, dataset) > 0
        some = known and not fold.complete
        self._look_near(table, sender, dataset, complete=not some)
        if known:
            closing = history.closing(table, dataset, complete=fold.complete)
            self.connection.execute(closing, {"run": run})
            self.connection.execute(history.renaming(table, dataset))
        opening = history.opening(table, dataset, known=known)
        self.connection.execute(opening, bound)
        if some:
            self.connection.execute(history.coming_near(table), bound)
        self._assert_unique(sender, dataset)
        of = {**bound, "dataset": dataset}
        resolving = ledger.resolving(reject, complete=fold.complete)
        self.connection.execute(resolving, of)
        self.connection.execute(ledger.refusing(reject), of)

    def _look_near(
        self, table: str, sender: str, dataset: str, *, complete: bool
    ) -> None:
        """Have as `near` the standing rows that a fold can change."""
        if not complete:
            found = history.nearby(table, dataset)
            create = f"create or replace temp table nearby as {found}"
            self.connection.execute(create, {"sender": sender})
        near = history.near(table, sender, complete=complete)
        self.connection.execute(f"create or replace temp view near as {near}")

    def _assert_unique(self, sender: str, dataset: str) -> None:
        repeats = self._count(history.duplicated(dataset))
        if repeats:
            raise PocnetError(
                f"{repeats} rows of {sender} say a key of `{dataset}` "
                "twice after the change, so the run was taken back. This is a fault "
                "of pocnet: please report it with the versions of pocnet and DuckDB."
            )

    def _count(self, sql: str, bound: object = None) -> int:
        return number(self.connection, sql, bound)


def version_at(path: Path) -> ledger.Version:
    """What the warehouse of a file says it is; nothing in it is changed.

    NewerError for one of a newer version; PocnetError while another pocnet writes.
    """
    with _open(path, read_only=True) as connection:
        version = ledger.version_of(connection)
    if version.newer:
        raise _newer(path)
    return version


def _newer(path: Path) -> NewerError:
    return NewerError(
        f"{path} was made by a newer version of pocnet. Nothing was changed: install "
        "that version here, too."
    )


def _open(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, read_only=read_only)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise PocnetError(f"{path} cannot be opened: {error}") from None
        raise PocnetError(
            f"Another pocnet is writing to {path.parent}"
            f"{_holder(str(error))}. Wait until it is done, then try again."
        ) from None


def _holder(message: str) -> str:
    """The process that DuckDB names as the holder of the lock, if it does."""
    found = re.search(r"PID (\d+)", message)
    return f" (process {found[1]})" if found else ""
