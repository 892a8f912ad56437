"""eLabFTW: resources, experiments and the bookings of its scheduler.

Written against eLabFTW's API description and source; it has never been tried on a
server. Its lists begin with what the key's owner pinned, whatever the order; show
extra fields only when asked in full; take the owner's own habits for what is not
said; and know no filter by change, so that the newest are read until one is old.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
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
"""Changes are stamped to the second, when they begin."""

REPEATED_HOUR = timedelta(hours=1)
"""What a local clock shows twice when summer time ends."""

List = Literal["items", "experiments", "events"]
DELETED = "3"
EXTRA = "extra."

Entity = Mapping[str, Any]
Record = dict[str, str | None]


class Options(Settings):
    """Where eLabFTW answers, and an API key that may only read.

    `time_zone` is the server's: it writes local times.
    """

    url: WebAddress
    api_key: SecretStr
    time_zone: TimeZone = "UTC"
    requests_per_minute: int = Field(default=120, ge=1)


class Read(Settings):
    """Which categories are wanted, by number; all of them if nothing is said."""

    category: tuple[int, ...] = ()
    page_size: int = Field(default=500, ge=2, le=10_000)
    may_be_empty: bool = False


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The `items`, `experiments` or `events` (bookings) that the key may read.

    An extra field is the column `extra.NAME`, its unit `extra.NAME.unit`. With
    `since`, entries changed from five minutes before it on, and the deleted ones in
    `gone`. Bookings are deleted without a trace: all of them are read every time.
    """
    place = resumed(source, since)
    since = place["since"] if place else since
    with _Notebook(source, extract) as notebook:
        if extract.location == "events":
            yield from notebook.bookings()
        elif since is not None:
            yield notebook.changed(since)
        else:
            yield from notebook.all(place)


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all entries there are now, without their extra fields."""
    with _Notebook(source, extract) as notebook:
        if extract.location == "events":
            for page in notebook.bookings():
                yield page.refs
            return
        for entities, _ in notebook.walk({"order": "id", "sort": "asc"}):
            yield _refs([e for e in entities if not _is_deleted(e)])


class _Notebook:
    """One list of the notebook; a context manager."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source, self._extract = source, extract
        name = f"dataset {extract.dataset}"
        self._options = settings(Options, source.options, f"source.{source.name}")
        self._read = settings(Read, extract.options, f"{name}.read")
        if extract.location not in get_args(List):
            raise ConfigError(
                f"must be one of {', '.join(get_args(List))}", key=f"{name}.from"
            )
        url = self._options.url.rstrip("/")
        self._url = httpx.URL(f"{url}/api/v2/{extract.location}")
        key = self._options.api_key.get_secret_value()
        self._client = Client(
            source,
            per_minute=self._options.requests_per_minute,
            secrets=[key],
            headers={"Authorization": key, "Accept": "application/json"},
        )

    def __enter__(self) -> _Notebook:
        self._client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def all(self, place: Mapping[str, Any] | None) -> Iterator[Page]:
        """Every entry by its number, deleted ones passed over."""
        before, last = (place["done"], place["last"]) if place else (0, None)
        start = place["begun"] if place else None
        asked, found = {"order": "id", "sort": "asc", "full": "1"}, False
        for entities, done in self.walk(asked, before, last):
            start = start or begun(self._client.clock)
            kept = [e for e in entities if not _is_deleted(e)]
            found = found or bool(kept)
            at = resume_at(since=None, begun=start, done=done, last=entities[-1]["id"])
            yield self._page(kept, start, resume=at)
        if not found:
            if not place:
                self._expect_some()
            yield self._page([], start or begun(self._client.clock))

    def changed(self, since: str) -> Page:
        """What changed since, the newest first, until all that comes is older."""
        zone = ZoneInfo(self._options.time_zone)
        early = OVERLAP + (timedelta() if zone.key == "UTC" else REPEATED_HOUR)
        start = instant(since) - early
        new: dict[str, Entity] = {}
        offset, began = 0, None
        while True:
            asked = {"order": "lastchange", "sort": "desc", "full": "1"}
            entities = self._list({**asked, "offset": str(offset)})
            began = began or begun(self._client.clock)
            offset += len(entities)
            for entity in entities:
                if _modified(entity, zone) >= start:
                    # What changes meanwhile moves to the top and pushes the rest down.
                    new.setdefault(str(entity["id"]), entity)
            loose = [e for e in entities if not _is_pinned(e)]
            if not entities or any(_modified(e, zone) < start for e in loose):
                break
        gone = tuple(f"record {key}" for key, e in new.items() if _is_deleted(e))
        kept = [e for e in new.values() if not _is_deleted(e)]
        return self._page(kept, began, gone)

    def bookings(self) -> Iterator[Page]:
        """All bookings, which come in one answer; without a watermark."""
        events = self._ask({})
        if not events:
            self._expect_some()
        yield self._page(events, None)

    def walk(
        self, asked: Mapping[str, str], done: int = 0, last: str | None = None
    ) -> Iterator[tuple[list[Entity], int]]:
        """Entries, and how many there were with them, answer by answer.

        Each answer begins with the entry that ended the one before: if it does not,
        the list moved, and an entry may be hidden.
        """
        while True:
            offset = max(0, done - 1)
            entities = self._list({**asked, "offset": str(offset)})
            if done:
                if not entities or str(entities[0]["id"]) != last:
                    raise self._source.error(
                        "the list moved while it was being read (something was "
                        "pinned, or erased by an administrator); pull again"
                    )
                entities = entities[1:]
            if not entities:
                return
            done, last = done + len(entities), str(entities[-1]["id"])
            yield entities, done

    def _list(self, asked: Mapping[str, str]) -> list[Entity]:
        habits = {"state": "1,2,3", "scope": "3", "limit": str(self._read.page_size)}
        if self._read.category:
            habits["cat"] = ",".join(str(number) for number in self._read.category)
        entities = self._ask({**habits, **asked})
        extras = [name for name in self._extract.columns if name.startswith(EXTRA)]
        if extras and "full" in asked and any("metadata" not in e for e in entities):
            raise self._source.error(
                f"eLabFTW shows no extra fields in its lists, and {extras[0]} is one; "
                f"have it updated to 5.1 or later"
            )
        return entities

    def _ask(self, asked: Mapping[str, str]) -> list[Entity]:
        answer = self._client.get(self._url.copy_merge_params(dict(asked)))
        if not isinstance(answer, list) or any(
            not isinstance(entity, dict) or "id" not in entity for entity in answer
        ):
            raise self._source.error(
                f"eLabFTW answered without a list of {self._extract.location}; check "
                f"`url`"
            )
        return answer

    def _expect_some(self) -> None:
        if not self._read.may_be_empty:
            raise self._source.error(
                f"eLabFTW lists no {self._extract.location} at all; check the team and "
                f"rights of the key's owner, or set read.may_be_empty = true if there "
                f"are none yet"
            )

    def _page(
        self,
        entities: Sequence[Entity],
        watermark: str | None,
        gone: tuple[str, ...] = (),
        resume: str | None = None,
    ) -> Page:
        records = [_record(entity) for entity in entities]
        frame = record_frame(records, ("id", *self._extract.columns))
        origin = f"eLabFTW {self._extract.location}"
        return Page(frame, origin, _refs(entities), watermark, gone, resume)


def _refs(entities: Sequence[Entity]) -> pl.Series:
    return pl.Series("ref", [f"record {e['id']}" for e in entities], pl.String)


def _is_deleted(entity: Entity) -> bool:
    return str(entity.get("state")) == DELETED


def _is_pinned(entity: Entity) -> bool:
    return str(entity.get("is_pinned")) in ("1", "true", "True")


def _modified(entity: Entity, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(str(entity["modified_at"]))
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _record(entity: Entity) -> Record:
    """The entry's columns, its extra fields among them; the rest of it stays JSON."""
    record = flatten({k: v for k, v in entity.items() if k != "metadata"})
    for name, field in _extra_fields(entity.get("metadata")).items():
        if isinstance(field, Mapping):
            said = {EXTRA + name: field.get("value")}
            if field.get("unit"):
                said[f"{EXTRA}{name}.unit"] = field["unit"]
            record.update(flatten(said))
    return record


def _extra_fields(metadata: object) -> Mapping[str, Any]:
    """The extra fields; metadata is JSON within JSON, and may hold anything."""
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata, parse_float=str, parse_int=str)
        except ValueError:
            return {}
    fields = metadata.get("extra_fields") if isinstance(metadata, Mapping) else None
    return fields if isinstance(fields, Mapping) else {}
