"""A table or view of a database: PostgreSQL, MariaDB, MySQL, SQLite, SQL Server.

The site's side of the bargain is one view per dataset and a user that may only read
it. SQL Server has never been tried against a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import polars as pl
from pydantic import SecretStr, model_validator

from connectors._dialects import MYSQL, POSTGRESQL, SQLSERVER
from connectors._errors import ConfigError
from connectors._page import Extract, Page, Source
from connectors._resume import resume_at, resumed
from connectors._selection import Column, Place, Selection, is_location
from connectors._server import DatabaseServer, Login
from connectors._settings import Settings, TimeZone, instant, settings
from connectors._sqlite import SqliteDatabase
from connectors._text import text_frame

DIALECTS = {
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "mariadb": MYSQL,
    "mysql": MYSQL,
    "sqlserver": SQLSERVER,
    "mssql": SQLSERVER,
}

OVERLAP = timedelta(minutes=5)
"""A row is stamped when it is written and seen when its transaction ends."""

REPEATED_HOUR = timedelta(hours=1)
"""What a local clock without offset shows twice when summer time ends."""


class Options(Settings):
    """How to reach the database: a `url`, its parts, or the `file` of a SQLite one.

    A `url` with a password in it is a secret as a whole. `time_zone` is that of
    columns which keep no offset.
    """

    url: SecretStr | None = None
    driver: Literal["postgresql", "mariadb", "mysql", "sqlserver"] | None = None
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: SecretStr | None = None
    file: Path | None = None
    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _one_way_in(self) -> Options:
        parts = (self.driver, self.host, self.database, self.user)
        if sum((bool(self.url), bool(self.file), any(parts))) != 1:
            raise ValueError(
                "give either url, or driver, host, database, user and password, or "
                "the file of a SQLite database"
            )
        if any(parts) and not all(parts):
            raise ValueError("driver, host, database and user belong together")
        if self.url:
            _expect_address(urlsplit(self.url.get_secret_value()))
        return self


class Read(Settings):
    """`key` names the column that tells records apart, `modified` when they changed."""

    key: str | None = None
    modified: str | None = None


class _Database(Protocol):
    def columns(self, location: str) -> list[Column]: ...
    def latest(
        self, location: str, column: Column
    ) -> tuple[str | None, datetime] | None: ...
    def rows(
        self, location: str, selection: Selection
    ) -> Iterator[tuple[pl.DataFrame, Place | None]]: ...


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of the table or view `extract.location`, all columns as text.

    Where `read.modified` is named, `since` gives the rows changed from five minutes
    before it on and those that bear no time; the watermark is then the latest change
    the database knew at the beginning, never later than now; what changes meanwhile
    comes with the next pull. An empty view gives one empty page.

    Where `read.key` is named, everything is read in the order of the key, which no
    change moves, and what changed in that of the change: in pages, none depending on
    the one before but for its last row, so that a broken read can go on.
    """
    place = resumed(source, since)
    since = place["since"] if place else since
    table = _Table(source, extract)
    start = place or table.start(since)
    selection = table.selection(since, start)
    yield from table.pages(selection, since, start)


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all rows there are now, keys alone."""
    table = _Table(source, extract)
    if table.key is None:
        # Rows without a key cannot be compared; their refs say so to who would.
        yield from (page.refs for page in pages(source, extract, None))
        return
    selection = Selection([table.key], (table.key,))
    for frame, _ in table.base.rows(extract.location, selection):
        keys = frame[table.key.name].drop_nulls()
        yield keys.to_frame().select(_ref(table.key.name)).to_series()


def clock(source: Source) -> datetime | None:
    """What time the database's server says it is; None for a file."""
    base = _database(source)
    return base.now() if isinstance(base, DatabaseServer) else None


class _Table:
    """A table or view that is there, with the columns that were named."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source, self._location = source, extract.location
        name = f"dataset {extract.dataset}"
        read = settings(Read, extract.options, f"{name}.read")
        if not is_location(extract.location):
            raise ConfigError(
                "must name a table or view, perhaps as schema.view, of letters, digits "
                "and underscores; have the site make such a view",
                key=f"{name}.from",
            )
        self.base = _database(source)
        self._columns = self.base.columns(extract.location)
        if not self._columns:
            raise source.error(
                f"there is no table or view {extract.location} that this user may "
                f"read; check `from`, capital letters included, and the user's rights"
            )
        self.key = _column(source, extract, self._columns, read.key, "key")
        self.modified = _column(
            source, extract, self._columns, read.modified, "modified"
        )

    def start(self, since: str | None) -> Mapping[str, Any]:
        """What a whole read knows at its beginning: until when, and its watermark."""
        latest = (
            self.base.latest(self._location, self.modified) if self.modified else None
        )
        if latest is None:
            return {"watermark": since, "until": None, "after": None, "done": 0}
        moment = min(latest[1], datetime.now(UTC)).astimezone(UTC)
        watermark = moment.isoformat(timespec="seconds")
        return {"watermark": watermark, "until": latest[0], "after": None, "done": 0}

    def selection(self, since: str | None, start: Mapping[str, Any]) -> Selection:
        """Everything in the order of the key, or what changed, as it changed."""
        after = tuple(start["after"]) if start["after"] else None
        if self.modified is None or since is None:
            order = (self.key,) if self.key else ()
            return Selection(self._columns, order, after=after)
        return Selection(
            self._columns,
            (self.modified, self.key) if self.key else (),
            self.modified,
            instant(since) - _overlap(self._source),
            start["until"],
            after,
        )

    def pages(
        self, selection: Selection, since: str | None, start: Mapping[str, Any]
    ) -> Iterator[Page]:
        """The rows, refs and places; one empty page if there is no row."""
        done, origin = start["done"], f"table {self._location}"
        watermark = start["watermark"]
        for frame, place in self.base.rows(self._location, selection):
            if not frame.height:
                continue
            refs = self._refs(frame, done)
            done += frame.height
            at = {**start, "since": since, "after": place, "done": done}
            resume = resume_at(**at) if place else None
            yield Page(frame, origin, refs, watermark, resume=resume)
        if not done:
            empty = text_frame([column.name for column in self._columns], [])
            none = pl.Series("ref", [], pl.String)
            yield Page(empty, origin, none, watermark)

    def _refs(self, frame: pl.DataFrame, done: int) -> pl.Series:
        row = pl.format("row {}", pl.int_range(done + 1, done + frame.height + 1))
        ref = pl.coalesce(_ref(self.key.name), row) if self.key else row
        return frame.select(ref.alias("ref")).to_series()


def _ref(key: str) -> pl.Expr:
    return pl.format("record {}", pl.col(key)).alias("ref")


def _column(
    source: Source,
    extract: Extract,
    columns: Sequence[Column],
    wanted: str | None,
    setting: str,
) -> Column | None:
    if wanted is None:
        return None
    found = next((column for column in columns if column.name == wanted), None)
    if found is None:
        names = ", ".join(column.name for column in columns)
        raise source.error(
            f"{extract.location} has no column {wanted!r}, which read.{setting} names; "
            f"it has {names}"
        )
    return found


def _overlap(source: Source) -> timedelta:
    zone = source.options.get("time_zone", "UTC")
    return OVERLAP if zone == "UTC" else OVERLAP + REPEATED_HOUR


def _database(source: Source) -> _Database:
    options = settings(Options, source.options, f"source.{source.name}")
    address = urlsplit(options.url.get_secret_value() if options.url else "")
    file = options.file
    if address.scheme == "sqlite":
        file = Path(unquote(address.path.removeprefix("/")))
    if file:
        return SqliteDatabase(source, file, options.time_zone)
    dialect = DIALECTS[options.driver or address.scheme]
    login = _login_of(address) if options.url else _login(options)
    login = replace(login, port=login.port or dialect.port)
    return DatabaseServer(source, dialect, login, options.time_zone)


def _login(options: Options) -> Login:
    secret = options.password.get_secret_value() if options.password else ""
    return Login(
        host=options.host or "",
        port=options.port or 0,
        database=options.database or "",
        user=options.user or "",
        password=secret,
    )


def _login_of(address: SplitResult) -> Login:
    return Login(
        host=address.hostname or "",
        port=address.port or 0,
        database=unquote(address.path.removeprefix("/")),
        user=unquote(address.username or ""),
        password=unquote(address.password or ""),
        parameters=address.query,
    )


def _expect_address(address: SplitResult) -> None:
    known = sorted({*DIALECTS, "sqlite"})
    if address.scheme not in known:
        raise ValueError(f"must begin with one of {', '.join(known)} and ://")
    if address.scheme != "sqlite" and not (address.hostname and address.username):
        raise ValueError("must be like postgresql://user:password@host/database")
