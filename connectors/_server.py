"""A database server read through connectorx, page by page in the order of its keys."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl

from connectors._dialects import Dialect
from connectors._errors import SourceError
from connectors._page import ROWS, Source
from connectors._selection import Column, Place, Selection
from connectors._text import blank_to_null
from connectors._told import Told

USUAL_SECONDS = 1.5
CONNECT_SECONDS = 10.0

ONE_CONNECTION = """
import sys, connectorx
try:
    connectorx.partition_sql(sys.stdin.read(), "SELECT 1 AS n", "n", 2)
except BaseException as error:
    print(error)
    sys.exit(1)
"""


@dataclass(frozen=True)
class Login:
    """Where the server is and who asks; the password shows in no repr."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    parameters: str = ""

    def url(self, dialect: Dialect) -> str:
        """The address as connectorx wants it."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        said = "&".join(each for each in (dialect.parameters, self.parameters) if each)
        tail = f"?{said}" if said else ""
        path = quote(self.database, safe="")
        return f"{dialect.scheme}://{who}@{host}:{self.port}/{path}{tail}"


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
        told = self._table(self._dialect.columns_of(location))
        if not told.within(USUAL_SECONDS):
            self._expect_known()
        batch = told.value(self._failed)
        return [Column(name, kind.lower()) for name, kind in batch.iter_rows()]

    def latest(self, location: str, column: Column) -> tuple[str, datetime] | None:
        """The latest moment in a column, as text too."""
        dialect = self._dialect
        latest = f"MAX({dialect.quoted(column.name)})"
        statement = (
            f"SELECT {dialect.text(latest, column)} AS latest "
            f"FROM {dialect.table(location)}"
        )
        told = self._table(statement).value(self._failed)["latest"]
        text = told[0] if told.len() else None
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        return text, moment if moment.tzinfo else moment.replace(
            tzinfo=self._tz(column)
        )

    def now(self) -> datetime:
        """What time the server says it is."""
        now = self._dialect.now
        statement = f"SELECT {self._dialect.text(now.name, now)} AS now"
        self._expect_listening()
        self._expect_known()
        told = self._table(statement).value(self._failed)["now"][0]
        return datetime.fromisoformat(told)

    def rows(
        self, location: str, selection: Selection
    ) -> Iterator[tuple[pl.DataFrame, Place | None]]:
        """The rows as text, and after each batch the place to go on from.

        While a page is worked on the next is read. Rows without a key come last, and
        there is no going on from them.
        """
        if not selection.order:
            statement = self._dialect.select(location, selection, self._zone, ROWS)
            for batch in self._stream(statement):
                yield blank_to_null(batch), None
            return
        told: Told[pl.DataFrame] | None = self._page(location, selection)
        while told is not None:
            page = told.value(self._failed)
            full = page.height == ROWS
            page = self._whole_keys(page, location, selection) if full else page
            place = self._place(page, selection)
            told = (
                self._page(location, replace(selection, after=place)) if full else None
            )
            if page.height:
                yield blank_to_null(page), place
        yield blank_to_null(self._keyless(location, selection)), None

    def _page(self, location: str, selection: Selection) -> Told[pl.DataFrame]:
        return self._table(self._dialect.select(location, selection, self._zone, ROWS))

    def _whole_keys(
        self, page: pl.DataFrame, location: str, selection: Selection
    ) -> pl.DataFrame:
        """A full page without its last key, whose other rows the next page may hold.

        What a database may take for equal (A and a, e and é) counts as equal.
        """
        alike = [
            pl.col(column.name)
            .str.to_lowercase()
            .str.normalize("NFKD")
            .str.replace_all(r"\p{M}", "")
            .str.strip_chars_end(" ")
            for column in selection.order
        ]
        last = pl.all_horizontal(each.eq_missing(each.last()) for each in alike)
        before = page.filter(~last)
        if before.is_empty():
            raise self._source.error(
                f"{location} has {ROWS:,} rows or more with the same "
                f"{selection.order[-1].name}; name a column in read.key that tells "
                f"its rows apart"
            )
        return before

    def _place(self, page: pl.DataFrame, selection: Selection) -> Place | None:
        names = [column.name for column in selection.order]
        return page.select(names).row(-1) if page.height else None

    def _keyless(self, location: str, selection: Selection) -> pl.DataFrame:
        whole = replace(selection, after=None)
        statement = self._dialect.select(
            location, whole, self._zone, ROWS, keyless=True
        )
        page = self._table(statement).value(self._failed)
        if page.height == ROWS:
            raise self._source.error(
                f"{location} has {ROWS:,} rows or more without "
                f"{selection.order[-1].name}; name a column in read.key that every row "
                f"has"
            )
        return page

    def _tz(self, column: Column) -> ZoneInfo:
        return ZoneInfo("UTC" if self._dialect.zoned(column) else self._zone)

    def _expect_listening(self) -> None:
        address = (self._login.host, self._login.port)
        try:
            socket.create_connection(address, CONNECT_SECONDS).close()
        except OSError as error:
            raise self._source.error(
                f"the database server at {address[0]}:{address[1]} cannot be reached "
                f"({error.strerror or error}); check host, port and firewall"
            ) from None

    def _expect_known(self) -> None:
        """SourceError for what a server says to this login, a wrong password above all.

        To read, connectorx fills a pool of connections, and tries for half a minute
        to get one, whatever the server says. To look for the bounds of partitions it
        connects once and tells why not, but lets nothing else in its process run
        meanwhile: so it is asked in a process of its own.
        """
        address = self._login.url(self._dialect)
        try:
            said = subprocess.run(
                [sys.executable, "-c", ONE_CONNECTION],
                input=address,
                env={**os.environ, "RUST_LOG": "off"},
                capture_output=True,
                text=True,
                timeout=CONNECT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return
        if said.returncode:
            raise self._failed(said.stdout)

    def _table(self, statement: str) -> Told[pl.DataFrame]:
        """A whole answer; connectorx lets other threads run while it is under way."""
        read = self._reading(statement, return_type="arrow")
        return Told(lambda: pl.DataFrame(pl.from_arrow(read())))

    def _stream(self, statement: str) -> Iterator[pl.DataFrame]:
        """An answer of any size, in batches.

        connectorx lets nothing else in this process run while it waits for one.
        """
        read = self._reading(statement, return_type="arrow_stream", batch_size=ROWS)
        try:
            for batch in read():
                if batch.num_rows:
                    yield pl.DataFrame(pl.from_arrow(batch))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # A panic in connectorx is no Exception.
            raise self._failed(str(error)) from None

    def _reading(self, statement: str, **how: object) -> Callable[[], Any]:
        cx, dialect = _connectorx(), self._dialect
        return lambda: cx.read_sql(
            self._login.url(dialect),
            statement,
            protocol=dialect.protocol,
            pre_execution_query=list(dialect.opening) or None,
            **how,
        )

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


def _connectorx() -> Any:
    # Its driver logs every failed attempt, user name and all, to stderr.
    os.environ.setdefault("RUST_LOG", "off")
    import connectorx

    return connectorx


def _reason(message: str) -> str:
    """The database's short reason, without anything quoted: it may be a value."""
    told = re.search(r'message: "([^"]*)', message) or re.search(
        r"(?:ERROR|FATAL): ([^\n]*)", message
    )
    reason = told[1] if told else message.partition("\n")[0]
    return re.sub(r"""["'`(][^"'`)]*["'`)]?""", "…", reason)[:120].strip()
