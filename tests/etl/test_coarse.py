from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from etl.coarse import weekly

DAYS = st.dates(date(1995, 1, 1), date(2026, 1, 1))


def frame(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


@given(DAYS)
def test_every_day_becomes_the_monday_of_its_week(day: date) -> None:
    rows = frame(started=[f"{day:%d/%m/%Y}"])
    told = weekly(rows, "batch", {"started": {"dates": "dmy"}})["started"][0]
    monday = date.fromisoformat(told)
    assert monday.weekday() == 0
    assert 0 <= (day - monday).days < 7


@given(DAYS, DAYS)
def test_the_order_of_events_is_kept(first: date, then: date) -> None:
    rows = frame(started=[first.isoformat()], harvested=[then.isoformat()])
    told = weekly(rows, "batch", {})
    assert (told["started"] <= told["harvested"])[0] or first > then


def test_blocks_that_are_written_differently_are_each_read_their_own_way() -> None:
    rows = frame(decided=["03/04/2024", "03/04/2024"]).with_columns(
        _style=pl.Series([0, 1], dtype=pl.Int64)
    )
    styles = {"decided": {"dates": "dmy"}, "decided#1": {"dates": "mdy"}}
    assert weekly(rows, "release", styles)["decided"].to_list() == [
        "2024-04-01",
        "2024-03-04",
    ]


def test_what_is_no_date_stays_to_be_refused_and_other_columns_stay() -> None:
    rows = frame(started=["31/02/2024", None], product=["car-t", "2024-05-08"])
    told = weekly(rows, "batch", {"started": {"dates": "dmy"}})
    assert told["started"].to_list() == ["31/02/2024", None]
    assert told["product"].to_list() == ["car-t", "2024-05-08"]
