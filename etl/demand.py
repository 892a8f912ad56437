"""What a site asks in one test, and what most sites ask in it.

A *test* is one parameter at one stage, at the gates that can be compared; what a site
asks in it is a *cell* of one or more criteria, such as two populations, or a
provisional and a final gate.
"""

from collections.abc import Sequence
from typing import Final

from etl.comparison import Comparison, Relation, compare
from etl.specification import Criterion, gate_class, population_class

Cell = tuple[Criterion, ...]
Test = tuple[str, str, str]
RELATIONS: Final[tuple[Relation, ...]] = (
    "equal",
    "stricter",
    "looser",
    "not_comparable",
)


def test_of(item: Criterion) -> Test:
    """What is laid side by side: the class of its gate, its stage, its parameter."""
    return gate_class(item.gate), item.stage, item.parameter


def demanded(cell: Cell) -> frozenset[tuple[object, ...]]:
    """What a cell asks, without how it is written: equal demands are one group."""
    return frozenset(
        (
            population_class(item.population),
            *((item.basis, item.limits, item.accepted_texts) if item.limited else ()),
        )
        for item in cell
    )


def usual(cells: Sequence[Cell]) -> Cell:
    """What most of the cells ask; of equally many, the most comparable, then the first.

    One cell for each site that has the test, in the order of their names. Empty where
    nobody has it.
    """
    groups: dict[frozenset[tuple[object, ...]], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(demanded(cell), []).append(cell)
    most = max((len(group) for group in groups.values()), default=0)
    leading = [group[0] for group in groups.values() if len(group) == most]
    if len(leading) < 2:
        return leading[0] if leading else ()

    def comparable(cell: Cell) -> int:
        return sum(
            len(group)
            for group in groups.values()
            if stand(cell, group[0]).relation != "not_comparable"
        )

    return max(leading, key=comparable)


def stand(ours: Cell, theirs: Cell) -> Comparison:
    """How the criteria of one test stand to another site's of the same test.

    A site may have several: provisional and final, or two populations. It asks at least
    as much when each of the other's follows from one of its own; with one on each side
    this is `compare` itself. The words are those of each criterion's nearest partner.
    """
    if len(ours) == len(theirs) == 1:
        return compare(ours[0], theirs[0])
    table = [[compare(a, b) for b in theirs] for a in ours]
    forth = all(
        _any(column, "equal", "stricter") for column in zip(*table, strict=True)
    )
    back = all(_any(line, "equal", "looser") for line in table)
    nearest = [min(line, key=lambda c: RELATIONS.index(c.relation)) for line in table]
    marks = dict.fromkeys(mark for c in nearest for mark in c.marks)
    relation = RELATIONS[(3, 2, 1, 0)[2 * forth + back]]
    reason = "; ".join(dict.fromkeys(c.reason for c in nearest))
    return Comparison(relation, reason, tuple(marks))


def _any(comparisons: Sequence[Comparison], *relations: str) -> bool:
    return any(c.relation in relations for c in comparisons)
