"""The marts: facts and counts that pages read, made from the current contract rows.

Counts are stored and ratios are computed last, by whoever shows them, so that every
filter gives the same answer as a recount of the rows. The SQL keeps to one plain
dialect; each statement creates or fills one table, in the order of the files' names.
Judgement under the release criteria comes first, from `etl.replay`, because
it needs more than SQL can say plainly.
"""

from datetime import date
from importlib.resources import files

import duckdb
import polars as pl

from etl import rules
from etl.contract.schemas import SCHEMAS
from etl.outcome import batch_outcomes, discordance
from etl.panel_tables import panel_tables
from etl.replay import in_force, judge
from etl.usual import usual_criteria, usual_outcomes

DATASETS_READ = ("batch", "result", "criterion", "release")


def build_marts(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """The tables of the marts, made in the connection's current schema.

    Expects one table a dataset with the current contract rows. `as_of` is the day
    to which running steps are censored.
    """
    connection.execute("create table network_day as select ? as as_of", [as_of])
    _judge(connection, as_of)
    for _, statement in statements():
        connection.execute(statement)
    for table, frame in panel_tables(lambda sql: connection.sql(sql).pl()).items():
        _create(connection, table, frame)
    _find(connection)
    connection.execute("drop table network_day")


def statements() -> list[tuple[str, str]]:
    """Name and SQL of each mart, in the order in which they are made."""
    found = [f for f in files("etl.marts").iterdir() if f.name.endswith(".sql")]
    return [(f.name, f.read_text()) for f in sorted(found, key=lambda f: f.name)]


def _judge(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Tables `judged` (one row a batch and criterion), `gate_outcome`, `usual_outcome`.

    The last says what would have become of each batch under the criteria that most
    members ask. It is judged here, once a snapshot, because no page could wait for it.
    """
    batch, result, criterion, release = (
        connection.sql(f"from {name}").pl() for name in DATASETS_READ
    )
    assignment = in_force(criterion, batch, result)
    judged = judge(result, criterion, assignment)
    outcomes = batch_outcomes(judged)
    _create(connection, "judged", judged)
    _create(connection, "gate_outcome", outcomes)
    _create(connection, "discordance", discordance(outcomes, release))
    members = connection.sql("select site from site where kind <> 'published'").pl()
    usual = usual_criteria(criterion.join(members, on="site", how="semi"), as_of)
    _create(connection, "usual_outcome", usual_outcomes(result, usual, assignment))


def _find(connection: duckdb.DuckDBPyConnection) -> None:
    """Tables `finding` and `rule_count`: what the rows say against each other."""
    tables = {name: connection.sql(f'from "{name}"').pl() for name in SCHEMAS}
    found = rules.find(tables)
    _create(connection, "finding", found.findings)
    _create(connection, "rule_count", found.counts)


def _create(
    connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame
) -> None:
    connection.register("_frame", frame.to_arrow())
    connection.execute(f"create table {table} as from _frame")
    connection.unregister("_frame")
