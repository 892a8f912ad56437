"""When the next pull is due: at every interval, or at a time of day.

A plain rule instead of a scheduler's library: those of the field (APScheduler, cron
expressions) keep lists of jobs and their stores, where here one job goes on for ever.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import floor
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH: Final = re.compile(r"(\d{1,6})([smhd])")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Now:
    """What both clocks say: the machine's, which may be set, and one that only runs."""

    wall: datetime
    running: float


@dataclass(frozen=True)
class Every:
    """A pull at once, then one after every so many seconds, from start to start.

    Counted by the clock that only runs, so that neither daylight saving nor a clock
    that is set changes anything. Beginnings that pass while a pull is still going on
    are left out, so that pulls never pile up and never come back to back.
    """

    seconds: int

    def first(self, now: Now) -> "Due":
        """Now."""
        return Due(self, now.running)

    def left(self, due: "Due", now: Now) -> float:
        """The seconds until it is due."""
        return due.at - now.running

    def after(self, due: "Due", now: Now) -> "Due":
        """The next beginning that is still to come."""
        passed = max(0, floor((now.running - due.at) / self.seconds))
        return Due(self, due.at + (passed + 1) * self.seconds, passed)


@dataclass(frozen=True)
class At:
    """A pull a day at a time of day in a zone, as the clock on the wall shows it.

    A time that a day lacks, because clocks go forward over it, is taken an hour later;
    one that a day has twice is taken the first time. A clock that is set forward over
    it makes the pull due, one that is set back never makes a day's pull due again.
    """

    of_day: time
    zone: tzinfo | None = None

    def first(self, now: Now) -> "Due":
        """The next time the wall shows it."""
        due = self._on(now.wall.astimezone(self.zone).date())
        return due if due.at > now.wall.timestamp() else self._following(due)

    def left(self, due: "Due", now: Now) -> float:
        """The seconds until it is due, if nobody sets the clock."""
        return due.at - now.wall.timestamp()

    def after(self, due: "Due", now: Now) -> "Due":
        """The first that is later than both the last one and now."""
        following, missed = self._following(due), 0
        while following.at <= now.wall.timestamp():
            following, missed = self._following(following), missed + 1
        return Due(self, following.at, missed)

    def _following(self, due: "Due") -> "Due":
        day = datetime.fromtimestamp(due.at, UTC).astimezone(self.zone).date()
        return self._on(day + timedelta(days=1))

    def _on(self, day: date) -> "Due":
        wall = datetime.combine(day, self.of_day)
        # Without a zone it is the machine's own, whose offset depends on the day.
        moment = wall.replace(tzinfo=self.zone) if self.zone else wall
        return Due(self, moment.timestamp())


@dataclass(frozen=True)
class Due:
    """A beginning by the clock of its timetable, and how many before it were left out.

    `at` is in seconds: since 1970 on the wall, or since anything on the other clock.
    """

    timetable: Every | At
    at: float
    missed: int = 0

    def left(self, now: Now) -> float:
        """The seconds until then; nothing or less when it is due."""
        return self.timetable.left(self, now)

    def following(self, now: Now) -> "Due":
        """The one after it."""
        return self.timetable.after(self, now)


def length(text: str) -> Every:
    """`24h`, `90m`, `30s` or `7d` as a timetable; ValueError for anything else."""
    found = _LENGTH.fullmatch(text)
    if not found or int(found[1]) == 0:
        raise ValueError(f"“{text}” is no length of time. Write it like 24h or 90m.")
    return Every(int(found[1]) * _UNITS[found[2]])


def time_of_day(text: str) -> At:
    """`02:30` as a timetable, in this machine's zone; ValueError for anything else."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"“{text}” is no time of day. Write it like 02:30.")
    return At(time(int(found[1]), int(found[2])))
