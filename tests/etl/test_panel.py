from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import tally as arrays
from etl.outcome import batch_outcomes
from etl.panel import panel, questions
from etl.replay import judge
from etl.tally import judged
from tests.etl.judging import batch, criterion, frame, result
from tests.etl.test_replay_reference import (
    ASSIGNMENT,
    BATCHES,
    drawn_assignment,
    drawn_case,
)


def as_panel(measured, wanted, assigned):
    """What the arrays say of each assigned batch, and what the slow judge says."""
    criteria = frame("criterion", wanted)
    asked = list(dict.fromkeys(questions(criteria).values()))
    found = panel(frame("result", measured), asked, assigned)
    specs = criteria.partition_by("site", "product", "spec_version", as_dict=True)
    return {key[0]: judged(found, rows) for key, rows in specs.items()}


def slowly(measured, wanted, assigned, spec_site):
    """outcome, and the only failed requirement, over all gates of one specification."""
    under = assigned.with_columns(spec_site=pl.lit(spec_site))
    criteria = frame("criterion", wanted)
    gates = batch_outcomes(judge(frame("result", measured), criteria, under))
    said = []
    for number in range(assigned.height):
        mine = gates.filter(pl.col("assigned") == number)
        outcomes = mine["outcome"].to_list()
        failed, unknown = int(mine["failed"].sum()), int(mine["undetermined"].sum())
        if "fail" in outcomes:
            outcome = "fail"
        else:
            outcome = "undetermined" if "undetermined" in outcomes else "pass"
        said.append((outcome, failed, unknown))
    return said


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_the_arrays_agree_with_the_judgement_of_single_results(seed):
    agree(seed)


def agree(seed):
    draw = Random(seed)
    measured, wanted, _ = drawn_case(seed)
    rows = [drawn_assignment(draw, *each) for each in BATCHES]
    assigned = pl.DataFrame(rows, schema=ASSIGNMENT, orient="row")
    for spec_site, tally in as_panel(measured, wanted, assigned).items():
        asked = tally.asked
        fast = [
            (
                "fail" if fails else "pass" if passes else "undetermined",
                int(failed),
                asked - int(failed) - int(passed),
            )
            for fails, passes, failed, passed in zip(
                tally.fails, tally.passes, tally.failed, tally.passed, strict=True
            )
        ]
        assert fast == slowly(measured, wanted, assigned, spec_site)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_blocks_do_not_show(block, monkeypatch):
    monkeypatch.setattr(arrays, "BLOCK", block)
    for seed in range(4):
        agree(seed)


def one(reported, operator, limit, unit="%"):
    """pass, fail or undetermined of one result under one limit."""
    comparator, value = reported
    said = as_panel(
        [result("viability", value, unit, comparator)],
        [criterion("viability", operator, limit, unit)],
        frame("batch", [batch()]),
    )["alpha"]
    flags = (said.passes[0], said.fails[0], said.undetermined[0])
    return ("pass", "fail", "undetermined")[flags.index(True)]


@pytest.mark.parametrize(
    ("reported", "operator", "limit", "outcome"),
    [
        (("<=", 0.5), "<", 0.5, "undetermined"),
        (("<", 0.3), "<=", 0.3, "pass"),
        (("<", 0.5), "<", 0.5, "pass"),
        (("=", 70.0), ">", 70.0, "fail"),
        (("=", 70.0), ">=", 70.0, "pass"),
        ((">", 98.0), ">=", 95.0, "pass"),
        ((">", 70.0), ">", 70.0, "pass"),
        ((">=", 70.0), ">", 70.0, "undetermined"),
        (("<", 70.0), ">=", 70.0, "fail"),
        (("=", 0.0), "<", 0.0, "fail"),
        (("<", 80.0), "between", (70.0, 80.0), "undetermined"),
        (("=", 80.0), "between", (70.0, 80.0), "pass"),
    ],
)
def test_open_and_closed_ends_are_kept_apart(reported, operator, limit, outcome):
    assert one(reported, operator, limit) == outcome


def test_the_only_failed_requirement_is_named():
    results = [
        result("viability", 60.0, "%"),
        result("viability", 60.0, "%", batch="b2"),
        result("vcn", 2.0, "copies/cell"),
        result("vcn", 9.0, "copies/cell", batch="b2"),
    ]
    wanted = [
        criterion("viability", ">=", 70.0, "%"),
        criterion("vcn", "<=", 5.0, "copies/cell"),
    ]
    batches = frame("batch", [batch(), batch(batch="b2")])
    tally = as_panel(results, wanted, batches)["alpha"]
    assert tally.failed.tolist() == [1, 2]
    assert tally.cause.tolist() == [1, 0]


def test_a_panel_without_batches_or_without_demands_says_nothing():
    nobody = frame("batch", [])
    tally = as_panel([], [criterion("viability", ">=", 70.0, "%")], nobody)["alpha"]
    assert tally.fails.size == 0
    informative = criterion("viability", ">=", 70.0, "%", status="informative")
    found = panel(frame("result", []), [], frame("batch", [batch()]))
    free = judged(found, frame("criterion", [informative]))
    assert free.asked == 0 and not np.any(free.fails)


def test_a_test_may_be_answered_in_as_many_words_as_there_are_batches():
    many = [batch(batch=f"b{number}") for number in range(300)]
    said = [
        result("sterility", text=f"as seen {number}", batch=f"b{number}")
        for number in range(299)
    ] + [result("sterility", text="no growth", batch="b299")]
    wanted = [criterion("sterility", "text", "negative")]
    tally = as_panel(said, wanted, frame("batch", many))["alpha"]
    assert tally.passes.tolist() == [False] * 299 + [True]
