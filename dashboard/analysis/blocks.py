"""Which cells of a table are told together, so that no sum of what is told is small.

A table has lines (product and pathway) and, along each, quarters. Quarters are joined
into blocks, and lines that stay small into strands; only sums over whole blocks are
ever told. Why no sum of sums points at a patient:

1. Every block is safe by itself: it counts nothing, or enough, from enough sites of
   which none dominates, and the same holds of what is left of it when any one site, or
   any one region, takes away what it knows of itself.
2. A figure is told on the blocks of one partition only, whoever asks; all answers are
   sums of these, so a difference of answers is a combination of safe figures and no
   finer than they are.
3. A second figure is told on a coarser partition whose blocks are unions of blocks of
   the first, so the two never overlap in a piece that is smaller than both.
4. A figure and what is left of its total are both safe in every block, so a total less
   its parts tells nothing small.
5. What cannot be made safe over the whole time is held back and part of no sum, so no
   sum less its other parts gives it.

Of all safe partitions the one is taken that blurs least: the sum, over its blocks, of
counts times quarters. That is a set partitioning problem, solved by HiGHS (Huangfu and
Hall, Math. Prog. Comp. 10, 2018, through scipy). The rules are the usual ones for
tables of counts: least count, fewest contributors, dominance (Hundepool et al.,
Statistical Disclosure Control, Wiley 2012, chapter 4).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csc_array

from dashboard.analysis.small_counts import Counts, Flags, Rule

Test = tuple[Counts, Rule]
Interval = tuple[int, int]
Word = tuple[object, ...]
Block = tuple[tuple[int, ...], int, int]


@dataclass(frozen=True)
class Strand:
    """Lines told together, and where along the quarters their blocks begin and end."""

    lines: tuple[int, ...]
    cuts: tuple[int, ...]

    @property
    def blocks(self) -> tuple[Interval, ...]:
        """Each block's first quarter and the one after its last."""
        return tuple(zip(self.cuts, self.cuts[1:], strict=False))


Partition = tuple[Strand, ...]


def finest(lines: int, quarters: int) -> Partition:
    """Every cell a block of its own."""
    return tuple(Strand((i,), tuple(range(quarters + 1))) for i in range(lines))


def coarsened(
    partition: Partition, tests: Sequence[Test], kin: Sequence[Sequence[object]]
) -> Partition:
    """Unions of the partition's blocks that pass all tests, with the least loss.

    `kin` has, for each level from near to far, a key for each line: strands that cannot
    be made safe alone are joined with others like them that have the same key. What
    cannot be made safe at all is in no strand.
    """
    done: list[Strand] = []
    small: list[Strand] = []
    for strand in partition:
        cuts = _cut(strand, tests)
        (small if cuts is None else done).append(
            strand if cuts is None else Strand(strand.lines, cuts)
        )
    for keys in kin:
        small, joined = [], _related(small, keys)
        for strand in joined:
            cuts = _cut(strand, tests)
            if cuts is None:
                small.append(strand)
            else:
                done.append(Strand(strand.lines, cuts))
    return tuple(sorted(done, key=lambda strand: strand.lines))


def common(partitions: Iterable[Partition]) -> Partition:
    """The finest partition whose blocks are unions of blocks of each of these."""
    first, *others = partitions
    for other in others:
        first = _common(first, other)
    return first


def _common(one: Partition, two: Partition) -> Partition:
    left = [*one, *two]
    told = {i for s in one for i in s.lines} & {i for s in two for i in s.lines}
    found: list[Strand] = []
    while left:
        strand = left.pop()
        again = True
        while again:
            near = [s for s in left if {*s.lines} & {*strand.lines}]
            left = [s for s in left if s not in near]
            again = bool(near)
            strand = _joined([strand, *near])
        if {*strand.lines} <= told:
            found.append(strand)
    return tuple(sorted(found, key=lambda strand: strand.lines))


def _joined(strands: Sequence[Strand]) -> Strand:
    cuts = set.intersection(*({*s.cuts} for s in strands))
    lines = sorted({i for s in strands for i in s.lines})
    return Strand(tuple(lines), tuple(sorted(cuts)))


def _related(strands: Sequence[Strand], keys: Sequence[object]) -> list[Strand]:
    by_key: dict[object, list[Strand]] = {}
    for strand in strands:
        by_key.setdefault(keys[strand.lines[0]], []).append(strand)
    return [_joined(each) for each in by_key.values()]


@lru_cache(maxsize=256)
def laid_out(partition: Partition, lines: int, quarters: int) -> pl.DataFrame:
    """Every cell (`line`, `quarter`) with its `strand` and its `block`.

    Lines that are held back are strands of their own, with numbers below zero.
    """
    strands = dict(enumerate(partition))
    told = {line for strand in partition for line in strand.lines}
    left = (line for line in range(lines) if line not in told)
    strands |= {-1 - line: Strand((line,), (0, quarters)) for line in left}
    rows = [
        (line, quarter, number, f"{number}/{since}")
        for number, strand in strands.items()
        for since, until in strand.blocks
        for line in strand.lines
        for quarter in range(since, until)
    ]
    schema = {"line": pl.UInt32, "quarter": pl.UInt32, "strand": pl.Int64,
              "block": pl.String}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def jointly(
    partition: Partition, values: Mapping[Word, Sequence[Test]]
) -> tuple[Partition, Mapping[Block, frozenset[Word]]]:
    """Unions of blocks on which parts of a total are told, and which of them are not.

    A part that stays small over all of a strand is held back there, and in every block
    with it as many others, the smallest first, as make their sum safe: the total less
    the parts told is that sum.
    """
    found: list[Strand] = []
    held: dict[Block, frozenset[Word]] = {}
    for strand in partition:
        whole = Strand(strand.lines, (strand.cuts[0], strand.cuts[-1]))
        told = [
            word
            for word, tests in values.items()
            if all(rule.holds(sums(counts, whole)).all() for counts, rule in tests)
        ]
        tests = [test for word in told for test in values[word]]
        cuts = _cut(strand, tests) if tests else strand.cuts
        found.append(Strand(strand.lines, cuts or whole.cuts))
        for first, after in found[-1].blocks:
            block = strand.lines, first, after
            held[block] = _held(Strand(strand.lines, (first, after)), values, told)
    return tuple(found), held


def _held(
    block: Strand, values: Mapping[Word, Sequence[Test]], told: Sequence[Word]
) -> frozenset[Word]:
    """The parts that are not told of a block: those too small, and who hides them."""
    here = {
        word: [(sums(counts, block), rule) for counts, rule in tests]
        for word, tests in values.items()
    }
    held = [word for word in values if word not in told]
    free = sorted(told, key=lambda word: (int(here[word][0][0].sum()), str(word)))
    free = [word for word in free if any(counts.any() for counts, _ in here[word])]
    while held and free and not _hidden([here[word] for word in held]):
        held.append(free.pop(0))
    return frozenset(held)


def _hidden(parts: Sequence[Sequence[Test]]) -> bool:
    """Whether the sum of what is held back is safe, of every count of it."""
    return all(
        rule.holds(np.sum([counts for counts, _ in tests], 0)).all()
        for tests, rule in ((each, each[0][1]) for each in zip(*parts, strict=True))
    )


def sums(counts: Counts, strand: Strand) -> Counts:
    """Counts by block and site of a strand."""
    first, last = strand.cuts[0], strand.cuts[-1]
    along = counts[list(strand.lines), first:last].sum(0)
    added: Counts = np.add.reduceat(along, np.subtract(strand.cuts[:-1], first))
    return added


def _cut(strand: Strand, tests: Sequence[Test]) -> tuple[int, ...] | None:
    """Where to cut the strand, at cuts that it has; None if no way is safe.

    Safe blocks make a safe whole, so where that is not, nothing is; and where all
    pieces are safe, nothing needs to be joined.
    """
    parts = [(sums(counts, strand), rule) for counts, rule in tests]
    if not all(rule.holds(part.sum(0)).all() for part, rule in parts):
        return None
    if all(rule.holds(part).all() for part, rule in parts):
        return strand.cuts
    pieces = len(strand.cuts) - 1
    first, after = np.triu_indices(pieces)
    safe = np.ones(len(first), np.bool_)
    for part, rule in parts:
        cumulated = np.cumsum(part, 0)
        before = np.vstack([np.zeros_like(cumulated[:1]), cumulated])
        left = np.flatnonzero(safe)
        safe[left] = rule.holds(before[after[left] + 1] - before[first[left]])
    square = np.zeros((pieces, pieces), np.bool_)
    square[first, after] = safe
    chosen = _cheapest(_minimal(square), parts[0][0].sum(1), np.diff(strand.cuts))
    if chosen is None:
        return None
    return (*(strand.cuts[a] for a, _ in chosen), strand.cuts[-1])


def _minimal(safe: Flags) -> Flags:
    """Safe intervals that are not two safe ones: cutting those always loses less."""
    parts = safe.astype(np.int64)
    return safe & ~(parts[:, :-1] @ parts[1:] > 0) if len(safe) > 1 else safe


def _cheapest(safe: Flags, weights: Counts, lengths: Counts) -> list[Interval] | None:
    """The intervals that cover each piece once and blur least; None if none do."""
    first, last = np.nonzero(safe)
    if not len(first):
        return None
    if len(first) == len(safe) and (first == last).all():
        return list(zip(first.tolist(), last.tolist(), strict=True))
    piece = np.arange(len(safe))[:, None]
    covers = csc_array(((first <= piece) & (piece <= last)).astype(float))
    running, length = (np.append(0, np.cumsum(x)) for x in (weights, lengths))
    count, span = (x[last + 1] - x[first] for x in (running, length))
    answer = milp(
        (count + 0.01) * span,
        integrality=np.ones(len(first)),
        bounds=(0, 1),
        constraints=LinearConstraint(covers, 1, 1),
    )
    if answer.x is None:
        return None
    chosen = answer.x > 0.5
    return sorted(zip(first[chosen].tolist(), last[chosen].tolist(), strict=True))
