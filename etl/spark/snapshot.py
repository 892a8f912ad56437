"""The marts of a new snapshot, empty, and how they are filled from the cluster."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from etl.contract.schemas import SCHEMAS
from etl.filling import append, create
from etl.history import names
from etl.marts import build_marts


class Target:
    """The tables of a build on one machine, to be filled.

    `connection` holds a snapshot in which the contract's rows are. What the marts are
    called and which types they have is what comes of no rows at all.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
        self.connection, self.as_of = connection, as_of
        made = dict(_marts(as_of))
        for statement in made.values():
            connection.execute(statement)
        self.marts: Final = tuple(made)

    def rows(self, sql: str) -> pl.DataFrame:
        """The answer to a question about what is in the tables by now."""
        answer: pl.DataFrame = self.connection.sql(sql).pl()
        return answer

    def schema(self, table: str) -> pa.Schema:
        """The table's columns in types that Spark has: it knows no unsigned numbers."""
        oldest = pl.CompatLevel.oldest()
        kinds = self.rows(f'from "{table}" limit 0').to_arrow(compat_level=oldest)
        return pa.schema([(f.name, _of_spark(f.type)) for f in kinds.schema])

    def fill(self, table: str, frames: Iterable[pl.DataFrame]) -> None:
        """Add the frames' rows."""
        for frame in frames:
            append(self.connection, table, frame)

    def order(self, table: str, columns: Iterable[str]) -> None:
        """Have a table's rows in the order in which pages read them."""
        by = names(columns)
        self.connection.execute(
            f'create table _ordered as from "{table}" order by {by}'
        )
        self.connection.execute(f'drop table "{table}"')
        self.connection.execute(f'alter table _ordered rename to "{table}"')


def _marts(as_of: date) -> Iterator[tuple[str, str]]:
    """Each mart with the statement that makes it empty."""
    with duckdb.connect() as empty:
        for dataset, schema in SCHEMAS.items():
            create(empty, f'"{dataset}"', schema.create_empty())
        build_marts(empty, as_of)
        made = empty.sql("select table_name, sql from duckdb_tables()").pl()
    for table, statement in made.rows():
        if table not in SCHEMAS:
            yield table, statement


def _of_spark(kind: pa.DataType) -> pa.DataType:
    """The type that Spark asks for: it knows no unsigned numbers."""
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_of_spark(kind.value_type))
    return pa.large_string() if pa.types.is_string(kind) else kind
