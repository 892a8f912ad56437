from datetime import date
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import replay
from etl.outcome import batch_outcomes
from etl.replay import judge
from tests.etl.judging import criterion, frame, result
from tests.etl.slow_judging import slow_outcomes

CELLS = ["cells", "all_cells", "tnc"]
KINDS = {
    "viability": (["%"], CELLS),
    "endotoxin": (["EU/mL", "IU/mL", "EU/kg"], ["product"]),
    "residual_beads": (["beads/3e6 cells", "beads/30e6 cells"], ["cells"]),
    "vcn": (["copies/cell", "copies/transduced cell"], [*CELLS, "transduced_cells"]),
    "sterility": ([None], ["product"]),
}
FIGURES = [0.0, 0.3, 0.5, 1.1, 3.0, 3.5, 5.0, 11.0, 60.0, 70.0, 110.0]
TEXTS = ["negative", "no growth", "positive", "negative to date", "cloudy"]
DAYS = [None, date(2024, 1, 5), date(2024, 1, 9)]
STATES = ["valid"] * 6 + ["invalid", "not_done", "not_applicable", "pending"]
RESULT_KEY = [
    "site",
    "batch",
    "parameter",
    "population",
    "stage",
    "method",
    "replicate",
]
CRITERION_KEY = ["site", "spec_version", "gate", "parameter", "population", "method"]
BATCHES = [(site, number) for site in ("alpha", "beta") for number in ("b1", "b2")]


def drawn_criterion(draw):
    parameter = draw.choice(list(KINDS))
    units, populations = KINDS[parameter]
    operator = draw.choice(["<", "<=", ">", ">=", "between"])
    limit = draw.choice(FIGURES)
    if parameter == "sterility":
        operator, limit = "text", draw.choice(TEXTS)
    elif parameter != "viability" and operator == "between":
        operator = "<"
    if operator == "between":
        limit = sorted([limit, draw.choice(FIGURES)])
    fixed = draw.choice([(None, None), (None, None), (70.0, 100.0)])
    return criterion(
        parameter,
        operator,
        limit,
        draw.choice(units),
        site=draw.choice(["alpha", "beta"]),
        population=draw.choice(populations),
        gate=draw.choice(["provisional", "final"]),
        status=draw.choice(["release"] * 4 + ["informative", "in_process"]),
        method=draw.choice(["-", "-", "flow"]),
        logic_group=draw.choice([None, None, "potency:or", "potency:and"]),
        reference_weight_kg=fixed[0],
        reference_volume_ml=fixed[1],
    )


def drawn_result(draw):
    parameter = draw.choice([*KINDS, "vcn", "car_positive"])
    units, populations = KINDS.get(parameter, (["%"], ["viable_cd3", "cells"]))
    state = draw.choice(STATES)
    in_words = parameter == "sterility" or state in ("not_done", "pending")
    shares = [20.0, 40.0, 80.0]
    figure = draw.choice(shares if parameter == "car_positive" else FIGURES)
    site, batch = draw.choice(BATCHES)
    return result(
        parameter,
        None if in_words else figure,
        draw.choice(units),
        None if in_words else draw.choice([None, "=", "=", "<", "<=", ">", ">="]),
        draw.choice(TEXTS) if in_words else None,
        site=site,
        batch=batch,
        population=draw.choice(populations),
        method=draw.choice(["-", "flow"]),
        replicate=draw.choice(["1", "2", "10"]),
        retest_of=draw.choice([None, None, None, None, "1", "2"]),
        state=state,
        reported=draw.choice(DAYS),
        sampled=draw.choice(DAYS),
    )


def drawn_assignment(draw, site, batch):
    return {
        "site": site,
        "batch": batch,
        "spec_site": draw.choice(["alpha", "beta"]),
        "product": "cart",
        "spec_version": "1",
        "final_volume_ml": draw.choice([None, 0.0, 50.0, 100.0]),
        "recipient_weight_band_kg": draw.choice([None, 60, 70]),
    }


def first_of_each(rows, key):
    kept = {}
    for row in rows:
        kept.setdefault(tuple(row[name] for name in key), row)
    return list(kept.values())


def drawn_case(seed):
    """A hundred results, two specifications, and each batch under one or two of them.

    One seed and not one choice each: lists that grow element by element stay so short
    that a result hardly ever meets its criterion.
    """
    draw = Random(seed)
    measured = [drawn_result(draw) for _ in range(draw.choice([0, 20, 100]))]
    wanted = [drawn_criterion(draw) for _ in range(draw.choice([0, 5, 30]))]
    assigned = [drawn_assignment(draw, *draw.choice(BATCHES)) for _ in range(6)]
    measured = first_of_each(measured, RESULT_KEY)
    return measured, first_of_each(wanted, CRITERION_KEY), assigned


ASSIGNMENT = {
    **dict.fromkeys(
        ["site", "batch", "spec_site", "product", "spec_version"], pl.String
    ),
    "final_volume_ml": pl.Float64,
    "recipient_weight_band_kg": pl.Int64,
}


def fast(measured, wanted, assigned):
    judged = judge(
        frame("result", measured),
        frame("criterion", wanted),
        pl.DataFrame(assigned, schema=ASSIGNMENT, orient="row"),
    )
    verdicts = judged.select("assigned", "criterion", "outcome").rows()
    gates = batch_outcomes(judged).select("assigned", "gate", "outcome").rows()
    return verdicts, gates


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6))
def test_the_judgement_agrees_with_the_slow_obvious_one(seed):
    measured, wanted, assigned = drawn_case(seed)
    verdicts, gates = fast(measured, wanted, assigned)
    slow_verdicts, slow_gates = [], []
    for number, row in enumerate(assigned):
        each, by_gate = slow_outcomes(measured, wanted, row)
        slow_verdicts += [(number, wanted.index(c), v) for c, v in each]
        slow_gates += [(number, gate, outcome) for gate, outcome in by_gate.items()]
    assert verdicts == slow_verdicts
    assert gates == sorted(slow_gates)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_a_site_at_a_time_is_judged_as_all_at_once(seed):
    case = drawn_case(seed)
    whole = fast(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "AT_ONCE", 0)
        assert fast(*case) == whole
