"""The marts: facts and counts that pages read, made from the current contract rows.

Counts are stored and ratios are computed last, by whoever shows them, so that every
filter gives the same answer as a recount of the rows. The SQL keeps to one plain
dialect; each statement creates or fills one table, in the order of the files' names.
Judgement under the release criteria comes first, from `etl.judged_tables`, because
it needs more than SQL can say plainly.
"""

import re
from collections.abc import Container, Iterator, Sequence
from datetime import date
from importlib.resources import files
from typing import Final

import duckdb

from etl import rules
from etl.contract.schemas import SCHEMAS
from etl.filling import create
from etl.judged_tables import Judgement
from etl.plausibility import SUMMARIES

_FILLS: Final = re.compile(r"^(?:create table|insert into) (\w+)", re.MULTILINE)
# Of a gate whose outcome is undetermined nothing follows, so it is not looked at.
DECIDED: Final = """
select site, count(*) filter (outcome = 'fail') as numerator, count(*) as denominator
from release inner join gate_outcome using (site, batch, gate)
where decision = 'released' and outcome in ('pass', 'fail') group by site"""


def build_marts(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """The tables of the marts, made in the connection's current schema.

    Expects one table a dataset with the current contract rows. `as_of` is the day
    to which running steps are censored.
    """
    Judgement(connection, as_of).make()
    make_marts(connection, as_of, {table for table, _ in filled()})
    find(connection, rules.RULES)


def make_marts(
    connection: duckdb.DuckDBPyConnection, as_of: date, chosen: Container[str]
) -> None:
    """The chosen tables that SQL makes, in the connection's current schema."""
    connection.execute("create table network_day as select ? as as_of", [as_of])
    for table, statement in filled():
        if table in chosen:
            connection.execute(statement)
    connection.execute("drop table network_day")


def statements() -> list[tuple[str, str]]:
    """Name and SQL of each mart, in the order in which they are made."""
    found = [f for f in files("etl.marts").iterdir() if f.name.endswith(".sql")]
    return [(f.name, f.read_text()) for f in sorted(found, key=lambda f: f.name)]


def filled() -> Iterator[tuple[str, str]]:
    """The table that each statement makes or adds to, and the statement."""
    for _, statement in statements():
        named = _FILLS.search(statement)
        assert named, statement
        yield named[1], statement


def find(connection: duckdb.DuckDBPyConnection, asked: Sequence[rules.Rule]) -> None:
    """Tables `finding` and `rule_count`: what the rows say against each other.

    As far as these rules ask.
    """
    asking = {name: f'from "{name}"' for name in SCHEMAS if name != "result"}
    tables = {
        name: connection.sql(sql).pl() for name, sql in {**asking, **SUMMARIES}.items()
    }
    found = rules.find(tables, asked)
    decided = connection.sql(DECIDED).pl()
    create(connection, "finding", found.findings)
    create(connection, "rule_count", rules.counted_too(found.counts, decided))
