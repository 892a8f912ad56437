"""A database server read through connectorx, in Arrow batches."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from connectors._dialects import Column, Dialect
from connectors._errors import SourceError
from connectors._page import ROWS, Source
from connectors._text import blank_to_null

CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Login:
    """Where the server is and who asks; the password shows in no repr."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    parameters: str = ""

    def url(self, scheme: str) -> str:
        """The address as connectorx wants it."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        tail = f"?{self.parameters}" if self.parameters else ""
        path = quote(self.database, safe="")
        return f"{scheme}://{who}@{host}:{self.port}/{path}{tail}"


class DatabaseServer:
    """One database on a server, which turns its values into text itself."""

    def __init__(
        self, source: Source, dialect: Dialect, login: Login, zone: str
    ) -> None:
        self._source, self._dialect, self._login = source, dialect, login
        self._zone = zone

    def columns(self, location: str) -> list[Column]:
        """The columns of a table or view; none if this user can see no such table."""
        self._expect_listening()
        statement = self._dialect.columns_of(location)
        return [
            Column(name, kind.lower())
            for batch in self._read(statement)
            for name, kind in batch.iter_rows()
        ]

    def latest(self, location: str, column: Column) -> datetime | None:
        """The latest moment in a column."""
        dialect = self._dialect
        latest = f"MAX({dialect.quoted(column.name)})"
        statement = (
            f"SELECT {dialect.text(latest, column)} AS latest "
            f"FROM {dialect.table(location)}"
        )
        texts = [row[0] for batch in self._read(statement) for row in batch.iter_rows()]
        if not texts or texts[0] is None:
            return None
        moment = datetime.fromisoformat(texts[0])
        return moment if moment.tzinfo else moment.replace(tzinfo=self._tz(column))

    def rows(
        self,
        location: str,
        columns: Sequence[Column],
        modified: Column | None,
        since: datetime | None,
    ) -> Iterator[pl.DataFrame]:
        """The rows as text, those changed since a moment or without one."""
        statement = self._dialect.select(location, columns)
        if modified and since:
            condition = self._dialect.since(modified, since, self._zone)
            statement += f" WHERE {condition}"
        for batch in self._read(statement):
            yield blank_to_null(batch)

    def _tz(self, column: Column) -> ZoneInfo:
        return ZoneInfo("UTC" if self._dialect.zoned(column) else self._zone)

    def _expect_listening(self) -> None:
        # connectorx keeps trying a closed port for half a minute.
        address = (self._login.host, self._login.port)
        try:
            socket.create_connection(address, CONNECT_SECONDS).close()
        except OSError as error:
            raise self._source.error(
                f"the database server at {address[0]}:{address[1]} cannot be reached "
                f"({error.strerror or error}); check host, port and firewall"
            ) from None

    def _read(self, statement: str) -> Iterator[pl.DataFrame]:
        # Its driver logs every failed attempt, user name and all, to stderr.
        os.environ.setdefault("RUST_LOG", "off")
        import connectorx

        try:
            reader = connectorx.read_sql(
                self._login.url(self._dialect.scheme),
                statement,
                return_type="arrow_stream",
                batch_size=ROWS,
                pre_execution_query=list(self._dialect.opening) or None,
            )
            for batch in reader:
                if batch.num_rows:
                    yield pl.DataFrame(pl.from_arrow(batch))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # A panic in connectorx is no Exception.
            raise self._failed(str(error)) from None

    def _failed(self, message: str) -> SourceError:
        login = self._login
        where = f"the database {login.database} at {login.host}"
        if re.search("password auth|login failed|using password", message, re.I):
            return self._source.error(
                f"{where} refused the user {login.user}; check user and password"
            )
        if re.search("permission|denied", message, re.I):
            return self._source.error(
                f"{where} lets the user {login.user} connect but not read this; grant "
                f"SELECT on the view"
            )
        return self._source.error(
            f"{where} failed ({_reason(message)}); check the view there, and pull again"
        )


def _reason(message: str) -> str:
    """The database's short reason, without anything quoted: it may be a value."""
    told = re.search(r'message: "([^"]*)', message) or re.search(
        r"(?:ERROR|FATAL): ([^\n]*)", message
    )
    reason = told[1] if told else message.partition("\n")[0]
    return re.sub(r"""["'`(][^"'`)]*["'`)]?""", "…", reason)[:120].strip()
