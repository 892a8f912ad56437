"""What recent months will come to once all results are in, with the doubt in it.

A reporting-delay triangle: a month's batches are settled day by day, some failing,
most certified, and recent months are still open on the right. Here the batches that
wait are known, so nothing has to be scaled up: each waiting batch of some age has the
chance to fail that batches past that age had. The two endings' hazards by day come
from all months together (Aalen and Johansen 1978; reporting delays as such: Kalbfleisch
and Lawless 1991, Stat Sinica 1:19), which takes the delay not to change.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy import stats

from dashboard.analysis.cells import Floats, numbers
from dashboard.analysis.survival import Incidence, incidence

COUNTS: Final = ("failed", "certified", "waiting")


@dataclass(frozen=True)
class Delays:
    """How batches were settled, by day: what fails, what is certified, still to come.

    `chance` of failing for a batch that has waited for `day` days, and `seen`, the
    number of batches settled after that day which the chance is made of.
    """

    day: Floats
    chance: Floats
    seen: Floats

    def at(self, age: Floats) -> tuple[Floats, Floats]:
        """Chance and the batches behind it for batches of these ages in days.

        Who has waited longer than anybody who was settled says nothing by his age: he
        has everybody's chance.
        """
        place = np.searchsorted(self.day, age, side="right") - 1
        inside = (place >= 0) & (place < len(self.day) - 1)
        at = np.where(inside, place, 0)
        return self.chance[at], self.seen[at]


def delays(frame: pl.DataFrame) -> Delays:
    """The delays of a histogram: `day` and the counts failed, certified, waiting."""
    days = frame.group_by("day").agg(pl.col(COUNTS).sum()).sort("day")
    day, failed, certified, waiting = (numbers(days, c) for c in ("day", *COUNTS))
    if not (failed + certified).any():
        return Delays(np.array([-1.0]), np.array([np.nan]), np.array([0.0]))
    fails = incidence(day, failed, certified, waiting)
    passes = incidence(day, certified, failed, waiting)
    to_fail, to_pass = _ahead(fails), _ahead(passes)
    with np.errstate(invalid="ignore"):
        chance = to_fail / (to_fail + to_pass)
    settled = failed + certified
    after = np.concatenate(([settled.sum()], settled.sum() - settled.cumsum()))
    shown = np.concatenate(([True], settled > 0))
    return Delays(np.concatenate(([-1.0], fails.day)), chance, after[shown])


def _ahead(of: Incidence) -> Floats:
    """The share still to end so: before the first day, and after each."""
    rest: Floats = of.share[-1] - np.concatenate(([0.0], of.share))
    return np.maximum(rest, 0.0)


def expected(frame: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """One row a month: counts so far, and the share that will have failed in the end.

    `frame`: month, day, failed, certified, waiting. `so_far` is failed of the settled,
    `final` the expected share of all, `low` to `high` holds it with `level`: what the
    waiting add is beta-binomial, so that the doubt about the chance is in it too.
    Settled months have all three equal. Null where nothing was ever settled.
    """
    known = delays(frame)
    rows = [
        (month, *_month(part, known, level))
        for (month,), part in frame.sort("month").group_by("month", maintain_order=True)
    ]
    schema: dict[str, pl.DataType] = {
        "month": frame.schema["month"],
        **dict.fromkeys((*COUNTS, "n"), pl.Int64()),
        **dict.fromkeys(("so_far", "final", "low", "high"), pl.Float64()),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _month(
    part: pl.DataFrame, known: Delays, level: float
) -> tuple[int | float | None, ...]:
    failed, certified, waiting = (int(part[c].sum()) for c in COUNTS)
    n = failed + certified + waiting
    counts = (failed, certified, waiting, n)
    so_far = failed / (failed + certified) if failed + certified else None
    if not waiting:
        return (*counts, so_far, so_far, so_far, so_far)
    ages, each = numbers(part, "day"), numbers(part, "waiting")
    chance, seen = known.at(ages)
    mean = float((chance * each).sum() / waiting)
    if np.isnan(mean):
        return (*counts, so_far, None, None, None)
    behind = float((seen * each).sum() / waiting)
    more = stats.betabinom(waiting, mean * behind + 0.5, (1 - mean) * behind + 0.5)
    low, high = (float(more.ppf(q)) for q in ((1 - level) / 2, (1 + level) / 2))
    # Whole batches: the mean of what may come can lie beyond both ends where few wait.
    low, high = min(low, mean * waiting), max(high, mean * waiting)
    final = (failed + mean * waiting) / n
    return (*counts, so_far, final, (failed + low) / n, (failed + high) / n)
