from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.check import Known, check_rows
from etl.contract.schemas import KEYS, SCHEMAS, SENT
from etl.mapping import REJECT_SCHEMA
from etl.reading import Reading

SPANISH = {
    "decimal": ",",
    "dates": "dmy",
    "time_zone": "Europe/Madrid",
    "fraction": False,
}
READING = Reading("alpha", [], date(2026, 11, 16))
KNOWN = Known(frozenset({"alpha"}), frozenset({"car-t-cd19", "msc"}))
BATCH = {"site": "alpha", "batch": "k1-1", "product": "msc", "pathway": "validation"}
WEIGHT = "recipient_weight_band_kg"
RESULT = {
    "site": "alpha",
    "batch": "k1-1",
    "parameter": "viability",
    "stage": "final_product",
    "value": "97.5",
    "unit": "%",
}


def days(first, then):
    return {first: "2024-03-15", then: "2024-03-14"}


def mapped(rows):
    columns = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in columns},
        schema_overrides=dict.fromkeys(columns, pl.String),
    ).with_columns(
        _origin=pl.lit("lots.csv"),
        _ref=pl.format("line {}", pl.int_range(2, pl.len() + 2)),
    )


def checked(rows, dataset="batch", reading=READING, known=KNOWN):
    return check_rows(mapped(rows), dataset, reading, known)


def rules(rows, dataset="batch", **how):
    rejects = checked(rows, dataset, **how).rejects
    return rejects.select("column", "rule", "read").rows()


def spanish(dataset):
    return Reading(
        "alpha",
        [dict.fromkeys(SCHEMAS[dataset].column_names(), SPANISH)],
        READING.today,
    )


def test_a_good_row_comes_out_in_the_types_of_its_schema():
    said = {
        "product": "MSC",
        "pathway": "Hospital exemption",
        "started": "15/03/24",
        "cells_final": "1,5 × 10^9",
        "doses_made": "2",
        "recipient_weight_band_kg": "60-65",
        "medium": "X-VIVO 15",
    }
    got = checked([BATCH | said], reading=spanish("batch"))
    assert got.rejects.is_empty()
    row = got.good.row(0, named=True)
    assert row["product"] == "msc"
    assert row["pathway"] == "hospital_exemption"
    assert row["started"] == date(2024, 3, 15)
    assert row["cells_final"] == 1.5e9
    assert (row["doses_made"], row["recipient_weight_band_kg"]) == (2, 60)
    assert row["medium"] == "x-vivo-15"
    assert (row["origin"], row["ref"]) == ("lots.csv", "line 2")
    assert SCHEMAS["batch"].is_valid(got.good)


def test_a_row_is_refused_once_and_every_rule_it_broke_is_told():
    rows = [BATCH, BATCH | {"batch": "k1-2", "pathway": "HE", "started": "x"}]
    got = checked(rows)
    assert got.good["batch"].to_list() == ["k1-1"]
    assert got.rejected == 1
    assert got.rejects.schema == REJECT_SCHEMA
    assert got.rejects["row"].to_list() == [1, 1]
    assert set(got.rejects["ref"]) == {"line 3"}
    assert set(got.rejects["rule"]) == {"vocabulary", "date"}


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


def test_an_unknown_product_is_told_with_the_likeliest():
    (reject,) = checked([BATCH | {"product": "car-t-cd91"}]).rejects.to_dicts()
    assert (reject["column"], reject["rule"]) == ("product", "product")
    assert 'did you mean "car-t-cd19"' in reject["expected"]


def test_a_permission_may_be_for_all_products_and_a_batch_may_not():
    permission = {
        "site": "alpha",
        "product": "all",
        "kind": "manufacturing",
        "valid_from": "2020-01-01",
    }
    assert rules([permission], "authorisation") == []
    assert rules([BATCH | {"product": "all"}]) == [("product", "product", "all")]


def test_a_publication_names_products_of_its_own():
    known = Known(frozenset({"alpha"}), None)
    assert rules([BATCH | {"product": "ari-0001"}], known=known) == []


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


def test_a_contradiction_shows_both_cells_as_they_were_read():
    cells = {"started": "15/03/24", "harvested": "10/03/24"}
    got = rules([BATCH | cells], reading=spanish("batch"))
    assert got[0][2] == "harvested 10/03/24, started 15/03/24"


def test_a_cell_that_was_not_read_contradicts_nothing():
    cells = {"started": "2024-03-15", "harvested": "2024-02-31"}
    assert [rule for _, rule, _ in rules([BATCH | cells])] == ["no_such_day"]


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


def test_a_lot_is_one_lot_however_it_is_written():
    used = {
        "site": "alpha",
        "kind": "vector",
        "supplier": "Vector Core",
        "batch": "k1-1",
    }
    got = checked([used | {"lot": lot} for lot in ("lv-24 031", "LV24031")], "material")
    assert got.good["lot"].to_list() == ["LV24031"]
    assert got.repeated["reason"].to_list() == ["identical"]


def test_a_repeat_counts_as_good_and_stands_once():
    got = checked([BATCH, BATCH | {"batch": "k1-2"}, BATCH])
    assert got.good["ref"].to_list() == ["line 3", "line 4"]
    assert got.repeated.rows() == [(0, "lots.csv", "line 2", "identical")]
    assert got.rejects.is_empty()


def test_of_two_rows_that_differ_the_later_stands():
    got = checked([BATCH | {"trial": "one"}, BATCH | {"trial": "two"}])
    assert got.good["trial"].to_list() == ["two"]
    assert got.repeated["reason"].to_list() == ["superseded in the same extract"]


def test_a_refused_row_corrects_nothing():
    got = checked([BATCH | {"trial": "one"}, BATCH | {"trial": "two", "started": "x"}])
    assert got.good["trial"].to_list() == ["one"]
    assert (got.repeated.height, got.rejected) == (0, 1)


def test_rows_keep_the_numbers_they_had_in_the_extract():
    frame = mapped([BATCH, BATCH | {"pathway": "x"}]).with_columns(
        _row=pl.Series([4, 9])
    )
    got = check_rows(frame, "batch", READING, KNOWN)
    assert got.rejects["row"].to_list() == [9]


def test_a_laboratory_speaks_only_for_the_sites_that_name_it():
    lab = Reading("lab", [], READING.today)
    known = Known(frozenset({"lab", "alpha"}), None)
    rows = [RESULT, RESULT | {"site": "beta"}]
    got = checked(rows, "result", lab, known)
    assert got.good["site"].to_list() == ["alpha"]
    assert got.rejects["rule"].to_list() == ["owner"]
    assert '"lab" under `laboratories`' in got.rejects["expected"][0]


def test_nobody_sends_batches_of_another_site():
    known = Known(frozenset({"alpha", "beta"}), None)
    got = rules([BATCH | {"site": "beta"}], known=known)
    assert got == [("site", "owner", "beta")]


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


def test_what_was_read_is_shown_as_its_shape_if_it_tells_of_a_person():
    got = checked([BATCH | {"pathway": "María García", "started": "12345678Z"}])
    assert set(got.rejects["read"]) == {"Aaaaa Aaaaaa", "99999999A"}
    assert "García" not in str(got.rejects.to_dicts())


CELLS = st.none() | st.sampled_from(
    ["", " ", "-", "nd", "n.a.", "<0,3", "97,5", "1.495", "15/03/24", "2024-03-15"]
    + ["2024-03-11", "alpha", "msc", "k1-1", "viability", "sterility", "%", "EU/mL"]
    + ["final_product", "final", "validation", "slot", "negative", "2", "-5", "release"]
    + ["released", "vector", "major", ">=", "text", "2024-03", "batch", "???"]
)


@pytest.mark.parametrize("dataset", [*SENT, "cohort"])
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_every_row_goes_somewhere_and_says_why(dataset, data):
    columns = SCHEMAS[dataset].column_names()
    rows = data.draw(
        st.lists(st.fixed_dictionaries(dict.fromkeys(columns, CELLS | st.text())))
    )
    frame = mapped([*rows, dict.fromkeys(columns)])
    reading = data.draw(st.sampled_from([READING, spanish(dataset)]))
    got = check_rows(frame, dataset, reading, KNOWN)
    assert frame.height == got.good.height + got.repeated.height + got.rejected
    assert SCHEMAS[dataset].is_valid(got.good)
    assert got.good.select(KEYS[dataset]).is_unique().all()
    assert (
        got.rejects.select("column", "rule", "expected")
        .null_count()
        .sum_horizontal()
        .sum()
        == 0
    )
    refused = set(got.rejects["row"])
    assert refused.isdisjoint(got.repeated["row"])


@pytest.mark.parametrize("dataset", [*SENT, "cohort"])
def test_an_extract_without_rows_is_an_empty_answer(dataset):
    empty = pl.DataFrame(schema={"_origin": pl.String, "_ref": pl.String})
    got = check_rows(empty, dataset, READING, KNOWN)
    assert (got.good.height, got.rejected, got.repeated.height) == (0, 0, 0)
    assert SCHEMAS[dataset].is_valid(got.good)
