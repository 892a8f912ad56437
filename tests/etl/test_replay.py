from datetime import date

import polars as pl
import pytest

from etl.outcome import batch_outcomes
from etl.replay import in_force, judge
from tests.etl.judging import batch, criterion, frame, judged, result, verdict


@pytest.mark.parametrize(
    ("comparator", "value", "operator", "limit", "outcome"),
    [
        ("<=", 0.5, "<", 0.5, "undetermined"),
        ("<", 0.3, "<=", 0.3, "pass"),
        ("<", 0.5, "<", 0.5, "pass"),
        ("<=", 0.5, "<=", 0.5, "pass"),
        ("=", 0.5, "<", 0.5, "fail"),
        ("=", 0.5, "<=", 0.5, "pass"),
        (">", 0.5, "<=", 0.5, "fail"),
        (">=", 0.5, "<=", 0.5, "undetermined"),
        (">=", 0.5, "<", 0.5, "fail"),
        ("<", 1.0, "<=", 0.5, "undetermined"),
        (None, 0.4, "<", 0.5, "pass"),
    ],
)
def test_a_censored_value_is_judged_by_all_it_may_be(
    comparator, value, operator, limit, outcome
):
    measured = result("endotoxin", value, "EU/mL", comparator, population="product")
    wanted = criterion("endotoxin", operator, limit, "EU/mL", population="product")
    assert verdict(measured, wanted)[0] == outcome


def test_open_and_closed_lower_bounds_differ_at_the_limit():
    measured = result("viability", 70.0, "%")
    assert verdict(measured, criterion("viability", ">=", 70, "%")) == ("pass", None)
    below = ("fail", "below the limit")
    assert verdict(measured, criterion("viability", ">", 70, "%")) == below


def test_both_ends_of_a_two_sided_limit_are_acceptable():
    wanted = criterion("dose", "between", (1e6, 5e6), "cells")
    outcomes = [
        verdict(result("dose", value, "cells"), wanted)[0]
        for value in (999_999, 1e6, 5e6, 5_000_001)
    ]
    assert outcomes == ["fail", "pass", "pass", "fail"]


@pytest.mark.parametrize(
    ("said", "limit", "expected"),
    [
        ("No growth", "sterile", ("pass", None)),
        ("absent", "negative", ("pass", None)),
        ("negative", "negative to date", ("pass", None)),
        ("positive", "no growth", ("fail", "positive where the limit is no growth")),
        (
            "negative to date",
            "negative",
            ("undetermined", "negative to date is not the final answer"),
        ),
        (
            "two colonies",
            "negative",
            ("undetermined", "no agreed meaning for this text under this limit"),
        ),
    ],
)
def test_a_text_is_judged_by_what_it_means(said, limit, expected):
    measured = result("sterility", text=said, population="product")
    wanted = criterion("sterility", "text", limit, population="product")
    assert verdict(measured, wanted) == expected


def test_a_text_without_a_meaning_passes_only_in_the_same_words():
    wanted = criterion("appearance", "text", "Cloudy liquid")
    assert verdict(result("appearance", text="cloudy liquid "), wanted)[0] == "pass"
    assert verdict(result("appearance", text="yellowish"), wanted)[0] == "undetermined"


def test_words_under_a_figure_and_figures_under_words_are_undetermined():
    figure = criterion("endotoxin", "<", 0.5, "EU/mL")
    said = result("endotoxin", text="endotoxin-free")
    expected = ("undetermined", "a text under a limit in figures")
    assert verdict(said, figure) == expected
    words = criterion("endotoxin", "text", "endotoxin-free")
    measured = result("endotoxin", 0.1, "EU/mL")
    expected = ("undetermined", "a figure under a limit in words")
    assert verdict(measured, words) == expected


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("not_done", "not done"),
        ("not_applicable", "not applicable"),
        ("pending", "pending"),
        ("invalid", "the test was invalid"),
    ],
)
def test_a_test_without_a_valid_result_says_what_became_of_it(state, reason):
    measured = result("viability", 99.0, "%", state=state)
    assert verdict(measured, criterion("viability", ">=", 70, "%")) == (
        "undetermined",
        reason,
    )


def test_a_test_that_was_never_sent_is_undetermined():
    rows = judged([], [criterion("viability", ">=", 70, "%")])
    assert rows["outcome"].to_list() == ["undetermined"]
    assert rows["reason"].to_list() == ["no result"]


def test_all_cells_answer_cells_with_a_mark_and_other_populations_do_not():
    wanted = criterion("viability", ">=", 70, "%", population="cells")
    rows = judged([result("viability", 80.0, "%", population="all_cells")], [wanted])
    assert rows["outcome"].to_list() == ["pass"]
    assert rows["mark"].to_list() == ["reported for all_cells, asked for cells"]
    other = judged([result("viability", 80.0, "%", population="tnc")], [wanted])
    assert other["reason"].to_list() == ["no result"]


def test_another_method_answers_unless_the_gate_asks_for_several():
    flow = result("viability", 60.0, "%", method="flow")
    trypan = criterion("viability", ">=", 70, "%", method="trypan-blue")
    assert verdict(flow, trypan)[0] == "fail"
    both = [trypan, criterion("viability", ">=", 50, "%", method="flow")]
    outcomes = dict(judged([flow], both).select("method", "outcome").rows())
    assert outcomes == {"trypan-blue": "undetermined", "flow": "pass"}


def test_the_latest_valid_result_counts():
    wanted = criterion("viability", ">=", 70, "%")
    first = result("viability", 60.0, "%", replicate="1", reported=date(2024, 1, 2))
    later = result("viability", 80.0, "%", replicate="2", reported=date(2024, 1, 9))
    pending = result("viability", replicate="3", state="pending")
    invalid = result("viability", 10.0, "%", replicate="4", state="invalid")
    rows = judged([first, later, pending, invalid], [wanted])
    assert rows["value"].to_list() == [80.0]
    undated = result("viability", 75.0, "%", replicate="10")
    rows = judged([undated, {**undated, "replicate": "9", "value": 60.0}], [wanted])
    assert rows["value"].to_list() == [75.0]


def test_a_result_that_was_retested_counts_no_more_once_the_retest_is_valid():
    wanted = criterion("viability", ">=", 70, "%")
    late = result("viability", 60.0, "%", replicate="1", reported=date(2024, 1, 9))
    retest = {"replicate": "2", "retest_of": "1", "reported": date(2024, 1, 5)}
    again = result("viability", 80.0, "%", **retest)
    assert judged([late, again], [wanted])["value"].to_list() == [80.0]
    waiting = result("viability", **retest, state="pending")
    assert judged([late, waiting], [wanted])["value"].to_list() == [60.0]


def test_an_informative_criterion_asks_nothing():
    wanted = criterion("viability", ">=", 70, "%", status="informative")
    assert judged([result("viability", 10.0, "%")], [wanted]).is_empty()


def test_the_version_of_the_day_the_batch_started_is_in_force():
    versions = [
        criterion("viability", ">=", 70, "%", valid_to=date(2023, 12, 31)),
        criterion(
            "viability", ">=", 80, "%", spec_version="2", valid_from=date(2024, 1, 1)
        ),
        criterion(
            "viability", ">=", 90, "%", spec_version="3", valid_from=date(2024, 6, 1)
        ),
    ]
    days = {
        "b1": date(2023, 12, 31),
        "b2": date(2024, 1, 1),
        "b3": date(2024, 6, 1),
    }
    batches = [batch(batch=name, started=day) for name, day in days.items()]
    batches += [batch(batch="b4"), batch(batch="b5", collected=date(2023, 1, 1))]
    batches += [batch(batch="b6", product="msc", started=date(2024, 1, 1))]
    assigned = in_force(frame("criterion", versions), frame("batch", batches))
    found = dict(assigned.select("batch", "spec_version").rows())
    assert found == {"b1": "1", "b2": "2", "b3": "3", "b5": "1"}


def test_the_version_that_the_results_name_is_in_force_where_the_site_has_sent_it():
    versions = [
        criterion("viability", ">=", 70, "%", valid_to=date(2023, 12, 31)),
        criterion(
            "viability", ">=", 80, "%", spec_version="2", valid_from=date(2024, 1, 1)
        ),
    ]
    batches = [batch(batch=name, started=date(2023, 5, 1)) for name in ("b1", "b2")]
    results = [
        result("viability", 75.0, "%", batch="b1", spec_version="2"),
        result("viability", 75.0, "%", batch="b2", spec_version="draft"),
    ]
    assigned = in_force(
        frame("criterion", versions), frame("batch", batches), frame("result", results)
    )
    assert dict(assigned.select("batch", "spec_version").rows()) == {
        "b1": "2",
        "b2": "1",
    }


def test_a_batch_can_be_judged_under_several_specifications_at_once():
    strict = criterion("viability", ">=", 80, "%", site="beta")
    wanted = frame("criterion", [criterion("viability", ">=", 70, "%"), strict])
    assignment = pl.DataFrame(
        {
            "site": "alpha",
            "batch": "b1",
            "spec_site": ["alpha", "beta"],
            "product": "cart",
            "spec_version": "1",
        }
    )
    rows = judge(frame("result", [result("viability", 75.0, "%")]), wanted, assignment)
    outcomes = batch_outcomes(rows)
    assert dict(outcomes.select("spec_site", "outcome").rows()) == {
        "alpha": "pass",
        "beta": "fail",
    }


def test_nothing_to_judge_gives_empty_frames_with_their_columns():
    nothing = judged([], [])
    assert nothing.is_empty()
    assert batch_outcomes(nothing).is_empty()
    assert {"outcome", "reason", "limit", "mark"} <= set(nothing.columns)
