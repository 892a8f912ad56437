"""How often a site like the network stays inside the limits: attained, not nominal.

Counts are whole, so no rule attains exactly 95 or 99.8 %. Both numbers here, the one
summed from the binomial and the simulated one, are for saying so.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from dashboard.analysis.cells import Floats
from dashboard.analysis.funnel import TAILS, count_range, counts_inside
from dashboard.analysis.limits import LIMITS, cumulative, limit

RULE = "count_rule"
Share = Callable[[Floats, Floats, Floats, float], Floats]


def attained(
    sizes: Sequence[int], rates: Sequence[float], level: str = "95"
) -> pl.DataFrame:
    """Exact probability of not being flagged, for each n, p and way of flagging.

    Columns n, p, method, coverage. Methods are the count rule and each binomial curve
    taken as if it flagged whatever lies outside it; level is `95` or `998`.
    """
    return _table(sizes, rates, level, _exact)


def simulated(
    sizes: Sequence[int], rates: Sequence[float], level: str, draws: int, seed: int
) -> pl.DataFrame:
    """The same table from `draws` random sites in each cell, with a fixed seed."""
    generator = np.random.default_rng(seed)

    def share(low: Floats, high: Floats, n: Floats, p: float) -> Floats:
        counts = generator.binomial(n.astype(np.int64), p, (draws, len(n)))
        return np.asarray(((counts >= low) & (counts <= high)).mean(axis=0))

    return _table(sizes, rates, level, share)


def not_flagged(
    n: Floats, p: float, tails: tuple[float, float], method: str
) -> tuple[Floats, Floats]:
    """The lowest and highest count inside, by the count rule or by a named curve."""
    if method == RULE:
        return count_range(n, p, tails)
    named = next(m for m in LIMITS["binomial"] if m == method)
    return counts_inside(n, [limit(n, p, q, "binomial", named) for q in tails])


def _exact(low: Floats, high: Floats, n: Floats, p: float) -> Floats:
    above, below = (cumulative(k, n, p, "binomial") for k in (high, low - 1))
    return above - below


def _table(
    sizes: Sequence[int], rates: Sequence[float], level: str, share: Share
) -> pl.DataFrame:
    n = np.asarray(sizes, dtype=np.float64)
    parts = []
    for p in rates:
        for method in (RULE, *LIMITS["binomial"]):
            low, high = not_flagged(n, p, TAILS[level], method)
            part = pl.DataFrame({"n": list(sizes), "coverage": share(low, high, n, p)})
            parts.append(part.with_columns(p=pl.lit(p), method=pl.lit(method)))
    return pl.concat(parts).select("n", "p", "method", "coverage")
