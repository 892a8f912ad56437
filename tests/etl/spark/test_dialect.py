"""Every statement of the marts in Spark's words, read back and asked of DuckDB."""

from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from connectors import PocnetError
from etl.contract.schemas import SCHEMAS
from etl.marts import statements
from etl.spark.dialect import step
from tests.demo import Demo

JUDGED = ("judged", "gate_outcome", "usual_outcome", "discordance")


@pytest.fixture(scope="module")
def again(demo: Demo) -> Iterator[duckdb.DuckDBPyConnection]:
    """The contract's rows and the judged batches of the network, without marts."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{demo.snapshots / 'current'}' as s (read_only)")
        for table in (*SCHEMAS, *JUDGED):
            connection.execute(f'create view "{table}" as from s."{table}"')
        day = "select value::date as as_of from s.meta where key = 'as_of'"
        connection.execute(f"create table network_day as {day}")
        yield connection


def test_what_spark_is_told_makes_the_same_marts_row_by_row(
    again: duckdb.DuckDBPyConnection,
) -> None:
    """Spark's SQL, translated back and run by DuckDB on the same rows.

    It shows that nothing of a statement was lost in translation; that Spark itself
    understands it and counts alike is shown on a cluster (test_cluster.py).
    """
    made = set()
    for name, statement in statements():
        said = step(statement)
        back = sqlglot.transpile(said.query, read="spark", write="duckdb")[0]
        if said.columns:
            columns = ", ".join(said.columns)
            again.execute(f"insert into {said.table} ({columns}) {back}")
        else:
            again.execute(f"create table {said.table} as {back}")
        made.add(said.table)
        assert "date_diff" not in said.query.lower(), name
    assert len(made) > 10
    for table in sorted(made):
        for one, other in (("main", "s"), ("s", "main")):
            missing = f"from {one}.{table} except all from {other}.{table}"
            assert again.sql(missing).pl().is_empty(), table


def test_every_statement_is_one_that_spark_can_read() -> None:
    for name, statement in statements():
        said = step(statement)
        assert isinstance(sqlglot.parse_one(said.query, read="spark"), exp.Query), name


@pytest.mark.parametrize(
    "statement",
    [
        "update fact_batch set site = 'x'",
        "insert into fact_batch select 1",
        "create table x (a integer)",
        "create tabel x as select 1",
    ],
)
def test_a_statement_of_another_kind_is_refused_by_its_words(statement: str) -> None:
    with pytest.raises(PocnetError, match="Spark has no equal of"):
        step(statement)


def test_a_table_and_its_columns_are_taken_apart_from_the_query() -> None:
    made = step("create table x as select date_diff('day', a, b) as d from y")
    assert (made.table, made.columns) == ("x", ())
    assert made.query == "SELECT DATEDIFF(DAY, a, b) AS d FROM y"
    filled = step("insert into x (d) select 1")
    assert (filled.table, filled.columns, filled.query) == ("x", ("d",), "SELECT 1")
