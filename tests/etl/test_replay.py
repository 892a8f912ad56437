from datetime import date

import polars as pl
import pytest

from etl.outcome import batch_outcomes, discordance
from etl.replay import in_force, judge
from tests.etl.judging import batch, criterion, frame, result


def judged(results, criteria, batches=None):
    wanted = frame("criterion", criteria)
    assignment = in_force(wanted, frame("batch", batches or [batch()]))
    return judge(frame("result", results), wanted, assignment)


def verdict(measured, wanted, **of_batch):
    """Outcome and reason of one result under one criterion."""
    rows = judged([measured], [wanted], [batch(**of_batch)])
    assert rows.height == 1
    return rows["outcome"][0], rows["reason"][0]


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


@pytest.mark.parametrize(
    ("value", "unit", "limit", "limit_unit", "outcome"),
    [
        (0.5, "IU/mL", 0.5, "EU/mL", "pass"),
        (1000.0, "beads/30e6 cells", 100, "beads/3e6 cells", "pass"),
        (1000.1, "beads/30e6 cells", 100, "beads/3e6 cells", "fail"),
        # 1.1 times 10 is 11 and not a little more.
        (1.1, "beads/3e6 cells", 11, "beads/30e6 cells", "pass"),
        (1.0, "EU/mL", 5, "%", "undetermined"),
    ],
)
def test_a_result_is_converted_only_as_declared(
    value, unit, limit, limit_unit, outcome
):
    measured = result("endotoxin", value, unit)
    assert (
        verdict(measured, criterion("endotoxin", "<=", limit, limit_unit))[0] == outcome
    )


def test_a_unit_that_cannot_be_converted_is_named():
    measured = result("vcn", 3.0, "copies/100 ng DNA")
    reason = verdict(measured, criterion("vcn", "<", 5, "copies/cell"))[1]
    assert reason == "no conversion from copies/100 ng DNA to copies/cell"
    missing = verdict(result("vcn", 3.0), criterion("vcn", "<", 5, "copies/cell"))
    assert missing == ("undetermined", "unit not stated")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 100 mL for 60 to under 65 kg: 3 EU/mL are over 4.6 and at most 5 EU/kg.
        (3.0, ("pass", None)),
        (3.25, ("fail", "above the limit")),
        (3.2, ("undetermined", "best and worst case disagree")),
    ],
)
def test_endotoxin_per_volume_is_judged_per_kilogram_by_best_and_worst_case(
    value, expected
):
    measured = result("endotoxin", value, "EU/mL")
    wanted = criterion("endotoxin", "<=", 5, "EU/kg")
    known = {"final_volume_ml": 100.0, "recipient_weight_band_kg": 60}
    assert verdict(measured, wanted, **known) == expected


def test_without_volume_or_weight_nothing_is_converted():
    measured = result("endotoxin", 0.01, "EU/mL")
    wanted = criterion("endotoxin", "<=", 5, "EU/kg")
    expected = ("undetermined", "the batch has no final volume or no weight band")
    assert verdict(measured, wanted, final_volume_ml=100.0) == expected
    assert verdict(measured, wanted, recipient_weight_band_kg=60) == expected


def test_a_reference_weight_and_volume_stand_for_the_batch():
    fixed = {"reference_weight_kg": 70.0, "reference_volume_ml": 100.0}
    wanted = criterion("endotoxin", "<=", 5, "EU/kg", **fixed)
    assert verdict(result("endotoxin", 3.5, "EU/mL"), wanted) == ("pass", None)
    assert verdict(result("endotoxin", 3.6, "EU/mL"), wanted)[0] == "fail"


def test_copies_per_cell_are_judged_per_transduced_cell_with_the_share_of_car_cells():
    wanted = criterion(
        "vcn", "<", 5, "copies/transduced cell", population="transduced_cells"
    )
    measured = result("vcn", 1.5, "copies/cell")
    share = result("car_positive", 40.0, "%", population="viable_cd3")
    rows = judged([measured, share], [wanted])
    assert rows["outcome"].to_list() == ["pass"]
    assert rows["mark"].to_list() == ["reported for cells, asked for transduced_cells"]
    low = {**share, "value": 20.0}
    assert judged([measured, low], [wanted])["reason"].to_list() == ["above the limit"]
    either = [measured, share, {**low, "population": "cells"}]
    assert judged(either, [wanted])["outcome"].to_list() == ["undetermined"]
    reason = judged([measured], [wanted])["reason"].to_list()
    assert reason == ["the batch has no share of CAR+ cells"]


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


EITHER = [
    criterion("potency_a", "<", 70, "%", logic_group="potency:or"),
    criterion("potency_b", ">", 50, "%", logic_group="potency:or"),
]
BOTH = [{**each, "logic_group": "potency:and"} for each in EITHER]


def gate(a, b, criteria):
    measured = [result("potency_a", a, "%"), result("potency_b", b, "%")]
    rows = batch_outcomes(judged([r for r in measured if r["value"]], criteria))
    return rows["outcome"][0], rows["sole_cause"][0], rows["failing"][0].to_list()


def test_either_arm_of_an_or_group_suffices():
    assert gate(60.0, 40.0, EITHER) == ("pass", None, [])
    assert gate(80.0, 60.0, EITHER) == ("pass", None, [])
    assert gate(60.0, None, EITHER) == ("pass", None, [])
    assert gate(80.0, None, EITHER) == ("undetermined", None, [])
    failed = ("fail", "potency", ["potency_a", "potency_b"])
    assert gate(80.0, 40.0, EITHER) == failed


def test_both_arms_of_an_and_group_are_needed():
    assert gate(60.0, 60.0, BOTH) == ("pass", None, [])
    assert gate(60.0, 40.0, BOTH) == ("fail", "potency_b", ["potency_b"])
    assert gate(60.0, None, BOTH) == ("undetermined", None, [])
    assert gate(80.0, 40.0, BOTH) == ("fail", None, ["potency_a", "potency_b"])


def test_only_release_criteria_decide_each_at_its_gate():
    criteria = [
        criterion("viability", ">=", 70, "%", gate="provisional"),
        criterion("endotoxin", "<", 0.5, "EU/mL", gate="final"),
        criterion("car_positive", ">=", 5, "%", gate="final", status="in_process"),
        criterion(
            "cell_count", ">=", 5, "cells", gate="in_process", status="in_process"
        ),
    ]
    measured = [
        result("viability", 60.0, "%"),
        result("endotoxin", 0.1, "EU/mL"),
        result("car_positive", 1.0, "%"),
    ]
    rows = batch_outcomes(judged(measured, criteria))
    assert dict(rows.select("gate", "outcome").rows()) == {
        "provisional": "fail",
        "final": "pass",
    }


def findings(decision, value):
    criteria = [
        criterion("viability", ">=", 70, "%"),
        criterion("cd3_purity", ">=", 70, "%"),
    ]
    measured = [result("viability", value, "%"), result("cd3_purity", value, "%")]
    decided = {"site": "alpha", "batch": "b1", "gate": "release", "decision": decision}
    release = frame("release", [{**decided, "decided": date(2024, 1, 1)}])
    return discordance(batch_outcomes(judged(measured, criteria)), release)


def test_a_batch_released_although_its_criteria_failed_is_found_by_parameter():
    found = findings("released", 60.0)
    assert found.rows(named=True) == [
        {
            "rule": "discordance",
            "severity": "error",
            "site": "alpha",
            "dataset": "release",
            "batch": "b1",
            "column": column,
            "read": "released",
            "expected": "rejected",
        }
        for column in ("cd3_purity", "viability")
    ]


def test_a_batch_rejected_although_all_passed_is_a_warning():
    found = findings("rejected", 80.0)
    columns = ("severity", "column", "read", "expected")
    assert found.select(columns).rows() == [
        ("warning", "decision", "rejected", "released")
    ]


def test_a_decision_that_follows_or_that_was_a_declared_exception_is_no_finding():
    assert findings("released", 80.0).is_empty()
    assert findings("rejected", 60.0).is_empty()
    assert findings("released_out_of_spec", 60.0).is_empty()
    assert findings("released", None).is_empty()
    assert findings("rejected", None).is_empty()


def test_nothing_to_judge_gives_empty_frames_with_their_columns():
    nothing = judged([], [])
    assert nothing.is_empty()
    assert batch_outcomes(nothing).is_empty()
    assert {"outcome", "reason", "limit", "mark"} <= set(nothing.columns)
