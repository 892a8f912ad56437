"""Dates as sites write them: `15/03/24`, `2024-03-15T10:00+01:00`, `45366`.

Text in, a day at the site out. The order of day and month is declared for a column and
never guessed from its values; a text with the year first, or with a month's name, has
one reading whatever was declared, because workbooks mix both in one column.
"""

from datetime import date, timedelta
from functools import cache
from typing import Final

import polars as pl

from etl.values import INVISIBLE, Style, distinctly, is_no_figure

EARLIEST: Final = date(1990, 1, 1)
# Excel counts 1900 as a leap year, so its day 1 is reckoned from here.
_EXCEL_ZERO: Final = date(1899, 12, 30)
_MONTHS: Final = (
    ("jan", "ene", "gen"),
    ("feb", "fév", "fev"),
    ("mar", "mär", "mrz"),
    ("apr", "abr", "avr"),
    ("may", "mai", "maj", "mag"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "ago", "aoû", "aou"),
    ("sep", "set"),
    ("oct", "okt", "ott"),
    ("nov",),
    ("dec", "dic", "déc", "dez"),
)
_YEAR: Final = r"(?P<year>[0-9]{4}|[0-9]{2})"
_MONTH: Final = r"(?P<month>[0-9]{1,2})"
_DAY: Final = r"(?P<day>[0-9]{1,2})"
_NAME: Final = r"(?P<name>\p{L}{3,10})\.?"
_BETWEEN: Final = "[-/. ]"
_TIME: Final = (
    r"(?:[T ](?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:[.,][0-9]{1,9})?)? ?(?P<half>[AaPp][Mm])?"
    r" ?(?:Z|UTC|(?P<ahead>[+-][01][0-9]):?(?P<ahead_minutes>[0-5][0-9])?)?)?$"
)
_ZULU: Final = r"[0-9] ?(?:Z|UTC)$"
# One reading each, whatever order is declared.
_ALWAYS: Final = (
    r"^(?P<year>[0-9]{4})" + _BETWEEN + _MONTH + _BETWEEN + _DAY + _TIME,
    r"^(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})" + _TIME,
    rf"^{_DAY}[-. /]*(?:de )?{_NAME}[-. /]*(?:de )?{_YEAR}" + _TIME,
    rf"^{_NAME} {_DAY},? {_YEAR}" + _TIME,
)
_DECLARED: Final = {
    "dmy": "^" + _DAY + _BETWEEN + _MONTH + _BETWEEN + _YEAR + _TIME,
    "mdy": "^" + _MONTH + _BETWEEN + _DAY + _BETWEEN + _YEAR + _TIME,
    "ymd": "^" + _YEAR + _BETWEEN + _MONTH + _BETWEEN + _DAY + _TIME,
}
_SERIAL: Final = r"^(?P<serial>[0-9]{5})(?:[.,][0-9]+)?$"
_PARTS: Final = (
    "year",
    "month",
    "name",
    "day",
    "hour",
    "minute",
    "second",
    "half",
    "ahead",
    "ahead_minutes",
    "serial",
)


def dates(
    text: pl.Series, style: Style, today: date, years_ahead: int = 2
) -> pl.DataFrame:
    """Columns value (Date) and reason.

    `date`: not written in the declared order. `no_such_day`: 31/02 and the like.
    `implausible_date`: before 1990 or too far ahead of today, as a slip of the century
    is. A moment with an offset becomes the day at the site; where the site declares no
    zone it keeps the day it was written with.
    """
    latest = today + timedelta(days=366 * years_ahead)
    return distinctly(text, lambda once: _dates(once, style, latest))


def instants(text: pl.Series, style: Style, today: date) -> pl.DataFrame:
    """Columns value (Datetime, microseconds, UTC) and reason.

    A text without an offset is a moment in the site's zone; an hour that the change to
    summer time skipped never was (`no_such_day`), one that came twice is the earlier.
    """
    latest = today + timedelta(days=366)
    return distinctly(text, lambda once: _instants(once, style, latest))


def _dates(text: pl.Series, style: Style, latest: date) -> pl.DataFrame:
    frame = _parsed(text, style, latest)
    moved = pl.col("offset").is_not_null() & (style.time_zone != "UTC")
    local = pl.col("moment").dt.convert_time_zone(style.time_zone).dt.date()
    value = pl.when(moved).then(local).otherwise(pl.col("written"))
    return _judged(frame.with_columns(value=value), latest)


def _instants(text: pl.Series, style: Style, latest: date) -> pl.DataFrame:
    frame = _parsed(text, style, latest)
    return _judged(frame.with_columns(value=pl.col("moment")), latest)


def _judged(frame: pl.DataFrame, latest: date) -> pl.DataFrame:
    plausible = pl.col("value").cast(pl.Date).is_between(EARLIEST, latest)
    reason = (
        pl.when("nothing")
        .then(None)
        .when(~pl.col("understood"))
        .then(pl.lit("date"))
        .when(pl.col("value").is_null())
        .then(pl.lit("no_such_day"))
        .when(~plausible)
        .then(pl.lit("implausible_date"))
    )
    read = frame.select("value", reason=reason)
    return read.with_columns(
        value=pl.when(pl.col("reason").is_null()).then(pl.col("value"))
    )


def _parsed(text: pl.Series, style: Style, latest: date) -> pl.DataFrame:
    """Columns nothing, understood, written (Date), offset (Duration), moment (UTC)."""
    visible = text.str.replace_all(INVISIBLE, "").str.normalize("NFKC")
    tidy = visible.str.replace_all(r"\s+", " ").str.strip_chars()
    frame = _split(tidy, style).with_columns(
        nothing=pl.select(is_no_figure(pl.lit(text))).to_series(),
        utc=tidy.str.contains(_ZULU).fill_null(False),
    )
    understood = pl.col("day").is_not_null() | pl.col("serial").is_not_null()
    frame = frame.with_columns(understood=understood, written=_day(latest))
    frame = frame.with_columns(offset=_offset())
    clock = pl.col("written").cast(pl.Datetime("us")) + _time_of_day()
    here = clock.dt.replace_time_zone(
        style.time_zone, ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")
    there = (clock - pl.col("offset")).dt.replace_time_zone("UTC")
    return frame.with_columns(moment=pl.coalesce(there, here))


def _split(text: pl.Series, style: Style) -> pl.DataFrame:
    """The named parts of the first pattern that fits, null where none does."""
    patterns = list(_ALWAYS)
    if style.dates in _DECLARED:
        patterns.append(_DECLARED[style.dates])
    if style.dates == "excel":
        patterns.append(_SERIAL)
    found = [text.str.extract_groups(pattern).struct.unnest() for pattern in patterns]
    columns = {
        part: [each[part] for each in found if part in each.columns] for part in _PARTS
    }
    return pl.select(
        pl.coalesce(*series, pl.lit(None, pl.String)).alias(part)
        for part, series in columns.items()
    )


@cache
def _day(latest: date) -> pl.Expr:
    """The day written; a year of two digits is the last one not beyond `latest`."""
    short = pl.col("year").str.len_chars() == 2
    age = pl.col("year").cast(pl.Int32)
    recent = age <= latest.year % 100
    year = age + pl.when(~short).then(0).when(recent).then(2000).otherwise(1900)
    iso = pl.concat_str(year, _month(), "day", separator="-")
    serial = pl.lit(_EXCEL_ZERO) + pl.duration(days=pl.col("serial").cast(pl.Int64))
    return pl.coalesce(iso.str.to_date("%Y-%m-%d", strict=False), serial)


@cache
def _month() -> pl.Expr:
    numbers = {
        start: str(number)
        for number, starts in enumerate(_MONTHS, start=1)
        for start in starts
    }
    start = pl.col("name").str.to_lowercase().str.extract(f"^({'|'.join(numbers)})")
    named = start.replace_strict(numbers, default=None, return_dtype=pl.String)
    return pl.coalesce("month", named)


@cache
def _time_of_day() -> pl.Expr:
    hour = pl.col("hour").cast(pl.Int64)
    afternoon = pl.col("half").str.to_lowercase() == "pm"
    clock = pl.when(pl.col("half").is_null()).then(hour).otherwise(hour % 12)
    return pl.duration(
        hours=clock.fill_null(0) + pl.when(afternoon).then(12).otherwise(0),
        minutes=pl.col("minute").cast(pl.Int64).fill_null(0),
        seconds=pl.col("second").cast(pl.Int64).fill_null(0),
    )


@cache
def _offset() -> pl.Expr:
    hours = pl.col("ahead").cast(pl.Int64)
    minutes = pl.col("ahead_minutes").cast(pl.Int64).fill_null(0)
    west = pl.col("ahead").str.starts_with("-")
    signed = hours * 60 + pl.when(west).then(-minutes).otherwise(minutes)
    return (
        pl.when(pl.col("utc"))
        .then(pl.duration())
        .when(signed.is_not_null())
        .then(pl.duration(minutes=signed))
    )
