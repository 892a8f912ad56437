"""Two ways to measure the same things: by how much they differ, and how surely.

Bland and Altman 1986 (Lancet i:307): the mean of the differences is the bias, and 95 %
of single differences lie within 1.96 standard deviations of it, the limits of
agreement. Their intervals are exact here (Carkeet 2015, Optom Vis Sci 92:e71), by the
noncentral t distribution; the paper's own are an approximation for many pairs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from dashboard.analysis.cells import Floats

_WIDE: Final = 1.96
Interval = tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """Bias, standard deviation of differences, limits of agreement, with intervals."""

    n: int
    bias: float
    sd: float
    bias_interval: Interval
    lower: float
    lower_interval: Interval
    upper: float
    upper_interval: Interval


def agreement(differences: Floats, level: float = 0.95) -> Agreement | None:
    """How two measurements agree, from their differences; None for under three pairs.

    The limits take differences as normal and of one size over the range: the drawing of
    difference against mean is there to be looked at for both.
    """
    n = len(differences)
    if n < 3:
        return None
    bias = float(differences.mean())
    sd = float(differences.std(ddof=1))
    se = sd / np.sqrt(n)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    half = float(se * stats.t.ppf(tails[1], n - 1))
    # √n (bias − limit) / sd follows a noncentral t: solved for the limit.
    beyond = se * stats.nct.ppf(tails, n - 1, _WIDE * np.sqrt(n))
    near, far = (float(b) for b in beyond)
    return Agreement(
        n, bias, sd, (bias - half, bias + half),
        bias - _WIDE * sd, (bias - far, bias - near),
        bias + _WIDE * sd, (bias + near, bias + far),
    )  # fmt: skip
