"""Attacks on the pattern itself: what all that is told gives away, by linear programs.

The attacker knows how blocks are chosen and which they are, has any account, asks every
question, and subtracts what it is told of itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dashboard.analysis.blocks import (
    Partition,
    Strand,
    coarsened,
    common,
    finest,
    jointly,
    sums,
)
from dashboard.analysis.small_counts import Rule

LEAST, FEWEST, SHARE = 5, 5, 0.75
# Cells that one attack aims at, the smallest first.
MOST = 4
LINES, QUARTERS, SITES = 2, 5, 8
EACH = np.eye(SITES, dtype=bool)
# The last two sites lie in one region, whose authority knows both.
KNOWN = np.vstack([EACH, EACH[-1] | EACH[-2]])
WHOLE = Rule(LEAST, KNOWN, FEWEST, SHARE)
SOME = Rule(LEAST, KNOWN)
KIN = [[0, 0]]


def drawn(seed: int, rate: float = 1.5) -> tuple[Any, Any]:
    """Batches by line, quarter and site, and those of them that failed."""
    random = np.random.default_rng(seed)
    volume = random.gamma(1.0, rate, (LINES, 1, SITES))
    begun = random.poisson(np.broadcast_to(volume, (LINES, QUARTERS, SITES)))
    return begun, random.binomial(begun, 0.3)


def told(begun: Any, failed: Any) -> tuple[Partition, Partition]:
    base = coarsened(finest(LINES, QUARTERS), [(begun, WHOLE)], KIN)
    return base, coarsened(base, [(failed, SOME), (begun - failed, SOME)], KIN)


@dataclass
class Attack:
    """Unknown: each site's sound and failed batches in each cell, none below zero."""

    begun: Any
    failed: Any
    mine: Any

    def __post_init__(self) -> None:
        self.cells = [*np.ndindex(self.begun.shape)]
        self.truth = np.array([
            *(self.begun[c] - self.failed[c] for c in self.cells),
            *(self.failed[c] for c in self.cells),
        ])  # fmt: skip
        half = len(self.cells)
        self.rows: list[Any] = []
        for i, (*_, site) in enumerate(self.cells):
            if self.mine[site]:
                self.rows += [self._row([i]), self._row([half + i])]

    def _row(self, places: Iterable[int]) -> Any:
        row = np.zeros(2 * len(self.cells))
        row[[*places]] = 1
        return row

    def hears(self, partition: Partition, failures: bool) -> None:
        """All sums of a partition's blocks, over all sites."""
        half = len(self.cells)
        for strand in partition:
            for first, after in strand.blocks:
                here = [
                    i
                    for i, (line, quarter, _) in enumerate(self.cells)
                    if line in strand.lines and first <= quarter < after
                ]
                late = [half + i for i in here]
                self.rows.append(self._row(late if failures else [*here, *late]))

    def interval(self, aim: Any) -> tuple[float, float]:
        """Between what the aim, a sum of unknowns, must lie."""
        rows = np.array(self.rows)
        found = [
            linprog(sign * aim, A_eq=rows, b_eq=rows @ self.truth, method="highs")
            for sign in (1, -1)
        ]
        # What is in no sum that is told has no bound.
        low, high = (-np.inf if end.fun is None else end.fun for end in found)
        return low, -high

    def narrow(self, most: int) -> list[tuple[Any, ...]]:
        """Small figures of others that are known to less than the least count."""
        half = len(self.cells)
        bad = []
        small = [
            (i, cell)
            for i, cell in enumerate(self.cells)
            if not self.mine[cell[-1]] and 0 < self.begun[cell] < LEAST
        ]
        for i, cell in sorted(small, key=lambda each: self.begun[each[1]])[:most]:
            for name, aim in (("begun", self._row([i, half + i])),
                              ("failed", self._row([half + i]))):  # fmt: skip
                low, high = self.interval(aim)
                if high - low < LEAST and not (name == "failed" and high < 0.5):
                    bad.append((name, cell, low, high))
        return bad


def attacked(
    begun: Any, failed: Any, parts: Any, mine: Any, most: int = MOST
) -> list[tuple[Any, ...]]:
    attack = Attack(begun, failed, mine)
    for partition, failures in parts:
        attack.hears(partition, failures)
    return attack.narrow(most)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), who=st.integers(-1, len(KNOWN) - 1))
def test_no_small_count_of_another_is_recovered_from_all_that_is_told(
    seed: int, who: int
) -> None:
    begun, failed = drawn(seed)
    base, coarse = told(begun, failed)
    mine = KNOWN[who] if who >= 0 else np.zeros(SITES, bool)
    assert not attacked(begun, failed, [(base, False), (coarse, True)], mine)


@pytest.mark.parametrize("planted", ["cell by cell", "two partitions", "own alone"])
def test_the_attack_finds_an_unsafe_pattern(planted: str) -> None:
    begun, failed = drawn(3)
    nobody = np.zeros(SITES, bool)
    every = finest(LINES, QUARTERS)
    match planted:
        case "cell by cell":
            parts = [(every, False), (every, True)]
            mine = ~EACH[0]
        case "two partitions":
            # Each by itself is wide; together they have cells of their own.
            wide = tuple(Strand((i,), (0, 2, QUARTERS)) for i in range(LINES))
            other = tuple(Strand((i,), (0, 3, QUARTERS)) for i in range(LINES))
            begun[:, 2, :], failed[:, 2, :] = 0, 0
            begun[:, 2, 0] = 2
            parts = [(wide, False), (other, False)]
            mine = nobody
        case _:
            begun[:, :, 2:] = 0
            failed = np.minimum(failed, begun)
            parts = [(every, False), (every, True)]
            mine = EACH[1]
    assert attacked(begun, failed, parts, mine, most=16)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.3, 1.5, 6.0]))
def test_every_block_is_safe_also_without_what_anybody_knows(
    seed: int, rate: float
) -> None:
    begun, failed = drawn(seed, rate)
    base, coarse = told(begun, failed)
    for partition, counts, fewest in ((base, begun, FEWEST), (coarse, failed, 0),
                                      (coarse, begun - failed, 0)):  # fmt: skip
        for strand in partition:
            for block in sums(counts, strand):
                for mine in [np.zeros(SITES, bool), *KNOWN]:
                    rest = block[~mine]
                    assert rest.sum() == 0 or rest.sum() >= LEAST
                    if fewest and block.sum():
                        assert (rest > 0).sum() >= fewest
                        assert rest.max() <= SHARE * rest.sum()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.3, 1.5, 6.0]))
def test_a_coarser_partition_is_made_of_whole_blocks_of_the_finer(
    seed: int, rate: float
) -> None:
    begun, failed = drawn(seed, rate)
    base, coarse = told(begun, failed)
    assert common([base, coarse]) == coarse
    finer = {line: strand for strand in base for line in strand.lines}
    for strand in coarse:
        for line in strand.lines:
            assert {*strand.cuts} <= {*finer[line].cuts}
            assert {*finer[line].lines} <= {*strand.lines}


def test_of_all_safe_partitions_the_least_blurred_is_taken() -> None:
    begun = np.zeros((1, 5, SITES), np.int64)
    begun[0] = [[1] * 8, [0] * 8, [1] * 8, [5] * 8, [0] * 8]
    begun[0, 1, 0] = 1
    (strand,) = coarsened(finest(1, 5), [(begun, WHOLE)], [])

    def loss(cuts: tuple[int, ...]) -> float:
        each = sums(begun, Strand((0,), cuts)).sum(1)
        return float((each * np.diff(cuts)).sum())

    def safe(cuts: tuple[int, ...]) -> bool:
        return bool(WHOLE.holds(sums(begun, Strand((0,), cuts))).all())

    inner = [*np.ndindex(2, 2, 2, 2)]
    ways = [(0, *(i + 1 for i, cut in enumerate(w) if cut), 5) for w in inner]
    assert loss(strand.cuts) == min(loss(way) for way in ways if safe(way))


def test_what_is_small_over_all_time_joins_its_kin_or_is_held_back() -> None:
    begun = np.zeros((3, 4, SITES), np.int64)
    begun[0], begun[1, :, 0], begun[2, :, 1:] = 3, 4, 2
    alone = coarsened(finest(3, 4), [(begun, WHOLE)], [])
    assert [strand.lines for strand in alone] == [(0,), (2,)]
    begun[1, :, 1:5] = 1
    begun[2] = 0
    begun[2, :, 4:] = 1
    assert coarsened(finest(3, 4), [(begun, WHOLE)], [])[0].lines == (0,)
    kin = coarsened(finest(3, 4), [(begun, WHOLE)], [[0, 1, 1]])
    assert [strand.lines for strand in kin] == [(0,), (1, 2)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_total_less_the_parts_told_is_no_small_part(seed: int) -> None:
    random = np.random.default_rng(seed)
    begun, failed = drawn(seed, 8.0)
    _, coarse = told(begun, failed)
    cause = random.choice(5, p=[0.5, 0.3, 0.1, 0.07, 0.03], size=failed.max() + 1)
    parts: dict[Any, Any] = {
        (c,): np.array([(cause[:n] == c).sum() for n in failed.ravel()]).reshape(
            failed.shape
        )
        for c in range(5)
    }
    tests = {word: [(counts, SOME)] for word, counts in parts.items()}
    joined, held = jointly(coarse, tests)
    for strand in joined:
        for i, (first, after) in enumerate(strand.blocks):
            hidden = held[strand.lines, first, after]
            for word, counts in parts.items():
                if word not in hidden:
                    assert SOME.holds(sums(counts, strand))[i]
            left = sum((sums(parts[w], strand)[i] for w in hidden), np.zeros(SITES))
            assert SOME.holds(left[None].astype(np.int64))[0]
