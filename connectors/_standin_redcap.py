"""A stand-in for the API of one REDCap project, quirks included.

Built from REDCap's API help and the recorded answers its clients publish: one POST
address, everything text, one sparse table, checkboxes as columns, 403 for a bad
token, columns hidden without a word. REDCap itself is licensed to institutions.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl

import polars as pl
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import BaseRoute, Route

from connectors._standin_records import EVENT, RefusedError, Row, SparseTable, listed
from connectors._text import as_text

VERSION = "16.1.3"

MEMORY = (
    "<br /><b>Fatal error</b>: Allowed memory size of 536870912 bytes exhausted<br />\n"
    '{"error":"REDCap ran out of server memory. The request cannot be processed."}'
)
BLOCKED = "<html><b>REDCap ERROR:</b> Your IP address has been blocked.</html>"

METADATA = (
    "field_name",
    "form_name",
    "section_header",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "field_note",
    "text_validation_type_or_show_slider_number",
    "text_validation_min",
    "text_validation_max",
    "identifier",
    "branching_logic",
    "required_field",
    "custom_alignment",
    "question_number",
    "matrix_group_name",
    "matrix_ranking",
    "field_annotation",
)


@dataclass(frozen=True, eq=False)
class RedcapProject:
    """One project: a frame for each form, all of them with the column `record_id`.

    A form named in `repeating` may have several rows a record. A column `a___1` is
    the box 1 of the checkbox field `a`. Frames with a column `redcap_event_name`
    make the project longitudinal. `changed` says when a record was last changed, in
    the server's local time as `YYYY-MM-DD HH:MM:SS`, `deleted` when one that is no more
    was deleted; `hidden` names the columns that the token's export rights leave out,
    as de-identified rights do. Without `sees_log` the log is refused. An export of
    more than `memory` records at once crashes, and more than `per_minute` requests a
    minute are refused: the limiter's own words are not documented.
    """

    token: str
    record_id: str
    forms: Mapping[str, pl.DataFrame]
    repeating: frozenset[str] = frozenset()
    changed: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    deleted: Mapping[str, str] = field(default_factory=dict)
    sees_log: bool = True
    memory: int | None = None
    per_minute: int | None = None
    _asked: list[float] = field(default_factory=list)

    def routes(self) -> list[BaseRoute]:
        """The project's only address."""
        return [Route("/api/", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        data = asked.get("format", "xml")
        errors = asked.get("returnFormat", data)
        if asked.get("token") != self.token:
            return _error(403, "You do not have permissions to use the API", errors)
        if self._too_often():
            headers = {"Retry-After": "1"}
            return HTMLResponse(BLOCKED, status_code=429, headers=headers)
        content = asked.get("content", "")
        if content == "record" and self._too_many(asked):
            # Sent as it is sent there: a web page with an error in it, and 200 OK.
            return HTMLResponse(MEMORY)
        if content == "version":
            return PlainTextResponse(VERSION)
        try:
            rows = self._rows_of(content, asked)
        except RefusedError as error:
            return _error(400, str(error), errors)
        if data == "json":
            return JSONResponse(rows[0] if content == "project" else rows)
        if data == "csv":
            return Response(_csv(rows), media_type="text/csv")
        return _error(400, "This stand-in speaks json and csv only", errors)

    def _too_often(self) -> bool:
        self._asked.append(time.monotonic())
        lately = [at for at in self._asked if at > self._asked[-1] - 60]
        return self.per_minute is not None and len(lately) > self.per_minute

    def _too_many(self, asked: Mapping[str, str]) -> bool:
        few = listed(asked, "fields") == [self.record_id] and "forms[0]" not in asked
        records = len(listed(asked, "records"))
        return self.memory is not None and not few and records > self.memory

    def _rows_of(self, content: str, asked: Mapping[str, str]) -> list[Row]:
        kinds: dict[str, Callable[[], list[Row]]] = {
            "record": lambda: self._table.rows(asked),
            "metadata": lambda: self._metadata(listed(asked, "forms")),
            "exportFieldNames": lambda: self._field_names(asked.get("field", "")),
            "project": self._project,
            "instrument": self._instruments,
            "event": self._event_rows,
            "formEventMapping": self._mapping,
            "repeatingFormsEvents": self._repeating_forms,
            "log": lambda: self._log(asked),
        }
        if content not in kinds:
            raise RefusedError('The value of the parameter "content" is not valid')
        return kinds[content]()

    @cached_property
    def _table(self) -> SparseTable:
        texts = {name: as_text(frame) for name, frame in self.forms.items()}
        return SparseTable(
            self.record_id, texts, self.repeating, self.changed, self.hidden
        )

    def _metadata(self, forms: Sequence[str]) -> list[Row]:
        return [
            {
                **dict.fromkeys(METADATA, ""),
                "field_name": name,
                "form_name": form,
                "field_type": "checkbox" if boxes else "text",
                "field_label": name,
                "select_choices_or_calculations": " | ".join(
                    f"{box}, {box}" for box in boxes
                ),
            }
            for form, columns in self._table.columns.items()
            if not forms or form in forms
            for name, boxes in _fields(columns).items()
        ]

    def _field_names(self, field: str) -> list[Row]:
        return [
            {
                "original_field_name": column.partition("___")[0],
                "choice_value": column.partition("___")[2],
                "export_field_name": column,
            }
            for form, columns in self._table.columns.items()
            for column in (*columns, f"{form}_complete")
            if field in ("", column.partition("___")[0])
        ]

    def _project(self) -> list[Row]:
        return [
            {
                "project_id": "1",
                "project_title": "Made-up project",
                "is_longitudinal": str(int(bool(self._table.events))),
                "has_repeating_instruments_or_events": str(int(bool(self.repeating))),
            }
        ]

    def _instruments(self) -> list[Row]:
        return [
            {"instrument_name": form, "instrument_label": form.replace("_", " ")}
            for form in self.forms
        ]

    def _event_rows(self) -> list[Row]:
        if not self._table.events:
            raise RefusedError("You cannot export events for classic projects")
        return [
            {"event_name": event, "arm_num": "1", "unique_event_name": event}
            for event in self._table.events
        ]

    def _mapping(self) -> list[Row]:
        if not self._table.events:
            raise RefusedError(
                "You cannot export form/event mappings for classic projects"
            )
        return [
            {"arm_num": "1", "unique_event_name": event, "form": form}
            for event in self._table.events
            for form, frame in self._table.forms.items()
            if event in frame[EVENT]
        ]

    def _repeating_forms(self) -> list[Row]:
        if not self.repeating:
            raise RefusedError("The project has no repeating instruments or events")
        return [
            {"form_name": form, "custom_form_label": ""}
            for form in self.forms
            if form in self.repeating
        ]

    def _log(self, asked: Mapping[str, str]) -> list[Row]:
        if not self.sees_log:
            raise RefusedError(
                "Insufficient user privileges: You must have 'API Export' privileges "
                "and 'Logging' privileges in the project."
            )
        begin, end = asked.get("beginTime", ""), asked.get("endTime", "9")
        wanted = asked.get("logtype", "")
        told = [("Update", *entry) for entry in self.changed.items()]
        told += [("Delete", *entry) for entry in self.deleted.items()]
        return [
            {
                "timestamp": moment[:16],
                "username": "made-up",
                "action": f"{what} record {record}",
                "details": "",
                "record": record,
            }
            for what, record, moment in sorted(told, key=lambda entry: entry[2])[::-1]
            if begin <= moment[:16] <= end
            and (wanted != "record_delete" or what == "Delete")
        ]


def _fields(columns: Sequence[str]) -> dict[str, list[str]]:
    """Each field with the boxes it has, none unless it is a checkbox field."""
    fields: dict[str, list[str]] = {}
    for column in columns:
        name, _, box = column.partition("___")
        fields.setdefault(name, []).extend([box] if box else [])
    return fields


def _error(status: int, message: str, form: str) -> Response:
    if form == "json":
        return JSONResponse({"error": message}, status_code=status)
    if form == "csv":
        return PlainTextResponse(f"ERROR: {message}", status_code=status)
    body = (
        f'<?xml version="1.0" encoding="UTF-8" ?><hash><error>{message}</error></hash>'
    )
    return Response(body, status_code=status, media_type="text/xml")


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
