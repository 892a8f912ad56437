"""What follows from everything that was told, by linear programming.

An attacker writes down each answer as an equation over cells that nobody told, adds
what is known anyway (no count is below zero, none that fails is more than there are),
and asks between which bounds a cell then lies (Hundepool et al., Statistical
Disclosure Control, Wiley 2012, section 4.3).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from tests.attacks.leaks import LeakError

Cell = Hashable


@dataclass
class Known:
    """Equations and inequalities over cells, of which none is below zero."""

    places: dict[Cell, int] = field(default_factory=dict)
    equal: list[tuple[list[int], list[float], float]] = field(default_factory=list)
    most: list[tuple[list[int], list[float], float]] = field(default_factory=list)
    _made: tuple[tuple[int, ...], dict[str, Any]] = field(default=((), {}), repr=False)

    def told(self, cells: Sequence[Cell], low: float, high: float) -> None:
        """The sum of these cells lies between two counts."""
        at = [self._place(cell) for cell in cells]
        if low == high:
            self.equal.append((at, [1.0] * len(at), low))
            return
        if high < np.inf:
            self.most.append((at, [1.0] * len(at), high))
        self.most.append((at, [-1.0] * len(at), -low))

    def at_most(self, part: Cell, whole: Cell) -> None:
        """One cell counts some of what another one counts."""
        self.most.append(([self._place(part), self._place(whole)], [1.0, -1.0], 0.0))

    def bounds(self, cells: Sequence[Cell]) -> tuple[float, float]:
        """Between what the sum of these cells lies, whatever the rest is."""
        goal = np.zeros(len(self.places) + sum(c not in self.places for c in cells))
        goal[[self._place(cell) for cell in cells]] = 1.0
        low, high = (self._extreme(sign * goal) for sign in (1.0, -1.0))
        return low, -high

    def _extreme(self, goal: np.ndarray) -> float:
        sizes = (len(goal), len(self.most), len(self.equal))
        if sizes != self._made[0]:
            self._made = sizes, self._program(len(goal))
        found = linprog(goal, method="highs", **self._made[1])
        if found.status == 3:
            return -np.inf
        assert found.status == 0, found.message
        return float(found.fun)

    def _program(self, width: int) -> dict[str, Any]:
        return {
            "A_ub": _matrix(self.most, width),
            "b_ub": [limit for *_, limit in self.most] or None,
            "A_eq": _matrix(self.equal, width),
            "b_eq": [limit for *_, limit in self.equal] or None,
        }

    def _place(self, cell: Cell) -> int:
        return self.places.setdefault(cell, len(self.places))


def _matrix(
    rows: Sequence[tuple[list[int], list[float], float]], width: int
) -> csr_array | None:
    if not rows:
        return None
    at = [place for places, *_ in rows for place in places]
    by = [factor for _, factors, _ in rows for factor in factors]
    of = [number for number, (places, *_) in enumerate(rows) for _ in places]
    return csr_array((by, (of, at)), shape=(len(rows), width))


def keeps_apart(known: Known, cells: Sequence[Sequence[Cell]], width: float) -> float:
    """The narrowest bounds of these sums; a leak if they are narrower than `width`."""
    narrowest = np.inf
    for each in cells:
        low, high = known.bounds(each)
        narrowest = min(narrowest, high - low)
        if high - low < width:
            raise LeakError(f"{each} lies between {low:.1f} and {high:.1f}")
    return narrowest
