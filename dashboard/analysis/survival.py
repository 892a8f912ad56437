"""Durations from day histograms: medians, 90th percentiles and curves, censoring kept.

A batch still running has lasted at least so long; a batch that failed can never end
the step. Leaving either out would make the slowest sites look quick. Where there is
one way to end, this is Kaplan and Meier's estimate; where a failure competes, Aalen
and Johansen's, of which the former is the special case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from dashboard.analysis.cells import Floats, numbers

COUNTS = ("ended", "competing", "censored")
STEPS: dict[str, pl.DataType] = {
    "day": pl.Int64(),
    "at_risk": pl.Int64(),
    "share": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
}


@dataclass(frozen=True)
class Incidence:
    """The share that has ended by each day on which any did, with pointwise limits."""

    day: Floats
    at_risk: Floats
    share: Floats
    lower: Floats
    upper: Floats


def incidence(
    day: Floats, ended: Floats, competing: Floats, censored: Floats, level: float = 0.95
) -> Incidence:
    """Aalen-Johansen estimate of having ended, from counts at distinct ascending days.

    Aalen and Johansen 1978 (Scand J Stat 5:141). The variance is the delta method's
    (Marubini and Valsecchi 1995, ch. 10), which is Greenwood's where nothing competes;
    limits on the complementary log-log scale, so that they stay between 0 and 1. On a
    day on which some ended and some are censored, the censored were still at risk.
    """
    leaving = ended + competing
    at_risk = np.cumsum((leaving + censored)[::-1])[::-1]
    n = np.maximum(at_risk, 1)
    after = np.cumprod(1 - leaving / n)
    before = np.concatenate(([1.0], after[:-1]))
    share = np.cumsum(before * ended / n)
    lower, upper = _limits(share, _variance(share, before, ended, leaving, n), level)
    seen = leaving > 0
    return Incidence(*(a[seen] for a in (day, at_risk, share, lower, upper)))


def durations(
    frame: pl.DataFrame, by: Sequence[str] = (), quantiles: Sequence[float] = (0.5, 0.9)
) -> pl.DataFrame:
    """One row a group: how many, and the day by which half and nine tenths had ended.

    Reads `day`, `ended`, `competing`, `censored` (counts; several rows may name one
    day) and the columns of `by`. Adds n, the three totals, and for each quantile q
    `q50`, `q50_lower`, `q50_upper`, `q90` ... in days: the first day by which the
    estimated share reaches it, null with the reason where it never does. The limits
    are the days at which the curve's own limits reach it (Brookmeyer and Crowley 1982,
    Biometrics 38:29); an upper limit that is never reached is null: open.
    """
    rows = []
    for key, group in _groups(frame, by):
        counts = {c: int(group[c].sum()) for c in COUNTS}
        row = dict(zip(by, key, strict=True)) | {"n": sum(counts.values())} | counts
        days = _quantiles(group, quantiles)
        rows.append(row | days | _state(counts, days))
    return pl.DataFrame(rows, schema=_schema(frame, by, quantiles))


def curves(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """The steps to draw: the columns of `by`, day, at_risk, share, lower, upper.

    `share` has ended by that day. One row a day on which something happened; a group
    in which nothing did has no row.
    """
    parts = []
    for key, group in _groups(frame, by):
        steps = _of(group)
        named = [
            pl.lit(value).alias(column) for column, value in zip(by, key, strict=True)
        ]
        parts.append(pl.DataFrame(steps.__dict__).select(*named, pl.all()))
    schema = pl.Schema({c: frame.schema[c] for c in by} | STEPS)
    return pl.concat([schema.to_frame(), *(part.cast(schema) for part in parts)])


def _groups(
    frame: pl.DataFrame, by: Sequence[str]
) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    """Counts by day within each group, in the order in which the groups come."""
    by = list(by)
    order = frame.select(by).unique(maintain_order=True) if by else None
    summed = frame.group_by(*by, "day").agg(pl.col(COUNTS).sum()).sort("day")
    if order is None:
        return [((), summed.drop_nulls("day"))] if frame.height else []
    parts = summed.partition_by(by, as_dict=True, include_key=False)
    return [(key, parts[key].drop_nulls("day")) for key in order.rows()]


def _of(group: pl.DataFrame) -> Incidence:
    day, ended, competing, censored = (numbers(group, c) for c in ("day", *COUNTS))
    return incidence(day, ended, competing, censored)


def _quantiles(
    group: pl.DataFrame, quantiles: Sequence[float]
) -> dict[str, int | None]:
    steps = _of(group)
    found: dict[str, int | None] = {}
    for q in quantiles:
        name = _name(q)
        found[name] = _first(steps.day, steps.share, q)
        # The curve's upper limit gets there first: it gives the lower day.
        found[f"{name}_lower"] = _first(steps.day, steps.upper, q)
        found[f"{name}_upper"] = _first(steps.day, steps.lower, q)
    return found


def _first(day: Floats, curve: Floats, q: float) -> int | None:
    reached = np.flatnonzero(curve >= q - 1e-12)
    return int(day[reached[0]]) if len(reached) else None


def _state(
    counts: dict[str, int], days: dict[str, int | None]
) -> dict[str, str | None]:
    total, ended = sum(counts.values()), counts["ended"]
    if not total:
        return {"state": "not_applicable", "reason": "nothing to count: 0 of 0"}
    if not ended:
        return {"state": "zero", "reason": f"none of {total} has got there"}
    missed = [name for name in days if "_" not in name and days[name] is None]
    why = f"less than {missed[0][1:]} % is known to get there" if missed else None
    return {"state": "data", "reason": why}


def _name(q: float) -> str:
    return f"q{round(100 * q)}"


def _schema(
    frame: pl.DataFrame, by: Sequence[str], quantiles: Sequence[float]
) -> dict[str, pl.DataType]:
    days = [f"{_name(q)}{end}" for q in quantiles for end in ("", "_lower", "_upper")]
    return (
        {column: frame.schema[column] for column in by}
        | dict.fromkeys(("n", *COUNTS, *days), pl.Int64())
        | dict.fromkeys(("state", "reason"), pl.String())
    )


def _variance(
    share: Floats, before: Floats, ended: Floats, leaving: Floats, n: Floats
) -> Floats:
    """The delta-method variance at each day, from running sums over the days before.

    Three sums over s <= t: (F(t) - F(s))² d(s) / (n (n - d)), the ended's own
    binomial part, and twice their covariance, each expanded in powers of F(t).
    """
    # The last at risk leave together: Greenwood's term has no finite value there, and
    # what it multiplies, F(t) - F(s), is 0 from then on.
    left = np.where(n > leaving, n - leaving, np.inf)
    w = leaving / (n * left)
    own = before**2 * (n - ended) * ended / n**3
    cross = before * ended / n**2
    first = share**2 * np.cumsum(w) - 2 * share * np.cumsum(w * share)
    first = first + np.cumsum(w * share**2)
    second = share * np.cumsum(cross) - np.cumsum(cross * share)
    return np.asarray(np.maximum(first + np.cumsum(own) - 2 * second, 0.0))


def _limits(share: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    z = special.ndtri((1 + level) / 2)
    inner = (share > 0) & (share < 1 - 1e-12)
    f = np.where(inner, share, 0.5)
    log = np.log1p(-f)
    width = z * np.sqrt(variance) / ((1 - f) * -log)
    low, high = (-np.expm1(log * np.exp(k * width)) for k in (-1, 1))
    # Where all have ended there is no variance left to draw: the last limit stands.
    last = np.maximum.accumulate(np.where(inner, low, 0.0))
    return np.where(inner, low, last), np.where(inner, high, np.round(share))
