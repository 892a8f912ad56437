"""Charts for rare failures: how many batches, or how many days, between two of them.

A rate per month that is mostly zero shows nothing. The gaps between failures do: a
gap is large when things go well, so here higher is better.
"""

import numpy as np
import polars as pl
from scipy import special, stats

from dashboard.analysis.cells import Floats, numbers, series
from dashboard.analysis.charts import Points, fitted, individuals

NELSON = 3.6
OUTSIDE = float(special.ndtr(-3.0))


def gaps(frame: pl.DataFrame) -> pl.DataFrame:
    """One row a failure: date, between (good batches since the last one) and days.

    Reads one row a batch with `date` and `failed`. Both are null for the first
    failure, since nobody knows when that gap began; the gap still running after the
    last failure is not a point.
    """
    ordered = frame.sort("date", maintain_order=True).with_columns(
        batch=pl.int_range(pl.len()), failed=pl.col("failed").cast(pl.Boolean)
    )
    return ordered.filter("failed").select(
        "date",
        between=pl.col("batch") - pl.col("batch").shift(1) - 1,
        days=(pl.col("date") - pl.col("date").shift(1)).dt.total_days(),
    )


def g_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """A g chart of `value`, the good batches between failures, with geometric limits.

    Benneyan 2001 (Health Care Manag Sci 4:305), with the limits at the probabilities
    of three sigmas instead of three standard deviations: the geometric distribution
    is so skewed that the latter's lower limit never exists. z is the normal score of
    the point's own tail, so that beyond 3 sigma means outside the limits here too.
    """
    value, held = _values(frame)

    def fit(points: Points) -> tuple[float, Floats]:
        return points.centre, np.full(len(points.value), np.nan)

    mean, _ = fitted(held, value, np.ones_like(value), fit)
    p = 1 / (mean + 1)
    with np.errstate(divide="ignore"):
        ends = [np.asarray(stats.geom.ppf(q, p) - 1) for q in (OUTSIDE, 1 - OUTSIDE)]
        z = _score(value, p)
    return _columns(held, value, mean, tuple(ends), z)


def t_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """A t chart of `value`, the days between failures: XmR of the days to the 1 / 3.6.

    Nelson 1994 (J Qual Technol 26:220): the power makes exponential times nearly
    normal. Centre and limits are raised back to days; the lower one is at least 0.
    """
    value, held = _values(frame)
    root = np.where(value >= 0, value, np.nan) ** (1 / NELSON)
    centre, sigma = fitted(held, root, np.ones_like(root), individuals)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sigma > 0, (root - centre) / sigma, np.nan)
    z = np.where((sigma == 0) & (root == centre), 0.0, z)
    ends = (np.maximum(centre + k * sigma, 0) ** NELSON for k in (-3, 3))
    return _columns(held, value, centre**NELSON, tuple(ends), z)


def _score(value: Floats, p: Floats) -> Floats:
    """The normal score of the smaller tail that the point itself belongs to."""
    at_most = stats.geom.cdf(value + 1, p)
    at_least = stats.geom.sf(value, p)
    low, high = special.ndtri(at_most), -special.ndtri(at_least)
    z = np.where(at_most < 0.5, low, np.where(at_least < 0.5, high, 0.0))
    return np.where(np.isfinite(value), z, np.nan)


def _values(frame: pl.DataFrame) -> tuple[Floats, pl.DataFrame]:
    value = numbers(frame, "value")
    value = np.where(value >= 0, value, np.nan)
    known = np.isfinite(value)
    state = pl.Series("state", np.where(known, "data", "not_reported"), pl.String)
    return value, frame.with_columns(state)


def _columns(
    frame: pl.DataFrame,
    value: Floats,
    centre: Floats,
    limits: tuple[Floats, ...],
    z: Floats,
) -> pl.DataFrame:
    lower, upper = limits
    columns = {"value": value, "centre": centre, "lower": lower, "upper": upper, "z": z}
    frame = frame.with_columns(series(k, v) for k, v in columns.items())
    return frame.with_columns(
        reason=pl.when(pl.col("value").is_null())
        .then(pl.lit("no value"))
        .when(pl.col("z").is_null())
        .then(pl.lit("limits need at least two gaps that differ"))
    )
