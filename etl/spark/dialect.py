"""The marts' SQL as Spark understands it: one source, two engines.

The statements in `etl/marts` are DuckDB's; each is parsed and written again in Spark's
dialect, never by hand. Spark keeps no tables here, only views over what the cluster
holds, so a statement is taken apart into the table that it is about and the query that
fills it.
"""

from dataclasses import dataclass

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from connectors import PocnetError


@dataclass(frozen=True)
class Step:
    """One statement of a mart: the table it makes, or adds rows to, and the query.

    `columns` names what an insertion fills, the others staying null; it is empty
    where the statement makes the table.
    """

    table: str
    query: str
    columns: tuple[str, ...] = ()


def step(statement: str) -> Step:
    """A statement of a mart in Spark's words.

    PocnetError for one that does anything else than make or fill one table by a
    query, or that has no equal in Spark.
    """
    try:
        return _step(sqlglot.parse_one(statement, read="duckdb"))
    except SqlglotError as error:
        raise PocnetError(
            f"Spark has no equal of {_begin(statement)}: {error}"
        ) from None


def query(sql: str) -> str:
    """A query of DuckDB's dialect in that of Spark."""
    return _written(sqlglot.parse_one(sql, read="duckdb"))


def _step(parsed: exp.Expr) -> Step:
    target, source = parsed.this, parsed.expression
    fills = isinstance(parsed, exp.Insert) and isinstance(target, exp.Schema)
    if isinstance(parsed, exp.Create) and isinstance(source, exp.Query):
        return Step(target.name, _written(source))
    if fills and isinstance(source, exp.Query):
        columns = tuple(column.name for column in target.expressions)
        return Step(target.this.name, _written(source), columns)
    raise SqlglotError(
        "a mart is `create table … as` a query, or `insert into … (columns)` a query"
    )


def _written(parsed: exp.Expr) -> str:
    return parsed.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE)


def _begin(statement: str) -> str:
    lines = [line for line in statement.splitlines() if not line.startswith("--")]
    return f'"{" ".join(lines)[:60]} …"'
