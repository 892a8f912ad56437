"""Everything that real sites write, read as it was meant or refused with a reason."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.parameters import parameters, state_words
from etl.dates import dates, instants
from etl.results import results
from etl.sentences import sentences
from etl.values import Style, bands, counts, numbers, plain_numbers

TODAY = date(2026, 11, 16)
SIGNS = st.sampled_from([".", ","])
COMPARATORS = {
    "": None,
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "≤": "<=",
    "≥": ">=",
}
FIGURES = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=3)
MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "de": "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "sv": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
}
LONG_MONTHS = {
    "en": "January February March April May June July August September October "
    "November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre "
    "noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre "
    "novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober "
    "November Dezember",
    "sv": "januari februari mars april maj juni juli augusti september oktober "
    "november december",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre "
    "ottobre novembre dicembre",
}


def written(**said: Any) -> Style:
    return Style(**said)


def number(text: str, style: Style) -> tuple[float | None, str | None, str | None]:
    (row,) = numbers(pl.Series([text]), style).rows(named=True)
    return row["value"], row["comparator"], row["reason"]


def grouped(figure: Decimal, decimal: str) -> str:
    """A figure with signs between its thousands, as a spreadsheet shows it."""
    english = f"{figure:,f}"
    if decimal == ".":
        return english
    return english.translate(str.maketrans(",.", ".,"))


@settings(deadline=None, max_examples=40)
@given(FIGURES, SIGNS, st.sampled_from(list(COMPARATORS)))
def test_figures_with_signs_between_thousands_come_back(
    figure: Decimal, decimal: str, comparator: str
) -> None:
    said = comparator + grouped(figure, decimal)
    value, told, reason = number(said, written(decimal=decimal))
    assert (value, told, reason) == (float(figure), COMPARATORS[comparator], None)


@settings(deadline=None, max_examples=40)
@given(st.decimals(0, 1, places=6), SIGNS, st.sampled_from(["", "<", ">="]))
def test_fractions_come_back_as_percent(
    share: Decimal, decimal: str, comparator: str
) -> None:
    said = comparator + f"{share:f}".replace(".", decimal)
    value, _, reason = number(said, written(decimal=decimal, fraction=True))
    assert (value, reason) == (float(share * 100), None)


@settings(deadline=None, max_examples=40)
@given(FIGURES, SIGNS, st.integers(1, 12))
def test_figures_in_powers_of_ten_come_back(
    figure: Decimal, decimal: str, power: int
) -> None:
    said = f"{figure:f}".replace(".", decimal)
    value, _, reason = number(said, written(decimal=decimal, power=power))
    if reason != "ambiguous_number":
        assert (value, reason) == (float(figure.scaleb(power)), None)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**12), st.sampled_from(["{}", "{}.0", "{},0"]))
def test_counts_come_back(count: int, form: str) -> None:
    comma = form == "{},0"
    said, style = form.format(count), Style(decimal="," if comma else ".")
    (row,) = counts(pl.Series([said]), style).rows(named=True)
    assert row == {"value": count, "reason": None}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.sampled_from(["{}-{}", "{} – {} kg", "{} - {}"]))
def test_weight_bands_come_back(band: int, form: str) -> None:
    said = form.format(band * 5, band * 5 + 5)
    (row,) = bands(pl.Series([said]), Style()).rows(named=True)
    assert row == {"value": band * 5, "reason": None}


@settings(deadline=None, max_examples=40)
@given(
    st.dates(date(1990, 1, 1), date(2026, 11, 15)),
    st.sampled_from(list(MONTHS)),
    st.booleans(),
    st.sampled_from(
        ["{d}-{m}-{y}", "{d} {m} {y}", "{d}. {m} {y}", "{d} de {m} de {y}"]
    ),
    st.sampled_from(["iso", "dmy", "mdy", "ymd", "excel"]),
)
def test_days_with_the_months_name_come_back_in_six_languages(
    day: date, language: str, short: bool, form: str, order: str
) -> None:
    names = (MONTHS if short else LONG_MONTHS)[language].split()
    said = form.format(d=day.day, m=names[day.month - 1], y=day.year)
    (row,) = dates(pl.Series([said]), written(dates=order), TODAY).rows(named=True)
    assert row == {"value": day, "reason": None}, said


@settings(deadline=None, max_examples=40)
@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2026, 11, 15)),
    st.sampled_from(["dmy", "mdy", "ymd"]),
    st.sampled_from(["%H:%M", "%H:%M:%S", "%I:%M %p"]),
)
def test_moments_come_back_in_every_order(
    moment: datetime, order: str, clock: str
) -> None:
    kept = moment.replace(second=moment.second if "%S" in clock else 0, microsecond=0)
    days = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%y/%m/%d"}
    said = kept.strftime(f"{days[order]} {clock}")
    if kept.year < 2000 and order == "ymd":
        return
    (row,) = instants(pl.Series([said]), written(dates=order), TODAY).rows(named=True)
    assert row == {"value": kept.replace(tzinfo=UTC), "reason": None}, said


NUMERIC = sorted(
    (code, unit)
    for code, each in parameters().items()
    for unit in each.units
    if each.kind == "number" and each.highest is None and each.lowest == 0
)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(NUMERIC),
    st.decimals(0, 10**6, places=2),
    st.sampled_from(list(COMPARATORS)),
    SIGNS,
    st.sampled_from(["{}", "{} {}"]),
)
def test_censored_results_come_back_with_their_unit(
    test: tuple[str, str], figure: Decimal, comparator: str, decimal: str, form: str
) -> None:
    parameter, unit = test
    said = form.format(comparator + f"{figure:f}".replace(".", decimal), unit)
    cells = pl.DataFrame({"value": [said], "parameter": [parameter], "unit": [unit]})
    (row,) = results(cells, written(decimal=decimal)).rows(named=True)
    assert row == {
        "comparator": COMPARATORS[comparator] or "=",
        "value": float(figure),
        "text": None,
        "unit": unit,
        "state": "valid",
        "reason": None,
    }


SIGNS_OF_ALL_KINDS = st.text(
    "0123456789.,<>=≤≥eE^×x*%'’ -+−–/:TZ()\u00a0\u202f⁰⁶¹٣½①Ⅷ∞ndaNA\t\n", max_size=24
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.none() | st.text() | SIGNS_OF_ALL_KINDS, max_size=8),
    st.builds(
        Style,
        decimal=SIGNS,
        dates=st.sampled_from(["iso", "dmy", "mdy", "ymd", "excel"]),
        time_zone=st.sampled_from(["UTC", "Europe/Madrid", "America/New_York"]),
        fraction=st.booleans(),
        power=st.sampled_from([0, 6]),
    ),
)
def test_no_text_makes_any_reading_raise_and_every_reason_has_its_sentence(
    texts: list[str | None], style: Style
) -> None:
    column = pl.Series(texts, dtype=pl.String)
    told = sentences(style)
    parts = (
        numbers(column, style),
        plain_numbers(column, style),
        counts(column, style),
        bands(column, style),
        dates(column, style, TODAY),
        instants(column, style, TODAY),
    )
    for read in parts:
        assert read.height == len(texts)
        assert set(read["reason"].drop_nulls()) <= set(told)
        reason, value = pl.col("reason"), pl.col("value")
        both = read.filter(reason.is_not_null() & value.is_not_null())
        assert both.is_empty()
    for code in ("viability", "sterility", "residual_beads", "potency_own"):
        cells = (
            column.alias("value")
            .to_frame()
            .with_columns(parameter=pl.lit(code), unit=pl.lit(None, pl.String))
        )
        assert results(cells, style).height == len(texts)


REAL = [
    # what a site wrote, test, unit, how the column is declared; what is read
    ("<0,3", "endotoxin", "EU/mL", {"decimal": ","}, ("<", 0.3, None, "valid")),
    (">98", "viability", "%", {}, (">", 98.0, None, "valid")),
    ("nd", "sterility", None, {}, (None, None, None, "not_done")),
    ("ND", "sterility", None, {}, (None, None, None, "not_done")),
    ("n.a.", "vcn", None, {}, (None, None, None, "not_applicable")),
    ("na", "vcn", None, {}, (None, None, None, "not_applicable")),
    ("pos.", "mycoplasma", None, {}, (None, None, "positive", "valid")),
    (
        "negative to date",
        "sterility",
        None,
        {},
        (None, None, "negative to date", "valid"),
    ),
    (
        "1,495 × 10^6",
        "cell_count",
        "cells",
        {"decimal": ","},
        ("=", 1_495_000.0, None, "valid"),
    ),
    ("1.5e9", "cell_count", "cells", {}, ("=", 1.5e9, None, "valid")),
    (
        "0,97",
        "viability",
        "%",
        {"decimal": ",", "fraction": True},
        ("=", 97.0, None, "valid"),
    ),
    ("0,97", "viability", "%", {"decimal": ","}, ("=", 0.97, None, "valid")),
    ("94,2  ", "viability", "%", {"decimal": ","}, ("=", 94.2, None, "valid")),
    ("\ufeff94.2", "viability", "%", {}, ("=", 94.2, None, "valid")),
    ("97\u00a0%", "viability", None, {}, ("=", 97.0, None, "valid")),
]


@pytest.mark.parametrize(("said", "test", "unit", "declared", "read"), REAL)
def test_what_real_sites_write_is_read_as_meant(
    said: str, test: str, unit: str | None, declared: dict[str, str], read: object
) -> None:
    cells = pl.DataFrame(
        {"value": [said], "parameter": [test], "unit": [unit]},
        schema_overrides={"unit": pl.String},
    )
    (row,) = results(cells, written(**declared)).rows(named=True)
    told = (row["comparator"], row["value"], row["text"], row["state"])
    assert (told, row["reason"]) == (read, None)


@pytest.mark.parametrize(
    ("said", "order", "day"),
    [
        ("15/03/24", "dmy", date(2024, 3, 15)),
        ("2024-03-15T10:00+01:00", "dmy", date(2024, 3, 15)),
        ("45366", "excel", date(2024, 3, 15)),
        ("45366.75", "excel", date(2024, 3, 15)),
        ("15.03.2024 ", "dmy", date(2024, 3, 15)),
        ("\ufeff2024-03-15", "iso", date(2024, 3, 15)),
        ("20240315", "iso", date(2024, 3, 15)),
        ("15-mar-24", "iso", date(2024, 3, 15)),
    ],
)
def test_the_days_that_real_sites_write_are_read_as_meant(
    said: str, order: str, day: date
) -> None:
    (row,) = dates(pl.Series([said]), written(dates=order), TODAY).rows(named=True)
    assert row == {"value": day, "reason": None}


@pytest.mark.parametrize(
    ("said", "style", "reason"),
    [
        ("1,495", Style(), "ambiguous_number"),
        ("97", Style(fraction=True), "fraction"),
        ("about 5", Style(), "number"),
        ("1 2 3", Style(), "number"),
    ],
)
def test_what_has_no_one_reading_is_refused_with_a_reason(
    said: str, style: Style, reason: str
) -> None:
    assert number(said, style) == (None, None, reason) or (
        number(said, style)[0],
        number(said, style)[2],
    ) == (None, reason)
    assert len(sentences(style)[reason]) > 10


@pytest.mark.parametrize(
    ("said", "order", "reason"),
    [
        ("31/02/2024", "dmy", "no_such_day"),
        ("03/15/2024", "dmy", "no_such_day"),
        ("15/03/1924", "dmy", "implausible_date"),
        ("45366", "dmy", "date"),
        ("15/03/2024", "iso", "date"),
        ("next week", "dmy", "date"),
    ],
)
def test_days_that_cannot_be_are_refused_with_a_reason(
    said: str, order: str, reason: str
) -> None:
    (row,) = dates(pl.Series([said]), written(dates=order), TODAY).rows(named=True)
    assert row == {"value": None, "reason": reason}


def test_every_word_for_no_result_is_no_figure_and_no_day() -> None:
    said = pl.Series(list(state_words()))
    for read in (numbers(said, Style()), dates(said, Style(dates="dmy"), TODAY)):
        assert read["value"].null_count() == len(said)
        assert read["reason"].null_count() == len(said)


def test_a_day_ahead_of_today_is_read_as_far_as_it_can_be_meant() -> None:
    soon = (TODAY + timedelta(days=600)).isoformat()
    late = (TODAY + timedelta(days=800)).isoformat()
    read = dates(pl.Series([soon, late]), Style(), TODAY)
    assert read["reason"].to_list() == [None, "implausible_date"]
