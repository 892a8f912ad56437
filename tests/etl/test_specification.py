from fractions import Fraction

import polars as pl
import pytest

from etl.comparison import compare, compare_specifications
from etl.specification import Criterion, Limits, criteria_from, requirements

ENDOTOXIN = {"parameter": "endotoxin", "population": "product"}


def upper(limit, unit="EU/mL", operator="<=", **rest):
    return Criterion(
        **{**ENDOTOXIN, **rest}, operator=operator, limit_high=limit, unit=unit
    )


def lower(limit, operator=">=", **rest):
    return Criterion("viability", operator, limit_low=limit, unit="%", **rest)


def words(text, parameter="sterility", **rest):
    return Criterion(parameter, "text", text_limit=text, **rest)


def test_open_and_closed_bounds_differ():
    assert compare(lower(70, ">"), lower(70)).relation == "stricter"
    assert compare(lower(70), lower(70, ">")).relation == "looser"
    assert compare(lower(71), lower(70, ">")).relation == "stricter"


def test_two_sided_limits_of_which_neither_contains_the_other_are_not_compared():
    dose = {"parameter": "dose", "operator": "between", "unit": "cells"}
    a = Criterion(**dose, limit_low=1e6, limit_high=5e6)
    b = Criterion(**dose, limit_low=2e6, limit_high=6e6)
    comparison = compare(a, b)
    assert comparison.relation == "not_comparable"
    assert comparison.reason.startswith("neither contains the other")
    inner = Criterion(**dose, limit_low=2e6, limit_high=5e6)
    assert [compare(inner, each).relation for each in (a, b)] == ["stricter"] * 2


def test_an_upper_and_a_lower_limit_are_opposite_directions():
    a = Criterion("vcn", "<=", limit_high=10, unit="copies/cell")
    b = Criterion("vcn", ">", limit_low=5, unit="copies/cell")
    assert compare(a, b).reason.startswith("opposite directions")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (lower(70, population="tnc"), "different populations"),
        (lower(70, stage="post_thaw"), "different stages"),
        (lower(70, gate="acceptance"), "different gates"),
        (Criterion("cd3_purity", ">=", limit_low=70, unit="%"), "different parameters"),
        (words("conforms", "viability"), "a text and a figure"),
    ],
)
def test_what_is_not_comparable_says_why(other, reason):
    comparison = compare(lower(70, population="cells"), other)
    assert comparison.relation == "not_comparable"
    assert comparison.reason.startswith(reason)


def test_cells_are_compared_with_all_cells_and_the_mark_says_so():
    comparison = compare(
        lower(80, population="cells"), lower(70, population="all_cells")
    )
    assert comparison.relation == "stricter"
    assert any("population" in mark for mark in comparison.marks)


def test_another_gate_or_method_is_compared_with_a_mark():
    comparison = compare(
        lower(70, gate="release", method="flow-cytometry"),
        lower(70, gate="provisional", method="trypan-blue"),
    )
    assert comparison.relation == "equal"
    assert len(comparison.marks) == 2


def test_per_kilogram_needs_the_reference_weight_and_the_volume():
    per_volume, per_weight = upper(3.5), upper(5, "EU/kg")
    assert "reference weight" in compare(per_volume, per_weight).reason
    only_weight = upper(5, "EU/kg", reference_weight_kg=70)
    assert compare(per_volume, only_weight).relation == "not_comparable"
    # 5 EU/kg for 70 kg in 100 mL are 3.5 EU in each mL.
    both = upper(5, "EU/kg", reference_weight_kg=70, reference_volume_ml=100)
    assert compare(per_volume, both).relation == "equal"
    assert compare(upper(3.4), both).relation == "stricter"
    assert compare(per_weight, both).relation == "not_comparable"


def test_copies_per_cell_and_per_transduced_cell_are_not_compared_as_criteria():
    per_cell = Criterion("vcn", "<=", limit_high=10, unit="copies/cell")
    transduced = Criterion("vcn", "<", limit_high=5, unit="copies/transduced cell")
    assert "CAR+" in compare(per_cell, transduced).reason


def test_texts_that_mean_one_thing_are_equal_and_negative_to_date_is_looser():
    assert compare(words("no growth"), words("Sterile")).relation == "equal"
    assert compare(words("absent"), words("Negative.")).relation == "equal"
    assert compare(words("negative"), words("negative to date")).relation == "stricter"
    assert compare(words("negative"), words("positive")).relation == "not_comparable"


def test_an_informative_criterion_has_no_limit():
    informative = Criterion("viability", status="informative", unit="%")
    stated = lower(95, status="informative")
    assert informative.in_words() == stated.in_words() == "no limit"
    assert compare(lower(1), stated).relation == "stricter"
    assert compare(informative, stated).relation == "equal"
    assert requirements((informative, stated)) == []


def test_a_limit_without_its_figure_is_refused():
    with pytest.raises(ValueError, match="needs limit_high"):
        Criterion("viability", "<=", limit_low=70, unit="%")


def test_limits_are_written_as_a_person_writes_them():
    assert lower(70).in_words() == ">= 70 %"
    dose = Criterion("dose", "between", limit_low=0.6e8, limit_high=6e8, unit="cells")
    assert dose.in_words() == "60,000,000 to 600,000,000 cells"
    assert upper(0, "EU/mL").in_words() == "<= 0 EU/mL"
    assert words("no growth").in_words() == "no growth"


def test_a_missing_test_makes_a_specification_looser():
    a, b = (lower(70), words("negative")), (lower(70),)
    comparison = compare_specifications(a, b)
    assert comparison.relation == "stricter"
    assert comparison.missing_in_b == ("sterility",)
    assert comparison.missing_in_a == ()
    assert compare_specifications(b, a).relation == "looser"


def test_stricter_here_and_looser_there_leaves_specifications_unordered():
    comparison = compare_specifications(
        (lower(80), words("negative")), (lower(70), upper(0.5))
    )
    assert comparison.relation == "not_comparable"
    assert comparison.reason == (
        "stricter in viability; does not test endotoxin; tests in addition sterility"
    )


def test_an_arm_alone_is_stricter_than_the_or_group_and_both_together_too():
    arms = [
        Criterion(f"potency_{name}", ">", limit_low=50, unit="%", logic_group=group)
        for name, group in [("a", "potency:or"), ("b", "potency:or")]
    ]
    both = [
        Criterion(f"potency_{name}", ">", limit_low=50, unit="%", logic_group=group)
        for name, group in [("a", "potency:and"), ("b", "potency:and")]
    ]
    assert compare_specifications(both[:1], arms).relation == "stricter"
    assert compare_specifications(both, arms).relation == "stricter"
    assert compare_specifications(both, both[:1]).relation == "stricter"
    assert compare_specifications(arms, arms).relation == "equal"


def test_one_interval_within_another():
    assert Limits(low=Fraction(1), low_open=True).within(Limits(low=Fraction(1)))
    assert not Limits(low=Fraction(1)).within(Limits(low=Fraction(1), low_open=True))
    assert Limits(Fraction(1), Fraction(2)).within(Limits(high=Fraction(2)))
    assert not Limits().within(Limits(high=Fraction(2)))


def test_a_frame_gives_its_criteria_in_its_order():
    frame = pl.DataFrame(
        {
            "parameter": ["viability", "endotoxin"],
            "operator": [">=", "<"],
            "limit_low": [70.0, None],
            "limit_high": [None, 0.5],
            "unit": ["%", "EU/mL"],
            "laboratory": ["-", "-"],
        }
    )
    assert [c.in_words() for c in criteria_from(frame)] == [">= 70 %", "< 0.5 EU/mL"]
