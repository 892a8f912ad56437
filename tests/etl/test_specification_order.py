from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.comparison import compare, compare_specifications
from etl.specification import Criterion

FIGURES = st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.1, 2.5, 5.0, 12.5, 70.0])


def upper(limit, unit="EU/mL", **rest):
    return Criterion("endotoxin", "<=", limit_high=limit, unit=unit, **rest)


def mostly(usual, *others):
    """One value often, so that two drawn criteria can often be compared at all."""
    return st.sampled_from([usual] * 2 * len(others) + list(others))


@st.composite
def criteria(draw):
    """Criteria that differ in everything a comparison looks at."""
    low, high = sorted((draw(FIGURES), draw(FIGURES)))
    text = draw(st.sampled_from(["negative", "no growth", "negative to date", "clear"]))
    fixed = draw(mostly((None, None), (70.0, None), (70.0, 100.0)))
    units = ["EU/kg", "beads/3e6 cells", "beads/30e6 cells", "copies/cell"]
    return Criterion(
        draw(mostly("endotoxin", "sterility")),
        draw(st.sampled_from(["<", "<=", "<", "<=", ">", "between", "text"])),
        limit_low=low,
        limit_high=high,
        text_limit=text,
        unit=draw(mostly("EU/mL", "IU/mL", *units)),
        population=draw(mostly("cells", "all_cells", "tnc")),
        stage=draw(mostly("final_product", "in_process")),
        gate=draw(mostly("release", "final", "provisional", "acceptance")),
        status=draw(mostly("release", "informative")),
        logic_group=draw(mostly(None, "potency:or", "potency:and")),
        reference_weight_kg=fixed[0],
        reference_volume_ml=fixed[1],
    )


REVERSED = {"stricter": "looser", "looser": "stricter"}
AT_LEAST = ("equal", "stricter")


@given(criteria(), criteria())
def test_a_comparison_read_backwards_is_its_reverse(a, b):
    forth, back = compare(a, b).relation, compare(b, a).relation
    assert back == REVERSED.get(forth, forth)


@given(criteria())
def test_every_criterion_equals_itself(a):
    assert compare(a, a).relation == "equal"


@settings(max_examples=500)
@given(criteria(), criteria(), criteria())
def test_at_least_as_strict_carries_over(a, b, c):
    first, second = compare(a, b).relation, compare(b, c).relation
    if first in AT_LEAST and second in AT_LEAST:
        strict = "stricter" in (first, second)
        assert compare(a, c).relation == ("stricter" if strict else "equal")


def test_at_least_as_strict_carries_over_gates_references_and_populations():
    chain = [
        upper(3, gate="provisional", reference_weight_kg=70, reference_volume_ml=100),
        upper(6, "EU/kg", reference_weight_kg=70, reference_volume_ml=100),
        upper(5, "IU/mL", gate="final"),
    ]
    relations = [
        compare(chain[i], chain[j]).relation for i, j in [(0, 1), (1, 2), (0, 2)]
    ]
    assert relations == ["stricter"] * 3


def test_at_least_as_strict_carries_over_between_all_of_a_grid():
    fixed = {"reference_weight_kg": 70.0, "reference_volume_ml": 100.0}
    units = [("EU/mL", {}), ("IU/mL", fixed), ("EU/kg", {}), ("EU/kg", fixed)]
    places = [("cells", "final"), ("all_cells", "provisional"), ("tnc", "release")]
    grid = [
        Criterion(
            *("endotoxin", operator),
            limit_low=low,
            limit_high=high,
            unit=unit,
            population=population,
            gate=gate,
            **reference,
        )
        for operator in ("<", "<=", ">", "between")
        for low, high in [(0.5, 3.5), (3.5, 5.0), (0.5, 5.0)]
        for unit, reference in units
        for population, gate in places
    ]
    at_least = np.array(
        [[compare(a, b).relation in AT_LEAST for b in grid] for a in grid]
    )
    in_two_steps = (at_least.astype(int) @ at_least.astype(int)) > 0
    assert (at_least & ~np.eye(len(grid), dtype=bool)).sum() > 500
    assert not (in_two_steps & ~at_least).any()


SAME = {
    "EU/mL": ("IU/mL", Fraction(1)),
    "IU/mL": ("EU/mL", Fraction(1)),
    "EU/kg": ("IU/kg", Fraction(1)),
    "IU/kg": ("EU/kg", Fraction(1)),
    "beads/3e6 cells": ("beads/30e6 cells", Fraction(10)),
    "beads/30e6 cells": ("beads/3e6 cells", Fraction(1, 10)),
    "copies/cell": ("copies/cell", Fraction(1)),
}


@given(criteria(), criteria())
def test_a_comparison_does_not_change_when_one_side_is_converted(a, b):
    unit, factor = SAME[a.unit]
    fields = {name: getattr(a, name) for name in a.__dataclass_fields__}
    scaled = {
        name: float(Fraction(repr(fields[name])) * factor)
        for name in ("limit_low", "limit_high")
    }
    converted = Criterion(**{**fields, **scaled, "unit": unit})
    assert compare(converted, a).relation == "equal"
    assert compare(converted, b).relation == compare(a, b).relation


@given(st.lists(criteria(), max_size=4), st.lists(criteria(), max_size=4))
def test_whole_specifications_read_backwards_are_their_reverse(a, b):
    forth = compare_specifications(a, b).relation
    back = compare_specifications(b, a).relation
    assert back == REVERSED.get(forth, forth)


@given(*[st.lists(criteria(), max_size=3)] * 3)
def test_at_least_as_strict_carries_over_for_whole_specifications(a, b, c):
    first = compare_specifications(a, b).relation
    second = compare_specifications(b, c).relation
    if first in AT_LEAST and second in AT_LEAST:
        assert compare_specifications(a, c).relation in AT_LEAST
