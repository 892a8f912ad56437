"""How each database says a column as text, an instant, and what a table holds.

Values are turned into text by the database itself: it knows its types, and a driver
that guesses them fails on the first it does not know. Only names that passed
`identifier` and ISO instants made here are ever put into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

PART = r"[^\W\d]\w{0,62}"


@dataclass(frozen=True)
class Column:
    """A column of a table or view, with the type its database gives it."""

    name: str
    kind: str

    @property
    def is_decimal(self) -> bool:
        return self.kind.startswith(("numeric", "decimal"))

    @property
    def is_moment(self) -> bool:
        return self.kind.startswith(("timestamp", "datetime", "smalldatetime", "date"))


@dataclass(frozen=True)
class Dialect:
    """One kind of database: `port`, quotation, and SQL for its columns and values.

    `columns` is a statement giving `name` and `kind` for `{schema}` and `{table}`;
    `text` turns a quoted column into text; `zoned` says whether a type keeps UTC.
    `opening` statements run first on every connection.
    """

    scheme: str
    port: int
    quotes: str
    columns: str
    this_schema: str
    text: Callable[[str, Column], str]
    zoned: Callable[[Column], bool]
    moment: str
    opening: tuple[str, ...] = ()

    def quoted(self, name: str) -> str:
        """The name as an identifier, whatever it contains."""
        opening, closing = tuple(self.quotes)
        return opening + name.replace(closing, closing * 2) + closing

    def table(self, location: str) -> str:
        """The quoted table or view, with its schema if one was given."""
        return ".".join(self.quoted(part) for part in location.split("."))

    def columns_of(self, location: str) -> str:
        """The statement that lists the columns of a table or view, in order."""
        schema, _, table = location.rpartition(".")
        named = f"'{schema}'" if schema else self.this_schema
        return self.columns.format(
            schema=named, table=table, quoted=self.table(location)
        )

    def select(self, location: str, columns: Sequence[Column]) -> str:
        """The statement that reads the columns, each as text under its own name."""
        texts = (
            f"{self.text(self.quoted(column.name), column)} "
            f"AS {self.quoted(column.name)}"
            for column in columns
        )
        return f"SELECT {', '.join(texts)} FROM {self.table(location)}"

    def since(self, column: Column, moment: datetime, zone: str) -> str:
        """The condition for rows changed from a moment on, or nobody knows when.

        A column that keeps no offset holds the local time of `zone`.
        """
        local = moment.astimezone(UTC if self.zoned(column) else ZoneInfo(zone))
        offset = "+00:00" if self.zoned(column) else ""
        name = self.quoted(column.name)
        literal = self.moment.format(f"{local:%Y-%m-%d %H:%M:%S}{offset}")
        return f"({name} >= {literal} OR {name} IS NULL)"


def is_location(text: str) -> bool:
    """Whether this is the name of a table or view, perhaps after its schema."""
    return re.fullmatch(rf"{PART}(\.{PART})?", text) is not None


def _trimmed(text: str) -> str:
    trimmed = f"RTRIM(RTRIM({text}, '0'), '.')"
    return f"CASE WHEN {text} LIKE '%.%' THEN {trimmed} ELSE {text} END"


def _postgresql_text(name: str, column: Column) -> str:
    if column.is_decimal:
        return _trimmed(f"{name}::text")
    if column.kind.startswith("timestamp"):
        shown = f"to_char({name}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
        offset = " || '+00:00'" if "with time zone" in column.kind else ""
        return f"RTRIM(RTRIM({shown}, '0'), '.'){offset}"
    if column.kind == "bytea":
        return f"encode({name}, 'hex')"
    return f"{name}::text"


POSTGRESQL = Dialect(
    scheme="postgresql",
    port=5432,
    quotes='""',
    columns=(
        "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS kind "
        "FROM pg_attribute WHERE attrelid = to_regclass('{quoted}') "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ),
    this_schema="current_schema()",
    text=_postgresql_text,
    zoned=lambda column: "with time zone" in column.kind,
    moment="'{}'",
    opening=(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TIME ZONE 'UTC'",
        "SET DateStyle = 'ISO'",
    ),
)

_INFORMATION = (
    "SELECT {name} AS name, {kind} AS kind FROM information_schema.columns "
    "WHERE table_schema = {{schema}} AND table_name = '{{table}}' "
    "ORDER BY ordinal_position"
)


def _mysql_text(name: str, column: Column) -> str:
    if column.is_decimal:
        text = f"CAST({name} AS CHAR)"
        trimmed = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
        return f"CASE WHEN {text} LIKE '%.%' THEN {trimmed} ELSE {text} END"
    if column.kind in ("datetime", "timestamp"):
        shown = f"DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%f')"
        offset = "+00:00" if column.kind == "timestamp" else ""
        trimmed = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {shown}))"
        return f"CONCAT({trimmed}, '{offset}')"
    if column.kind == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    if "blob" in column.kind or "binary" in column.kind:
        return f"HEX({name})"
    return f"CAST({name} AS CHAR)"


MYSQL = Dialect(
    scheme="mysql",
    port=3306,
    quotes="``",
    columns=_INFORMATION.format(
        name="CAST(column_name AS CHAR)", kind="CAST(data_type AS CHAR)"
    ),
    this_schema="DATABASE()",
    text=_mysql_text,
    zoned=lambda column: column.kind == "timestamp",
    moment="'{:.19}'",
    opening=("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
)


def _sqlserver_text(name: str, column: Column) -> str:
    if column.is_moment:
        style = 127 if column.kind == "datetimeoffset" else 126
        return f"CONVERT(nvarchar(40), {name}, {style})"
    if column.kind == "bit":
        return f"CASE {name} WHEN 1 THEN N'true' WHEN 0 THEN N'false' END"
    if column.kind in ("float", "real"):
        return f"CONVERT(nvarchar(40), {name}, 3)"
    return f"CONVERT(nvarchar(max), {name})"


SQLSERVER = Dialect(
    scheme="mssql",
    port=1433,
    quotes="[]",
    columns=_INFORMATION.format(name="column_name", kind="data_type"),
    this_schema="SCHEMA_NAME()",
    text=_sqlserver_text,
    zoned=lambda column: column.kind == "datetimeoffset",
    moment="'{}'",
)
"""Written from Microsoft's documentation and never tried on a server."""
