"""Which specifications are alike: nearest joined first, as a tree."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

Branch = tuple[float, float]


@dataclass(frozen=True)
class Tree:
    """`names` in the order that crosses no branch, and the joins from near to far.

    A join is two branches, each (its height so far, its place among the names), and the
    height at which they meet.
    """

    names: tuple[str, ...]
    joins: tuple[tuple[Branch, Branch, float], ...]


def clustered(distances: pl.DataFrame) -> Tree:
    """The tree of average distances (UPGMA, Sokal and Michener 1958).

    `distances`: site, other, distance, one row a pair. Sites of which some distance is
    not known are left out. Two groups meet at the mean distance of their members, so
    that a height can be read as any other distance; the order is the one that lays
    neighbours next to each other (Bar-Joseph 2001), ties by name.
    """
    unknown = distances.filter(pl.col("distance").is_null())
    known = distances.filter(pl.col("distance").is_not_null())
    without = _apart(unknown, {*distances["site"], *distances["other"]})
    known = known.filter(
        ~pl.col("site").is_in(without), ~pl.col("other").is_in(without)
    )
    names = sorted({*known["site"], *known["other"]})
    if len(names) < 2:
        return Tree(tuple(names), ())
    place = {name: i for i, name in enumerate(names)}
    square = np.zeros((len(names), len(names)))
    for one, other, apart in known.select("site", "other", "distance").iter_rows():
        square[place[one], place[other]] = square[place[other], place[one]] = apart
    condensed = squareform(square)
    linkage = hierarchy.linkage(condensed, "average", optimal_ordering=True)
    order = hierarchy.leaves_list(linkage)
    return Tree(tuple(names[i] for i in order), _joins(linkage, order))


def _apart(unknown: pl.DataFrame, names: set[str]) -> list[str]:
    """The fewest that hold every unknown pair: who has most of them goes first."""
    gone: list[str] = []
    pairs = [set(pair) for pair in unknown.select("site", "other").rows()]
    while pairs:
        most = max(sorted(names), key=lambda n: sum(n in pair for pair in pairs))
        gone.append(most)
        pairs = [pair for pair in pairs if most not in pair]
    return gone


def _joins(
    linkage: np.ndarray, order: np.ndarray
) -> tuple[tuple[Branch, Branch, float], ...]:
    at: list[Branch] = [(0.0, 0.0)] * len(order)
    for position, leaf in enumerate(order):
        at[leaf] = (0.0, float(position))
    joins = []
    for one, other, height, _ in linkage:
        above, below = sorted((at[int(one)], at[int(other)]), key=lambda b: b[1])
        joins.append((above, below, float(height)))
        at.append((float(height), (above[1] + below[1]) / 2))
    return tuple(joins)
