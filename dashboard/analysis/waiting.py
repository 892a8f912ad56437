"""Days spent waiting within a horizon, from day histograms, and what a group loses.

A median of days is not there where fewer than half ever get there. The mean number of
days waited up to a horizon always is: whoever never gets there has waited all of it.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import special

from dashboard.analysis.cells import Floats, numbers, series
from dashboard.analysis.survival import COUNTS, incidence

# Days of a mean that may depend on those who were not followed to the horizon.
HANGING = 1.0
MEASURES = ("share", "share_lower", "share_upper", "mean", "lower", "upper", "se")


def waited(frame: pl.DataFrame, by: Sequence[str], horizon: int) -> pl.DataFrame:
    """One row a group: the share there by the horizon, and the mean days until then.

    Reads `day`, `ended`, `competing` and `censored` (counts) and the columns of `by`.
    The share is Aalen and Johansen's estimate at the horizon with its limits. `mean` is
    the days waited per head, at most `horizon` each: what the curve leaves above itself
    up to there (Andersen 2013, Stat Med 32:5278). Its standard error is the
    jackknife's, which is that of a plain mean where nothing is censored; limits are
    normal, at 95 %. Who was not followed to the horizon counts as still waiting there,
    as long as less than HANGING depends on it. `n`, then MEASURES, null with the reason
    where they cannot be had.
    """
    schema = {c: frame.schema[c] for c in by}
    rows = [
        dict(zip(by, key, strict=True)) | _of(group, horizon)
        for key, group in frame.sort(*by, "day").group_by(by, maintain_order=True)
    ]
    return pl.DataFrame(
        rows,
        schema={
            **schema,
            "n": pl.Int64,
            **dict.fromkeys(MEASURES, pl.Float64),
            "state": pl.String,
            "reason": pl.String,
        },
    )


def lost(groups: pl.DataFrame, first: str, second: str) -> pl.DataFrame:
    """How much longer `second` waits than `first`: days, lower, upper (95 %).

    Both name columns of `waited` by their prefix: `first`_mean, `first`_se. The two are
    independent: nobody stands in both.
    """
    means = [numbers(groups, f"{name}_mean") for name in (second, first)]
    errors = [numbers(groups, f"{name}_se") for name in (second, first)]
    days = means[0] - means[1]
    width = special.ndtri(0.975) * np.hypot(*errors)
    return groups.with_columns(
        series("days", days),
        series("lower", days - width),
        series("upper", days + width),
    )


def _of(group: pl.DataFrame, horizon: int) -> dict[str, object]:
    summed = group.group_by("day").agg(pl.col(COUNTS).sum()).sort("day").drop_nulls()
    day = numbers(summed, "day")
    counts = np.array([numbers(summed, c) for c in COUNTS])
    n = int(counts.sum())
    empty: dict[str, object] = {"n": n, **dict.fromkeys(MEASURES)}
    if why := _obstacle(day, counts, horizon):
        return empty | {"state": "not_applicable", "reason": why}
    curve = incidence(day, *counts)
    at = int(np.searchsorted(curve.day, horizon, "right")) - 1
    limits = (curve.share, curve.lower, curve.upper)
    share = [float(c[at]) if at >= 0 else 0.0 for c in limits]
    mean = float(_mean(day, counts, horizon))
    error = _error(day, counts, horizon)
    width = float(special.ndtri(0.975)) * error
    ends = (max(mean - width, 0.0), min(mean + width, float(horizon)))
    measured = dict(zip(MEASURES, (*share, mean, *ends, error), strict=True))
    return {"n": n, **measured, "state": "data", "reason": None}


def _obstacle(day: Floats, counts: Floats, horizon: int) -> str | None:
    if counts.sum() == 0:
        return "nothing to count: 0 of 0"
    if counts.sum() == 1:
        return "one alone shows no spread"
    # Whoever still waits at the end has been watched for no longer than that.
    unresolved = float(
        np.prod(1 - counts[:2].sum(0) / np.cumsum(counts.sum(0)[::-1])[::-1])
    )
    if unresolved * (horizon - day[-1]) > HANGING:
        return f"followed for {int(day[-1])} days only, {horizon} are needed"
    return None


def _mean(day: Floats, counts: Floats, horizon: int) -> Floats:
    """Days waited per head: the horizon, less what each step of the curve saves.

    `counts` are ended, competing and censored by day, or several such tables at once.
    """
    ended, competing, censored = (counts[..., i, :] for i in range(3))
    leaving = ended + competing
    at_risk = np.cumsum((leaving + censored)[..., ::-1], axis=-1)[..., ::-1]
    n = np.maximum(at_risk, 1)
    after = np.cumprod(1 - leaving / n, axis=-1)
    before = np.concatenate((np.ones_like(after[..., :1]), after[..., :-1]), axis=-1)
    saved = before * ended / n * np.maximum(horizon - day, 0.0)
    return np.asarray(horizon - np.sum(saved, axis=-1))


def _error(day: Floats, counts: Floats, horizon: int) -> float:
    """The jackknife's standard error: each cell's estimate with one of it left out."""
    n = counts.sum()
    kind, place = np.nonzero(counts)
    less = np.repeat(counts[None], len(kind), axis=0)
    less[np.arange(len(kind)), kind, place] -= 1
    estimate, weight = _mean(day, less, horizon), counts[kind, place]
    centre = np.sum(weight * estimate) / n
    return float(np.sqrt((n - 1) / n * np.sum(weight * (estimate - centre) ** 2)))
