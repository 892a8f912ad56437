"""When a sum of counts may be told: of how many, and from how many sites."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Counts by site (last axis); the axes before are lines and quarters, or blocks.
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Sums that are looked at side by side, each as often as there are readers: a million
# numbers, not a gigabyte, where a reader may ask for any span of some hundred weeks.
_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Rule:
    """When a sum of counts may be told.

    `known` has a row for each reader who knows a part of the counts: the sites (flags)
    whose share it can take away. `dominance` is the largest share that one site may
    have; 1 allows any.
    """

    least: int
    known: Flags
    fewest: int = 0
    dominance: float = 1.0

    def holds(self, counts: Counts) -> Flags:
        """For each row of counts by site: whether its sum may be told."""
        *shape, sites = counts.shape
        rows = counts.reshape(math.prod(shape), sites)
        safe = rows.sum(1) == 0
        asked = np.flatnonzero(~safe)
        asked = asked[self._enough(rows[asked])]
        for begun in range(0, len(asked), _AT_ONCE):
            some = asked[begun : begun + _AT_ONCE]
            safe[some] = self._shared(rows[some])
        whole: Flags = safe.reshape(shape)
        return whole

    def _shared(self, rows: Counts) -> Flags:
        """Whether what others do not know of each row is safe, too."""
        known = self.known.astype(np.int64)
        left = rows.sum(1)[:, None] - rows @ known.T
        safe: Flags = ((left == 0) | (left >= self.least)).all(1)
        if self.fewest:
            here = (rows > 0).astype(np.int64)
            safe &= (here.sum(1)[:, None] - here @ known.T >= self.fewest).all(1)
        if self.dominance < 1:
            others = np.where(self.known, 0, rows[:, None]).max(2, initial=0)
            safe &= (others <= self.dominance * left).all(1)
        return safe

    def _enough(self, rows: Counts) -> Flags:
        total = rows.sum(1)
        enough: Flags = total >= self.least
        if self.fewest:
            enough &= (rows > 0).sum(1) >= self.fewest
        if self.dominance < 1:
            enough &= rows.max(1, initial=0) <= self.dominance * total
        return enough
