"""Slots counted by week: the capacity a scheduling system holds, in its own states.

A slot is an appointment to be had, the contract's `capacity` a week of a resource: no
mapping of columns leads from one to the other, so the slots are counted here, and
what the counts mean stays with the mapping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

STATES = ("free", "busy", "busy-tentative", "busy-unavailable")
MISTAKE = "entered-in-error"

Week = tuple[str, str]
"""The schedule's reference and the week's Monday."""


class Weeks:
    """Counts of slots by schedule and week."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._counts: dict[Week, Counter[str]] = {}

    def add(self, slots: Iterable[Mapping[str, str | None]]) -> None:
        """Count slots, given as columns; those entered in error are none."""
        for slot in slots:
            state = slot.get("status") or ""
            if state != MISTAKE:
                week = (slot.get("schedule.reference") or "", self._monday(slot))
                self._counts.setdefault(week, Counter())[state] += 1

    def rows(self) -> list[dict[str, str | None]]:
        """A row for each schedule and week: `slots`, `available` and each state.

        `available` leaves out those that nobody can have, `busy-unavailable`.
        """
        return [
            {
                "schedule.reference": schedule,
                "week": monday,
                "slots": str(counts.total()),
                "available": str(counts.total() - counts["busy-unavailable"]),
                **{state: str(counts[state]) for state in STATES},
            }
            for (schedule, monday), counts in sorted(self._counts.items())
        ]

    def _monday(self, slot: Mapping[str, str | None]) -> str:
        try:
            start = datetime.fromisoformat(slot.get("start") or "")
        except ValueError:
            return ""
        day = start.astimezone(self._zone).date()
        return (day - timedelta(days=day.weekday())).isoformat()
