from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.dates import dates, instants
from etl.values import Style

TODAY = date(2026, 11, 16)
ORDERS = ("iso", "dmy", "mdy", "ymd", "excel")
FIFTEENTH = date(2024, 3, 15)
MADRID = Style(dates="dmy", time_zone="Europe/Madrid")


def one(
    text: str | None, style: Style, ahead: int = 2
) -> tuple[date | None, str | None]:
    return dates(pl.Series([text], dtype=pl.String), style, TODAY, ahead).row(0)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("15/03/24", "dmy"),
        ("15.3.2024", "dmy"),
        ("15-03-2024 10:00", "dmy"),
        ("03/15/24", "mdy"),
        ("3/15/2024 10:00 PM", "mdy"),
        ("24/03/15", "ymd"),
        ("45366", "excel"),
        ("45366.75", "excel"),
    ],
)
def test_a_date_is_read_in_its_declared_order(text, order):
    assert one(text, Style(dates=order)) == (FIFTEENTH, None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "text",
    [
        "2024-03-15",
        "2024/3/15",
        "20240315",
        "2024-03-15T10:00",
        "2024-03-15 10:00:00.123",
        "2024-03-15T10:00+01:00",
        "15-mar-24",
        "15 de marzo de 2024",
        "15 März 2024",
        "15 mars 2024",
        "March 15, 2024",
        " 2024-03-15\u00a0",
    ],
)
def test_a_text_with_one_reading_is_read_under_any_declared_order(text, order):
    assert one(text, Style(dates=order)) == (FIFTEENTH, None)


@pytest.mark.parametrize(
    ("text", "month"),
    [("3 août 2023", 8), ("3 juil. 2023", 7), ("3 juin 2023", 6), ("3-dic-2023", 12)],
)
def test_months_are_known_by_name_in_the_languages_of_the_sites(text, month):
    assert one(text, Style()) == (date(2023, month, 3), None)


@pytest.mark.parametrize(
    ("text", "order"), [("15/03/24", "iso"), ("45366", "dmy"), ("15/03/24", "excel")]
)
def test_an_order_that_is_not_declared_is_not_guessed(text, order):
    assert one(text, Style(dates=order)) == (None, "date")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("31/02/2024", "dmy"),
        ("03/15/2024", "dmy"),
        ("2024-13-01", "iso"),
        ("0000-00-00", "iso"),
    ],
)
def test_a_day_that_never_was_is_refused(text, order):
    assert one(text, Style(dates=order)) == (None, "no_such_day")


@pytest.mark.parametrize("text", ["1889-01-01", "2204-03-15", "1989-12-31"])
def test_a_date_of_another_century_is_refused(text):
    assert one(text, Style()) == (None, "implausible_date")


def test_what_expires_may_lie_further_ahead_than_what_is_booked():
    assert one("2031-01-01", Style()) == (None, "implausible_date")
    assert one("2031-01-01", Style(), 50) == (date(2031, 1, 1), None)


def test_a_year_of_two_digits_is_the_last_one_that_can_be_meant():
    assert one("15/03/28", MADRID) == (date(2028, 3, 15), None)
    assert one("15/03/95", MADRID) == (date(1995, 3, 15), None)


@pytest.mark.parametrize("text", [None, "", " ", "nd", "n.a.", "pendiente", "-"])
def test_no_date_yet_is_no_fault(text):
    assert one(text, Style()) == (None, None)


def test_a_moment_becomes_the_day_at_the_site():
    assert one("2024-03-14T23:30Z", MADRID) == (FIFTEENTH, None)
    assert one("2024-03-15T00:30+01:00", MADRID) == (FIFTEENTH, None)


def test_a_moment_keeps_its_day_where_the_site_declares_no_zone():
    assert one("2024-03-15T00:30+01:00", Style()) == (FIFTEENTH, None)
    assert one("2024-03-14T23:30Z", Style()) == (date(2024, 3, 14), None)


def moment(text: str, style: Style) -> tuple[datetime | None, str | None]:
    return instants(pl.Series([text]), style, TODAY).row(0)


def test_a_moment_without_an_offset_is_one_in_the_zone_of_the_site():
    assert moment("15/07/2024 10:00", MADRID) == (
        datetime(2024, 7, 15, 8, tzinfo=UTC),
        None,
    )
    assert moment("2024-07-15T10:00-0530", MADRID)[0] == datetime(
        2024, 7, 15, 15, 30, tzinfo=UTC
    )


def test_an_hour_that_summer_time_skipped_never_was_and_one_twice_is_the_earlier():
    assert moment("2024-03-31 02:30", MADRID) == (None, "no_such_day")
    assert moment("2024-10-27 02:30", MADRID)[0] == datetime(
        2024, 10, 27, 0, 30, tzinfo=UTC
    )


def written(day: date, order: str, between: str, short: bool) -> str:
    if order == "excel":
        return str((day - date(1899, 12, 30)).days)
    year = f"{day.year % 100:02}" if short else f"{day.year:04}"
    if order == "iso":
        return day.isoformat()
    parts = {"d": f"{day.day:02}", "m": f"{day.month:02}", "y": year}
    return between.join(parts[letter] for letter in order)


@settings(deadline=None)
@given(
    st.dates(date(1990, 1, 1), date(2028, 11, 15)),
    st.sampled_from(ORDERS),
    st.sampled_from(["/", "-", ".", " "]),
    st.booleans(),
)
def test_every_date_comes_back_as_it_was_written(day, order, between, short):
    text = written(day, order, between, short)
    assert one(text, Style(dates=order)) == (day, None)


@settings(deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2026, 11, 15)),
    st.sampled_from(["Europe/Madrid", "Asia/Shanghai", "America/New_York", "UTC"]),
    st.integers(-12 * 60, 14 * 60),
)
def test_every_moment_with_an_offset_comes_back_as_it_was_written(naive, zone, minutes):
    there = naive.replace(microsecond=0, tzinfo=UTC).astimezone(
        timezone(timedelta(minutes=minutes))
    )
    text = there.isoformat()
    style = Style(time_zone=zone)
    assert moment(text, style) == (there.astimezone(UTC), None)
    if zone != "UTC":
        local = there.astimezone(ZoneInfo(zone)).date()
        assert one(text, style) == (local, None)


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text() | st.text("0123456789-/.:TZ+ mardic")),
    st.builds(
        Style,
        dates=st.sampled_from(ORDERS),
        time_zone=st.sampled_from(["UTC", "Europe/Madrid"]),
    ),
)
def test_no_text_makes_the_reading_of_dates_raise_and_each_has_one_answer(texts, style):
    column = pl.Series(texts, dtype=pl.String)
    for answer in (dates(column, style, TODAY), instants(column, style, TODAY)):
        assert answer.height == len(texts)
        both = answer.filter(
            pl.col("value").is_not_null(), pl.col("reason").is_not_null()
        )
        assert both.is_empty()
