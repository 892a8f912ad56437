"""Control charts over time: p, u, Laney's p' and XmR, one row a period.

A chart never chooses its own baseline. Limits come from all points of a phase, or
from those marked `baseline`; a new `phase` begins only where a person has recorded
one. The frame is in time order. Every chart adds value, centre, sigma, lower, upper,
z (distance from the centre in sigmas, what the rules read), state and reason.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from dashboard.analysis.cells import Floats, numbers, series, stated, visible

TOO_FEW = "limits need at least two points"
NO_SPREAD = "no spread in the baseline: no limits"
NO_BASELINE = "no point with counts in the baseline"
XMR = 2.66
SCREEN = 3.267
D2 = 1.128379167


class Points:
    """The points of one phase as arrays: value, n, and which set the limits."""

    def __init__(self, value: Floats, n: Floats, baseline: Floats) -> None:
        self.value, self.n = value, n
        self.fixed = (baseline == 1) & np.isfinite(value)

    @property
    def centre(self) -> float:
        """The rate of the baseline: its events over its n."""
        n = self.n[self.fixed]
        return (
            float((self.value[self.fixed] * n).sum() / n.sum()) if n.sum() else np.nan
        )


Fit = Callable[[Points], tuple[float, Floats]]


def p_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """A p chart of `events` of `n`: binomial sigma at each period's own size.

    Shewhart's, as in Montgomery, Introduction to Statistical Quality Control, ch. 7.
    """
    return _rate_chart(frame, _binomial, top=1.0)


def u_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """A u chart of `events` over the exposure `n`: Poisson sigma at each size."""
    return _rate_chart(frame, _poisson, top=np.inf)


def laney_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """Laney's p' chart: binomial sigma times the spread seen from point to point.

    Laney 2002 (Quality Engineering 14:531). With large n a p chart calls every
    ordinary difference a signal; here the moving range of the z-scores sets the width.
    """
    return _rate_chart(frame, _laney, top=1.0)


def xmr_chart(frame: pl.DataFrame) -> pl.DataFrame:
    """An XmR (individuals) chart of `value`: mean plus and minus 2.66 moving ranges.

    Wheeler's constants, with moving ranges above 3.267 times their mean left out once,
    as the NHS "Making Data Count" charts have it.
    """
    value = numbers(frame, "value")
    state = pl.Series("state", np.where(np.isfinite(value), "data", "not_reported"))
    held = frame.with_columns(state).with_columns(
        reason=pl.when(pl.col("state") == "not_reported").then(pl.lit("no value"))
    )
    return _charted(held, (value, np.ones_like(value)), individuals, (-np.inf, np.inf))


def individuals(points: Points) -> tuple[float, Floats]:
    """Mean and sigma from the screened moving ranges of the baseline."""
    base = points.value[points.fixed]
    moving = np.abs(np.diff(base))
    if len(moving):
        kept = moving[moving < SCREEN * moving.mean()]
        moving = kept if len(kept) else moving
    sigma = moving.mean() * XMR / 3 if len(moving) else np.nan
    centre = float(base.mean()) if len(base) else np.nan
    return centre, np.full(len(points.value), sigma)


def _binomial(points: Points) -> tuple[float, Floats]:
    centre = points.centre
    return centre, np.sqrt(centre * (1 - centre) / points.n)


def _poisson(points: Points) -> tuple[float, Floats]:
    return points.centre, np.sqrt(points.centre / points.n)


def _laney(points: Points) -> tuple[float, Floats]:
    centre, sigma = _binomial(points)
    z = (points.value - centre) / np.where(sigma > 0, sigma, np.nan)
    moving = np.abs(np.diff(z[points.fixed]))
    return centre, sigma * (moving.mean() / D2 if len(moving) else np.nan)


def _rate_chart(frame: pl.DataFrame, fit: Fit, top: float) -> pl.DataFrame:
    frame = stated(frame, proportion=np.isfinite(top)).drop("compared")
    shown = visible(frame)
    x, n = (np.where(shown, numbers(frame, c), np.nan) for c in ("events", "n"))
    return _charted(frame, (x / n, n), fit, (0.0, top))


def _charted(
    frame: pl.DataFrame,
    points: tuple[Floats, Floats],
    fit: Fit,
    bounds: tuple[float, float],
) -> pl.DataFrame:
    value, n = points
    centre, sigma = fitted(frame, value, n, fit)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sigma > 0, (value - centre) / sigma, np.nan)
    z = np.where((sigma == 0) & (value == centre), 0.0, z)
    lower = np.clip(centre - 3 * sigma, *bounds)
    upper = np.clip(centre + 3 * sigma, *bounds)
    columns = {"value": value, "centre": centre, "sigma": sigma}
    columns |= {"lower": lower, "upper": upper, "z": z}
    frame = frame.with_columns(series(k, v) for k, v in columns.items())
    return frame.with_columns(reason=pl.coalesce("reason", _why_no_z()))


def fitted(
    frame: pl.DataFrame, value: Floats, n: Floats, fit: Fit
) -> tuple[Floats, Floats]:
    """Centre and sigma at each point, from the baseline of its phase."""
    rows = frame.height
    baseline = (
        numbers(frame, "baseline") if "baseline" in frame.columns else np.ones(rows)
    )
    centre, sigma = np.full((2, rows), np.nan)
    for chosen in phases(frame):
        part = Points(value[chosen], n[chosen], baseline[chosen])
        centre[chosen], sigma[chosen] = fit(part)
    return centre, sigma


def phases(frame: pl.DataFrame) -> list[Floats]:
    """Which rows belong to each recorded phase; one phase where none is recorded."""
    if "phase" not in frame.columns:
        return [np.ones(frame.height, dtype=bool)]
    label = frame["phase"].cast(pl.String).fill_null("").to_numpy()
    return [label == phase for phase in dict.fromkeys(label)]


def _why_no_z() -> pl.Expr:
    seen = pl.col("z").is_null() & pl.col("value").is_not_null()
    return (
        pl.when(seen & pl.col("centre").is_null())
        .then(pl.lit(NO_BASELINE))
        .when(seen & pl.col("sigma").is_null())
        .then(pl.lit(TOO_FEW))
        .when(seen)
        .then(pl.lit(NO_SPREAD))
    )
