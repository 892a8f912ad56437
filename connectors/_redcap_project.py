"""The API of one REDCap project, asked with distrust."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import cast
from zoneinfo import ZoneInfo

import httpx

from connectors._errors import TooMuchError
from connectors._http import Client, Unusable, json_body, server_message
from connectors._page import Source
from connectors._redcap_form import Form, Record
from connectors._settings import instant
from connectors._text import flatten

BATCH = 500
"""Records asked for at once: there is no paging, and PHP drops what is sent beyond
1,000 form values, without a word."""

OVERLAP = timedelta(hours=1)
"""The log that answers `dateRangeBegin` lags, and local time repeats an hour a year."""

ACTION = re.compile(r"(?i)(?:create|update|delete) record(?: \([^)]*\))? (.+?)\s*$")
"""How the log names a record: `Update record 7`, `Create record (API) 7`."""

CRASH = re.compile(r"(?i)out of server memory|allowed memory size|execution time of")

log = logging.getLogger(__name__)

Usable = Callable[[httpx.Response], list[Record]]


class Project:
    """The API of one project, asked one thing at a time."""

    def __init__(
        self, source: Source, client: Client, url: str, token: str, zone: str
    ) -> None:
        self._source, self._client = source, client
        self._url, self._token, self._zone = url, token, ZoneInfo(zone)

    @cached_property
    def _fields(self) -> list[Record]:
        fields = self._ask("metadata")
        if not fields:
            raise self._source.error(
                "REDCap lists no field at all; check the rights of the token's user"
            )
        return fields

    def form(self, name: str, event: str | None, fields: Sequence[str]) -> Form:
        """What is to be asked for the form, from the project's own dictionary."""
        key = cast(str, self._fields[0]["field_name"])
        forms = {cast(str, field["form_name"]) for field in self._fields}
        self._known(name, forms, "form")
        own = {
            cast(str, field["field_name"]): field["field_type"]
            for field in self._fields
            if field["form_name"] == name or field["field_name"] == key
        }
        for field in fields:
            self._known(field, own, f"field on the form {name}")
        wanted = list(dict.fromkeys([key, *(fields or own)]))
        asked = {f"fields[{at}]": field for at, field in enumerate(wanted)}
        if not fields:
            asked = {"fields[0]": key, "forms[0]": name}
        if event:
            asked["events[0]"] = event
        columns, checkboxes = self._columns(wanted, own)
        return Form(name, key, asked, columns, checkboxes, event)

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
        for entry in self._ask("exportFieldNames") or []:
            field, column = entry["original_field_name"], entry["export_field_name"]
            exported.setdefault(cast(str, field), []).append(cast(str, column))
        by_field = {field: exported.get(field, []) for field in wanted}
        columns = [column for names in by_field.values() for column in names]
        ticked = [by_field[field] for field in by_field if types[field] == "checkbox"]
        return columns, frozenset(column for names in ticked for column in names)

    @property
    def _key(self) -> str:
        return cast(str, self._fields[0]["field_name"])

    def names(self) -> list[str]:
        """The names of all records, each once, in an order that no change moves."""
        found = self._named({})
        if not found:
            raise self._source.error(
                "REDCap lists no record at all; check the rights and the data access "
                "group of the token's user"
            )
        return sorted(found, key=_in_order)

    def changed(self, since: str) -> tuple[list[str], tuple[str, ...]]:
        """The names of the records changed since, and the refs of those gone since.

        What the log names and the project has no more was deleted, renamed, or moved
        out of the data access group. A name that was used again is not gone.
        """
        begin = (instant(since) - OVERLAP).astimezone(self._zone)
        found = self._named({"dateRangeBegin": f"{begin:%Y-%m-%d %H:%M:%S}"})
        others = sorted(self._logged(f"{begin:%Y-%m-%d %H:%M}") - found)
        there = set[str]()
        for first in range(0, len(others), BATCH):
            there |= self._named(_records(others[first : first + BATCH]))
        gone = tuple(f"record {name}" for name in others if name not in there)
        return sorted(found | there, key=_in_order), gone

    def _named(self, asked: Mapping[str, str]) -> set[str]:
        rows = self._exported({"fields[0]": self._key, **asked})
        if rows and self._key not in rows[0]:
            raise self._hidden([self._key])
        return {cast(str, row[self._key]) for row in rows}

    def _logged(self, begin: str) -> set[str]:
        """The records that the log shows as made, changed or deleted.

        Without the right to see the log REDCap refuses; deletions are then found
        only when all names are compared. A log that is too long is asked for the
        deletions alone.
        """
        asked = {"beginTime": begin, "logtype": "record"}
        try:
            entries = self._ask("log", asked, without=(400, 403))
        except TooMuchError:
            asked["logtype"] = "record_delete"
            entries = self._ask("log", asked, without=(400, 403))
        if entries is None:
            log.warning(
                "%s: the token's user may not see the project's logging, so that "
                "deleted records are found only by the weekly comparison; ask for the "
                "right 'Logging'",
                self._source.site,
            )
        named = (ACTION.match(entry.get("action") or "") for entry in entries or [])
        return {found[1] for found in named if found}

    def batches(
        self, form: Form, names: Sequence[str]
    ) -> Iterator[tuple[list[Record], Sequence[str]]]:
        """The rows of the records and whose they are, some records at a time.

        Half as many after a crash, a timeout or "too large", a quarter after the
        next; then more again, as one record may be as large as a hundred others.
        """
        size, at, failed = BATCH, 0, 0
        while at < len(names):
            some = names[at : at + size]
            try:
                rows = self.rows(form, some)
            except TooMuchError as error:
                if len(some) == 1:
                    raise self._source.error(
                        f"REDCap cannot give even one record alone: {error.message}"
                    ) from None
                failed += 1
                size = max(1, len(some) // (2 if failed == 1 else 4))
                continue
            yield rows, some
            at, failed = at + len(some), 0
            size = min(BATCH, size + max(1, size // 4))

    def rows(self, form: Form, records: Sequence[str]) -> list[Record]:
        """All rows of these records, whichever form or event they belong to."""
        rows = self._exported({**form.asked, **_records(records)}, _some_rows)
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

    def _exported(
        self, asked: Mapping[str, str], usable: Usable | None = None
    ) -> list[Record]:
        form = {"type": "flat", "rawOrLabel": "raw", **asked}
        return self._ask("record", form, usable) or []

    def _ask(
        self,
        content: str,
        asked: Mapping[str, str] | None = None,
        usable: Usable | None = None,
        without: Collection[int] = (),
    ) -> list[Record] | None:
        form = {
            "token": self._token,
            "content": content,
            "format": "json",
            "returnFormat": "json",
            **(asked or {}),
        }
        try:
            answer = self._client.post(self._url, form, usable or _rows, without)
        except _CrashedError as error:
            said = self._client.clean(str(error))
            raise TooMuchError(
                f"REDCap broke down: {said}", self._source.site, self._source.name
            ) from None
        return cast(list[Record] | None, answer)


class _CrashedError(Exception):
    """REDCap ran out of memory or time, which it says with `200 OK`."""


def _rows(response: httpx.Response) -> list[Record]:
    """The list an export is; an error that REDCap sends as `200 OK` is asked again."""
    said = server_message(response)
    if said:
        raise Unusable(f"answered with an error instead of records: {said}")
    body = json_body(response)
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise Unusable("answered with something other than a list of records")
    return [flatten(row) for row in body]


def _some_rows(response: httpx.Response) -> list[Record]:
    """As `_rows`, but what says that it was too much is not asked again as it was."""
    told = CRASH.search(response.text[-2000:])
    if told and not response.text.lstrip().startswith("["):
        raise _CrashedError(told[0])
    return _rows(response)


def _records(names: Sequence[str]) -> dict[str, str]:
    return {f"records[{at}]": name for at, name in enumerate(names)}


def _in_order(name: str) -> tuple[int, str]:
    """Shorter names first: 9 before 10, as people count."""
    return len(name), name


def after(names: Sequence[str], last: str) -> list[str]:
    """The names that come after one, which may itself be gone."""
    return [name for name in names if _in_order(name) > _in_order(last)]
