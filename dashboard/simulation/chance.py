"""Chance that belongs to an order: the same order has the same luck in every scenario.

Common random numbers make the difference of two scenarios precise: what they share is
subtracted away. A draw is a function of the seed, the replication, the order's number,
its attempt and what is drawn, so that no order's luck depends on how many others came
before it. The function is SplitMix64's (Steele, Lea and Flood 2014, OOPSLA, 453-472),
asked for its n-th number.
"""

from typing import Final

import numpy as np

from dashboard.simulation.compiled import compiled

(GAP, STREAM, PATIENCE, FATE, AGAIN, LEAD, AFTER, KEPT, RAISED) = range(9)
# Orders that a scenario adds are numbered from here, so that no other order changes.
ADDED: Final = 1 << 30

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = (np.uint64(n) for n in (27, 30, 31, 11))
_S8, _S4 = np.uint64(8), np.uint64(4)
_UNIT: Final = 2.0**-53


@compiled
def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> _S30)) * _FIRST
    word = (word ^ (word >> _S27)) * _SECOND
    return word ^ (word >> _S31)


@compiled
def stream_key(seed: int, replication: int) -> np.uint64:
    """What all draws of one replication have in common."""
    return _mixed(_mixed(np.uint64(seed) + _GAMMA) + np.uint64(replication) * _GAMMA)


@compiled
def uniform(key: np.uint64, number: int, attempt: int, kind: int) -> float:
    """A number above 0 and below 1, as evenly spread as SplitMix64's."""
    place = (np.uint64(number) << _S8) | (np.uint64(attempt) << _S4) | np.uint64(kind)
    word = _mixed(key + place * _GAMMA)
    return (float(word >> _S11) + 0.5) * _UNIT
