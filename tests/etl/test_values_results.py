import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.parameters import parameters
from etl.contract.units import units
from etl.results import results
from etl.values import Style

COMMA = Style(decimal=",")
SCHEMA = {"parameter": pl.String, "value": pl.String, "unit": pl.String}


def one(parameter, value, unit=None, style=COMMA):
    cells = pl.DataFrame([(parameter, value, unit)], schema=SCHEMA, orient="row")
    return results(cells, style).row(0, named=True)


def test_a_censored_number_keeps_its_comparator():
    read = one("endotoxin", "<0,3", "EU/mL")
    assert (read["comparator"], read["value"], read["state"]) == ("<", 0.3, "valid")
    assert one("viability", ">98", "%")["comparator"] == ">"
    assert one("viability", "98", "%")["comparator"] == "="


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("nd", "not_done"),
        ("ND", "not_done"),
        ("not done", "not_done"),
        ("n.a.", "not_applicable"),
        ("na", "not_applicable"),
        ("pendiente", "pending"),
        ("invalid", "invalid"),
    ],
)
@pytest.mark.parametrize("parameter", ["viability", "sterility", "potency_own"])
def test_a_word_in_the_place_of_a_result_is_a_state(word, state, parameter):
    read = one(parameter, word)
    assert read["state"] == state
    assert (read["value"], read["text"], read["reason"]) == (None, None, None)


def test_a_text_is_read_by_what_it_means_for_the_parameter():
    assert one("sterility", "Sin crecimiento")["text"] == "negative"
    assert one("sterility", "pos.")["text"] == "positive"
    assert one("identity", "pos.")["text"] == "positive"
    assert one("karyotype", "No alteration")["text"] == "normal"


def test_negative_to_date_stays_apart_from_negative():
    assert one("sterility", "negative to date")["text"] == "negative to date"


def test_text_without_a_known_meaning_is_kept_where_words_are_due():
    assert one("appearance", "cloudy  liquid ")["text"] == "cloudy liquid"
    assert one("karyotype", "46,XX")["text"] == "46,XX"
    assert one("sterility", "2 colonies")["text"] == "2 colonies"


def test_text_is_refused_where_a_number_is_due():
    assert one("viability", "good", "%")["reason"] == "number"


def test_an_own_assay_may_report_either():
    assert one("potency_own", "12", "pg/mL")["value"] == 12
    assert one("potency_own", "strong")["text"] == "strong"


@pytest.mark.parametrize("text", ["No beads", "keine Beads", "0"])
def test_no_beads_is_zero(text):
    read = one("residual_beads", text, "beads/3e6 cells")
    assert (read["comparator"], read["value"], read["text"]) == ("=", 0.0, None)


def test_a_test_reported_in_words_may_have_a_ratio():
    assert one("mycoplasma", "0,8", "ratio")["value"] == 0.8
    assert one("mycoplasma", "0,8")["reason"] == "unit_missing"


def test_a_unit_behind_the_number_must_be_the_declared_one():
    assert one("viability", "97 %")["unit"] == "%"
    assert one("endotoxin", "<0,3 UI/ml", "IU/mL")["value"] == 0.3
    assert one("viability", "97 EU/mL", "%")["reason"] == "unit_in_value"
    assert one("viability", "97 approx", "%")["reason"] == "unit_in_value"


def test_a_number_needs_a_unit_its_parameter_is_reported_in():
    assert one("viability", "97")["reason"] == "unit_missing"
    assert one("viability", "97", "EU/mL")["reason"] == "unit_of_parameter"
    assert one("endotoxin", "0,3", "IU/mL")["unit"] == "IU/mL"


def test_a_result_outside_its_range_is_refused():
    assert one("viability", "101", "%")["reason"] == "out_of_range"
    assert one("viability", "-1", "%")["reason"] == "out_of_range"
    assert one("cd3_impurity", "2e5", "cells/kg")["value"] == 2e5
    assert one("dose_deviation", "-20", "% of cohort dose")["value"] == -20
    assert one("potency_mlr_inhibition", "-5", "%")["value"] == -5


def test_a_fraction_column_is_in_percent_afterwards():
    fraction = Style(decimal=",", fraction=True)
    assert one("viability", "0,97", "%", fraction)["value"] == 97.0
    assert one("viability", "nd", "%", fraction)["state"] == "not_done"


def test_an_empty_cell_says_nothing():
    read = one("sterility", "  ")
    assert set(read.values()) == {None}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from([*parameters(), "potency_own"]),
            st.none() | st.text() | st.sampled_from(["<0,3", "nd", "pos.", "97 %"]),
            st.none() | st.sampled_from(list(units())),
        )
    ),
    st.builds(Style, decimal=st.sampled_from([".", ","]), fraction=st.booleans()),
)
def test_no_cell_makes_the_reading_of_results_raise_and_each_has_one_answer(
    cells, style
):
    frame = pl.DataFrame(cells, schema=SCHEMA, orient="row")
    answer = results(frame, style)
    assert answer.height == len(cells)
    told = pl.any_horizontal(pl.col("value", "text", "state").is_not_null())
    assert answer.filter(told, pl.col("reason").is_not_null()).is_empty()
    both = answer.filter(pl.col("value").is_not_null(), pl.col("text").is_not_null())
    assert both.is_empty()
