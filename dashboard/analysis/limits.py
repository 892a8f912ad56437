"""Funnel limits about a common rate, by the name of the method that draws them.

Published funnels differ because their limits do. Each method here is one function of
(n, centre, quantile) that gives the limit as a rate, so that a published figure can
be reproduced by naming its method. Which sites are *flagged* is another matter: see
`funnel.count_range`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from dashboard.analysis.cells import Floats

Law = Literal["binomial", "poisson"]
Method = Literal[
    "exact", "normal", "arcsine", "square_root", "log", "chi_squared", "ukhsa"
]

Limit = Callable[[Floats, float, float], Floats]


def limit(
    n: npt.ArrayLike, centre: float, quantile: float, law: Law, method: Method
) -> Floats:
    """The limit, as a rate, that `quantile` of sites of size n stay below.

    n is a number of batches (binomial) or an exposure such as an expected number
    (poisson). Clipped to possible rates. A method that the law does not have is a
    ValueError naming those it has.
    """
    size = np.asarray(n, dtype=np.float64)
    try:
        draw = LIMITS[law][method]
    except KeyError:
        known = ", ".join(LIMITS[law])
        raise ValueError(f"no {method} limits for {law}; choose from {known}") from None
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = draw(size, centre, quantile)
    return np.clip(rate, 0.0, 1.0 if law == "binomial" else np.inf)


def count_quantile(
    n: npt.ArrayLike, centre: float, quantile: float, law: Law
) -> Floats:
    """The smallest count that at least `quantile` of sites of size n do not exceed."""
    size = np.asarray(n, dtype=np.float64)
    if law == "binomial":
        return np.asarray(stats.binom.ppf(quantile, size, centre), dtype=np.float64)
    return np.asarray(stats.poisson.ppf(quantile, size * centre), dtype=np.float64)


def cumulative(count: Floats, n: Floats, centre: float, law: Law) -> Floats:
    """The probability of at most `count` events; 0 below zero."""
    if law == "binomial":
        return np.asarray(stats.binom.cdf(count, n, centre), dtype=np.float64)
    return np.asarray(stats.poisson.cdf(count, n * centre), dtype=np.float64)


def exceeding(count: Floats, n: Floats, centre: float, law: Law) -> Floats:
    """The probability of more than `count` events, kept exact where it is tiny."""
    if law == "binomial":
        return np.asarray(stats.binom.sf(count, n, centre), dtype=np.float64)
    return np.asarray(stats.poisson.sf(count, n * centre), dtype=np.float64)


def _interpolated(law: Law) -> Limit:
    """Exact quantile, interpolated between neighbouring counts.

    Spiegelhalter 2005 (Stat Med 24:1185, doi:10.1002/sim.1970), appendix A.1.1. The
    upper curve runs at or below the quantile count, so a site on that count lies
    above the curve and is still not flagged.
    """

    def draw(n: Floats, centre: float, quantile: float) -> Floats:
        r = count_quantile(n, centre, quantile, law)
        at, below = (cumulative(k, n, centre, law) for k in (r, r - 1))
        return (r - (at - quantile) / (at - below)) / n

    return draw


def _normal(variance: Callable[[float], float]) -> Limit:
    def draw(n: Floats, centre: float, quantile: float) -> Floats:
        half = special.ndtri(quantile) * np.sqrt(variance(centre) / n)
        return np.asarray(centre + half, dtype=np.float64)

    return draw


def arcsine(n: Floats, centre: float, quantile: float, tau2: float = 0.0) -> Floats:
    """Limits on the arcsine scale, where the variance of a proportion is 1 / (4 n).

    The angle stops at 0 and at a right angle, where its sine would turn back. tau2
    is a variance between sites to be added (Spiegelhalter 2005, random effects).
    """
    width = np.sqrt(1 / (4 * n) + tau2)
    angle = np.arcsin(np.sqrt(centre)) + special.ndtri(quantile) * width
    return np.asarray(np.sin(np.clip(angle, 0, np.pi / 2)) ** 2)


def square_root(n: Floats, centre: float, quantile: float, tau2: float = 0.0) -> Floats:
    """Limits on the square-root scale, where a Poisson rate's variance is 1 / (4 n)."""
    width = np.sqrt(1 / (4 * n) + tau2)
    root = np.sqrt(centre) + special.ndtri(quantile) * width
    return np.asarray(np.maximum(root, 0) ** 2)


def _log(n: Floats, centre: float, quantile: float) -> Floats:
    """Limits on the log scale, as England's hospital mortality indicator draws them."""
    return np.asarray(centre * np.exp(special.ndtri(quantile) / np.sqrt(n * centre)))


def _chi_squared(n: Floats, centre: float, quantile: float) -> Floats:
    """The exact interval of an observed count equal to the expected one.

    What FunnelPlotR draws as Poisson limits of observed / expected. Slightly wider
    than the quantiles of the count.
    """
    shape = n * centre + (quantile > 0.5)
    return np.asarray(special.gammaincinv(shape, quantile) / n)


def _ukhsa_poisson(n: Floats, centre: float, quantile: float) -> Floats:
    """The continuous count whose exact Poisson interval ends at the expected number.

    UKHSA's Fingertips guidance (PHEindicatormethods) solves for it by root search;
    here it is the inverse of the gamma function in its shape.
    """
    shape = special.gdtrib(1.0, 1 - quantile, n * centre)
    return np.asarray((shape - (quantile < 0.5)) / n)


def _binomial_variance(centre: float) -> float:
    return centre * (1 - centre)


# UKHSA inverts Wilson's interval for proportions. Wilson's is the interval of the
# score test, so its inverse is the normal limit, to the last digit.
LIMITS: dict[Law, dict[Method, Limit]] = {
    "binomial": {
        "exact": _interpolated("binomial"),
        "normal": _normal(_binomial_variance),
        "arcsine": arcsine,
        "ukhsa": _normal(_binomial_variance),
    },
    "poisson": {
        "exact": _interpolated("poisson"),
        "normal": _normal(lambda centre: centre),
        "square_root": square_root,
        "log": _log,
        "chi_squared": _chi_squared,
        "ukhsa": _ukhsa_poisson,
    },
}
