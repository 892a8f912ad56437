"""The one sparse table in which REDCap exports every form, event and repetition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

EVENT = "redcap_event_name"
REPEATS = ("redcap_repeat_instrument", "redcap_repeat_instance")
NEVER = "2000-01-01 00:00:00"

Row = dict[str, str]


class RefusedError(Exception):
    """What REDCap answers 400 to."""


@dataclass(frozen=True, eq=False)
class SparseTable:
    """A project's records, shown as an export shows them; see `RedcapProject`."""

    record_id: str
    forms: Mapping[str, pl.DataFrame]
    repeating: frozenset[str]
    changed: Mapping[str, str]
    hidden: frozenset[str]

    @cached_property
    def columns(self) -> dict[str, list[str]]:
        """The exported columns of each form; the record's name is on the first."""
        plumbing = {self.record_id, EVENT, *REPEATS}
        columns = {
            name: [column for column in frame.columns if column not in plumbing]
            for name, frame in self.forms.items()
        }
        first = next(iter(columns))
        return {**columns, first: [self.record_id, *columns[first]]}

    @cached_property
    def events(self) -> list[str]:
        """The project's events; none in a classic project."""
        named = (
            frame[EVENT].unique(maintain_order=True)
            for frame in self.forms.values()
            if EVENT in frame.columns
        )
        return list(dict.fromkeys(event for column in named for event in column))

    def rows(self, asked: Mapping[str, str]) -> list[Row]:
        """The rows an export of records is answered with."""
        for unknown in ("filterLogic", "exportSurveyFields"):
            if asked.get(unknown, "false") != "false":
                raise RefusedError(f"This stand-in does not know {unknown}")
        columns = self._asked_columns(asked)
        events = listed(asked, "events")
        if set(events) - set(self.events):
            raise RefusedError('The values in the parameter "events" are not valid')
        begin = asked.get("dateRangeBegin", "")
        end = asked.get("dateRangeEnd", "9")
        return [
            row
            for record in listed(asked, "records") or self._entries
            if begin < self.changed.get(record, NEVER) < end
            for row in self._entries_of(record, columns, events)
        ]

    def _asked_columns(self, asked: Mapping[str, str]) -> dict[str, list[str]]:
        """The columns to show, by form; without any wish, all of them."""
        fields, forms = listed(asked, "fields"), listed(asked, "forms")
        if set(forms) - set(self.forms):
            raise RefusedError('The values in the parameter "forms" are not valid')
        everything = not fields and not forms
        chosen = {
            form: [
                column
                for column in (*columns, f"{form}_complete")
                if everything or form in forms or column.partition("___")[0] in fields
            ]
            for form, columns in self.columns.items()
        }
        found = {
            column.partition("___")[0] for names in chosen.values() for column in names
        }
        if set(fields) - found:
            raise RefusedError('The values in the parameter "fields" are not valid')
        return chosen

    @cached_property
    def _entries(self) -> dict[str, list[tuple[str, str, Row]]]:
        """What was entered for each record: form, event and values."""
        entries: dict[str, list[tuple[str, str, Row]]] = {}
        for form, frame in self.forms.items():
            for values in frame.to_dicts():
                row = {name: value or "" for name, value in values.items()}
                row[f"{form}_complete"] = "2"
                record = entries.setdefault(row[self.record_id], [])
                record.append((form, row.get(EVENT, ""), row))
        return entries

    def _entries_of(
        self, record: str, columns: Mapping[str, list[str]], events: Sequence[str]
    ) -> Iterator[Row]:
        """The record's rows of the sparse table: one an event, one a repetition."""
        entered = self._entries.get(record, [])
        single = [entry for entry in entered if entry[0] not in self.repeating]
        repeated = [entry for entry in entered if entry[0] in self.repeating]
        for event in self.events or [""]:
            here = [row for _, where, row in single if where == event]
            known = here or any(where == event for _, where, _ in repeated)
            if not known and event or (events and event not in events):
                continue
            values = {name: value for row in here for name, value in row.items()}
            once = [form for form in columns if form not in self.repeating]
            yield self._row(record, event, ("", ""), values, columns, once)
            counts: dict[str, int] = {}
            for form, where, row in repeated:
                if where != event or not set(columns[form]) - {self.record_id}:
                    continue
                counts[form] = counts.get(form, 0) + 1
                at = (form, row.get(REPEATS[1]) or str(counts[form]))
                yield self._row(record, event, at, row, columns, [form])

    def _row(
        self,
        record: str,
        event: str,
        repeat: tuple[str, str],
        values: Row,
        columns: Mapping[str, list[str]],
        own: Sequence[str],
    ) -> Row:
        row = {EVENT: event} if self.events else {}
        if self.repeating:
            row.update(zip(REPEATS, repeat, strict=True))
        shown = {}
        for form, names in columns.items():
            for name in names:
                # On its own form's rows nothing entered shows as an unticked "0".
                boxed = "___" in name or name == f"{form}_complete"
                empty = "0" if boxed and form in own else ""
                shown[name] = values.get(name) or empty
        if self.record_id in shown:
            shown[self.record_id] = record
        row = {**{n: shown.pop(n) for n in (self.record_id,) if n in shown}, **row}
        return {n: v for n, v in {**row, **shown}.items() if n not in self.hidden}


def listed(asked: Mapping[str, str], name: str) -> list[str]:
    """A list as REDCap takes it: `name[0]=a&name[1]=b`, or `name=a,b`."""
    parts = [value for key, value in asked.items() if key.startswith(f"{name}[")]
    return parts or [part for part in asked.get(name, "").split(",") if part]
