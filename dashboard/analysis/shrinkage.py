"""Rates of small sites drawn towards the network's, by how little they can say.

Beta-binomial empirical Bayes: the sites' true rates are taken to follow a beta
distribution, which is fitted to all sites; each site's own posterior then weighs its
batches against it. No site gets a rank: only the interval its rank may lie in.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import optimize, special

from dashboard.analysis.cells import Floats, numbers, series, stated, visible, whole

ALONE = "fewer than two sites: nothing to learn the spread of rates from"
FLAT = "no events, or nothing but events: no spread of rates to learn"


@dataclass(frozen=True)
class Prior:
    """The fitted distribution of the sites' true rates: its mean and its weight.

    `strength` is the number of batches that the network's experience counts for
    beside a site's own. `bounded` says that the sites differ by no more than chance:
    the best fit would then be infinitely strong, and the strength is held at the
    number of batches the network has, so that no site is told more exactly than the
    network itself.
    """

    mean: float
    strength: float
    bounded: bool

    @property
    def shape(self) -> tuple[float, float]:
        """The two parameters of the beta distribution."""
        return self.mean * self.strength, (1 - self.mean) * self.strength


def fit_prior(events: Floats, n: Floats) -> Prior | None:
    """The beta prior of greatest likelihood; None where the counts cannot tell.

    Maximum likelihood of the beta-binomial (Griffiths 1973, Biometrics 29:637), over
    the distinct pairs of events and n.
    """
    if len(n) < 2 or not 0 < events.sum() < n.sum():
        return None
    pairs, times = np.unique(np.column_stack((events, n)), axis=0, return_counts=True)
    x, size = pairs.T
    start = _moments(events, n)
    highest = np.log(n.sum())

    def loss(point: Floats) -> tuple[float, Floats]:
        return _loss(point, x, size, times.astype(np.float64))

    found = optimize.minimize(
        loss,
        (special.logit(start[0]), min(np.log(start[1]), highest - 0.1)),
        jac=True,
        method="L-BFGS-B",
        bounds=((-15.0, 15.0), (-7.0, highest)),
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 200},
    )
    if found.x[1] > highest - 1e-6:
        return Prior(float(events.sum() / n.sum()), float(n.sum()), bounded=True)
    mean, strength = special.expit(found.x[0]), np.exp(found.x[1])
    return Prior(float(mean), float(strength), bounded=False)


def shrink(
    frame: pl.DataFrame, target: float | None = None, level: float = 0.95
) -> pl.DataFrame:
    """Each site's shrunken rate with its interval, and its chance to exceed a target.

    Reads `events`, `n` (and `state`, `reason`); sites not compared do not shape the
    prior and get none. The target is the network's mean rate unless given. Adds rate,
    shrunken, lower, upper, exceeds (posterior probability that the true rate is above
    the target), weight (the share of the site's own batches in its shrunken rate).
    """
    frame, shape, prior = _posterior(frame)
    x, n = numbers(frame, "events"), numbers(frame, "n")
    shown = np.where(visible(frame), n, np.nan)
    a, b = shape
    strength = prior.strength if prior else np.nan
    aim = target if target is not None else (prior.mean if prior else np.nan)
    tail = (1 - level) / 2
    return frame.with_columns(
        series("rate", x / shown),
        series("shrunken", a / (a + b)),
        series("lower", special.betaincinv(a, b, tail)),
        series("upper", special.betaincinv(a, b, 1 - tail)),
        series("exceeds", special.betaincc(a, b, aim)),
        series("weight", (a + b - strength) / (a + b)),
    )


def rank_intervals(
    frame: pl.DataFrame, draws: int = 1000, seed: int = 1, level: float = 0.95
) -> pl.DataFrame:
    """The ranks each site may have, 1 being the lowest rate: rank_lower, rank_upper.

    Ranks of `draws` seeded samples from the sites' posteriors (Goldstein and
    Spiegelhalter 1996, J R Stat Soc A 159:385). Null where a site is not compared.
    """
    frame, (a, b), _ = _posterior(frame)
    ranked = np.flatnonzero(np.isfinite(a))
    lower, upper = np.full((2, len(a)), np.nan)
    if len(ranked):
        generator = np.random.default_rng(seed)
        sample = generator.beta(a[ranked], b[ranked], (draws, len(ranked)))
        places = np.argsort(np.argsort(sample, axis=1), axis=1) + 1
        tail = (1 - level) / 2
        ends = np.quantile(places, (tail, 1 - tail), axis=0, method="nearest")
        lower[ranked], upper[ranked] = ends
    return frame.with_columns(whole("rank_lower", lower), whole("rank_upper", upper))


def _posterior(
    frame: pl.DataFrame,
) -> tuple[pl.DataFrame, tuple[Floats, Floats], Prior | None]:
    frame = stated(frame)
    counted = frame.filter("compared")
    prior = fit_prior(numbers(counted, "events"), numbers(counted, "n"))
    if prior is None:
        why = ALONE if counted.height < 2 else FLAT
        frame = frame.with_columns(
            reason=pl.when("compared").then(pl.lit(why)).otherwise("reason"),
            compared=pl.lit(False),
        )
    kept = frame["compared"].to_numpy()
    x, n = (np.where(kept, numbers(frame, c), np.nan) for c in ("events", "n"))
    alpha, beta = prior.shape if prior else (np.nan, np.nan)
    return frame, (alpha + x, beta + n - x), prior


def _moments(x: Floats, n: Floats) -> tuple[float, float]:
    """A first guess of mean and strength (Kleinman 1973, J Am Stat Assoc 68:46)."""
    mean = x.sum() / n.sum()
    spread = float((n * (x / n - mean) ** 2).sum())
    free = n.sum() - (n**2).sum() / n.sum()
    between = (spread - (len(n) - 1) * mean * (1 - mean)) / free
    strength = mean * (1 - mean) / between - 1 if between > 0 else n.sum()
    return float(mean), float(np.clip(strength, 0.5, n.sum()))


def _loss(point: Floats, x: Floats, n: Floats, times: Floats) -> tuple[float, Floats]:
    """Minus log likelihood at (logit mean, log strength), and its gradient."""
    mean, strength = special.expit(point[0]), np.exp(point[1])
    a, b = mean * strength, (1 - mean) * strength
    terms = special.betaln(a + x, b + n - x) - special.betaln(a, b)
    common = special.digamma(strength) - special.digamma(strength + n)
    by_a = special.digamma(a + x) - special.digamma(a) + common
    by_b = special.digamma(b + n - x) - special.digamma(b) + common
    by_mean = times @ (by_a - by_b) * strength * mean * (1 - mean)
    by_strength = times @ (mean * by_a + (1 - mean) * by_b) * strength
    return -float(times @ terms), -np.asarray((by_mean, by_strength))
