from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.values import Style, bands, counts, numbers, plain_numbers

COMMA = Style(decimal=",")
POINT = Style(decimal=".")
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def one(text: str | None, style: Style = POINT) -> dict[str, object]:
    return numbers(pl.Series([text], dtype=pl.String), style).row(0, named=True)


@pytest.mark.parametrize(
    ("text", "comparator", "value"),
    [
        ("<0,3", "<", 0.3),
        (">98", ">", 98.0),
        ("≤ 0,5", "<=", 0.5),
        ("<=0.5", "<=", 0.5),
        ("1.5e9", None, 1.5e9),
        ("1495e6", None, 1495e6),
        ("1495 × 10^6", None, 1495e6),
        ("1,5 x 10⁶", None, 1.5e6),
        ("2.5*10**-3", None, 0.0025),
        ("10^6", None, 1e6),
        ("1 495", None, 1495.0),
        ("1\u202f495,5", None, 1495.5),
        ("1'000", None, 1000.0),
        ("1.234.567", None, 1234567.0),
        ("1.234,5", None, 1234.5),
        ("−5", None, -5.0),
        (" 97,9\u00a0", None, 97.9),
        (".5", None, 0.5),
        ("-0", None, 0.0),
    ],
)
@pytest.mark.parametrize("style", [POINT, COMMA])
def test_a_text_with_one_reading_is_read_under_any_declared_sign(
    text, comparator, value, style
):
    read = one(text, style)
    assert (read["comparator"], read["value"]) == (comparator, value)
    assert read["reason"] is None


def test_the_declared_sign_reads_three_digits_behind_it_as_decimals():
    assert one("1,495 × 10^6", COMMA)["value"] == 1.495e6
    assert one("1.495", POINT)["value"] == 1.495


@pytest.mark.parametrize(
    ("text", "style"), [("1,495 × 10^6", POINT), ("1.495", COMMA), ("<97,125", POINT)]
)
def test_a_factor_of_a_thousand_is_never_guessed(text, style):
    assert one(text, style)["reason"] == "ambiguous_number"
    assert one(text, style)["value"] is None


@pytest.mark.parametrize(
    "text",
    ["abc", "#DIV/0!", "1,49,5", "inf", "NaN?", "٣", "<", "12.", "1e999", "1 2", "--5"],
)
def test_what_is_no_number_is_refused_as_one(text):
    assert one(text)["reason"] == "number"


@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "\u00a0", "-", "nd", "N.D.", "n.a.", "ND", "pendiente", "NULL"],
)
def test_words_for_nothing_are_no_number_and_no_fault(text):
    assert one(text) == {
        "comparator": None,
        "value": None,
        "tail": None,
        "reason": None,
    }


def test_what_stands_behind_a_number_is_kept_for_whoever_knows_units():
    assert one("97 %")["tail"] == "%"
    assert one("<0,3 EU/mL")["tail"] == "EU/mL"


def test_a_fraction_is_read_as_percent_only_where_declared():
    fraction = Style(decimal=",", fraction=True)
    assert one("0,97", COMMA)["value"] == 0.97
    assert one("0,97", fraction)["value"] == 97.0
    assert one("0,07", fraction)["value"] == 7.0
    assert one("<0,5", fraction)["value"] == 50.0
    assert one("97", fraction)["reason"] == "fraction"
    assert one("0,97 %", fraction)["reason"] == "fraction"


def test_figures_in_millions_are_read_so_only_where_declared():
    millions = Style(decimal=",", power=6)
    assert one("212,5", millions)["value"] == 212_500_000
    assert one("1.495,2", millions)["value"] == 1_495_200_000
    assert one("<0,3", millions)["value"] == 300_000
    assert one("nd", millions)["reason"] is None
    assert one("1,5 × 10^6", millions)["reason"] == "power"
    assert one("1.495", millions)["reason"] == "ambiguous_number"


def test_a_plain_number_has_no_comparator_and_no_unit():
    read = plain_numbers(pl.Series(["<3", "3 kg", "=3", "3"]), POINT)
    assert read["reason"].to_list() == ["comparator", "number", None, None]
    assert read["value"].to_list() == [None, None, 3.0, 3.0]


def test_a_count_is_whole():
    read = counts(pl.Series(["12", "12.0", "12.5", "1e3", "1e300"]), POINT)
    assert read["value"].to_list() == [12, 12, None, 1000, None]
    assert read["reason"].to_list() == [
        None,
        None,
        "whole_number",
        None,
        "whole_number",
    ]


def test_a_weight_band_is_five_kilograms_wide():
    read = bands(pl.Series(["60-65", "60 – 65 kg", "60", "60-70"]), POINT)
    assert read["value"].to_list() == [60, 60, 60, None]
    assert read["reason"].to_list() == [None, None, None, "weight_band"]


def written(value: float, decimal: str, power: str) -> str:
    mantissa, _, exponent = repr(value).partition("e")
    exponent = exponent or "0"
    plain = format(Decimal(mantissa), "f").replace(".", decimal)
    if power == "plain":
        return format(Decimal(repr(value)), "f").replace(".", decimal)
    return f"{plain}e{exponent}" if power == "e" else f"{plain} × 10^{exponent}"


@settings(deadline=None)
@given(
    FINITE,
    st.sampled_from([".", ","]),
    st.sampled_from(["plain", "e", "times"]),
    st.sampled_from(["", "<", ">", "<=", ">="]),
)
def test_every_number_comes_back_as_it_was_written(value, decimal, power, comparator):
    text = comparator + written(value, decimal, power)
    read = one(text, Style(decimal=decimal))
    assert read["reason"] is None
    assert read["value"] == value
    assert read["comparator"] == (comparator or None)


@settings(deadline=None)
@given(st.integers(-(10**15), 10**15), st.sampled_from([" ", "'", "\u202f", "\u00a0"]))
def test_thousands_set_apart_by_spaces_come_back(value, sign):
    assert one(f"{value:,}".replace(",", sign))["value"] == value


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text() | st.text("0123456789.,<>=e^×% '-+")),
    st.builds(Style, decimal=st.sampled_from([".", ","]), fraction=st.booleans()),
)
def test_no_text_makes_the_reading_of_numbers_raise_and_each_has_one_answer(
    texts, style
):
    column = pl.Series(texts, dtype=pl.String)
    for read in (numbers, plain_numbers, counts, bands):
        answer = read(column, style)
        assert answer.height == len(texts)
        both = answer.filter(
            pl.col("value").is_not_null(), pl.col("reason").is_not_null()
        )
        assert both.is_empty()
        if read is not counts and read is not bands:
            assert not answer["value"].is_nan().any()
            assert not answer["value"].is_infinite().any()


def test_an_empty_column_stays_empty():
    assert numbers(pl.Series([], dtype=pl.String), POINT).height == 0
