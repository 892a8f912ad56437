import polars as pl
import pytest

from etl.check import check_rows
from etl.reading import Reading
from tests.etl.checking import (
    BATCH,
    KNOWN,
    READING,
    RESULT,
    SPANISH,
    WEIGHT,
    checked,
    days,
    mapped,
    rules,
    spanish,
)


def test_an_unknown_word_is_told_with_the_list_the_likeliest_and_the_remedy():
    (reject,) = checked([BATCH | {"pathway": "clinical trail"}]).rejects.to_dicts()
    assert reject["read"] == "clinical trail"
    assert "hospital_exemption" in reject["expected"]
    assert 'did you mean "clinical_trial"' in reject["expected"]
    assert "`codes` in sites/alpha.toml" in reject["expected"]


def test_a_parameter_in_the_words_of_the_site_is_told_by_its_code():
    (reject,) = checked(
        [RESULT | {"parameter": "Viabilidad"}], "result"
    ).rejects.to_dicts()
    assert 'did you mean "viability"' in reject["expected"]


def test_an_empty_cell_is_refused_only_where_something_is_due():
    assert rules([BATCH | {"batch": None}]) == [("batch", "required", None)]
    assert rules([BATCH | {"trial": None, "started": ""}]) == []


def test_the_sentence_about_a_date_names_the_declared_order():
    got = checked([BATCH | {"started": "tomorrow"}], reading=spanish("batch"))
    assert "day, month and year" in got.rejects["expected"][0]


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        (days("started", "harvested"), "harvested", "harvested_before_started"),
        (days("collected", "received"), "received", "received_before_collected"),
        (days("harvested", "infused"), "infused", "infused_before_harvested"),
        ({"cells_final": "-5"}, "cells_final", "out_of_range"),
        ({"attempt": "0"}, "attempt", "out_of_range"),
        ({"cells_final": "<5"}, "cells_final", "comparator"),
        ({"doses_made": "1.5"}, "doses_made", "whole_number"),
        ({WEIGHT: "62"}, WEIGHT, "weight_band_of_five"),
        ({"started": "2031-01-01"}, "started", "implausible_date"),
        ({"medium": "???"}, "medium", "name"),
    ],
)  # fmt: skip
def test_a_batch_that_cannot_be_is_refused(cells, column, rule):
    assert [(c, r) for c, r, _ in rules([BATCH | cells])] == [(column, rule)]


def test_a_week_is_told_by_its_monday():
    week = {"site": "alpha", "resource": "slot", "week": "2024-03-13"}
    assert [r for _, r, _ in rules([week], "capacity")] == ["week_is_a_monday"]
    assert rules([week | {"week": "2024-03-11"}], "capacity") == []


def test_parts_of_a_key_that_do_not_apply_become_a_hyphen():
    row = checked([RESULT | {"method": None}], "result").good.row(0, named=True)
    parts = ("population", "sample", "laboratory", "method", "replicate")
    assert [row[part] for part in parts] == ["-"] * 5
    assert row["state"] == "valid"


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"unit": None}, "unit", "unit_missing"),
        ({"unit": "EU/mL"}, "unit", "unit_of_parameter"),
        ({"unit": "furlong"}, "unit", "vocabulary"),
        ({"value": "120"}, "value", "out_of_range"),
        ({"value": "1,495"}, "value", "ambiguous_number"),
        ({"value": "97 EU/mL"}, "value", "unit_in_value"),
        ({"value": None}, "value", "result_without_value"),
        (days("sampled", "reported"), "reported", "reported_before_sampled"),
    ],
)  # fmt: skip
def test_a_result_that_cannot_be_is_refused_at_the_cell_to_mend(cells, column, rule):
    got = [(c, r) for c, r, _ in rules([RESULT | cells], "result")]
    assert (column, rule) in got


def test_what_a_site_says_beside_a_cell_completes_it():
    said = {"comparator": "=", "state": "valid"}
    rows = [
        RESULT | said | {"value": "<0.3", "replicate": "1"},
        RESULT | said | {"value": "nd", "replicate": "2"},
        RESULT | said | {"value": "5", "comparator": "≤", "replicate": "3"},
        RESULT | said | {"value": "5", "state": "invalid", "replicate": "4"},
        RESULT | {"value": None, "parameter": "sterility", "text": "No growth"},
    ]
    good = checked(rows, "result").good
    assert good["comparator"].to_list() == ["<", "=", "<=", "=", None]
    assert good["state"].to_list() == ["valid", "not_done", "valid", "invalid", "valid"]
    assert good["text"].to_list()[-1] == "negative"


def test_each_block_and_part_is_read_in_its_own_style():
    fraction = {**SPANISH, "fraction": True}
    reading = Reading(
        "alpha", [{"value": SPANISH, "value#1": fraction}, {}], READING.today
    )
    frame = mapped(
        [RESULT | {"value": v, "replicate": str(n)} for n, v in enumerate(["0,97"] * 3)]
    ).with_columns(_style=pl.Series([0, 1, None]), _part=pl.Series([0, 0, 1]))
    good = check_rows(frame, "result", reading, KNOWN).good
    assert good["value"].to_list() == [0.97, 97.0, 0.97]


def test_a_ring_trial_compares_figures():
    row = {
        "round": "2024-1",
        "specimen": "A",
        "laboratory": "lab",
        "parameter": "sterility",
        "value": "no growth",
    }
    assert [r for _, r, _ in rules([row], "ring_trial")] == ["number"]
    figure = row | {"parameter": "endotoxin", "value": "<0.3", "unit": "EU/mL"}
    good = checked([figure], "ring_trial").good.row(0, named=True)
    assert (good["comparator"], good["value"]) == ("<", 0.3)


CRITERION = {
    "site": "alpha",
    "product": "msc",
    "spec_version": "1",
    "gate": "final",
    "parameter": "viability",
    "stage": "final_product",
    "status": "release",
    "operator": ">=",
    "limit_low": "70",
    "unit": "%",
}


@pytest.mark.parametrize(
    "cells",
    [
        {"operator": "<=", "limit_low": "70"},
        {"operator": "between", "limit_low": "70"},
        {"operator": "text", "limit_low": None},
        {"operator": None},
    ],
)
def test_a_criterion_has_the_limit_that_its_operator_needs(cells):
    got = [rule for _, rule, _ in rules([CRITERION | cells], "criterion")]
    assert got == ["criterion_without_limit"]


def test_an_informative_criterion_may_have_no_limit():
    informative = {"operator": None, "limit_low": None, "status": "informative"}
    assert rules([CRITERION, CRITERION | informative], "criterion") == []


def test_a_month_and_a_group_have_one_form():
    declared = {
        "site": "alpha",
        "dataset": "batch",
        "period": "2024-13",
        "expected_rows": "4",
    }
    assert [r for _, r, _ in rules([declared], "declared")] == ["format"]
    group = CRITERION | {"logic_group": "potency"}
    assert [r for _, r, _ in rules([group], "criterion")] == ["format"]
    assert rules([CRITERION | {"logic_group": "potency:or"}], "criterion") == []
