"""Whether one criterion, or one whole specification, is stricter than another.

"a is stricter than b" means that whatever a accepts, b accepts too, and not the other
way round. That is a partial order and is kept one: criteria that speak of different
things, and limits of which neither contains the other, are *not comparable*, each with
its reason in words. Nothing is ranked that the specifications themselves do not rank.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from etl.specification import (
    Criterion,
    Limits,
    gate_class,
    population_class,
    requirements,
)

Relation = Literal["equal", "stricter", "looser", "not_comparable"]
_NEEDED: Final = {
    frozenset(("EU/mL", "EU/kg")): "without a reference weight and volume in the "
    "specification",
    frozenset(("copies/cell", "copies/transduced cell")): "without a batch's share of "
    "CAR+ cells: only its results can be converted",
}


@dataclass(frozen=True)
class Comparison:
    """How criterion a stands to criterion b ("a is stricter than b"), and why.

    `marks` are the differences that do not prevent the comparison but that its reader
    must know: a population that was not stated, another gate, another method.
    """

    relation: Relation
    reason: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpecificationComparison:
    """How one specification stands to another as a whole, test by test.

    `pairs` holds every two criteria of one parameter that can be laid together, and
    `missing_in_a` and `missing_in_b` the parameters that only the other one tests.
    """

    relation: Relation
    reason: str
    pairs: tuple[tuple[Criterion, Criterion, Comparison], ...]
    missing_in_a: tuple[str, ...]
    missing_in_b: tuple[str, ...]


def compare(a: Criterion, b: Criterion) -> Comparison:
    """Whether a is equal to, stricter or looser than b, or why neither can be said.

    An informative criterion accepts everything, so any limit on the same thing is
    stricter. The methods may differ: the same limit is demanded, and a mark says so.
    """
    obstacle = _obstacle(a, b)
    if obstacle:
        return Comparison("not_comparable", obstacle)
    if not (a.limited and b.limited):
        return Comparison(*_unlimited(a, b), marks=_marks(a, b))
    forth, back = _implies(a, b), _implies(b, a)
    relation = _relation(forth, back)
    return Comparison(relation, _reason(a, b, relation), _marks(a, b))


def compare_specifications(
    a: Sequence[Criterion], b: Sequence[Criterion]
) -> SpecificationComparison:
    """How two specifications stand to each other as wholes.

    a is stricter when each requirement of b follows from one of a's; a test that b
    lacks costs a nothing, a test that a lacks prevents it. An or-group follows from
    another when each of its criteria is at least as strict as one of theirs. Only
    criteria of status `release` count.
    """
    ours, theirs = requirements(tuple(a)), requirements(tuple(b))
    relation = _relation(_covers(ours, theirs), _covers(theirs, ours))
    pairs = _pairs([c for r in ours for c in r], [c for r in theirs for c in r])
    lacking_a = _parameters(theirs) - _parameters(ours)
    lacking_b = _parameters(ours) - _parameters(theirs)
    return SpecificationComparison(
        relation,
        _whole_reason(relation, pairs, lacking_a, lacking_b),
        tuple(pairs),
        tuple(sorted(lacking_a)),
        tuple(sorted(lacking_b)),
    )


def _obstacle(a: Criterion, b: Criterion) -> str | None:
    """Why the two speak of different things; None where they do not.

    Every step asks for sameness of a class, so that what is comparable with one of two
    comparable criteria is comparable with the other: without that, no partial order.
    """
    different: tuple[tuple[str, Callable[[Criterion], str]], ...] = (
        ("parameters", lambda c: c.parameter),
        ("stages", lambda c: c.stage),
        ("gates", lambda c: gate_class(c.gate)),
    )
    for name, classed in different:
        if classed(a) != classed(b):
            return f"different {name}: {classed(a)} and {classed(b)}"
    if a.limited and b.limited and (unlike := _unlike_limits(a, b)):
        return unlike
    if population_class(a.population) != population_class(b.population):
        return f"different populations: {a.population} and {b.population}"
    return None


def _unlike_limits(a: Criterion, b: Criterion) -> str | None:
    if (a.operator == "text") != (b.operator == "text"):
        return f"a text and a figure: {a.in_words()} and {b.in_words()}"
    if a.operator == "text" or a.basis == b.basis:
        return None
    needed = _NEEDED.get(frozenset((a.basis, b.basis)))
    if a.reference or b.reference:
        needed = "where only one fixes the recipient's weight and the volume"
    return f"no conversion between {a.unit} and {b.unit}" + (
        f" {needed}" if needed else ""
    )


def _implies(a: Criterion, b: Criterion) -> bool:
    """Whether whatever a accepts, b accepts; for limits on the same thing."""
    texts, their_texts = a.accepted_texts, b.accepted_texts
    if texts is not None and their_texts is not None:
        return texts <= their_texts
    return (a.limits or Limits()).within(b.limits or Limits())


def _relation(forth: bool, back: bool) -> Relation:
    if forth and back:
        return "equal"
    if forth:
        return "stricter"
    return "looser" if back else "not_comparable"


def _unlimited(a: Criterion, b: Criterion) -> tuple[Relation, str]:
    relation = _relation(a.limited or not b.limited, b.limited or not a.limited)
    return relation, "no limit: informative" + ("" if relation == "equal" else " only")


def _reason(a: Criterion, b: Criterion, relation: Relation) -> str:
    if relation != "not_comparable":
        sign = {"equal": "the same as", "stricter": "within", "looser": "beyond"}
        return f"{a.in_words()} is {sign[relation]} {b.in_words()}"
    if a.operator == "text":
        return f"different texts: {a.in_words()} and {b.in_words()}"
    if {(a.operator or "")[0], (b.operator or "")[0]} == {"<", ">"}:
        return f"opposite directions: {a.in_words()} and {b.in_words()}"
    return f"neither contains the other: {a.in_words()} and {b.in_words()}"


def _marks(a: Criterion, b: Criterion) -> tuple[str, ...]:
    found = []
    if a.population != b.population:
        found.append("population not stated in one of them, taken for all cells")
    if a.gate != b.gate:
        found.append(f"different gates: {a.gate} and {b.gate}")
    if a.method != b.method:
        found.append(f"different methods: {a.method} and {b.method}")
    return tuple(found)


def _covers(
    ours: Sequence[Sequence[Criterion]], theirs: Sequence[Sequence[Criterion]]
) -> bool:
    return all(any(_follows(mine, other) for mine in ours) for other in theirs)


def _follows(mine: Sequence[Criterion], other: Sequence[Criterion]) -> bool:
    return all(any(_at_least_as_strict(a, b) for b in other) for a in mine)


def _at_least_as_strict(a: Criterion, b: Criterion) -> bool:
    return _obstacle(a, b) is None and _implies(a, b)


def _pairs(
    ours: Sequence[Criterion], theirs: Sequence[Criterion]
) -> list[tuple[Criterion, Criterion, Comparison]]:
    same = [(a, b) for a in ours for b in theirs if a.parameter == b.parameter]
    return [(a, b, compare(a, b)) for a, b in same]


def _parameters(wanted: Sequence[Sequence[Criterion]]) -> set[str]:
    return {criterion.parameter for each in wanted for criterion in each}


def _whole_reason(
    relation: Relation,
    pairs: Sequence[tuple[Criterion, Criterion, Comparison]],
    lacking_a: set[str],
    lacking_b: set[str],
) -> str:
    """The parameters behind the relation, in an order that two runs agree on."""
    if relation == "equal":
        return "every requirement of one follows from the other"
    found = {kind: set[str]() for kind in ("stricter", "looser", "not_comparable")}
    for a, _, comparison in pairs:
        if comparison.relation != "equal":
            found[comparison.relation].add(a.parameter)
    named = {
        "stricter in": found["stricter"],
        "looser in": found["looser"],
        "not comparable in": found["not_comparable"],
        "does not test": lacking_a,
        "tests in addition": lacking_b,
    }
    said = [
        f"{words} {', '.join(sorted(which))}" for words, which in named.items() if which
    ]
    return "; ".join(said)
