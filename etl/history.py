"""The statements that lay rows over a history table, and read its present.

A history table has the columns of a schema, where each row came from (`origin`,
`ref`, `entry`, `bundle`, `sender`), and the runs that opened and closed it; a row that
stands has no closing run. The rows to lay over it stand in a table `state`, and in
`touched` the records of which nothing else is to stand (see `etl.fold`).
"""

from collections.abc import Iterable

from etl.contract.schemas import KEYS, SCHEMAS

PROVENANCE = ("origin", "ref", "entry", "bundle")
# What a history table has beside the columns of its schema.
OWN = (*PROVENANCE, "sender", "opened_run", "closed_run")
REJECT = ("row", "origin", "ref", "column", "rule", "read", "expected")
# Said by a laboratory about another site's batch, or by an organiser about a
# laboratory: this column names who owns the row.
OWNER = {"result": "site", "ring_trial": "laboratory"}


def names(columns: Iterable[str]) -> str:
    """The columns quoted: the contract has a `text`, a `date` and a `value`."""
    return ", ".join(f'"{column}"' for column in columns)


def quoted(text: str) -> str:
    """A text as SQL, where no parameter can be."""
    return "'" + text.replace("'", "''") + "'"


def equal(columns: Iterable[str], left: str, right: str) -> str:
    """A condition that holds where all the columns agree; no part may be null."""
    return " and ".join(f'{left}."{c}" = {right}."{c}"' for c in columns)


def same(columns: Iterable[str], left: str, right: str) -> str:
    """A condition that holds where all the columns agree, two nulls being the same."""
    return " and ".join(
        f'{left}."{c}" is not distinct from {right}."{c}"' for c in columns
    )


def record(table: str) -> str:
    """The record that a row's `ref` is part of: one may fill several rows."""
    return f"regexp_replace({table}.ref, ', (event|instance) .*$', '')"


def nearby(table: str, dataset: str) -> str:
    """The ids of the standing rows that bundles can change which do not say all.

    All rows of each thing that they speak of, as a batch or an order, and the rows of
    the records that they touch. Each of the three searches is one that a scan can be
    narrowed by, so that it does not matter how many other rows there are.
    """
    thing = KEYS[dataset][:2][-1]
    touched = "exists (select 1 from touched as n where n.entry = t.entry and n.record"
    part = "contains(t.ref, ', event ') or contains(t.ref, ', instance ')"
    found = (
        f't."{thing}" in (select "{thing}" from state)',
        f"{touched} = t.ref)",
        f"({part}) and {touched} = {record('t')})",
    )
    ours = f"from {table} as t where t.sender = $sender and t.closed_run is null"
    return " union ".join(f"select t.rowid as id {ours} and {each}" for each in found)


def gone(table: str, dataset: str) -> str:
    """The keys that a row had until after a run, and that no row has now."""
    return (
        f"from {table} as t anti join "
        f"(from {table} where closed_run is null) as n "
        f"on {equal(KEYS[dataset], 't', 'n')} "
        "where t.closed_run > $run and t.opened_run <= $run"
    )


def near(table: str, sender: str, *, complete: bool) -> str:
    """The standing rows of a sender, each with its `id`; all, or those in `nearby`."""
    some = "true" if complete else "t.rowid in (select id from nearby)"
    return (
        f"select t.rowid as id, t.* from {table} as t "
        f"where t.sender = {quoted(sender)} and t.closed_run is null and {some}"
    )


def closing(table: str, dataset: str, *, complete: bool) -> str:
    """Closes what `state` changed or took away and, if it is complete, all else.

    Where a row came from is not part of what it says: a line inserted above it in
    the site's file does not make it another row.
    """
    key, rest = _columns(dataset)
    held = f"select 1 from state as i where {equal(key, 'i', 't')}"
    unchanged = f"{held} and i.alive" + (f" and {same(rest, 'i', 't')}" if rest else "")
    touched = (
        "select 1 from touched as n where n.entry = t.entry and n.record = "
        + record("t")
    )
    gone = "true" if complete else f"(exists ({held}) or exists ({touched}))"
    return (
        f"update {table} set closed_run = $run where rowid in "
        f"(select t.id from near as t where {gone} and not exists ({unchanged}))"
    )


def renaming(table: str, dataset: str) -> str:
    """Notes under which record a row is said now, where that is another one.

    The row is the same, but it goes when its record does. Lines and rows of a file are
    nothing that could go by itself, and stay as they were first read.
    """
    moved = "t.ref is distinct from i.ref and i.ref like 'record %'"
    return (
        f"update {table} as o set entry = s.entry, origin = s.origin, ref = s.ref from "
        "(select t.id, i.entry, i.origin, i.ref from near as t inner join state as i "
        f"on {equal(KEYS[dataset], 'i', 't')} where i.alive "
        f"and (t.entry is distinct from i.entry or ({moved}))) as s "
        "where o.rowid = s.id"
    )


def opening(table: str, dataset: str, *, known: bool = True) -> str:
    """Adds the rows of `state` that do not stand already, if any do (`known`)."""
    columns = (*SCHEMAS[dataset].column_names(), *PROVENANCE)
    stands = f"select 1 from near as t where {equal(KEYS[dataset], 'i', 't')}"
    return (
        f"insert into {table} ({names(columns)}, sender, opened_run) "
        f"select {names(columns)}, $sender, $run from state as i where i.alive"
        + f" and not exists ({stands})"
        * known
    )


def coming_near(table: str) -> str:
    """Adds the rows that a run opened to those in `nearby`."""
    return (
        f"insert into nearby select rowid from {table} "
        "where sender = $sender and closed_run is null and opened_run = $run"
    )


def duplicated(dataset: str) -> str:
    """Counts the keys that the rows near say more than once.

    All others have other keys, and were counted when they came. By their hashes, which
    takes a fifth of the time: two keys of 10 million that share one have a chance of 3
    in a million.
    """
    return f"select count(*) - count(distinct hash({names(KEYS[dataset])})) from near"


def current(table: str, dataset: str, also: Iterable[str] = ()) -> str:
    """The contract's columns (and `also`) of the rows that stand, one row a key.

    Where two senders say one key, the owner's own row counts, and otherwise that of
    the sender that comes first in the alphabet: no order of arrival changes it.
    """
    columns = names((*SCHEMAS[dataset].column_names(), *also))
    said = f"select {columns} from {table} as t where t.closed_run is null"
    owner = OWNER.get(dataset)
    if owner is None:
        return said
    return (
        f"{said} and t.sender = t.{owner} union all "
        f"{said} and t.sender <> t.{owner} and not exists ("
        f"select 1 from {table} as o where o.closed_run is null "
        f"and {equal(KEYS[dataset], 'o', 't')} "
        f"and (o.sender = o.{owner} or o.sender < t.sender))"
    )


def _columns(dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    key = KEYS[dataset]
    return key, tuple(c for c in SCHEMAS[dataset].column_names() if c not in key)
