"""The difference of two proportions with an interval that holds for small numbers."""

import numpy as np
import numpy.typing as npt
import polars as pl

from dashboard.analysis.cells import numbers, series
from dashboard.analysis.intervals import Limits, wilson


def newcombe(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    level: float = 0.95,
) -> Limits:
    """Limits of p1 - p2, each given as (events, n); NaN where either n is 0.

    Newcombe 1998 (Stat Med 17:873), method 10: the two Wilson intervals joined. It
    stays between -1 and 1 and has a width where nothing or everything was seen.
    """
    (low1, high1), (low2, high2) = wilson(*first, level), wilson(*second, level)
    p1, p2 = _share(*first), _share(*second)
    down = np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    up = np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return p1 - p2 - down, p1 - p2 + up


def differences(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of `events`, `n` and `other_events`, `other_n`, with what they differ.

    Adds rate, other_rate, difference, lower and upper; null where a count is hidden or
    either group is empty.
    """
    counts = [numbers(frame, c) for c in ("events", "n", "other_events", "other_n")]
    x, n, y, m = counts
    rate, other = _share(x, n), _share(y, m)
    lower, upper = newcombe((x, n), (y, m))
    return frame.with_columns(
        series("rate", rate),
        series("other_rate", other),
        series("difference", rate - other),
        series("lower", lower),
        series("upper", upper),
    )


def _share(events: npt.ArrayLike, n: npt.ArrayLike) -> npt.NDArray[np.float64]:
    x, size = (np.asarray(a, dtype=np.float64) for a in (events, n))
    empty = np.full(np.broadcast(x, size).shape, np.nan)
    return np.asarray(np.divide(x, size, out=empty, where=size > 0))
