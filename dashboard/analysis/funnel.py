"""Funnel plots: each site against limits that widen as its numbers shrink.

A curve is drawn, but a site is flagged by counting: more events than the 97.5 % or
99.9 % quantile of the network's rate at its size, or fewer than the 2.5 % or 0.1 %
quantile. Counts are whole, so the rule keeps its level where curves drawn through
them do not; where the two differ the rule is what is said.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from dashboard.analysis.cells import Floats, numbers, series, stated, whole
from dashboard.analysis.limits import (
    Law,
    Method,
    arcsine,
    count_quantile,
    cumulative,
    exceeding,
    limit,
    square_root,
)

TAILS = {"95": (0.025, 0.975), "998": (0.001, 0.999)}
ALONE = "only one site has counts: there is no network to compare it with"
NO_EVENTS = "no events anywhere: no rate to compare with"
ALL_EVENTS = "events everywhere: no rate to compare with"


@dataclass(frozen=True)
class Widening:
    """How much wider than chance alone the limits are drawn, and on what account.

    `multiplicative`: value is phi, and every limit's distance from the centre is
    multiplied by its root (never below 1). `additive`: value is tau², a variance
    between sites on the arcsine (proportions) or square-root scale (rates).
    """

    kind: Literal["multiplicative", "additive"]
    value: float

    @property
    def widens(self) -> bool:
        """Whether these limits differ at all from those of chance."""
        return self.value > (1.0 if self.kind == "multiplicative" else 0.0)


@dataclass(frozen=True)
class Scheme:
    """What a funnel compares by: the law of the counts, the curve, its widening."""

    law: Law = "binomial"
    method: Method = "exact"
    widening: Widening | None = None


CHANCE = Scheme()


def flag_at(
    n: float, p: float, quantile: float = 0.999, law: Law = "binomial"
) -> int | None:
    """The number of events at which a site of size n is flagged as high.

    One above the quantile. None where the site has no size or where not even n of n
    would be enough.
    """
    at = _flag_at(np.asarray([n], dtype=np.float64), p, quantile, law)[0]
    return None if np.isnan(at) else int(at)


def power(
    n: float, p: float, true_p: float, quantile: float = 0.999, law: Law = "binomial"
) -> float | None:
    """The chance that a site of size n and true rate true_p is flagged as high.

    Summed from the distribution, not approximated. None where there is nothing to
    flag: no size, or a network rate of zero.
    """
    size = np.asarray([n], dtype=np.float64)
    chance = _power(size, p, true_p, quantile, law)[0]
    return None if np.isnan(chance) else float(chance)


def count_range(
    n: npt.ArrayLike, centre: float, tails: tuple[float, float], scheme: Scheme = CHANCE
) -> tuple[Floats, Floats]:
    """The lowest and highest number of events at which a site is not flagged.

    By the exact count rule, unless the limits are widened for overdispersion: there
    is no exact distribution then, and the widened curve itself decides.
    """
    size = np.asarray(n, dtype=np.float64)
    if scheme.widening is None or not scheme.widening.widens:
        low, high = (count_quantile(size, centre, q, scheme.law) for q in tails)
        return low, high
    return counts_inside(size, [drawn(size, centre, q, scheme) for q in tails])


def counts_inside(n: Floats, curves: list[Floats]) -> tuple[Floats, Floats]:
    """The lowest and highest count on or between two curves of rates."""
    low, high = (np.asarray(curve) * n for curve in curves)
    return np.ceil(low - 1e-9), np.floor(high + 1e-9)


def drawn(n: Floats, centre: float, quantile: float, scheme: Scheme) -> Floats:
    """The curve of one quantile as drawn: the method's limit, widened where asked."""
    widening = scheme.widening
    if widening is None or not widening.widens:
        return limit(n, centre, quantile, scheme.law, scheme.method)
    with np.errstate(divide="ignore", invalid="ignore"):
        if widening.kind == "additive":
            curve = arcsine if scheme.law == "binomial" else square_root
            return curve(n, centre, quantile, widening.value)
        plain = limit(n, centre, quantile, scheme.law, scheme.method)
        wide = centre + (plain - centre) * np.sqrt(widening.value)
    return np.asarray(np.clip(wide, 0.0, _top(scheme.law)))


def funnel(
    frame: pl.DataFrame, centre: float | None = None, scheme: Scheme = CHANCE
) -> pl.DataFrame:
    """One row a site, ready to draw: rate, centre, limits, flag and power.

    Reads `events`, `n` and, where present, `state` and `reason`. A row with a reason
    (completeness too low) keeps its rate and gets `compared` false and no flag; it
    does not enter the network rate. The centre is the rate of the compared rows
    unless given.

    Adds rate, centre, lower95, upper95, lower998, upper998, flag_at95, flag_at998
    (null where no count would be flagged), low_at95, low_at998 (flagged at so many or
    fewer), power_double, p_value (twice the smaller exact tail) and flagged: `none`,
    `high95`, `high998`, `low95`, `low998`, null where not compared.
    """
    frame = stated(frame, scheme.law == "binomial")
    centre, obstacle = network_rate(frame, centre, scheme.law)
    if obstacle:
        frame = frame.with_columns(
            reason=pl.when("compared").then(pl.lit(obstacle)).otherwise("reason"),
            compared=pl.lit(False),
        )
    x, n = (_where_shown(frame, column) for column in ("events", "n"))
    frame = frame.with_columns(series("rate", x / n), series("centre", n * 0 + centre))
    frame = frame.with_columns(_limit_columns(n, centre, scheme))
    return frame.with_columns(_flag_columns(frame, x, n, centre, scheme))


def network_rate(
    frame: pl.DataFrame, centre: float | None, law: Law
) -> tuple[float, str | None]:
    """The rate to compare with (NaN where there is none), and what stands against it.

    `frame` is as `cells.stated` leaves it.
    """
    counted = frame.filter("compared")
    if centre is None and counted.height < 2:
        return np.nan, ALONE
    if centre is None:
        centre = float(numbers(counted, "events").sum() / numbers(counted, "n").sum())
    if centre <= 0:
        return 0.0, NO_EVENTS
    if law == "binomial" and centre >= 1:
        return 1.0, ALL_EVENTS
    return centre, None


def curve(frame: pl.DataFrame, centre: float, scheme: Scheme = CHANCE) -> pl.DataFrame:
    """The limits at each `n` of the frame, for drawing between and beyond the sites."""
    n = numbers(frame, "n")
    n = np.where(n > 0, n, np.nan)
    return frame.with_columns(_limit_columns(n, centre, scheme))


def _where_shown(frame: pl.DataFrame, column: str) -> Floats:
    shown = frame["state"].is_in(("data", "zero")).to_numpy()
    return np.where(shown, numbers(frame, column), np.nan)


def _limit_columns(n: Floats, centre: float, scheme: Scheme) -> list[pl.Series]:
    if np.isnan(centre):
        empty = np.full_like(n, np.nan)
        return [series(f"{s}{t}", empty) for t in TAILS for s in ("lower", "upper")]
    return [
        series(f"{side}{tail}", drawn(n, centre, quantile, scheme))
        for tail, quantiles in TAILS.items()
        for side, quantile in zip(("lower", "upper"), quantiles, strict=True)
    ]


def _flag_columns(
    frame: pl.DataFrame, x: Floats, n: Floats, centre: float, scheme: Scheme
) -> list[pl.Series]:
    n = np.where(frame["compared"].to_numpy(), n, np.nan)
    flagged = np.full(len(n), "none", dtype=object)
    columns = []
    for tail, quantiles in TAILS.items():
        low, high = count_range(n, centre, quantiles, scheme)
        flagged[x > high], flagged[x < low] = f"high{tail}", f"low{tail}"
        at = np.where((scheme.law == "binomial") & (high >= n), np.nan, high + 1)
        columns.append(whole(f"flag_at{tail}", at))
        columns.append(whole(f"low_at{tail}", np.where(low > 0, low - 1, np.nan)))
    doubled = exceeding(high, n, min(2 * centre, _top(scheme.law)), scheme.law)
    flagged[np.isnan(n)] = None
    return [
        *columns,
        pl.Series("flagged", flagged.tolist(), pl.String),
        series("power_double", doubled),
        series("p_value", _p_value(x, n, centre, scheme.law)),
    ]


def _top(law: Law) -> float:
    return 1.0 if law == "binomial" else np.inf


def _flag_at(n: Floats, p: float, quantile: float, law: Law) -> Floats:
    size = np.where(n > 0, n, np.nan)
    at = count_quantile(size, p, quantile, law) + 1
    return np.where((law == "binomial") & (at > size), np.nan, at)


def _power(n: Floats, p: float, true_p: float, quantile: float, law: Law) -> Floats:
    size = np.where((n > 0) & (p > 0), n, np.nan)
    return exceeding(count_quantile(size, p, quantile, law), size, true_p, law)


def _p_value(x: Floats, n: Floats, centre: float, law: Law) -> Floats:
    at_most = cumulative(x, n, centre, law)
    at_least = exceeding(x - 1, n, centre, law)
    return np.asarray(np.minimum(2 * np.minimum(at_most, at_least), 1.0))
