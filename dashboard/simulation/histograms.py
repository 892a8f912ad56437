"""From recorded histograms of days to the quantiles that a simulation draws from."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from dashboard.analysis.cells import numbers
from dashboard.analysis.survival import COUNTS, incidence
from dashboard.simulation.arrays import Floats

QUANTILES: Final = 256
# With fewer values than this, a histogram is somebody's luck rather than a site's way.
ENOUGH: Final = 20
_LONGEST: Final = 366


class Steps:
    """Looks up how long a step takes at a site, and says whose days it gives."""

    def __init__(self, levels: Sequence[pl.DataFrame]) -> None:
        """`levels` are the frames of `Recorded.steps`, the closest first."""
        self._levels = []
        for frame in levels:
            by = [c for c in ("site", "product", "step") if c in frame.columns]
            parts = frame.drop_nulls("day").partition_by(by, as_dict=True)
            self._levels.append((by, parts))

    def weights(self, site: str, product: str, step: str) -> tuple[Floats, bool]:
        """The chance of each number of days, and whether it is the site's own record.

        Nothing recorded anywhere takes no time, and is not the site's own.
        """
        asked = {"site": site, "product": product, "step": step}
        for least in (ENOUGH, 1):
            for by, parts in self._levels:
                rows = parts.get(tuple(asked[c] for c in by))
                if rows is not None and rows["ended"].sum() >= least:
                    return _weights(rows), "site" in by
        return np.ones(1), False


def lost_before(frame: pl.DataFrame, site: str, step: str) -> tuple[float, float]:
    """The share of a site's orders that end before a step, and the mean days to that.

    The second is days at risk for each that was lost; infinite where none was. Reads a
    level of `Recorded.steps` with a site and no product.
    """
    rows = _of(frame, site=site, step=step).group_by("day").agg(pl.col(COUNTS).sum())
    rows = rows.drop_nulls("day").sort("day")
    lost = int(rows["competing"].sum())
    if not lost:
        return 0.0, float("inf")
    ended, competing, censored = (numbers(rows, c) for c in COUNTS)
    share = incidence(numbers(rows, "day"), competing, ended, censored).share
    at_risk = float((numbers(rows, "day") * (ended + competing + censored)).sum())
    return float(share[-1]), at_risk / lost


def quantiles(parts: Sequence[Floats]) -> Floats:
    """Equally likely values of a sum of independent days (QUANTILES of them)."""
    whole = np.ones(1)
    for part in parts:
        whole = np.convolve(whole, part)
    share = np.cumsum(whole / whole.sum())
    place = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.searchsorted(share, place).astype(np.float64)


def counted(days: pl.DataFrame, count: str) -> Floats:
    """The chance of each number of days, by plain counts."""
    kept = days.filter(pl.col("day").is_between(0, _LONGEST))
    if kept.is_empty():
        return np.ones(1)
    found = np.bincount(kept["day"].to_numpy(), kept[count].to_numpy())
    return np.asarray(found / found.sum())


def _weights(rows: pl.DataFrame) -> Floats:
    """Steps of Aalen and Johansen's curve: who is still running counts as such."""
    summed = rows.group_by("day").agg(pl.col(COUNTS).sum()).sort("day")
    ended, competing, censored = (numbers(summed, c) for c in COUNTS)
    curve = incidence(numbers(summed, "day"), ended, competing, censored)
    kept = curve.day <= _LONGEST
    step = np.diff(curve.share[kept], prepend=0)
    found = np.zeros(int(curve.day[kept][-1]) + 1)
    found[curve.day[kept].astype(int)] = step
    return np.asarray(found / found.sum())


def _of(frame: pl.DataFrame, **wanted: str) -> pl.DataFrame:
    where = [pl.col(k) == v for k, v in wanted.items() if k in frame.columns]
    return frame.filter(*where).drop_nulls("day")
