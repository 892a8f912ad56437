"""Weeks of a site: what it could start, what it lost, and when batches began.

Batches take slots that were staffed, so that the recorded starts of a week never
exceed what the recorded capacity could carry.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from etl.demo.members import Line, Member

Ints = npt.NDArray[np.int64]

# Shares of theoretical slots lost in an ordinary week, by reason.
LOSSES = {
    "staff": 0.03,
    "equipment": 0.015,
    "maintenance": 0.01,
    "contamination": 0.003,
    "vector": 0.005,
    "patient": 0.02,
    "other": 0.004,
}
SHORT_STAFF = 0.35
OCCUPIED = 0.62
SHUTDOWN_WEEKS = (32, 33, 52)


@dataclass(frozen=True)
class Calendar:
    """A site's weeks (days since 1970, Mondays) with slots and losses of each.

    `lost` has one array a reason; `theoretical` is the same every week.
    """

    weeks: Ints
    theoretical: int
    lost: dict[str, Ints]

    @property
    def staffed(self) -> Ints:
        """Slots of each week that somebody could start a batch in."""
        gone = sum(self.lost.values(), np.zeros_like(self.weeks))
        return np.maximum(self.theoretical - gone, 0)


def staff_share(member: Member) -> float:
    """The true share of an ordinary week's slots that the site loses to staffing."""
    return SHORT_STAFF if member.plant == "staff_shortage" else LOSSES["staff"]


def calendar(
    rng: np.random.Generator, member: Member, span: tuple[int, int], batches: int
) -> Calendar:
    """The weeks of `span` with enough slots for the batches, and what was lost."""
    weeks = np.arange(span[0], span[1], 7, dtype=np.int64)
    occupied = OCCUPIED * (1 - staff_share(member))
    theoretical = max(1, int(np.ceil(batches / (len(weeks) * occupied))))
    while True:
        made = Calendar(weeks, theoretical, _lost(rng, member, weeks, theoretical))
        if made.staffed.sum() >= batches:
            return made
        theoretical += 1


def _lost(
    rng: np.random.Generator, member: Member, weeks: Ints, theoretical: int
) -> dict[str, Ints]:
    shut = np.isin(_week_of_year(weeks), SHUTDOWN_WEEKS)
    left = np.where(shut, 0, theoretical)
    lost: dict[str, Ints] = {"planned_shutdown": np.where(shut, theoretical, 0)}
    for reason, share in {**LOSSES, "staff": staff_share(member)}.items():
        taken = np.minimum(rng.binomial(theoretical, share, len(weeks)), left)
        lost[reason] = taken
        left = left - taken
    return lost


def _week_of_year(days: Ints) -> Ints:
    return pl.Series(days).cast(pl.Int32).cast(pl.Date).dt.week().to_numpy()


def planned(member: Member, theoretical: int, weeks: Ints) -> Ints:
    """Slots that the site means to staff in weeks to come, none while it is closed."""
    shut = np.isin(_week_of_year(weeks), SHUTDOWN_WEEKS)
    usual = max(1, round(theoretical * (1 - staff_share(member))))
    return np.where(shut, 0, usual).astype(np.int64)


def starts(rng: np.random.Generator, made: Calendar, batches: int) -> Ints:
    """Sorted start days: staffed slots drawn without replacement, more of late ones.

    The growth of a site over its years is a weight on the week (Gumbel top-k).
    """
    week = np.repeat(np.arange(len(made.weeks)), made.staffed)
    growth = np.log(1 + 0.8 * week / max(len(made.weeks), 1))
    chosen = np.argsort(growth + rng.gumbel(size=len(week)), kind="stable")[::-1]
    days = made.weeks[week[chosen[:batches]]] + rng.integers(0, 4, batches)
    return np.sort(days)


def lines_in_time(
    rng: np.random.Generator, lines: tuple[Line, ...], counts: list[int]
) -> Ints:
    """For each batch in order of its start, the position of its line."""
    which = np.repeat(np.arange(len(lines)), counts)
    since = np.array([line.since for line in lines])[which]
    until = np.array([line.until for line in lines])[which]
    moment = since + (until - since) * np.sqrt(rng.random(len(which)))
    return which[np.argsort(moment, kind="stable")]
