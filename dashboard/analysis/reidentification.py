"""How often somebody who knows the sites' volumes can tell whose an unnamed mark is.

A mark shows a step, from below to above the limits of chance, and perhaps an interval
of volume. The reader is taken to know every site's volume to within 5 %, the network's
rate, and how far true rates differ between sites, and to match marks to sites by the
likeliest assignment of all (Kuhn 1955, doi:10.1002/nav.3800020109). Marks leak volume
although none is shown: small sites seldom leave the limits, large ones that differ do.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.optimize import linear_sum_assignment

from dashboard.analysis.cells import Floats
from dashboard.analysis.funnel import TAILS, count_range
from dashboard.analysis.intervals import clopper_pearson

Way = Literal["bands", "z", "pool"]
Numbers = npt.NDArray[np.int64]

# From what shows most to what shows least; each is kept where the one before leaks.
WAYS: Final[tuple[Way, ...]] = ("bands", "z", "pool")
STEPS: Final = ("low998", "low95", "none", "high95", "high998")
MORE_THAN_CHANCE: Final = 0.05
LEAST_SPREAD: Final = 0.4
_KNOWN_WITHIN: Final = 0.05
_IMPOSSIBLE: Final = 1e-12
_ROUNDS: Final = 20
# Edges of bands are round numbers: an exact one would be some site's volume.
_ROUND: Final = np.asarray([a * 10**e for e in range(7) for a in (1, 2, 5)])


@dataclass(frozen=True)
class Rates:
    """How sites fail: the network's rate, and the spread of their true log odds.

    A spread of 0.4 is a site at one standard deviation having 1.5 times the odds. Taken
    for granted where a network shows less, so that the meter errs on the safe side.
    """

    centre: float = 0.1
    spread: float = LEAST_SPREAD

    @classmethod
    def found(cls, centre: float, tau2: float | None) -> "Rates":
        """Those of a network: tau², the variance between sites on the arcsine scale.

        On the scale of log odds a standard deviation is 2 / sqrt(p (1 - p)) times as
        large, by the ratio of the two derivatives.
        """
        spread = 2 * math.sqrt((tau2 or 0.0) / (centre * (1 - centre)))
        return cls(centre, max(LEAST_SPREAD, round(spread, 1)))


@dataclass(frozen=True)
class Meter:
    """How many marks of `peers` sites were put to the right site, over many networks.

    `linked` is the share with its exact 95 % interval; `sure` the share of networks in
    which the reader's single best guess was right.
    """

    peers: int
    networks: int
    linked: float
    lower: float
    upper: float
    sure: float

    @property
    def bound(self) -> float:
        """What blind guessing gives, and five hundredths more."""
        return 1 / self.peers + MORE_THAN_CHANCE

    @property
    def holds(self) -> bool:
        """Whether the upper limit of what is linked stays within the bound."""
        return self.upper <= self.bound


def measured(
    way: Way,
    volumes: Numbers,
    rates: Rates = Rates(),
    bands: int = 2,
    seed: int = 1,
) -> Meter:
    """The meter of one way of blinding over networks of `volumes` (network, site)."""
    edges = [banded(row, bands if way == "bands" else 1) for row in volumes]
    shown = np.stack(
        [_interval(row, cut) for row, cut in zip(volumes, edges, strict=True)]
    )
    return attacked(volumes, shown, rates, seed)


def attacked(
    volumes: Numbers, shown: Floats, rates: Rates = Rates(), seed: int = 1
) -> Meter:
    """The meter where each mark also shows an interval of volume.

    `shown` is (network, site, 2): from, and up to but without; (0, inf) shows nothing.
    """
    random = np.random.default_rng(seed)
    chances = _chances(int(volumes.max()), rates)
    steps = _drawn(random, volumes, rates)
    known = volumes * random.uniform(
        1 - _KNOWN_WITHIN, 1 + _KNOWN_WITHIN, volumes.shape
    )
    guessed = np.clip(known.round().astype(np.int64), 1, len(chances) - 1)
    fits = chances[guessed[:, None, :], steps[:, :, None]]
    likely = np.log(np.maximum(fits * _within(known, shown), _IMPOSSIBLE))
    return _matched(random, likely)


def coincidence(numbers: Numbers, others: Numbers) -> Meter:
    """The meter of aliases that are held against an order of one's own, or another's.

    Both are (network, site): an alias is linked where its number is the same in both,
    as when it follows the alphabet, the volume, or the last release.
    """
    same = numbers == others
    return _meter(int(same.sum()), numbers.shape, float(same[:, 0].mean()))


def banded(volumes: Numbers, bands: int) -> Floats:
    """The edges between bands of volume: round numbers near equal counts of sites."""
    cuts = np.quantile(volumes, np.arange(1, bands) / bands)
    near = np.abs(np.log(_ROUND)[None, :] - np.log(np.maximum(cuts, 1))[:, None])
    return np.unique(_ROUND[near.argmin(1)]).astype(np.float64)


def strictest(way: Way, meters: dict[Way, Meter]) -> Way:
    """The way that is asked for, or the first stricter one that keeps the bound."""
    asked = WAYS[WAYS.index(way) :]
    return next((w for w in asked if w in meters and meters[w].holds), "pool")


def _interval(volumes: Numbers, edges: Floats) -> Floats:
    around = np.concatenate([[0.0], edges, [np.inf]])
    place = np.searchsorted(edges, volumes, side="right")
    return np.stack([around[place], around[place + 1]], axis=-1)


def _chances(largest: int, rates: Rates) -> Floats:
    """The chance of each step at every size up to the largest: (size, step)."""
    sizes = np.arange(largest + 1, dtype=np.float64)
    last = np.stack(_last_counts(np.maximum(sizes, 1), rates), axis=-1)[..., None]
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    risk = special.expit(special.logit(rates.centre) + rates.spread * nodes)
    size = np.broadcast_to(np.maximum(sizes, 1)[:, None, None], (*last.shape[:2], 9))
    below = special.bdtr(np.clip(last, 0, size), size.astype(np.int64), risk)
    cumulated = np.where(last < 0, 0.0, below) @ (weights / weights.sum())
    ends = np.zeros((len(sizes), 1))
    return np.diff(np.concatenate([ends, cumulated, ends + 1], axis=1), axis=1)


def _last_counts(size: Floats, rates: Rates) -> tuple[Floats, ...]:
    """The highest count in each step but the last, at each size."""
    low95, high95 = count_range(size, rates.centre, TAILS["95"])
    low998, high998 = count_range(size, rates.centre, TAILS["998"])
    return low998 - 1, low95 - 1, high95, high998


def _drawn(random: np.random.Generator, volumes: Numbers, rates: Rates) -> Numbers:
    """The step that each site is shown at, 0 to 4, its failures drawn by chance."""
    odds = special.logit(rates.centre) + rates.spread * random.normal(
        size=volumes.shape
    )
    failed = random.binomial(volumes, special.expit(odds))
    last = np.stack(_last_counts(volumes.astype(np.float64), rates), axis=-1)
    return np.asarray((failed[..., None] > last).sum(axis=-1), dtype=np.int64)


def _within(known: Floats, shown: Floats) -> Floats:
    """The part of what a volume may be that lies in a mark's interval: (mark, site)."""
    least, most = known / (1 + _KNOWN_WITHIN), known / (1 - _KNOWN_WITHIN)
    low = np.maximum(least[:, None, :], shown[:, :, None, 0])
    high = np.minimum(most[:, None, :], shown[:, :, None, 1])
    return np.asarray(np.maximum(high - low, 0.0) / (most - least)[:, None, :])


def _matched(random: np.random.Generator, likely: Floats) -> Meter:
    """Marks put to sites by the likeliest assignment, ties broken by lot.

    Mark i is site i's: what is right lies on the diagonal, and the order in which
    marks are tried, which a solver might favour, is drawn anew.
    """
    networks, sites, _ = likely.shape
    hits = 0
    for each in likely:
        order = random.permutation(sites)
        _, found = linear_sum_assignment(each[order], maximize=True)
        hits += int((found == order).sum())
    belief = _belief(likely + random.uniform(0, 1e-9, likely.shape))
    best = belief.reshape(networks, -1).argmax(axis=1)
    sure = float((best // sites == best % sites).mean())
    return _meter(hits, (networks, sites), sure)


def _belief(likely: Floats) -> Floats:
    """How much each pairing is believed: rows and columns made to add up to one."""
    belief: Floats = np.exp(likely - likely.max(axis=2, keepdims=True))
    for _ in range(_ROUNDS):
        belief = belief / belief.sum(axis=1, keepdims=True)
        belief = belief / belief.sum(axis=2, keepdims=True)
    return belief


def _meter(hits: int, shape: tuple[int, ...], sure: float) -> Meter:
    networks, sites = shape
    lower, upper = clopper_pearson(hits, networks * sites)
    share = hits / (networks * sites)
    return Meter(sites, networks, share, float(lower), float(upper), sure)
