from datetime import date

import polars as pl
import pytest

from etl.replay import in_force
from etl.usual import usual_criteria, usual_outcomes
from tests.etl.judging import batch, criterion, frame, result

TODAY = date(2026, 11, 16)


def viability(site, limit, operator=">=", **rest):
    return criterion("viability", operator, limit, "%", site=site, **rest)


def usual(*rows):
    return usual_criteria(frame("criterion", list(rows)), TODAY)


def limits(found, parameter="viability"):
    kept = found.filter(pl.col("parameter") == parameter)
    return dict(kept.select("site", "limit_low").rows())


def test_what_most_members_ask_takes_the_place_of_a_stricter_limit():
    found = usual(*(viability(s, 70.0) for s in "abc"), viability("strict", 90.0))
    assert limits(found) == dict.fromkeys(("a", "b", "c", "strict"), 70.0)


def test_an_open_bound_is_another_demand_than_a_closed_one():
    found = usual(
        viability("a", 70.0), viability("b", 70.0, ">"), viability("c", 70.0, ">")
    )
    assert found["operator"].unique().to_list() == [">"]


def test_a_site_that_counts_in_other_cells_is_asked_for_the_limit_in_those():
    found = usual(
        *(viability(s, 70.0) for s in "abc"),
        viability("d", 90.0, population="cd45_cd3"),
    )
    row = found.row(by_predicate=pl.col("site") == "d", named=True)
    assert (row["population"], row["limit_low"]) == ("cd45_cd3", 70.0)


def test_copies_that_can_be_converted_keep_the_cells_they_are_counted_in():
    found = usual(
        *(criterion("vcn", "<=", 5.0, "copies/cell", site=s) for s in "abc"),
        criterion("vcn", "<=", 7.0, "copies/transduced cell", site="d",
                  population="transduced_cells"),
    )  # fmt: skip
    row = found.row(by_predicate=pl.col("site") == "d", named=True)
    assert (row["population"], row["unit"]) == ("cells", "copies/cell")


@pytest.mark.parametrize(("having", "asked"), [("ab", False), ("abc", True)])
def test_a_test_is_usual_only_where_more_than_half_have_it(having, asked):
    purity = [criterion("cd3_purity", ">=", 80.0, "%", site=s) for s in having]
    found = usual(*(viability(s, 70.0) for s in "abcd"), *purity)
    sites = set(limits(found, "cd3_purity"))
    assert sites == (set("abcd") if asked else set())


def test_only_the_version_in_force_has_a_voice_and_every_version_is_answered():
    old = [
        viability(s, 60.0, spec_version="0", valid_to=date(2024, 1, 1)) for s in "ab"
    ]
    new = [
        viability(s, 80.0, spec_version="1", valid_from=date(2024, 1, 2)) for s in "ab"
    ]
    found = usual(*old, *new, viability("c", 70.0, spec_version="0"))
    assert found["limit_low"].unique().to_list() == [80.0]
    assert set(found.select("site", "spec_version").rows()) == {
        ("a", "0"), ("a", "1"), ("b", "0"), ("b", "1"), ("c", "0"),
    }  # fmt: skip


def test_each_product_has_its_own_usual_criteria():
    other = [viability(s, 90.0, product="msc") for s in "abc"]
    found = usual(*(viability(s, 70.0) for s in "abc"), *other)
    by_product = dict(found.select("product", "limit_low").unique().rows())
    assert by_product == {"cart": 70.0, "msc": 90.0}


def test_of_equally_many_the_most_comparable_is_usual():
    found = usual(
        viability("a", 60.0, population="tnc"),
        viability("b", 70.0),
        viability("c", 80.0, population="all_cells"),
    )
    assert found["limit_low"].unique().to_list() == [70.0]


@pytest.mark.parametrize(
    ("value", "outcome"), [(85.0, "pass"), (60.0, "fail"), (None, "undetermined")]
)
def test_recorded_results_are_judged_by_the_usual_criteria(value, outcome):
    own = [*(viability(s, 70.0) for s in "abc"), viability("alpha", 90.0)]
    criteria, batches = frame("criterion", own), frame("batch", [batch()])
    measured = [] if value is None else [result("viability", value, "%")]
    results = frame("result", measured)
    found = usual_outcomes(
        results, usual_criteria(criteria, TODAY), in_force(criteria, batches, results)
    )
    assert found.rows() == [("alpha", "b1", outcome)]


def test_nothing_to_ask_is_nothing_found():
    criteria = frame("criterion", [])
    assert usual_criteria(criteria, TODAY).is_empty()
    assert usual_criteria(criteria, TODAY).columns == criteria.columns
