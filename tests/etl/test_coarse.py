from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.coarse import undated, weekly
from etl.contract.schemas import SCHEMAS, SENT
from etl.guard import protect, protect_rejects
from etl.network import Privacy

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


def test_what_is_no_date_loses_its_digits_and_other_columns_stay() -> None:
    rows = frame(
        started=["31/02/2024", None], harvested=["pendiente", "03.2024"],
        product=["car-t", "2024-05-08"],
    )  # fmt: skip
    told = weekly(rows, "batch", {"started": {"dates": "dmy"}})
    assert told["started"].to_list() == ["99/99/9999", None]
    assert told["harvested"].to_list() == ["pendiente", "99.9999"]
    assert told["product"].to_list() == ["car-t", "2024-05-08"]


@pytest.mark.parametrize("dataset", SENT)
def test_every_column_that_holds_a_day_is_made_coarser(dataset: str) -> None:
    days = {
        name for name, column in SCHEMAS[dataset].columns().items()
        if column.dtype.is_temporal()
    }  # fmt: skip
    day: list[str | None] = ["2024-03-15"]
    rows = frame(**dict.fromkeys(SCHEMAS[dataset].column_names(), day))
    told = weekly(rows, dataset, {}).row(0, named=True)
    assert {name for name, text in told.items() if text == "2024-03-11"} == days


@pytest.mark.parametrize(
    "name", ["2024-03-15", "20240315", "15.03.2024", "150324", "15_03_24", "2024_03_15"]
)
def test_the_day_in_the_name_of_a_file_goes_and_the_file_stays_another(
    name: str,
) -> None:
    weekly_site = Privacy("a key", "k1", "week")
    files = pl.Series([f"qc_{name}.csv", "qc_2024-03-16.csv", "lots_2024.xlsx", None])
    told = undated(files, "alpha", weekly_site).to_list()
    assert name not in str(told[0])
    assert str(told[0]).startswith("qc_k1-")
    assert told[0] != told[1]
    assert told[2:] == ["lots_2024.xlsx", None]
    assert undated(files, "alpha", replace(weekly_site, coarsen="day")) is files


def test_neither_rows_nor_rejects_tell_a_day_by_their_file() -> None:
    privacy = Privacy("a key", "k1", "week")
    rows = frame(batch=["A-1", "A-2"], method=["PCR", "ana@x.org"], _ref=["line 2"] * 2)
    placed = rows.with_columns(_origin=pl.lit("qc_2024-03-15.csv"))
    passed = protect(placed, "result", "alpha", privacy)
    empty = passed.rejects.with_columns(origin=pl.lit("qc_2024-03-15.csv"))
    said = (passed.rows, passed.rejects, protect_rejects(empty, "alpha", privacy))
    assert not any("2024" in str(each.to_dicts()) for each in said)
