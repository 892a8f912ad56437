"""One form of a REDCap project: which rows of the sparse table are really its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from connectors._page import Page
from connectors._text import record_frame

EVENT, INSTRUMENT, INSTANCE = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
)

Record = Mapping[str, str | None]


@dataclass(frozen=True)
class Form:
    """What to ask for, and what is then to be found in an answer."""

    name: str
    key: str
    asked: Mapping[str, str]
    columns: Sequence[str]
    checkboxes: frozenset[str]
    event: str | None

    def page(
        self, rows: Sequence[Record], watermark: str, asked_for: Sequence[str] = ()
    ) -> Page:
        """The form's own rows; of the records asked for, those without any are gone.

        A record may have had rows here before they were emptied.
        """
        own = [row for row in rows if self._holds(row)]
        event = f", event {self.event}" if self.event else ""
        refs = pl.Series("ref", [self._ref(row) for row in own], pl.String)
        with_rows = {row[self.key] for row in own}
        gone = tuple(f"record {name}" for name in asked_for if name not in with_rows)
        frame = record_frame(own, self.columns)
        return Page(frame, f"REDCap form {self.name}{event}", refs, watermark, gone)

    def missing(self, row: Record) -> list[str]:
        """The columns of the form that an answer has not."""
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
