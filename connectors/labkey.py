"""LabKey Server: the rows of one query, over its client API.

Written against LabKey's own client for Python and its API's documentation; it has
never been tried on a server. LabKey gives a hundred rows unless told otherwise,
leaves out columns that the user may not see, and writes its own local time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import polars as pl
from pydantic import Field, SecretStr

from connectors._errors import ConfigError
from connectors._http import Client
from connectors._page import Extract, Page, Source
from connectors._resume import begun, resume_at, resumed
from connectors._settings import Settings, TimeZone, WebAddress, instant, settings
from connectors._text import flatten, record_frame

OVERLAP = timedelta(minutes=5)
"""A row is stamped before its transaction ends."""

REPEATED_HOUR = timedelta(hours=1)
"""What a local clock shows twice when summer time ends."""

KEYS = 10_000
"""Keys asked for at once, for a list of what there is."""

Record = Mapping[str, str | None]
Params = Sequence[tuple[str, str]]


class Options(Settings):
    """Where LabKey answers, in which folder (`Home/GMP`), and who asks.

    `time_zone` is the server's: it writes and compares local times.
    """

    url: WebAddress
    folder: str
    api_key: SecretStr
    time_zone: TimeZone = "UTC"
    requests_per_minute: int = Field(default=120, ge=1)


class Read(Settings):
    """`modified` is usually `Modified`; without it every pull reads everything.

    `key` need only be named for a query that has no primary key of its own.
    `columns` are asked for instead of those that the mapping names.
    """

    key: str | None = None
    modified: str | None = None
    columns: tuple[str, ...] = ()
    page_size: int = Field(default=5_000, ge=1, le=100_000)
    may_be_empty: bool = False


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of the query `extract.location`, written `schema/query`.

    Rows come in the order of their key, and each answer begins after the last key
    of the one before: nothing that changes meanwhile can hide a row. With `since`,
    rows changed from five minutes before it on. A column that was asked for and is
    not shown is a SourceError.
    """
    place = resumed(source, since)
    since = place["since"] if place else since
    with _Query(source, extract) as query:
        start = place["begun"] if place else query.begun
        watermark = start if query.read.modified else None
        asked = query.changed(since)
        found = False
        for rows in query.rows(asked, place["after"] if place else None):
            found = True
            at = resume_at(since=since, begun=start, after=rows[-1][query.key])
            yield query.page(rows, watermark, at)
        if not found:
            if place is None:
                query.expect_some(since)
            yield query.page([], watermark, None)


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all rows there are now, keys alone."""
    with _Query(source, extract) as query:
        asked = [("query.columns", query.key), ("query.maxRows", str(KEYS))]
        for rows in query.rows(asked):
            yield query.refs(rows)


class _Query:
    """One query of a folder, its key and columns known; a context manager."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source, self._extract = source, extract
        name = f"dataset {extract.dataset}"
        self._options = settings(Options, source.options, f"source.{source.name}")
        self.read = settings(Read, extract.options, f"{name}.read")
        schema, slash, query = extract.location.partition("/")
        if not (schema and slash and query):
            raise ConfigError(
                "must name a schema and a query, like lists/Results", key=f"{name}.from"
            )
        folder = self._options.folder.strip("/")
        path = f"{folder}/query-selectRows.api"
        self._url = httpx.URL(f"{self._options.url.rstrip('/')}/{path}")
        self._url = self._url.copy_merge_params(
            {"schemaName": schema, "query.queryName": query, "apiVersion": "17.1"}
        )
        key = self._options.api_key.get_secret_value()
        self._client = Client(
            source,
            per_minute=self._options.requests_per_minute,
            secrets=[key],
            headers={"apikey": key, "Accept": "application/json"},
        )
        self.key = self.begun = ""

    def __enter__(self) -> _Query:
        self._client.__enter__()
        asked = [("query.columns", name) for name in [self.read.modified] if name]
        answer = self._ask([("query.maxRows", "1"), *asked])
        self.begun = begun(self._client.clock)
        told = answer["metaData"].get("id")
        self.key = self.read.key or (told if isinstance(told, str) else "")
        if not self.key:
            raise self._source.error(
                f"{self._extract.location} has no primary key; name the column that "
                f"tells its rows apart in read.key"
            )
        self._expect([name for name in [self.read.modified] if name], answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    @property
    def _wanted(self) -> list[str]:
        wanted = self.read.columns or self._extract.columns
        return list(dict.fromkeys([self.key, *wanted])) if wanted else []

    def changed(self, since: str | None) -> Params:
        """What to ask for: the columns, and only what changed since, if that is known.

        LabKey compares local times.
        """
        asked = [("query.maxRows", str(self.read.page_size))]
        if self._wanted:
            asked.append(("query.columns", ",".join(self._wanted)))
        if since and self.read.modified:
            zone = ZoneInfo(self._options.time_zone)
            repeated = timedelta() if zone.key == "UTC" else REPEATED_HOUR
            begin = (instant(since) - OVERLAP - repeated).astimezone(zone)
            asked.append(
                (f"query.{self.read.modified}~gte", f"{begin:%Y-%m-%d %H:%M:%S}")
            )
        return asked

    def rows(self, asked: Params, after: str | None = None) -> Iterator[list[Record]]:
        """The rows in the order of their key, answer by answer."""
        while True:
            beyond = [(f"query.{self.key}~gt", after)] if after is not None else []
            answer = self._ask([*asked, *beyond, ("query.sort", self.key)])
            rows = [_record(row) for row in answer["rows"]]
            if not rows:
                return
            if any(row.get(self.key) in (None, "") for row in rows):
                raise self._source.error(
                    f"{self._extract.location} has rows without {self.key}; have a "
                    f"query made in which every row has one, or name it in read.key"
                )
            columns = dict(asked).get("query.columns", "").split(",")
            self._expect([name for name in columns if name], answer)
            if int(answer.get("rowCount") or 0) <= len(rows):
                yield rows
                return
            # The other rows of the last key may come with the next answer.
            rows = [row for row in rows if row[self.key] != rows[-1][self.key]]
            if not rows or rows[-1][self.key] == after:
                raise self._source.error(
                    f"{self._extract.location} gives the same rows again and again; "
                    f"name a column in read.key that tells them apart"
                )
            yield rows
            after = rows[-1][self.key]

    def _expect(self, wanted: Sequence[str], answer: Mapping[str, Any]) -> None:
        shown = {_name(field) for field in answer["metaData"].get("fields", [])}
        missing = [name for name in wanted if name not in shown]
        if missing:
            raise self._source.error(
                f"{self._extract.location} does not show {', '.join(missing)}; check "
                f"the spelling, and whether the key's user may see protected (PHI) "
                f"columns"
            )

    def expect_some(self, since: str | None) -> None:
        """SourceError if a full read found nothing."""
        if since is None and not self.read.may_be_empty:
            raise self._source.error(
                f"{self._extract.location} has no row at all; check the rights of the "
                f"key, or set read.may_be_empty = true if there are none yet"
            )

    def page(
        self, rows: Sequence[Record], watermark: str | None, resume: str | None
    ) -> Page:
        """The rows as a Page."""
        frame = record_frame(rows, self._wanted or [self.key])
        origin = f"LabKey {self._extract.location}"
        return Page(frame, origin, self.refs(rows), watermark, resume=resume)

    def refs(self, rows: Sequence[Record]) -> pl.Series:
        """The refs of these rows."""
        return pl.Series("ref", [f"record {row[self.key]}" for row in rows], pl.String)

    def _ask(self, asked: Params) -> dict[str, Any]:
        url = self._url.copy_merge_params(httpx.QueryParams(list(asked)))
        answer = self._client.get(url)
        if (
            not isinstance(answer, dict)
            or not isinstance(answer.get("rows"), list)
            or not isinstance(answer.get("metaData"), dict)
        ):
            raise self._source.error(
                "LabKey answered without rows; check `url` and `folder`"
            )
        return answer


def _name(field: object) -> str:
    name = field.get("fieldKey") or field.get("name") if isinstance(field, dict) else ""
    return "/".join(name) if isinstance(name, list) else str(name)


def _record(row: Mapping[str, Any]) -> Record:
    """A row by column name: its values as of API 17.1, or flat as older servers have.

    What LabKey adds for showing it (links, formats) stays behind.
    """
    cells = row.get("data", row)
    values = {
        name: cell.get("value") if isinstance(cell, Mapping) else cell
        for name, cell in cells.items()
        if not name.startswith("_labkey")
    }
    return flatten(values)
