"""REDCap: the records of one form, over the project's API.

Written against REDCap's own API help and what its users report. Its answers need
distrust: everything is text, one sparse table holds every event and repetition, a
crash comes as `200 OK`, and a column the token may not see is left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import cast
from zoneinfo import ZoneInfo

import httpx
import polars as pl
from pydantic import Field, SecretStr

from connectors._http import Client, Unusable, json_body, server_message
from connectors._page import Extract, Page, Source
from connectors._settings import Settings, TimeZone, WebAddress, instant, settings
from connectors._text import flatten, record_frame

BATCH = 500
"""Records asked for at once: there is no paging, and PHP drops what is sent beyond
1,000 form values, without a word."""

OVERLAP = timedelta(hours=1)
"""The log that answers `dateRangeBegin` lags, and local time repeats an hour a year."""

EVENT, INSTRUMENT, INSTANCE = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
)

Record = Mapping[str, str | None]


class Options(Settings):
    """Where the project's API answers; a token belongs to one user and one project.

    `time_zone` is the server's: REDCap writes down and compares local times.
    """

    url: WebAddress
    token: SecretStr
    time_zone: TimeZone = "UTC"
    requests_per_minute: int = Field(default=60, ge=1)


class Read(Settings):
    """Which rows and fields of the form are wanted; all of them if nothing is said."""

    event: str | None = None
    fields: tuple[str, ...] = Field(default=(), max_length=400)


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of the form `extract.location`, up to 500 records a page.

    Record names are read first, then the records by name. With `since` only records
    that the project's log shows as changed, an hour early. A column that the form
    has and the answer has not is a SourceError, as is a project without records.
    """
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    options = settings(Options, source.options, f"source.{source.name}")
    read = settings(Read, extract.options, f"dataset {extract.dataset}.read")
    secret = options.token.get_secret_value()
    with Client(
        source, per_minute=options.requests_per_minute, secrets=[secret]
    ) as client:
        project = _Project(source, options, client)
        form = project.form(extract.location, read)
        records = project.record_ids(since)
        for first in range(0, max(len(records), 1), BATCH):
            rows = project.rows(form, records[first : first + BATCH])
            yield form.page(rows, begun)


@dataclass(frozen=True)
class _Form:
    """One form of the project: what to ask for, and which rows are really its own."""

    name: str
    key: str
    asked: Mapping[str, str]
    columns: Sequence[str]
    checkboxes: frozenset[str]
    event: str | None

    def page(self, rows: Sequence[Record], watermark: str) -> Page:
        own = [row for row in rows if self._holds(row)]
        event = f", event {self.event}" if self.event else ""
        refs = pl.Series("ref", [self._ref(row) for row in own], pl.String)
        frame = record_frame(own, self.columns)
        return Page(frame, f"REDCap form {self.name}{event}", refs, watermark)

    def missing(self, row: Record) -> list[str]:
        return [column for column in self.columns if column not in row]

    def _holds(self, row: Record) -> bool:
        if row.get(INSTRUMENT) not in (None, "", self.name):
            return False
        answers = [column for column in self.columns if column != self.key]
        return not answers or any(self._filled(row, column) for column in answers)

    def _filled(self, row: Record, column: str) -> bool:
        # A box nobody ticked is "0", also on forms that nobody opened.
        empty = (None, "", "0") if column in self.checkboxes else (None, "")
        return row.get(column) not in empty

    def _ref(self, row: Record) -> str:
        ref = f"record {row[self.key]}"
        if row.get(EVENT) and not self.event:
            ref += f", event {row[EVENT]}"
        if row.get(INSTANCE):
            ref += f", instance {row[INSTANCE]}"
        return ref


class _Project:
    """The API of one project, asked one thing at a time."""

    def __init__(self, source: Source, options: Options, client: Client) -> None:
        self._source = source
        self._options = options
        self._client = client

    @cached_property
    def _fields(self) -> list[Record]:
        fields = self._ask("metadata")
        if not fields:
            raise self._source.error(
                "REDCap lists no field at all; check the rights of the token's user"
            )
        return fields

    def form(self, name: str, read: Read) -> _Form:
        """What is to be asked for the form, from the project's own dictionary."""
        key = cast(str, self._fields[0]["field_name"])
        forms = {cast(str, field["form_name"]) for field in self._fields}
        self._known(name, forms, "form")
        own = {
            cast(str, field["field_name"]): field["field_type"]
            for field in self._fields
            if field["form_name"] == name or field["field_name"] == key
        }
        for field in read.fields:
            self._known(field, own, f"field on the form {name}")
        wanted = list(dict.fromkeys([key, *(read.fields or own)]))
        asked = {f"fields[{at}]": field for at, field in enumerate(wanted)}
        if not read.fields:
            asked = {"fields[0]": key, "forms[0]": name}
        if read.event:
            asked["events[0]"] = read.event
        columns, checkboxes = self._columns(wanted, own)
        return _Form(name, key, asked, columns, checkboxes, read.event)

    def _known(
        self, name: str, known: set[str] | Mapping[str, object], what: str
    ) -> None:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "check the spelling"
            raise self._source.error(f"REDCap has no {what} called {name!r}; {hint}")

    def _columns(
        self, wanted: Sequence[str], types: Mapping[str, str | None]
    ) -> tuple[list[str], frozenset[str]]:
        exported: dict[str, list[str]] = {}
        for entry in self._ask("exportFieldNames"):
            field, column = entry["original_field_name"], entry["export_field_name"]
            exported.setdefault(cast(str, field), []).append(cast(str, column))
        by_field = {field: exported.get(field, []) for field in wanted}
        columns = [column for names in by_field.values() for column in names]
        ticked = [by_field[field] for field in by_field if types[field] == "checkbox"]
        return columns, frozenset(column for names in ticked for column in names)

    def record_ids(self, since: str | None) -> list[str]:
        """The names of all records, or of those changed since, each once."""
        key = cast(str, self._fields[0]["field_name"])
        asked = {"fields[0]": key}
        if since:
            zone = ZoneInfo(self._options.time_zone)
            begin = (instant(since) - OVERLAP).astimezone(zone)
            asked["dateRangeBegin"] = f"{begin:%Y-%m-%d %H:%M:%S}"
        rows = self._records(asked)
        if not rows and not since:
            raise self._source.error(
                "REDCap lists no record at all; check the rights and the data access "
                "group of the token's user"
            )
        if rows and key not in rows[0]:
            raise self._hidden([key])
        return list(dict.fromkeys(cast(str, row[key]) for row in rows))

    def rows(self, form: _Form, records: Sequence[str]) -> list[Record]:
        """All rows of these records, whichever form or event they belong to."""
        if not records:
            return []
        names = {f"records[{at}]": name for at, name in enumerate(records)}
        rows = self._records({**form.asked, **names})
        if rows and form.missing(rows[0]):
            raise self._hidden(form.missing(rows[0]))
        if not rows and not form.event:
            raise self._source.error(
                f"REDCap lists {len(records)} records and then shows none of them; "
                f"check the rights of the token's user, and pull again"
            )
        return rows

    def _hidden(self, columns: Sequence[str]) -> Exception:
        return self._source.error(
            f"REDCap left out {', '.join(columns)} without a word, as it does for "
            f"de-identified export rights; give the token's user full export rights, "
            f"or name only the fields you need in read.fields"
        )

    def _records(self, asked: Mapping[str, str]) -> list[Record]:
        return self._ask("record", {"type": "flat", "rawOrLabel": "raw", **asked})

    def _ask(
        self, content: str, asked: Mapping[str, str] | None = None
    ) -> list[Record]:
        form = {
            "token": self._options.token.get_secret_value(),
            "content": content,
            "format": "json",
            "returnFormat": "json",
            **(asked or {}),
        }
        answer = self._client.post(self._options.url, form, _rows)
        return cast(list[Record], answer)


def _rows(response: httpx.Response) -> list[Record]:
    """The list an export is; an error that REDCap sends as `200 OK` is asked again."""
    said = server_message(response)
    if said:
        raise Unusable(f"answered with an error instead of records: {said}")
    body = json_body(response)
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise Unusable("answered with something other than a list of records")
    return [flatten(row) for row in body]
