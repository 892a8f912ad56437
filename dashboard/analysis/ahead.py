"""When batches that are in process now will be harvested, from how long others took."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import stats

from dashboard.analysis.cells import Floats, numbers
from dashboard.analysis.survival import COUNTS, incidence


def harvests(frame: pl.DataFrame, group: str, weeks: int, weekday: int) -> pl.DataFrame:
    """Expected harvests of each of the next `weeks`, with limits: one row a week.

    `frame` is the histogram of days from start to harvest, by `group` (a product): its
    censored batches are those in process. Each of age a is harvested in a week with the
    probability (F(to) - F(from)) / S(a), F being Aalen and Johansen's curve of its
    group and S what is neither harvested nor lost by then. The limits are the 2.5 and
    97.5 % points of the sum of so many independent batches; the curve is taken as
    known. `weekday` is that of the day itself, 0 for a Monday. Also `running`, how many
    batches are in process, and `overdue`, those older than any that was harvested.
    """
    chances = [each for part in _groups(frame, group) for each in _ages(part)]
    running = sum(count for _, count, _ in chances)
    overdue = sum(count for _, count, left in chances if left is None)
    rows = []
    for week in range(weeks):
        mass = np.ones(1)
        for age, count, curve in chances:
            if curve is not None:
                low, high = age + 7 * week - weekday, age + 7 * week + 6 - weekday
                p = curve.between(max(low - 1, age), high)
                mass = np.convolve(
                    mass, stats.binom.pmf(np.arange(count + 1), count, p)
                )
        rows.append({"week": week, **_summed(mass)})
    return pl.DataFrame(rows).with_columns(
        pl.lit(running).alias("running"), pl.lit(overdue).alias("overdue")
    )


class _Left:
    """The curve of what is left at an age: the chance to be harvested between two."""

    def __init__(self, day: Floats, share: Floats, still: float) -> None:
        self.day, self.share, self.still = day, share, still

    def between(self, after: float, until: float) -> float:
        """The chance of an end on a day after one and up to another."""
        steps = self._at(until) - self._at(after)
        return float(np.clip(steps / self.still, 0.0, 1.0))

    def _at(self, day: float) -> float:
        place = int(np.searchsorted(self.day, day, "right")) - 1
        return float(self.share[place]) if place >= 0 else 0.0


def _groups(frame: pl.DataFrame, group: str) -> Iterator[tuple[Floats, Floats]]:
    seen = frame.drop_nulls("day").filter(pl.col("state") != "suppressed")
    summed = seen.group_by(group, "day").agg(pl.col(COUNTS).sum()).sort(group, "day")
    for _, part in summed.group_by(group, maintain_order=True):
        yield numbers(part, "day"), np.array([numbers(part, c) for c in COUNTS])


def _ages(part: tuple[Floats, Floats]) -> Iterator[tuple[float, int, _Left | None]]:
    """Age, number and curve of the batches in process, None past the last harvest."""
    day, (ended, competing, censored) = part
    taken = incidence(day, ended, competing, censored)
    lost = incidence(day, competing, ended, censored)
    for age, count in zip(day, censored, strict=True):
        if not count:
            continue
        place = int(np.searchsorted(taken.day, age, "right")) - 1
        gone = taken.share[place] + lost.share[place] if place >= 0 else 0.0
        younger = bool((ended[day > age] > 0).any()) and gone < 1 - 1e-9
        curve = _Left(taken.day, taken.share, 1 - gone) if younger else None
        yield float(age), int(count), curve


def _summed(mass: Floats) -> dict[str, float]:
    sums = np.cumsum(mass)
    low, high = (int(np.searchsorted(sums, q)) for q in (0.025, 0.975))
    return {
        "expected": float(mass @ np.arange(len(mass))),
        "lower": low,
        "upper": min(high, len(mass) - 1),
    }
