"""How often a chart gives a signal although nothing has changed.

Each chart is simulated as the pages draw it: limits from the first twenty points of
the series, then fixed. Estimated limits and discrete counts make these shares larger
than textbooks' for known limits, which is why they are simulated and not quoted.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from dashboard.analysis.charts import laney_chart, p_chart, u_chart, xmr_chart
from dashboard.analysis.cusum import scores, threshold_for
from dashboard.analysis.cusum_chart import ODDS_RATIO, RUN_LENGTH, Against
from dashboard.analysis.over_time import SETTING
from dashboard.analysis.rare import g_chart, t_chart
from dashboard.analysis.rules import RULES, RuleSet, signals

Drawn = Literal["p", "laney", "u", "xmr", "g", "t"]
Draw = Callable[[np.random.Generator, int], npt.ArrayLike]

LENGTHS = (24, 60)
SIZE, RISK, DAYS = 50, 0.1, 30.0
MIX = (0.05, 0.1, 0.2)
LIMIT = "limit"
_LONGEST = 1100
_GRID = 1.6 ** np.arange(-13.0, -0.5, 0.5)
_TOGETHER = 25
_CHARTS: Mapping[Drawn, tuple[Callable[[pl.DataFrame], pl.DataFrame], Draw]] = {
    "p": (p_chart, lambda rng, k: rng.binomial(SIZE, RISK, k)),
    "laney": (laney_chart, lambda rng, k: rng.binomial(SIZE, RISK, k)),
    "u": (u_chart, lambda rng, k: rng.poisson(SIZE * RISK, k)),
    "xmr": (xmr_chart, lambda rng, k: rng.normal(0, 1, k)),
    "g": (g_chart, lambda rng, k: rng.geometric(RISK, k) - 1.0),
    "t": (t_chart, lambda rng, k: np.ceil(rng.exponential(DAYS, k))),
}

# Of 10,000 series each, seed 1; a test draws them anew and compares.
SUMMED: Mapping[Against, tuple[float, float]] = {
    "cusum": (0.0217, 0.2465),
    "adjusted": (0.0546, 0.2011),
}
SHARES: Mapping[Drawn, Mapping[RuleSet, tuple[float, float]]] = {
    "p": {
        "western_electric": (0.1905, 0.5957),
        "nelson": (0.2002, 0.6005),
        "making_data_count": (0.1890, 0.5862),
    },
    "laney": {
        "western_electric": (0.2313, 0.6267),
        "nelson": (0.2314, 0.6596),
        "making_data_count": (0.2084, 0.6247),
    },
    "u": {
        "western_electric": (0.1932, 0.6013),
        "nelson": (0.2046, 0.6122),
        "making_data_count": (0.1946, 0.5994),
    },
    "xmr": {
        "western_electric": (0.2123, 0.5787),
        "nelson": (0.2520, 0.6683),
        "making_data_count": (0.2059, 0.5960),
    },
    "g": {
        "western_electric": (0.0754, 0.3687),
        "nelson": (0.1230, 0.4737),
        "making_data_count": (0.0970, 0.4010),
    },
    "t": {
        "western_electric": (0.1814, 0.5443),
        "nelson": (0.2135, 0.6146),
        "making_data_count": (0.1654, 0.5353),
    },
}


def in_control(chart: Drawn, series: int, points: int, seed: int) -> pl.DataFrame:
    """`series` charts of `points` points each, drawn with nothing changing.

    p and Laney's p': 50 batches a point, 10 % of them failing; u: 5 failures expected
    a point; XmR: the normal distribution; g: every batch fails with 10 %; t:
    exponential days, mean 30, in whole days. The column `phase` numbers the series.
    """
    make, draw = _CHARTS[chart]
    values = draw(np.random.default_rng(seed), series * points)
    at = np.tile(np.arange(points), series)
    frame = pl.DataFrame(
        {
            "events": values,
            "n": float(SIZE),
            "value": values,
            "point": at,
            "baseline": (at < SETTING).astype(int),
            "phase": np.repeat(np.arange(series), points),
        }
    )
    if chart in ("p", "laney", "u"):
        frame = frame.drop("value")
    return pl.concat(make(part) for part in _parts(frame))


def simulated(charts: pl.DataFrame, rule_set: RuleSet) -> tuple[float, ...]:
    """The share of series with a signal by the 24th and by the 60th point."""
    found = [
        signals(part, rule_set).filter(pl.col("signals").list.len() > 0)
        for part in _parts(charts)
    ]
    first = pl.concat(found).group_by("phase").agg(pl.col("point").min())
    series = charts["phase"].n_unique()
    return tuple(float((first["point"] < k).sum()) / series for k in LENGTHS)


def _parts(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """A few series at a time: charts look at each in turn, at the cost of all."""
    rows = _TOGETHER * frame.filter(pl.col("phase") == 0).height
    return [frame[i : i + rows] for i in range(0, frame.height, rows)]


def summed(against: Against, series: int, seed: int) -> tuple[float, ...]:
    """The share of CUSUM series with a signal by the 24th and by the 60th failure.

    `cusum`: every batch fails with 10 %, its expected risk is the series' own, from the
    first twenty gaps. `adjusted`: 5, 10 or 20 %, each known and as likely.
    """
    rng = np.random.default_rng(seed)
    risk = np.full((series, _LONGEST), RISK)
    if against == "adjusted":
        risk = rng.choice(MIX, (series, _LONGEST))
    failed = rng.random(risk.shape) < risk
    count = failed.cumsum(axis=1)
    if against == "cusum":
        first, last = ((count >= k).argmax(axis=1) for k in (1, SETTING + 1))
        own = SETTING / (last - first)
        known = [threshold_for(p, ODDS_RATIO, RUN_LENGTH) for p in _GRID]
        limit = np.interp(np.log(own), np.log(_GRID), np.array(known, dtype=float))
        risk = np.broadcast_to(own[:, None], risk.shape)
    else:
        limit = np.full(series, threshold_for(MIX, ODDS_RATIO, RUN_LENGTH))
    level, at = np.zeros(series), np.full(series, np.inf)
    for k in range(_LONGEST):
        step = scores(failed[:, k].astype(np.float64), risk[:, k], ODDS_RATIO)
        level = np.maximum(level + step, 0)
        at = np.where(level >= limit, np.minimum(at, count[:, k]), at)
    return tuple(float((at <= length).mean()) for length in LENGTHS)


def chance(chart: Drawn | Against, rule_set: RuleSet, points: int) -> float:
    """The chance that an unchanged series of so many points gives a signal.

    Between and beyond the tabulated lengths the log of the chance to stay without a
    signal is taken as a straight line.
    """
    shares = (
        SUMMED[chart]
        if chart == "cusum" or chart == "adjusted"
        else SHARES[chart][rule_set]
    )
    by_24, by_60 = (math.log1p(-share) for share in shares)
    (short, long) = LENGTHS
    if points <= short:
        return -math.expm1(by_24 * points / short)
    slope = (by_60 - by_24) / (long - short)
    return -math.expm1(by_24 + slope * (points - short))


def table() -> pl.DataFrame:
    """chart, rule_set, short, long: the tabulated shares, a row a pair.

    CUSUM charts have no rules but their limit, and no points but failures.
    """
    rows: list[tuple[object, ...]] = [
        (chart, rule_set, *SHARES[chart][rule_set])
        for chart in SHARES
        for rule_set in RULES
    ]
    rows += [(chart, LIMIT, *shares) for chart, shares in SUMMED.items()]
    names = ["chart", "rule_set", "short", "long"]
    return pl.DataFrame(rows, schema=names, orient="row")
