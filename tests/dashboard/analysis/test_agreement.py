from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.agreement import (
    RELATIONS,
    agreement,
    compared,
    distances,
    lay_out,
    stand,
)
from dashboard.analysis.side_by_side import side_by_side
from dashboard.analysis.wording import full, limit
from etl.comparison import compare
from etl.specification import Criterion, criteria_from
from tests.dashboard.analysis.specifying import specifications, text, upper, viability


def relation(frame: pl.DataFrame, site: str, parameter: str) -> str | None:
    row = frame.filter(pl.col("site") == site, pl.col("parameter") == parameter)
    return row["relation"].item()


FOUR = specifications(
    viability("a", ">=", 70),
    viability("b", ">=", 70, population="all_cells"),
    viability("c", ">=", 80),
    viability("d", ">=", 90),
    viability("e", ">=", 95, population="tnc"),
)


def test_agreement_is_the_share_of_comparable_pairs_that_ask_the_same() -> None:
    (row,) = agreement(lay_out(FOUR)).to_dicts()
    assert (row["sites"], row["pairs"]) == (5, 10)
    assert (row["comparable"], row["equal"]) == (6, 1)
    assert row["share"] == 1 / 6


def test_published_programmes_are_shown_and_never_counted() -> None:
    paper = specifications(viability("paper", ">=", 70, member=False))
    both = lay_out(pl.concat([FOUR, paper]))
    assert agreement(both).equals(agreement(lay_out(FOUR)))
    seen = compared(both).filter(pl.col("site") == "paper").row(0, named=True)
    assert (seen["relation"], seen["same_as"], seen["stricter_than"]) == ("equal", 2, 0)
    own = compared(both).filter(pl.col("site") == "a").row(0, named=True)
    assert own["same_as"] == 1


def test_strictness_is_the_share_of_comparable_others_that_ask_less() -> None:
    frame = compared(lay_out(FOUR))
    share = dict(frame.select("site", "strictness").iter_rows())
    assert share["d"] == 1
    assert share["c"] == pytest.approx(2 / 3)
    assert share["a"] == share["b"] == pytest.approx(0.5 / 3)
    assert share["e"] is None


def test_stricter_follows_the_direction_of_good() -> None:
    frame = compared(
        lay_out(
            specifications(
                upper("a", "vcn", 5, unit="copies/cell"),
                upper("b", "vcn", 3, unit="copies/cell"),
                viability("a", ">=", 80),
                viability("b", ">=", 70),
            )
        ),
        "a",
    )
    assert relation(frame, "b", "vcn") == "stricter"
    assert relation(frame, "b", "viability") == "looser"


def test_open_and_closed_bounds_differ() -> None:
    frame = specifications(viability("a", ">=", 70), viability("b", ">", 70))
    assert relation(compared(lay_out(frame), "a"), "b", "viability") == "stricter"
    assert [limit(c) for c in criteria_from(frame)] == ["≥\xa070\xa0%", ">\xa070\xa0%"]
    said = [full(c) for c in criteria_from(frame)]
    assert said[0].startswith("at least 70")
    assert said[1].startswith("more than 70")


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (
            upper("a", "endotoxin", 5, unit="EU/kg"),
            upper("b", "endotoxin", 0.5, unit="EU/mL"),
            "without a reference weight and volume",
        ),
        (
            upper("a", "vcn", 5, unit="copies/cell"),
            upper("b", "vcn", 5, unit="copies/transduced cell"),
            "share of CAR+ cells",
        ),
        (
            viability("a", ">=", 70, population="tnc"),
            viability("b", ">=", 70),
            "different populations",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(ours: Any, theirs: Any, words: str) -> None:
    frame = compared(lay_out(specifications(ours, theirs)), "b")
    row = frame.filter(pl.col("site") == "a").row(0, named=True)
    assert row["relation"] == "not_comparable"
    assert words in row["why"]


def test_a_missing_test_is_not_the_same_as_one_not_reported() -> None:
    held = specifications(
        viability("a", ">=", 70),
        text("a", "sterility", "negative"),
        viability("b", ">=", 70),
        viability("paper", ">=", 70, member=False),
    ).with_columns(pl.lit(True).alias("holds"))
    frame = side_by_side(held, "a", silent=("z",))
    state = {
        (r["site"], r["parameter"]): (r["state"], r["relation"], r["reason"])
        for r in frame.to_dicts()
    }
    assert state["a", "sterility"] == ("data", "reference", None)
    assert state["b", "sterility"][:2] == ("zero", "missing")
    assert state["paper", "sterility"][0] == "not_reported"
    assert "publication" in str(state["paper", "sterility"][2])
    assert state["z", "viability"][0] == "not_reported"
    assert "no specification was sent" in str(state["z", "viability"][2])
    other = side_by_side(held, "b")
    assert relation(other, "a", "sterility") == "added"


def test_two_stage_and_one_stage_meet_in_the_final_criterion() -> None:
    frame = specifications(
        text("two", "sterility", "negative to date", gate="provisional"),
        text("two", "sterility", "negative", gate="final"),
        text("one", "sterility", "no growth"),
        text("early", "sterility", "negative to date", gate="provisional"),
    )
    beside = compared(lay_out(frame), "one")
    assert relation(beside, "two", "sterility") == "equal"
    assert relation(beside, "early", "sterility") == "looser"
    marks = beside.filter(pl.col("site") == "two")["marks"].item()
    assert "different gates" in marks


def test_an_informative_criterion_has_no_limit_and_any_limit_is_stricter() -> None:
    frame = specifications(
        viability("a", ">=", 70),
        {"site": "b", "parameter": "viability", "status": "informative"},
    )
    assert relation(compared(lay_out(frame), "a"), "b", "viability") == "looser"
    shown = side_by_side(frame.with_columns(pl.lit(True).alias("holds")), "a")
    assert shown.filter(pl.col("site") == "b")["limit"].item() == "informative"


def test_the_usual_criterion_is_what_most_members_ask() -> None:
    frame = compared(lay_out(FOUR))
    stands = dict(frame.select("site", "relation").iter_rows())
    assert stands == {
        "a": "equal",
        "b": "equal",
        "c": "stricter",
        "d": "stricter",
        "e": "not_comparable",
    }


def test_distance_counts_the_release_tests_that_are_not_alike() -> None:
    frame = specifications(
        viability("a", ">=", 70),
        viability("b", ">=", 80),
        text("a", "sterility", "negative"),
        text("b", "sterility", "no growth"),
        text("a", "mycoplasma", "negative"),
        upper("a", "endotoxin", 5, unit="EU/kg"),
        upper("b", "endotoxin", 5, unit="EU/mL"),
        viability("a", ">=", 50, gate="acceptance", stage="starting_material"),
    )
    (row,) = distances(lay_out(frame)).to_dicts()
    counts = {k: row[k] for k in ("same", "different", "unlike", "only_one", "n")}
    assert counts == {"same": 1, "different": 1, "unlike": 1, "only_one": 1, "n": 4}
    assert row["distance"] == 0.75


OPERATORS = st.sampled_from([">", ">=", "<", "<="])
CRITERION = st.builds(
    lambda operator, figure, population, gate: {
        "parameter": "viability",
        "operator": operator,
        "limit_low" if operator[0] == ">" else "limit_high": figure,
        "population": population,
        "gate": gate,
    },
    OPERATORS,
    st.sampled_from([70.0, 75.0, 80.0]),
    st.sampled_from(["cells", "all_cells", "tnc"]),
    st.sampled_from(["release", "provisional"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CRITERION, min_size=2, max_size=8))
def test_pairs_are_counted_as_one_by_one_comparison_counts_them(rows: Any) -> None:
    frame = specifications(*({"site": f"s{i}", **r} for i, r in enumerate(rows)))
    items = criteria_from(frame)
    each = [compare(a, b).relation for a, b in combinations(items, 2)]
    (row,) = agreement(lay_out(frame)).to_dicts()
    assert row["equal"] == each.count("equal")
    assert row["comparable"] == len(each) - each.count("not_comparable")
    stands = compared(lay_out(frame), "s0")
    for item, seen in zip(items, stands["relation"], strict=True):
        assert seen == compare(item, items[0]).relation


def test_a_cell_of_several_criteria_stands_as_their_union() -> None:
    strict, loose, other = (
        Criterion("dose", operator=">=", limit_low=low, unit="cells", population=of)
        for low, of in ((9.0, "cells"), (5.0, "cells"), (5.0, "cd3"))
    )
    assert stand((strict, other), (loose,)).relation == "stricter"
    assert stand((loose,), (strict, other)).relation == "looser"
    assert stand((strict,), (loose, other)).relation == "not_comparable"
    assert stand((loose, other), (other, loose)).relation == "equal"
    assert set(RELATIONS) >= {stand((strict,), (loose,)).relation}
