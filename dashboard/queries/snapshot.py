"""The open snapshot: one read-only file, exchanged whole when a run publishes.

A new run never changes the file that a reader has open; it puts another beside it and
points `current` there; when readers see it is told in `turns`. Each published file gets
a connection of its own, because one DuckDB process keeps answering from the first file
that it opened under a name.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dashboard.queries.changing import Changing, Marks, Shown
from dashboard.queries.memory import Memory
from dashboard.viewer import Viewer, current_request
from etl.contract.version import CONTRACT
from etl.history import quoted

_KEPT = 2
# Bytes of answers: a kilobyte or two for most, some hundred for every viewer, and
# megabytes where days are counted of many sites.
_REMEMBERED = 32 << 20
# As many as there are functions that are `kept`.
_FACTS = 64
# When a row of a table belongs: the first of these columns that it has.
_BEGINS = ("month", "week", "started", "opened", "ordered")
_OF_TODAY = ("order_waiting",)
Bound = Mapping[str, object]
_Frozen = tuple[str, object]


class NoSnapshotError(LookupError):
    """Nothing was ever published in this folder."""


class OtherVersionError(NoSnapshotError):
    """What was published says things in another way than this version reads them."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One published file, open for reading.

    An earlier one is `ruled_by` the one that readers see: what was held back since is
    held back in it too. To a reader who is shown nothing of others before a month
    (`since`) it is as if that were not in it; `all_of_it` is the file as it is. No two
    files have the same `mark`.
    """

    path: Path
    connection: duckdb.DuckDBPyConnection
    published: float = 0.0
    mark: str = ""
    ruled_by: "Snapshot | None" = None
    since: str = ""
    sight: str = "snapshot.main"
    whole: "Snapshot | None" = None

    @property
    def all_of_it(self) -> "Snapshot":
        """The file as it is, for what is decided from all of it whoever asks."""
        return self.whole or self

    def rows(
        self, sql: str, parameters: Mapping[str, object] | Sequence[object] = ()
    ) -> pl.DataFrame:
        """The answer to `sql`; a cursor each, so that threads do not wait in line."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"set search_path = '{self.sight}'")
            params = parameters if isinstance(parameters, Mapping) else [*parameters]
            answer: pl.DataFrame = cursor.sql(sql, params=params or None).pl()
            return answer

    def counts(self, sql: str, parameters: Bound) -> pl.DataFrame:
        """The answer to `sql` that is not long, remembered: the file never changes.

        Whoever asks, the sites that may be spoken of stand in the parameters, and what
        may be shown is decided afterwards, anew for every viewer.
        """
        asked = (sql, tuple(map(_frozen, parameters.items())))
        return self._counts.answer(asked, lambda: self.rows(sql, parameters)).clone()

    @cached_property
    def answers(self) -> Memory[pl.DataFrame]:
        """What was answered from this snapshot under its rules, by who asked what."""
        return Memory(_REMEMBERED, _size)

    @cached_property
    def facts(self) -> Memory[Any]:
        """What is decided of this snapshot alone, whoever asks and whatever for."""
        return Memory(_FACTS)

    @cached_property
    def _counts(self) -> Memory[pl.DataFrame]:
        return Memory(_REMEMBERED, _size)

    @cached_property
    def sights(self) -> dict[tuple[str, str], "Snapshot"]:
        """This snapshot as it is seen, by the first month and whose own is seen all."""
        return {}

    @cached_property
    def meta(self) -> Mapping[str, str]:
        """What the run wrote about itself: run, built_at, as_of, network, versions."""
        return dict(self.rows("select key, value from meta").iter_rows())

    @cached_property
    def rules(self) -> Mapping[str, Mapping[str, object]]:
        """The network's own rules as they stood when this was built."""
        if self.ruled_by is not None:
            return self.ruled_by.rules
        rules: Mapping[str, Mapping[str, object]] = json.loads(self.meta["config"])
        return rules

    @cached_property
    def members(self) -> tuple[tuple[str, str], ...]:
        """Every member site with its region, in the order of their names."""
        rows = self.rows(
            "select site, coalesce(region, '-') from site"
            " where kind <> 'published' order by site"
        )
        return tuple(rows.iter_rows())

    @property
    def as_of(self) -> date:
        """The network's day: running steps are censored on it, ages count from it."""
        return date.fromisoformat(self.meta["as_of"])

    @property
    def built(self) -> datetime:
        """When the run finished building this file."""
        return datetime.fromisoformat(self.meta["built_at"])


_instead: ContextVar[Snapshot | None] = ContextVar("pocnet_earlier", default=None)
_lock = threading.Lock()
_open: dict[Path, Snapshot] = {}


def current(folder: Path | None = None) -> Snapshot:
    """The snapshot that readers of a folder see, of the request's network by default.

    Raises NoSnapshotError while nothing was published. What `current` points to is
    looked up again at every call, so the first question after a run is answered from
    the new one; only where runs `take_turns` one may have to wait for its own.
    """
    if folder is not None:
        return _published(folder).snapshot
    request, instead = current_request(), _instead.get()
    whole = instead.all_of_it if instead else _published(request.snapshots).snapshot
    return seen_by(whole, request.viewer)


def marks() -> tuple[Marks, tuple[Marks, ...]]:
    """By what to know the files that answers to the request are made from.

    Then by what to know those whose pages may stand in for such that are not yet made.
    """
    shown = _published(current_request().snapshots)
    return shown.marks, shown.standing_in(time.time())


def _published(folder: Path) -> Shown:
    try:
        path = (folder / "current").resolve(strict=True)
    except OSError as error:
        raise NoSnapshotError(f"nothing was published in {folder.name} yet") from error
    return _changing.shown(path, time.time())


def audience(rules: Mapping[str, Mapping[str, Any]], viewer: Viewer) -> dict[str, Any]:
    """What the network agreed for the viewer's audience; empty for nothing."""
    rule = rules["disclosure"].get(viewer.audience)
    return rule if isinstance(rule, dict) else {}


def seen_by(snapshot: Snapshot, viewer: Viewer) -> Snapshot:
    """The snapshot as this viewer sees it: of others nothing before a first month."""
    since = audience(snapshot.rules, viewer).get("since")
    if not since or snapshot.since:
        return snapshot
    own, sights = viewer.site or "", snapshot.sights
    with _lock:
        if (since, own) not in sights:
            place = f"memory.sight_{id(snapshot)}_{len(sights)}"
            _look(snapshot, place, since, own)
            sights[since, own] = replace(
                snapshot, since=since, sight=f"{place},{snapshot.sight}", whole=snapshot
            )
        return sights[since, own]


def _look(snapshot: Snapshot, place: str, since: str, own: str) -> None:
    """Make views, in a place of their own, of what is seen of tables with a time."""
    tables = snapshot.rows(
        "select table_name, list(column_name) filter (data_type = 'DATE' or"
        " column_name = 'site') from duckdb_columns()"
        " where database_name = 'snapshot' group by all order by all"
    )
    with snapshot.connection.cursor() as cursor:
        cursor.execute(f"create schema if not exists {place}")
        for table, columns in tables.iter_rows():
            begins = next((c for c in _BEGINS if c in (columns or ())), None)
            if begins and "site" in columns and table not in _OF_TODAY:
                cursor.execute(
                    f"create or replace view {place}.{table} as select * from"
                    f" {snapshot.sight}.{table} where {begins} is null or {begins} >="
                    f" date '{since}-01' or site = {quoted(own)}"
                )


def previous() -> Snapshot | None:
    """The snapshot published before the current one, under the current one's rules.

    None where there is none, and where its figures were counted by other marts, or by
    another contract: what is new in another way of counting is not news of a site.
    """
    now = current()
    before = _changing.before(now.all_of_it)
    if before is None or before.meta.get("metrics") != now.meta.get("metrics"):
        return None
    return seen_by(_ruled(before, now.all_of_it), current_request().viewer)


@lru_cache(maxsize=_KEPT)
def _ruled(earlier: Snapshot, today: Snapshot) -> Snapshot:
    # One for all who ask, so that what was answered from it is remembered with it.
    return replace(earlier, ruled_by=today)


@contextmanager
def answering_from(snapshot: Snapshot) -> Iterator[None]:
    """Queries inside the block answer from this snapshot instead of the current one."""
    token = _instead.set(snapshot)
    try:
        yield
    finally:
        _instead.reset(token)


@contextmanager
def answering_from_one() -> Iterator[None]:
    """Queries inside the block answer from one snapshot, also if a run publishes."""
    try:
        snapshot = current()
    except NoSnapshotError:
        yield
        return
    with answering_from(snapshot):
        yield


def _frozen(bound: tuple[str, object]) -> _Frozen:
    """A parameter as a value that can be compared, of its very type."""
    name, value = bound
    return name, tuple(value) if isinstance(value, list) else value


@contextmanager
def under_todays_rules(folder: Path) -> Iterator[Snapshot]:
    """The request's snapshot answers under the rules of the current one of `folder`.

    What is held back today is held back in every earlier run, too.
    """
    ruled = _ruled(current().all_of_it, current(folder))
    seen = seen_by(ruled, current_request().viewer)
    with answering_from(seen):
        yield seen


def _opened(path: Path) -> Snapshot:
    with _lock:
        if path not in _open:
            opened = _attach(path)
            _assert_of_this_version(opened)
            _open[path] = opened
            removed = [each for each in _open if not each.exists()]
            for stale in {*removed, *list(_open)[:-_KEPT]}:
                del _open[stale]
        return _open[path]


_changing = Changing(_opened)
take_turns = _changing.take_turns


def _size(frame: pl.DataFrame) -> int:
    return int(frame.estimated_size())


def _attach(path: Path) -> Snapshot:
    connection, file = duckdb.connect(":memory:"), path.stat()
    connection.execute(f"attach {quoted(str(path))} as snapshot (read_only)")
    connection.execute("set enable_external_access = false")
    mark = f"{path}:{file.st_mtime_ns}:{file.st_ino}"
    return Snapshot(path, connection, file.st_mtime, mark)


def _assert_of_this_version(snapshot: Snapshot) -> None:
    said = snapshot.meta.get("contract", "")
    if said == CONTRACT:
        return
    newer = said.isdigit() and int(said) > int(CONTRACT)
    raise OtherVersionError(
        f"the snapshot follows version {said or 'none'} of the contract and this "
        f"pocnet version {CONTRACT}. "
        + (
            "Install the newer pocnet that published it here, too."
            if newer
            else "`pocnet migrate` makes it anew from the archive."
        )
    )
