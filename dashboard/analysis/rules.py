"""Rule sets: what counts as a signal on a control chart, by name.

Each rule reads z, a point's distance from the centre in sigmas, so the same rules
serve every chart. A rule marks the point that completes its pattern: that is the day
on which it could have been known. Points without a z are left out, not bridged by a
guess. Rules are not mixed: the set chosen is named beside the chart.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from dashboard.analysis.cells import Floats, numbers
from dashboard.analysis.charts import phases

RuleSet = Literal["western_electric", "nelson", "making_data_count"]
Bools = npt.NDArray[np.bool_]
Rule = Callable[[Floats], Bools]


def signals(frame: pl.DataFrame, rule_set: RuleSet) -> pl.DataFrame:
    """The chart's frame with `signals`, the names of the rules completed at each point.

    Rules start afresh in each recorded phase. An empty list is no signal.
    """
    z = numbers(frame, "z")
    found: list[list[str]] = [[] for _ in z]
    for phase in phases(frame):
        rows = np.flatnonzero(phase & np.isfinite(z))
        for name, rule in RULES[rule_set].items():
            for row in rows[rule(z[rows])]:
                found[row].append(name)
    return frame.with_columns(pl.Series("signals", found, pl.List(pl.String)))


def _outside(z: Floats) -> Bools:
    return np.abs(z) > 3


def _run(condition: Bools, length: int) -> Bools:
    """Where the last `length` points all meet the condition."""
    return _at_least(condition, length, length)


def _at_least(condition: Bools, k: int, length: int) -> Bools:
    """Where the point and at least k of the last `length`, itself included, meet it."""
    if len(condition) < length:
        return np.zeros(len(condition), dtype=np.bool_)
    total = np.convolve(condition.astype(np.int64), np.ones(length, dtype=np.int64))
    enough = total[: len(condition)] >= k
    enough[: length - 1] = False
    return np.asarray(enough & condition)


def _one_side(length: int) -> Rule:
    return lambda z: _run(z > 0, length) | _run(z < 0, length)


def _beyond(k: int, length: int, sigmas: float) -> Rule:
    return lambda z: (
        _at_least(z > sigmas, k, length) | _at_least(z < -sigmas, k, length)
    )


def _trend(points: int) -> Rule:
    """Where the last `points` points rise, or fall, without a pause."""

    def rule(z: Floats) -> Bools:
        step = np.diff(z, prepend=z[:1])
        return _run(step > 0, points - 1) | _run(step < 0, points - 1)

    return rule


def _alternating(z: Floats) -> Bools:
    """Nelson 4: fourteen points in a row that go up and down in turn."""
    step = np.diff(z)
    turns = np.zeros(len(z), dtype=np.bool_)
    turns[2:] = step[1:] * step[:-1] < 0
    return _run(turns, 12)


def _close(z: Floats) -> Bools:
    """Nelson 7: fifteen in a row within one sigma."""
    return _run(np.abs(z) <= 1, 15)


def _apart(z: Floats) -> Bools:
    """Nelson 8: eight in a row beyond one sigma, on both sides."""
    far = _run(np.abs(z) > 1, 8)
    return far & ~_run(z > 1, 8) & ~_run(z < -1, 8)


def _near_limit(z: Floats) -> Bools:
    """Making Data Count: two of three in the outer third, all three on one side."""

    def side(y: Floats) -> Bools:
        third = (y > 2) & (y <= 3)
        trio = _run(y > 0, 3)
        return np.asarray(_at_least(third, 2, 3) & trio)

    return side(z) | side(-z)


# Western Electric, Statistical Quality Control Handbook, 1956; Nelson 1984 (J Qual
# Technol 16:237); NHS England, Making Data Count, as in NHSRplotthedots.
RULES: dict[RuleSet, dict[str, Rule]] = {
    "western_electric": {
        "one point beyond 3 sigma": _outside,
        "2 of 3 beyond 2 sigma on one side": _beyond(2, 3, 2),
        "4 of 5 beyond 1 sigma on one side": _beyond(4, 5, 1),
        "8 in a row on one side": _one_side(8),
    },
    "nelson": {
        "one point beyond 3 sigma": _outside,
        "9 in a row on one side": _one_side(9),
        "6 in a row rising or falling": _trend(6),
        "14 in a row up and down in turn": _alternating,
        "2 of 3 beyond 2 sigma on one side": _beyond(2, 3, 2),
        "4 of 5 beyond 1 sigma on one side": _beyond(4, 5, 1),
        "15 in a row within 1 sigma": _close,
        "8 in a row beyond 1 sigma on both sides": _apart,
    },
    "making_data_count": {
        "a point outside the limits": _outside,
        "7 in a row on one side of the mean": _one_side(7),
        "7 in a row rising or falling": _trend(7),
        "2 of 3 close to a limit": _near_limit,
    },
}
