"""FHIR R4 and R5: the resources of one type that a search finds.

Any type will do: BiologicallyDerivedProduct, Observation, DiagnosticReport,
PlanDefinition, ObservationDefinition, Slot, Schedule and Task hold most of what the
contract asks for. Persons are never asked for. How a resource becomes columns stands
at the top of `_fhir_columns`, how a search is read to its end in `_fhir_search`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from urllib.parse import parse_qsl

import polars as pl
from pydantic import Field

from connectors._auth import SignIn
from connectors._errors import ConfigError
from connectors._fhir_columns import PERSONS, columns_of, reference_of, rows_of
from connectors._fhir_search import Found, Place, Search, text
from connectors._fhir_slots import Weeks
from connectors._http import Client
from connectors._page import Extract, Page, Source
from connectors._resume import begun, resume_at, resumed
from connectors._settings import Settings, TimeZone, WebAddress, instant, settings
from connectors._text import record_frame

OVERLAP = timedelta(minutes=5)
"""Clocks differ, and resources are stamped before they can be found."""

OURS = re.compile(r"_(count|sort|offset|lastUpdated|elements|summary|total|since)$")
"""Parameters that the connector sets, and that a site's own would contradict."""

Row = dict[str, str | None]


class Options(SignIn):
    """Where the server's base URL is, and how it knows who is asking.

    With `rewrite_next` an answer may name its next at another address, as servers
    behind a proxy do that were never told their own: it is then asked for at `url`.
    """

    url: WebAddress
    rewrite_next: bool = False
    requests_per_minute: int = Field(default=300, ge=1)


class Read(Settings):
    """How resources become rows.

    `rows` is the path of a list (`component`, `goal.target`) whose every element
    becomes a row of its own, the rest of the resource repeated. `weeks`, for Slot, is
    the time zone in which slots are counted by schedule and week. `fields` names
    mapped columns that hold something in few resources or none yet.
    """

    rows: str | None = None
    weeks: TimeZone | None = None
    fields: tuple[str, ...] = ()
    page_size: int = Field(default=200, ge=1)
    may_be_empty: bool = False


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The resources that `Type?search` in `extract.location` finds, a page an answer.

    With `since` those that changed after it, five minutes early by whichever clock is
    behind, and what was deleted. A mapped column that a resource leaves out is null;
    a full read in which no resource has it is a SourceError, for a misspelled system
    is not an empty one, as is a read that finds nothing. Slots by week are counted
    anew each time.
    """
    reading = _Reading(source, extract)
    with reading.client:
        if reading.read.weeks:
            yield reading.weeks(reading.read.weeks)
        else:
            yield from reading.pages(_progress(source, since))


def present(source: Source, extract: Extract) -> Iterator[pl.Series]:
    """The refs of all the resources there are, without the rest of them."""
    reading = _Reading(source, extract)
    with reading.client:
        if reading.read.weeks:
            yield reading.weeks(reading.read.weeks).refs
            return
        for found in reading.search.found(Place(), ("_elements", "id,meta")):
            yield _refs([reference_of(one) for one in found.resources])


@dataclass(frozen=True)
class _Progress:
    """What it takes to go on with a read: where it is, since when, what is missing."""

    since: str | None = None
    place: Place = Place()
    watermark: str | None = None
    lacking: frozenset[str] | None = None

    def told(self) -> str:
        return resume_at(
            since=self.since,
            moment=self.place.moment,
            seen=sorted(self.place.seen),
            watermark=self.watermark,
            lacking=sorted(self.lacking or ()),
        )


def _progress(source: Source, since: str | None) -> _Progress:
    if kept := resumed(source, since):
        return _Progress(
            kept["since"],
            Place(kept["moment"], frozenset(kept["seen"])),
            kept["watermark"],
            frozenset(kept["lacking"]),
        )
    if not since:
        return _Progress()
    return _Progress(since, Place(text(instant(since) - OVERLAP)))


class _Reading:
    """One type of resource at one server, and the rows its resources make."""

    def __init__(self, source: Source, extract: Extract) -> None:
        self._source = source
        options = settings(Options, source.options, f"source.{source.name}")
        name = f"dataset {extract.dataset}"
        self.read = settings(Read, extract.options, f"{name}.read")
        kind, parameters = _search_of(extract.location, f"{name}.from")
        if self.read.weeks and kind != "Slot":
            raise ConfigError("counts slots: from must be Slot", key=f"{name}.read")
        self.client = _client(source, options)
        self.search = Search(
            source,
            self.client,
            options.url.rstrip("/"),
            kind,
            parameters,
            self.read.page_size,
            options.rewrite_next,
        )
        self._origin = f"GET /{kind}"
        self._columns = extract.columns
        self._known: set[str] = set()

    def pages(self, progress: _Progress) -> Iterator[Page]:
        """Everything from the progress on, then what is gone since."""
        if progress.lacking is None:
            mapped = frozenset(self._columns) - frozenset(self.read.fields)
            progress = replace(progress, lacking=mapped)
        whole, read = not progress.since, bool(progress.watermark)
        for found in self.search.found(progress.place):
            rows = self._rows(found)
            progress = self._after(progress, found, rows)
            resume = progress.told() if found.place else None
            yield self._page(rows, progress.watermark, resume)
            read = True
        if whole:
            self._all_there(read, progress.lacking or frozenset())
        gone = [] if whole else self._gone(progress)
        if gone or not read:
            watermark = progress.watermark or begun(self.client.clock)
            yield replace(self._page([], watermark), gone=tuple(gone))

    def weeks(self, time_zone: str) -> Page:
        """The slots, counted by schedule and week."""
        weeks = Weeks(time_zone)
        for found in self.search.found(Place()):
            weeks.add(self._rows(found))
        rows = weeks.rows()
        self._all_there(bool(rows), frozenset())
        refs = [f"{row['schedule.reference']} week {row['week']}" for row in rows]
        return Page(record_frame(rows, self._columns), self._origin, _refs(refs))

    def _rows(self, found: Found) -> list[Row]:
        path = self.read.rows.split(".") if self.read.rows else []
        return [
            columns_of(row, self.search.base)
            for resource in found.resources
            for row in rows_of(resource, path)
        ]

    def _after(
        self, progress: _Progress, found: Found, rows: Sequence[Row]
    ) -> _Progress:
        there = {name for row in rows for name, value in row.items() if value}
        self._known |= there
        return replace(
            progress,
            place=found.place or progress.place,
            watermark=progress.watermark or begun(self.client.clock),
            lacking=(progress.lacking or frozenset()) - there,
        )

    def _page(
        self, rows: Sequence[Row], watermark: str | None, resume: str | None = None
    ) -> Page:
        frame = record_frame(rows, ("reference", *self._columns, *self.read.fields))
        refs = _refs([row["reference"] for row in rows])
        return Page(frame, self._origin, refs, watermark, resume=resume)

    def _gone(self, progress: _Progress) -> list[str]:
        deleted = self.search.deleted(instant(progress.since or "") - OVERLAP)
        return [f"record {reference}" for reference in deleted]

    def _all_there(self, read: bool, lacking: frozenset[str]) -> None:
        if not read and not self.read.may_be_empty:
            raise self._source.error(
                f"{self._origin} finds nothing at all; check the rights of the "
                f"client, or set read.may_be_empty = true if there are none yet"
            )
        if read and lacking:
            names = ", ".join(self._with_hint(name) for name in sorted(lacking))
            raise self._source.error(
                f"{self._origin}: no resource has {names}. Mend the mapping, or add "
                f"what is seldom filled to read.fields"
            )

    def _with_hint(self, name: str) -> str:
        close = get_close_matches(name, self._known, n=1)
        return f"{name!r}" + (f" (did you mean {close[0]!r}?)" if close else "")


def _search_of(location: str, key: str) -> tuple[str, list[tuple[str, str]]]:
    kind, _, query = location.strip().lstrip("/").partition("?")
    if not re.fullmatch(r"[A-Z][A-Za-z]+", kind):
        raise ConfigError(
            "must be a type of resource and what to search by, like "
            "Observation?category=laboratory",
            key=key,
        )
    if kind in PERSONS:
        raise ConfigError(f"must not be {kind}: persons are never read", key=key)
    parameters = parse_qsl(query, keep_blank_values=True)
    for name, _ in parameters:
        if OURS.match(name):
            raise ConfigError(f"must not set {name}, which pocnet does", key=key)
    return kind, parameters


def _client(source: Source, options: Options) -> Client:
    asks = {"Accept": "application/fhir+json", "Prefer": "handling=strict"}
    return Client(
        source,
        per_minute=options.requests_per_minute,
        secrets=options.secrets,
        auth=options.auth(),
        headers=asks | options.headers,
    )


def _refs(references: Sequence[str | None]) -> pl.Series:
    return pl.Series("ref", [f"record {one}" for one in references], pl.String)
