"""Frames as tables of a database, made or added to, and how many rows are there."""

import duckdb
import polars as pl


def create(
    connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame
) -> None:
    """A table with the rows of a frame."""
    connection.register("_frame", frame.to_arrow())
    connection.execute(f"create table {table} as from _frame")
    connection.unregister("_frame")


def append(
    connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame
) -> None:
    """The rows of a frame, put behind those of a table."""
    if frame.height:
        connection.register("_frame", frame.to_arrow())
        connection.execute(f"insert into {table} by name from _frame")
        connection.unregister("_frame")


def height(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    """How many rows a table or a query in brackets has."""
    return number(connection, f"select count(*) from {rows}")


def number(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: object = None
) -> int:
    """The one whole number that is the answer to a query."""
    ((counted,),) = connection.execute(sql, bound).fetchall()
    return int(counted)
