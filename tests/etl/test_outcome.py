from datetime import date

from etl.outcome import batch_outcomes, discordance
from tests.etl.judging import criterion, frame, judged, result

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
