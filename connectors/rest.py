"""JSON over HTTP: any system that lists its records at an address.

One configuration covers the systems that differ only in how they ask for a key and
how they cut a long list into answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, timedelta
from typing import Literal

import httpx
import polars as pl
from pydantic import Field, model_validator

from connectors._auth import SignIn
from connectors._errors import ConfigError, SourceError
from connectors._http import Client
from connectors._page import ROWS, Extract, Page, Source
from connectors._resume import begun, resume_at, resumed
from connectors._settings import Settings, WebAddress, instant, settings
from connectors._text import flatten, record_frame

OVERLAP = timedelta(minutes=5)
"""Clocks differ, and records are stamped before they can be seen."""

HELD = 5_000
"""Records gathered before a page is handed on: what a break can cost at most."""

Record = dict[str, str | None]


class Options(SignIn):
    """Where the system answers, and how it knows who is asking."""

    url: WebAddress
    requests_per_minute: int = Field(default=300, ge=1)


class Read(Settings):
    """Where the list stands in an answer, and how to ask for the rest of it.

    `records` and `next` are dotted paths into the answer. With `next` paging, `next`
    holds the whole address; with `cursor`, the text to send as `parameter`. `fields`
    names fields that the system leaves out where they are empty, `deleted` the one
    that is filled (and not with `false` or 0) in a record that was deleted.
    """

    records: str = ""
    key: str | None = None
    paging: Literal["none", "next", "cursor", "page", "offset"] = "none"
    next: str = "next"
    parameter: str | None = None
    first_page: int = 1
    limit_parameter: str = "limit"
    page_size: int = Field(default=200, ge=1)
    modified_parameter: str | None = None
    parameters: Mapping[str, str] = Field(default_factory=dict)
    fields: tuple[str, ...] = ()
    deleted: str | None = None
    may_be_empty: bool = False

    @model_validator(mode="after")
    def _named(self) -> Read:
        if self.deleted and not self.key:
            raise ValueError("needs `key` beside `deleted`, to say what was deleted")
        return self


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The records of one address, nested fields flattened with dots.

    A list with nothing in it is a SourceError in a full read unless `may_be_empty`:
    an expired right looks exactly like an empty system. Where `modified_parameter`
    is set, `since` is sent as it, five minutes early by whichever clock is behind. A
    list cut by page or offset misses a record when one before it is deleted while
    the list is read; one with a cursor or a next address need not.
    """
    listing = _Listing(source, extract)
    with listing.client:
        yield from listing.pages(_progress(source, since))


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all the records there are; the list has to be read for them."""
    for page in pages(source, extract, None):
        yield page.refs


@dataclass(frozen=True)
class _Progress:
    """What it takes to go on with a list: `at` is what its paging goes on with."""

    since: str | None = None
    watermark: str | None = None
    at: str | None = None
    received: int = 0

    def told(self) -> str | None:
        return resume_at(**asdict(self)) if self.at else None


def _progress(source: Source, since: str | None) -> _Progress:
    kept = resumed(source, since)
    return _Progress(**kept) if kept else _Progress(since)


class _Listing:
    """One address of the system, and its list followed to the end."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source = source
        options = settings(Options, source.options, f"source.{source.name}")
        name = f"dataset {extract.dataset}"
        self.read = settings(Read, extract.options, f"{name}.read")
        path = extract.location.strip("/")
        if "//" in path or ".." in path or "?" in path or "#" in path:
            raise ConfigError(
                "must be a path like /lots; parameters go into read.parameters",
                key=f"{name}.from",
            )
        self._url = httpx.URL(f"{options.url.rstrip('/')}/{path}")
        self._origin = f"GET /{path}"
        self._columns = extract.columns
        self.client = Client(
            source,
            per_minute=options.requests_per_minute,
            secrets=options.secrets,
            auth=options.auth(),
            headers={"Accept": "application/json"} | options.headers,
        )

    def pages(self, progress: _Progress) -> Iterator[Page]:
        """The list from where the progress stands, in pages of some thousand records.

        A page ends where an answer does, so that the next one can be asked for.
        """
        held: list[Record] = []
        told = False
        for records, behind in self._answers(progress):
            held, progress = held + records, behind
            if len(held) >= HELD:
                yield from self._cut(held, progress)
                held, told = [], True
        if not progress.received and not progress.since and not self.read.may_be_empty:
            raise self._source.error(
                f"{self._origin} lists no record at all; check the rights of the key, "
                f"or set read.may_be_empty = true if there are none yet"
            )
        if held or not told:
            yield from self._cut(held, progress)

    def _cut(self, held: Sequence[Record], progress: _Progress) -> Iterator[Page]:
        """Records as pages of the size allowed; only the last one ends an answer."""
        before = progress.received - len(held)
        for start in range(0, max(len(held), 1), ROWS):
            page = self._page(held[start : start + ROWS], before + start)
            resume = progress.told() if start + ROWS >= len(held) else None
            yield replace(page, watermark=progress.watermark, resume=resume)

    def _page(self, records: Sequence[Record], before: int) -> Page:
        """Flattened records as a Page, so many of the list having gone before."""
        key = self.read.key
        if key and any(not record.get(key) for record in records):
            raise self._source.error(
                f"{self._origin} has records without {key!r}, which read.key names"
            )
        refs = [
            f"record {record[key]}" if key else f"row {before + number}"
            for number, record in enumerate(records, start=1)
        ]
        named = list(zip(refs, records, strict=True))
        gone = [ref for ref, record in named if self._is_deleted(record)]
        kept = [(ref, one) for ref, one in named if not self._is_deleted(one)]
        # Where there is no record, nothing can tell what columns there would be.
        columns = () if kept else self._columns
        wanted = (*([key] if key else []), *self.read.fields, *columns)
        frame = record_frame([record for _, record in kept], wanted)
        listed = pl.Series("ref", [ref for ref, _ in kept], pl.String)
        return Page(frame, self._origin, listed, gone=tuple(gone))

    def _is_deleted(self, record: Record) -> bool:
        said = record.get(self.read.deleted) if self.read.deleted else None
        return said not in (None, "", "false", "0")

    def _answers(self, progress: _Progress) -> Iterator[tuple[list[Record], _Progress]]:
        """The records of one answer after the other, and the progress behind each."""
        asked: set[str] = set()
        before: list[Record] = []
        while True:
            url = self._address(progress)
            if str(url) in asked:
                raise self._astray("the next answer it names was read already")
            asked.add(str(url))
            answer = self.client.get(url)
            records = self._records(answer)
            if records and records == before:
                raise self._astray("it sends the same records again and again")
            before = records
            progress = self._behind(progress, url, answer, len(records))
            yield records, progress
            if not progress.at:
                return

    def _astray(self, what: str) -> SourceError:
        return self._source.error(
            f"{self._origin}: {what}; check read.paging and its parameter"
        )

    def _address(self, progress: _Progress) -> httpx.URL:
        """What to ask where the progress stands."""
        read, at = self.read, progress.at
        if read.paging == "next" and at:
            told = self._url.copy_with(raw_path=at.encode())
            return told.copy_merge_params(read.parameters) if read.parameters else told
        parameters = dict(read.parameters)
        if progress.since and read.modified_parameter:
            moment = (instant(progress.since) - OVERLAP).astimezone(UTC)
            parameters[read.modified_parameter] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        if read.paging in ("cursor", "page", "offset"):
            parameters[read.limit_parameter] = str(read.page_size)
        start = {"page": str(read.first_page), "offset": "0"}.get(read.paging)
        if here := at or start:
            parameters[read.parameter or read.paging] = here
        return self._url.copy_merge_params(parameters)

    def _behind(
        self, progress: _Progress, url: httpx.URL, answer: object, received: int
    ) -> _Progress:
        """The progress behind an answer; its `at` is null at the end of the list."""
        read, count = self.read, progress.received + received
        at: str | None = None
        if read.paging in ("next", "cursor"):
            at = self._named(url, _at(answer, read.next))
        # Some servers send fewer than asked for; only an empty answer is the end.
        elif received and read.paging == "offset":
            at = str(count)
        elif received and read.paging == "page":
            at = str(int(progress.at or read.first_page) + 1)
        mark = begun(self.client.clock) if read.modified_parameter else None
        return _Progress(progress.since, progress.watermark or mark, at, count)

    def _named(self, url: httpx.URL, following: object) -> str | None:
        """What the answer says to go on with; null if nothing.

        Of an address our own parameters are taken off: they may hold a secret, and
        the progress is kept between pulls.
        """
        if following is None or following in ("", False):
            return None
        if not isinstance(following, str):
            raise self._astray(f"{self.read.next!r} holds no text")
        if self.read.paging == "cursor":
            return following
        told = url.join(following)
        if (told.scheme, told.host, told.port) != (url.scheme, url.host, url.port):
            raise self._source.error(
                f"{self._origin} goes on at another host, {told.host}; nothing was "
                f"sent there. Have the system's own address configured as {url.host}"
            )
        for name in self.read.parameters:
            told = told.copy_remove_param(name)
        return told.raw_path.decode()

    def _records(self, answer: object) -> list[Record]:
        found = _at(answer, self.read.records)
        if not isinstance(found, list) or any(
            not isinstance(record, Mapping) for record in found
        ):
            names = ", ".join(answer) if isinstance(answer, Mapping) else "no names"
            place = self.read.records or "the top of the answer"
            raise self._source.error(
                f"{self._origin} has no list of records at {place}; check read.records "
                f"(the answer has {names})"
            )
        return [flatten(record) for record in found]


def _at(answer: object, path: str) -> object:
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer
