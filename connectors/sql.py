"""A table or view of a database: PostgreSQL, MariaDB, MySQL, SQLite, SQL Server.

The site's side of the bargain is one view per dataset and a user that may only read
it. SQL Server has never been tried against a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import polars as pl
from pydantic import SecretStr, model_validator

from connectors._dialects import MYSQL, POSTGRESQL, SQLSERVER, Column, is_location
from connectors._errors import ConfigError
from connectors._page import Extract, Page, Source
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
    def latest(self, location: str, column: Column) -> datetime | None: ...
    def rows(
        self,
        location: str,
        columns: Sequence[Column],
        modified: Column | None,
        since: datetime | None,
    ) -> Iterator[pl.DataFrame]: ...


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of the table or view `extract.location`, all columns as text.

    Where `read.modified` is named, `since` gives the rows changed from five minutes
    before it on and those that bear no time; the watermark is then the latest change
    the database knows, never later than now. An empty view gives one empty page.
    """
    name = f"dataset {extract.dataset}"
    read = settings(Read, extract.options, f"{name}.read")
    if not is_location(extract.location):
        raise ConfigError(
            "must name a table or view, perhaps as schema.view, of letters, digits "
            "and underscores; have the site make such a view",
            key=f"{name}.from",
        )
    base = _database(source)
    columns = base.columns(extract.location)
    if not columns:
        raise source.error(
            f"there is no table or view {extract.location} that this user may read; "
            f"check `from`, capital letters included, and the user's rights"
        )
    _column(source, extract, columns, read.key, "key")
    modified = _column(source, extract, columns, read.modified, "modified")
    watermark, start = since, None
    if modified:
        latest = base.latest(extract.location, modified)
        if latest:
            latest = min(latest, datetime.now(UTC)).astimezone(UTC)
            watermark = latest.isoformat(timespec="seconds")
        start = instant(since) - _overlap(source) if since else None
    frames = base.rows(extract.location, columns, modified, start)
    yield from _numbered(frames, columns, extract.location, read.key, watermark)


def _numbered(
    frames: Iterator[pl.DataFrame],
    columns: Sequence[Column],
    location: str,
    key: str | None,
    watermark: str | None,
) -> Iterator[Page]:
    done, empty = 0, text_frame([column.name for column in columns], [])
    for frame in frames:
        keys = frame[key] if key else [None] * frame.height
        refs = [
            f"row {number}" if value is None else f"record {value}"
            for number, value in enumerate(keys, start=done + 1)
        ]
        done += frame.height
        series = pl.Series("ref", refs, pl.String)
        yield Page(frame, f"table {location}", series, watermark)
    if not done:
        refs_of_none = pl.Series("ref", [], pl.String)
        yield Page(empty, f"table {location}", refs_of_none, watermark)


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
