"""Counts per exposure over time: rates with exact limits, and whether they move.

Starts per staffed slot, say: a site with twice the slots should start twice as many.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from dashboard.analysis.cells import Floats, numbers, stated
from dashboard.analysis.intervals import rates


@dataclass(frozen=True)
class Trend:
    """By what factor the rate changes from one period to the next, with its interval.

    `factor` 1.02 is two per cent more each period. `dispersion` is Pearson's
    chi-squared by its degrees of freedom: well above 1, the interval is too narrow.
    All but `periods` are None, with the reason, where there is no trend to speak of.
    """

    periods: int
    factor: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    dispersion: float | None = None
    reason: str | None = None


def per_exposure(frame: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """The frame of `events` and `exposure` with rate, lower, upper, state, reason."""
    named = frame.with_columns(n="exposure")
    return rates(named, level).drop("n", "compared")


def trend(frame: pl.DataFrame, time: str, level: float = 0.95) -> Trend:
    """The Poisson regression of `events` on a numbered time, with `exposure` as offset.

    McCullagh and Nelder 1989, as R's glm with family poisson; Wald interval. `time`
    names a numeric column, one unit being one period. Periods without exposure are
    left out, since nothing could have been started in them.
    """
    usable = stated(frame.with_columns(n="exposure"), proportion=False)
    usable = usable.filter("compared")
    t, y, exposure = (numbers(usable, c) for c in (time, "events", "exposure"))
    if len(np.unique(t)) < 3:
        return Trend(len(t), reason="a trend needs at least three periods")
    if len(np.unique(t[y > 0])) < 2:
        return Trend(len(t), reason="fewer than two periods with events")
    slope, error, mean = _regression(t - t.mean(), y, exposure)
    z = special.ndtri((1 + level) / 2)
    return Trend(
        periods=len(t),
        factor=float(np.exp(slope)),
        lower=float(np.exp(slope - z * error)),
        upper=float(np.exp(slope + z * error)),
        p_value=float(special.erfc(abs(slope / error) / np.sqrt(2))),
        dispersion=float(((y - mean) ** 2 / mean).sum() / (len(t) - 2)),
    )


def _regression(t: Floats, y: Floats, exposure: Floats) -> tuple[float, float, Floats]:
    """Slope, its standard error and the fitted means, by Newton's method.

    Steps are held to one unit of the linear predictor, so that an outlying period
    cannot throw the search out.
    """
    design = np.column_stack((np.ones_like(t), t))
    beta = np.array([np.log(y.sum() / exposure.sum()), 0.0])
    for _ in range(100):
        mean = exposure * np.exp(design @ beta)
        information = design.T @ (design * mean[:, None])
        step = np.linalg.solve(information, design.T @ (y - mean))
        beta = beta + step * min(1.0, 1 / max(np.abs(design @ step).max(), 1e-300))
        if np.abs(design @ step).max() < 1e-12:
            break
    error = np.sqrt(np.linalg.inv(information)[1, 1])
    return float(beta[1]), float(error), np.asarray(mean)
