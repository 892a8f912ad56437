"""Intervals of one proportion, one Poisson count and one rate per exposure.

All are two-sided: at 95 % each tail holds 2.5 %, also where one side is the border
itself. So 0 of 225 has the upper limit 1.63 % (the one-sided 97.5 % limit), not
1.32 %: intervals of zero and of non-zero counts stay comparable in one chart.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from dashboard.analysis.cells import Floats, numbers, series, stated, visible

Limits = tuple[Floats, Floats]
Interval = Literal["clopper_pearson", "wilson"]


def clopper_pearson(
    events: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95
) -> Limits:
    """Exact lower and upper limit of a proportion; NaN where n is 0.

    Inverts the binomial tails through the beta quantiles (Clopper and Pearson 1934,
    Biometrika 26:404), as R's binom.test does.
    """
    x, size = _counts(events, n)
    tail = (1 - level) / 2
    lower = special.betaincinv(np.maximum(x, 1), size - x + 1, tail)
    upper = special.betaincinv(x + 1, np.maximum(size - x, 1), 1 - tail)
    lower, upper = np.where(x > 0, lower, 0.0), np.where(x < size, upper, 1.0)
    return np.where(size > 0, lower, np.nan), np.where(size > 0, upper, np.nan)


def wilson(events: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> Limits:
    """Score limits of a proportion; NaN where n is 0.

    Wilson 1927 (J Am Stat Assoc 22:209), without continuity correction: nearer to the
    nominal level on average than the exact limits, sometimes a little below it.
    """
    x, size = _counts(events, n)
    z = special.ndtri((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / size
        middle = (p + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2))
        half = half / (1 + z**2 / size)
    lower = np.where(x > 0, middle - half, 0.0)
    upper = np.where(x < size, middle + half, 1.0)
    return np.where(size > 0, lower, np.nan), np.where(size > 0, upper, np.nan)


def poisson(count: npt.ArrayLike, level: float = 0.95) -> Limits:
    """Exact lower and upper limit of the mean behind a Poisson count.

    Gamma quantiles (Garwood 1936, Biometrika 28:437), as R's poisson.test. The count
    may be fractional: at an expected number E, divided by E, these are the limits of
    observed / expected that FunnelPlotR draws.
    """
    x = np.asarray(count, dtype=np.float64)
    tail = (1 - level) / 2
    lower = np.where(x > 0, special.gammaincinv(np.where(x > 0, x, 1.0), tail), 0.0)
    return lower, np.asarray(special.gammaincinv(x + 1, 1 - tail), dtype=np.float64)


def proportions(
    frame: pl.DataFrame, method: Interval = "clopper_pearson", level: float = 0.95
) -> pl.DataFrame:
    """The frame of `events` and `n` with rate, lower, upper, state and reason."""
    frame = stated(frame)
    x, n = _visible_counts(frame)
    lower, upper = {"clopper_pearson": clopper_pearson, "wilson": wilson}[method](
        x, n, level
    )
    return _with_rate(frame, x, n, (lower, upper))


def rates(frame: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """The frame of `events` and `n` (an exposure) with rate and exact Poisson limits.

    Starts per staffed slot, observed per expected: anything counted over an exposure
    that is not a number of trials, so that the rate may exceed 1.
    """
    frame = stated(frame, proportion=False)
    x, n = _visible_counts(frame)
    lower, upper = poisson(x, level)
    return _with_rate(frame, x, n, (lower / n, upper / n))


def _counts(events: npt.ArrayLike, n: npt.ArrayLike) -> Limits:
    x, size = np.broadcast_arrays(
        np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.float64)
    )
    return x, size


def _visible_counts(frame: pl.DataFrame) -> Limits:
    seen = visible(frame)
    x, n = numbers(frame, "events"), numbers(frame, "n")
    return np.where(seen, x, np.nan), np.where(seen, n, np.nan)


def _with_rate(frame: pl.DataFrame, x: Floats, n: Floats, at: Limits) -> pl.DataFrame:
    return frame.with_columns(
        series("rate", x / n), series("lower", at[0]), series("upper", at[1])
    )
