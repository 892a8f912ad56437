"""JSON over HTTP: any system that lists its records at an address.

One configuration covers the systems that differ only in how they ask for a key and
how they cut a long list into answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
import polars as pl
from pydantic import Field, SecretStr, model_validator

from connectors._auth import ClientCredentials
from connectors._errors import ConfigError
from connectors._http import Client
from connectors._page import ROWS, Extract, Page, Source
from connectors._settings import Settings, WebAddress, instant, settings
from connectors._text import flatten, record_frame

OVERLAP = timedelta(minutes=5)
"""Clocks differ, and records are stamped before they can be seen."""


class Options(Settings):
    """Where the system answers, and how it knows who is asking: in one way at most."""

    url: WebAddress
    api_key: SecretStr | None = None
    api_key_header: str = "X-API-Key"
    user: str | None = None
    password: SecretStr | None = None
    token_url: WebAddress | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scope: str | None = None
    requests_per_minute: int = Field(default=300, ge=1)

    @model_validator(mode="after")
    def _one_way_in(self) -> Options:
        basic = (self.user, self.password)
        client = (self.token_url, self.client_id, self.client_secret)
        for names, group in (
            ("user and password", basic),
            ("token_url, client_id and client_secret", client),
        ):
            if any(group) and not all(group):
                raise ValueError(f"{names} belong together; one of them is missing")
        if sum((bool(self.api_key), all(basic), all(client))) > 1:
            raise ValueError("give one of api_key, user or client_id, not several")
        return self


class Read(Settings):
    """Where the list stands in an answer, and how to ask for the rest of it.

    `records` and `next` are dotted paths into the answer. With `next` paging, `next`
    holds the whole address; with `cursor`, the text to send as `parameter`. `fields`
    names fields that the system leaves out where they are empty.
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
    may_be_empty: bool = False


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The records of one address, nested fields flattened with dots.

    A list with nothing in it is a SourceError in a full read unless `may_be_empty`:
    an expired right looks exactly like an empty system. Where `modified_parameter`
    is set, `since` is sent as it, five minutes early.
    """
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    listing = _Listing(source, extract)
    watermark = begun if listing.read.modified_parameter else None
    held: list[dict[str, str | None]] = []
    done = 0
    with listing.client:
        for records in listing.answers(since):
            held += records
            while len(held) > ROWS:
                yield listing.page(held[:ROWS], done, watermark)
                held, done = held[ROWS:], done + ROWS
    if not done and not held and since is None and not listing.read.may_be_empty:
        raise source.error(
            f"{listing.origin} lists no record at all; check the rights of the key, "
            f"or set read.may_be_empty = true if there are none yet"
        )
    yield listing.page(held, done, watermark)


class _Listing:
    """One address of the system, and its list followed to the end."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source = source
        self._options = settings(Options, source.options, f"source.{source.name}")
        name = f"dataset {extract.dataset}"
        self.read = settings(Read, extract.options, f"{name}.read")
        path = extract.location.strip("/")
        if "//" in path or ".." in path or "?" in path or "#" in path:
            raise ConfigError(
                "must be a path like /lots; parameters go into read.parameters",
                key=f"{name}.from",
            )
        self._url = httpx.URL(f"{self._options.url.rstrip('/')}/{path}")
        self.client = _client(source, self._options)
        self.origin = f"GET /{path}"

    def page(
        self, records: list[dict[str, str | None]], done: int, watermark: str | None
    ) -> Page:
        """The flattened records as a Page, `done` of them having gone before."""
        key = self.read.key
        if key and any(not record.get(key) for record in records):
            raise self._source.error(
                f"{self.origin} has records without {key!r}, which read.key names"
            )
        refs = [
            f"record {record[key]}" if key else f"row {done + number}"
            for number, record in enumerate(records, start=1)
        ]
        wanted = (*([key] if key else []), *self.read.fields)
        frame = record_frame(records, wanted)
        return Page(frame, self.origin, pl.Series("ref", refs, pl.String), watermark)

    def answers(self, since: str | None) -> Iterator[list[dict[str, str | None]]]:
        """The records of one answer after the other."""
        url: httpx.URL | None = self._first(since)
        asked: set[str] = set()
        before: list[dict[str, str | None]] = []
        count = 0
        while url is not None:
            if str(url) in asked:
                raise self._astray("the next answer it names was read already")
            asked.add(str(url))
            answer = self.client.get(url)
            records = self._records(answer)
            if records and records == before:
                raise self._astray("it sends the same records again and again")
            yield records
            before, count = records, count + len(records)
            url = self._following(url, answer, len(records), count)

    def _astray(self, what: str) -> Exception:
        return self._source.error(
            f"{self.origin}: {what}; check read.paging and its parameter"
        )

    def _first(self, since: str | None) -> httpx.URL:
        read = self.read
        parameters = dict(read.parameters)
        if since and read.modified_parameter:
            moment = (instant(since) - OVERLAP).astimezone(UTC)
            parameters[read.modified_parameter] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        if read.paging in ("cursor", "page", "offset"):
            parameters[read.limit_parameter] = str(read.page_size)
        if read.paging == "page":
            parameters[read.parameter or "page"] = str(read.first_page)
        if read.paging == "offset":
            parameters[read.parameter or "offset"] = "0"
        return self._url.copy_merge_params(parameters)

    def _following(
        self, url: httpx.URL, answer: object, received: int, count: int
    ) -> httpx.URL | None:
        read = self.read
        if read.paging in ("next", "cursor"):
            return self._named(url, _at(answer, read.next))
        # Some servers send fewer than asked for; only an empty answer is the end.
        if read.paging == "none" or not received:
            return None
        name = read.parameter or read.paging
        step = int(url.params[name]) + 1 if read.paging == "page" else count
        return url.copy_set_param(name, step)

    def _named(self, url: httpx.URL, following: object) -> httpx.URL | None:
        if following is None or following in ("", False):
            return None
        if not isinstance(following, str):
            raise self._astray(f"{self.read.next!r} holds no text")
        if self.read.paging == "cursor":
            return url.copy_set_param(self.read.parameter or "cursor", following)
        told = url.join(following)
        if (told.scheme, told.host, told.port) != (url.scheme, url.host, url.port):
            raise self._source.error(
                f"{self.origin} goes on at another host, {told.host}; nothing was sent "
                f"there. Have the system's own address configured as {url.host}"
            )
        return told

    def _records(self, answer: object) -> list[dict[str, str | None]]:
        found = _at(answer, self.read.records)
        if not isinstance(found, list) or any(
            not isinstance(record, Mapping) for record in found
        ):
            names = ", ".join(answer) if isinstance(answer, Mapping) else "no names"
            place = self.read.records or "the top of the answer"
            raise self._source.error(
                f"{self.origin} has no list of records at {place}; check read.records "
                f"(the answer has {names})"
            )
        return [flatten(record) for record in found]


def _at(answer: object, path: str) -> object:
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def _client(source: Source, options: Options) -> Client:
    secrets = [
        secret.get_secret_value()
        for secret in (options.api_key, options.password, options.client_secret)
        if secret
    ]
    headers = {"Accept": "application/json"}
    auth: httpx.Auth | None = None
    if options.api_key:
        headers[options.api_key_header] = secrets[0]
    elif options.user:
        auth = httpx.BasicAuth(options.user, secrets[0])
    elif options.token_url and options.client_id:
        auth = ClientCredentials(
            options.token_url, options.client_id, secrets[0], options.scope
        )
    return Client(
        source,
        per_minute=options.requests_per_minute,
        secrets=secrets,
        auth=auth,
        headers=headers,
    )
