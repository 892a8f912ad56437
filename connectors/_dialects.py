"""How each database says a column as text, an instant, and what a table holds.

Values are turned into text by the database itself: it knows its types, and a driver
that guesses them fails on the first it does not know. Only quoted names, ISO instants
and quoted values that the same database gave are ever put into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors._selection import Column, Place, Selection


@dataclass(frozen=True)
class Dialect:
    """One kind of database: `port`, quotation, and SQL for its columns and values.

    `columns` is a statement giving `name` and `kind` for `{schema}` and `{table}`;
    `text` turns a quoted column into text and `literal` the text into a value again;
    `zoned` says whether a type keeps UTC; `first` is how so many rows are asked for.
    `opening` statements run first on every connection, `parameters` go into its url.
    `now` is what tells the server's own time, with the type that it has.
    """

    scheme: str
    port: int
    quotes: str
    columns: str
    this_schema: str
    text: Callable[[str, Column], str]
    literal: Callable[[str, Column], str]
    zoned: Callable[[Column], bool]
    moment: str
    now: Column
    opening: tuple[str, ...] = ()
    first: str = "LIMIT {}"
    nulls_last: bool = False
    protocol: str = "binary"
    parameters: str = ""

    def quoted(self, name: str) -> str:
        """The name as SQL that can be nothing but a name."""
        closing = self.quotes[1]
        return self.quotes[0] + name.replace(closing, closing * 2) + closing

    def table(self, location: str) -> str:
        """A location, quoted, with its schema if one was given."""
        return ".".join(self.quoted(part) for part in location.split("."))

    def columns_of(self, location: str) -> str:
        """The statement that lists the columns of a table or view, in order."""
        schema, _, table = location.rpartition(".")
        named = f"'{schema}'" if schema else self.this_schema
        return self.columns.format(
            schema=named, table=table, quoted=self.table(location)
        )

    def column(self, column: Column) -> str:
        """A column of the table, not to be taken for the text that bears its name."""
        return f"t.{self.quoted(column.name)}"

    def select(
        self,
        location: str,
        selection: Selection,
        zone: str,
        limit: int,
        keyless: bool = False,
    ) -> str:
        """The statement that reads rows, each column as text under its own name.

        Where there is an order, at most `limit` rows, either those with a key or the
        keyless ones.
        """
        texts = (
            f"{self.text(self.column(column), column)} AS {self.quoted(column.name)}"
            for column in selection.columns
        )
        said = f"SELECT {', '.join(texts)} FROM {self.table(location)} AS t"
        conditions = self._conditions(selection, zone)
        order = [self.column(column) for column in selection.order]
        if order:
            conditions.append(f"{order[-1]} IS {'' if keyless else 'NOT '}NULL")
        if conditions:
            said += f" WHERE {' AND '.join(conditions)}"
        if order:
            said += f" ORDER BY {', '.join(order)} {self.first.format(limit)}"
        return said

    def _conditions(self, selection: Selection, zone: str) -> list[str]:
        conditions: list[str] = []
        modified = selection.modified
        if modified and selection.since:
            conditions.append(self.since(modified, selection.since, zone))
        if modified and selection.until is not None:
            name, literal = (
                self.column(modified),
                self.literal(selection.until, modified),
            )
            conditions.append(f"({name} <= {literal} OR {name} IS NULL)")
        if selection.after:
            conditions.append(f"({self._after(selection.order, selection.after)})")
        return conditions

    def _after(self, order: Sequence[Column], after: Place) -> str:
        """The condition for rows after one, so written that an index serves it."""
        *when, key = order
        name = self.column(key)
        later_key = f"{name} > {self.literal(str(after[-1]), key)}"
        if not when:
            return later_key
        time, moment = self.column(when[0]), after[0]
        if moment is None:
            if self.nulls_last:
                return f"{time} IS NULL AND {later_key}"
            return f"{time} IS NOT NULL OR {later_key}"
        literal = self.literal(str(moment), when[0])
        none = f" OR {time} IS NULL" if self.nulls_last else ""
        return (
            f"({time} >= {literal}{none}) AND ({time} > {literal}{none} OR {later_key})"
        )

    def since(self, column: Column, moment: datetime, zone: str) -> str:
        """The condition for rows changed from a moment on, or nobody knows when.

        A column that keeps no offset holds the local time of `zone`.
        """
        local = moment.astimezone(UTC if self.zoned(column) else ZoneInfo(zone))
        offset = "+00:00" if self.zoned(column) else ""
        name = self.column(column)
        literal = self.moment.format(f"{local:%Y-%m-%d %H:%M:%S}{offset}")
        return f"({name} >= {literal} OR {name} IS NULL)"


def _trimmed(text: str) -> str:
    trimmed = f"RTRIM(RTRIM({text}, '0'), '.')"
    return f"CASE WHEN {text} LIKE '%.%' THEN {trimmed} ELSE {text} END"


def _postgresql_text(name: str, column: Column) -> str:
    if column.is_decimal:
        return _trimmed(f"{name}::text")
    if column.kind.startswith("timestamp"):
        # In ISO style and UTC it writes 2024-03-01 12:45:10.5+00, twice as fast as
        # to_char does.
        offset = " || ':00'" if "with time zone" in column.kind else ""
        return f"replace({name}::text, ' ', 'T'){offset}"
    if column.kind == "bytea":
        return f"encode({name}, 'hex')"
    return f"{name}::text"


def _quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _postgresql_literal(text: str, column: Column) -> str:
    # Without a type of its own the literal takes that of the column.
    return _quoted_text(f"\\x{text}" if column.kind == "bytea" else text)


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
    literal=_postgresql_literal,
    zoned=lambda column: "with time zone" in column.kind,
    moment="'{}'",
    now=Column("now()", "timestamp with time zone"),
    opening=(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TIME ZONE 'UTC'",
        "SET DateStyle = 'ISO'",
        "SET standard_conforming_strings = on",
    ),
    nulls_last=True,
    # Its binary protocol, connectorx's usual way, is half as fast for texts.
    protocol="cursor",
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


def _mysql_literal(text: str, column: Column) -> str:
    if column.is_moment:
        return f"'{text.removesuffix('+00:00')}'"
    if "blob" in column.kind or "binary" in column.kind:
        return f"X'{text}'"
    if _is_number(text) and ("int" in column.kind or column.is_decimal):
        return text
    # Written so, the text takes the column's collation and needs no escapes.
    return f"_utf8mb4 X'{text.encode().hex()}'"


MYSQL = Dialect(
    scheme="mysql",
    port=3306,
    quotes="``",
    columns=_INFORMATION.format(
        name="CAST(column_name AS CHAR)", kind="CAST(data_type AS CHAR)"
    ),
    this_schema="DATABASE()",
    text=_mysql_text,
    literal=_mysql_literal,
    zoned=lambda column: column.kind == "timestamp",
    moment="'{:.19}'",
    now=Column("UTC_TIMESTAMP(6)", "timestamp"),
    opening=("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
    # Its driver leaves the address it was given for a socket file, if it sees one.
    parameters="prefer_socket=false",
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


def _sqlserver_literal(text: str, column: Column) -> str:
    if _is_number(text) and ("int" in column.kind or column.is_decimal):
        return text
    return f"N{_quoted_text(text)}"


SQLSERVER = Dialect(
    scheme="mssql",
    port=1433,
    quotes="[]",
    columns=_INFORMATION.format(name="column_name", kind="data_type"),
    this_schema="SCHEMA_NAME()",
    text=_sqlserver_text,
    literal=_sqlserver_literal,
    zoned=lambda column: column.kind == "datetimeoffset",
    moment="'{}'",
    now=Column("SYSDATETIMEOFFSET()", "datetimeoffset"),
    first="OFFSET 0 ROWS FETCH NEXT {} ROWS ONLY",
)
"""Written from Microsoft's documentation and never tried on a server."""
