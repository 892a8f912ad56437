"""Counts brought up to date by what changed, so that a run costs what changed.

Most marts are sums over batches and orders, and what a batch adds to them depends on
itself, its order and the other batches of that order alone. So the marts' own SQL is
run over these few, as they were and as they are, and each sum moves by the difference.
All that is summed is whole and below what a double holds exactly, so nothing is lost;
what is not such a sum is counted anew.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import duckdb

from etl import rules
from etl.contract.schemas import SCHEMAS
from etl.filling import append, height
from etl.history import equal, names, same
from etl.judged_tables import JUDGED
from etl.marts import filled, find, make_marts
from etl.plausibility import SUMMARIES
from etl.store import Warehouse

# By what marts are grouped; in a mart of sums every other column is one.
_GROUPS: Final = frozenset((
    *("site", "product", "pathway", "trial", "process", "starting_material", "counted"),
    *("week", "month", "day", "ordered", "provisional_release", "event", "step"),
    *("stage", "category", "parameter", "laboratory", "own", "region"),
    *("kind", "supplier", "lot", "attempt", "attempts", "first_attempt"),
))  # fmt: skip
SUMS: Final = (
    *("rollup_batch_week", "rollup_batch", "rollup_start", "rollup_event"),
    *("rollup_failure", "rollup_parameter"),
    *("rollup_duration", "rollup_laboratory", "rollup_material", "rollup_order"),
    *("rollup_order_days", "rollup_attempt", "order_waiting", "rollup_provisional"),
    *("rollup_again", "rollup_demand"),
)
# Rows of single batches and orders: exchanged.
ROWS: Final = {
    "fact_batch": "round_batch",
    "lot_batch": "round_batch",
    "order_life": "round_order",
}
_ROUND: Final = {"round_batch": ("site", "batch"), "round_order": ("site", "order_key")}
# Where these have rows, of sites that send counts, not all of a sum is of batches.
_COUNTED: Final = {"rollup_batch_week": "stratum", "rollup_batch": "stratum"}
_OF_ALL: Final = tuple(
    rule for rule in rules.RULES if rule.id == "fractions_as_percent"
)
_OF_FEW: Final = tuple(rule for rule in rules.RULES if rule not in _OF_ALL)
_WAS, _IS = "as_it_was", "as_it_is"


@contextmanager
def recounting(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    days: tuple[date, date],
) -> Iterator[None]:
    """Bring all counts up to date with what the block exchanges of the rows.

    Expects the tables of `etl.continuing` that say what changed, in a connection that
    uses the snapshot. `days` are the network's before and now: what runs on until the
    network's day is counted anew on another one.
    """
    moving = _moving(connection, *days)
    _look_round(connection, warehouse)
    with _beside(connection, _WAS, days[0], moving):
        yield
        with _beside(connection, _IS, days[1], moving):
            for table in moving:
                if table in ROWS:
                    _exchange(connection, table)
                else:
                    _move(connection, table, _GROUPS)
            _find_again(connection)
    for table in _ROUND:
        connection.execute(f"drop table temp.{table}")
    _count_rest(connection, days[1], moving)
    if height(connection, "changed_result"):
        _find_in_all(connection)


def _moving(
    connection: duckdb.DuckDBPyConnection, before: date, now: date
) -> list[str]:
    """The tables that can be moved, in the order in which they are made."""
    counted = {
        table
        for table, counts in _COUNTED.items()
        if height(connection, counts) or height(connection, f"changed_{counts}")
    }
    fixed = {
        table
        for table, statement in filled()
        if (table not in SUMS and table not in ROWS)
        or (before != now and "network_day" in statement)
        or table in counted
    }
    return [table for table in _made() if table not in fixed]


def _made() -> list[str]:
    return [*dict.fromkeys(table for table, _ in filled())]


def _look_round(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Tables of the batches and orders of which some sum can be other than before.

    A changed batch, its order as it was and is, all batches of these orders. A batch
    that comes to such an order from another is a changed one itself.
    """
    of = "semi join changed_deviation as c on t.site = c.site"
    of += " and t.deviation = c.deviation where t.batch is not null"
    _say(
        connection,
        "round_batch",
        "from touched",
        "select site, batch from changed_material",
        f"select t.site, t.batch from deviation as t {of}",
        f"select t.site, t.batch from ({warehouse.current_sql('deviation')}) as t {of}",
    )
    of = "semi join round_batch as c on t.site = c.site and t.batch = c.batch"
    of += " where t.order_key is not null"
    _say(
        connection,
        "round_order",
        "select site, order_key from changed_demand",
        f'select t.site, t.order_key from "batch" as t {of}',
        f"select t.site, t.order_key from ({warehouse.current_sql('batch')}) as t {of}",
    )
    connection.execute(
        'insert into round_batch select t.site, t.batch from "batch" as t '
        f"semi join round_order as c on {equal(_ROUND['round_order'], 't', 'c')} "
        f"anti join round_batch as r on {equal(_ROUND['round_batch'], 't', 'r')}"
    )


def _say(connection: duckdb.DuckDBPyConnection, table: str, *found: str) -> None:
    rows = " union ".join(found)
    connection.execute(f"create or replace temp table {table} as {rows}")


@contextmanager
def _beside(
    connection: duckdb.DuckDBPyConnection, place: str, day: date, marts: list[str]
) -> Iterator[None]:
    """A database in memory with these marts, of the few batches and orders alone."""
    connection.execute(f"attach ':memory:' as {place}")
    try:
        for table in (*SCHEMAS, *JUDGED):
            few = _few(table)
            kind = "table" if few else "view"
            connection.execute(
                f'create {kind} {place}."{table}" as select t.* '
                f'from snapshot.main."{table}" as t {few}'
            )
        connection.execute(f"use {place}")
        make_marts(connection, day, marts)
        find(connection, _OF_FEW)
        connection.execute("use snapshot")
        yield
    finally:
        connection.execute("use snapshot")
        connection.execute(f"detach {place}")


def _few(table: str) -> str:
    """What keeps the rows of the few batches and orders; blank where all are kept."""
    columns = (
        SCHEMAS[table].column_names() if table in SCHEMAS else _ROUND["round_batch"]
    )
    few = "round_order" if table == "demand" else "round_batch"
    if not {*_ROUND[few]} <= {*columns}:
        return ""
    return f"semi join temp.{few} as c on {equal(_ROUND[few], 't', 'c')}"


def _exchange(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    few = ROWS[table]
    connection.execute(
        f"delete from {table} as t using {few} as c "
        f"where {equal(_ROUND[few], 't', 'c')}"
    )
    connection.execute(f"insert into {table} by name from {_IS}.main.{table}")


def _move(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    groups: Container[str],
    *,
    zeros: bool = False,
) -> None:
    """Add to each sum what is more and take away what is less; no row of `zeros`."""
    said = connection.table(table).columns
    key = [column for column in said if column in groups]
    sums = [column for column in said if column not in groups]
    less = ", ".join(f'-"{c}" as "{c}"' for c in sums)
    more = ", ".join(f'sum("{c}") as "{c}"' for c in sums)
    some = " or ".join(f'"{c}" <> 0' for c in sums)
    whole = ", ".join(f'm."{c}" + coalesce(t."{c}", 0) as "{c}"' for c in sums)
    keyed, by = names(key), ", ".join(f'm."{c}"' for c in key)
    matched = same(key, "t", "m")
    _say(
        connection,
        "moved",
        f"select {keyed}, {more} from (select {keyed}, {names(sums)} from "
        f"{_IS}.main.{table} union all select {keyed}, {less} from {_WAS}.main.{table})"
        f" group by {keyed}",
    )
    _say(
        connection,
        "settled",
        f"select {by}, {whole} from moved as m left join {table} as t on {matched}",
    )
    connection.execute(f"delete from {table} as t using moved as m where {matched}")
    kept = "" if zeros else f" where {some}"
    connection.execute(f"insert into {table} by name select * from settled{kept}")


def _find_again(connection: duckdb.DuckDBPyConnection) -> None:
    """Exchange the findings about the few, and move what was looked at."""
    matched = same(rules.FINDING, "t", "o")
    connection.execute(
        f"delete from finding as t using {_WAS}.main.finding as o where {matched}"
    )
    connection.execute(f"insert into finding by name from {_IS}.main.finding")
    _move(connection, "rule_count", ("rule", "site"), zeros=True)


def _count_rest(
    connection: duckdb.DuckDBPyConnection, as_of: date, moved: list[str]
) -> None:
    """Count anew what could not be moved."""
    rest = [table for table in _made() if table not in moved]
    for table in rest:
        connection.execute(f'drop table "{table}"')
    make_marts(connection, as_of, rest)


def _find_in_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Look anew at all results of each site, with the rules that ask for that."""
    tables = {
        "site": connection.sql("select distinct site from rule_count").pl(),
        "result_of_test": connection.sql(SUMMARIES["result_of_test"]).pl(),
    }
    seen = rules.find(tables, _OF_ALL)
    for table, frame in (("finding", seen.findings), ("rule_count", seen.counts)):
        for rule in _OF_ALL:
            connection.execute(f"delete from {table} where rule = ?", [rule.id])
        append(connection, table, frame)
