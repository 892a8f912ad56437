from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dashboard.analysis import over_time
from dashboard.analysis.rules import RULES, RuleSet

START = date(2020, 1, 1)


def batches(risks: list[float], seed: int) -> pl.DataFrame:
    """A batch every third day; each fails with its own risk."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "date": [START + timedelta(days=3 * i) for i in range(len(risks))],
            "failed": rng.random(len(risks)) < np.array(risks),
        }
    )


def quarters(events: Sequence[int | None], n: Sequence[int | None]) -> pl.DataFrame:
    days = pl.date_range(START, date(2040, 1, 1), "1q", eager=True).head(len(events))
    return pl.DataFrame(
        {
            "x": days,
            "events": events,
            "n": n,
            "state": ["data" if k is not None else "not_reported" for k in n],
            "reason": [None if k is not None else "silent" for k in n],
        },
        schema_overrides={"events": pl.Int64, "n": pl.Int64, "reason": pl.String},
    )


def first_worse(points: pl.DataFrame) -> date | None:
    rows = over_time.signal_rows(points).filter(pl.col("side") == "worse")
    return rows["x"].to_list()[0] if rows.height else None


# Twenty-two seeds, a failure in twenty for 600 batches and then one in three. It is
# found within 30 batches in 17 of them.
def test_a_planted_step_of_rare_failures_is_found_soon_after_its_day() -> None:
    step = START + timedelta(days=3 * 600)
    found = [
        first_worse(
            over_time.charted(
                over_time.between(batches([0.05] * 600 + [1 / 3] * 60, seed), "g"),
                "g", "western_electric",
            ).filter(pl.col("x") >= step)
        )
        for seed in range(22)
    ]  # fmt: skip
    assert all(day is not None for day in found)
    assert sum(day <= step + timedelta(days=90) for day in found if day) >= 15


def test_a_planted_step_of_the_rate_is_found_in_its_very_quarter() -> None:
    rng = np.random.default_rng(3)
    n = [60] * 24
    events = [*rng.binomial(60, 0.1, 20).tolist(), 21, 19, 20, 18]
    frame = quarters(events, n)
    points = over_time.charted(frame, "p", "western_electric")
    rows = over_time.signal_rows(points)
    row = rows.filter(pl.col("rule") == "one point beyond 3 sigma").row(0, named=True)
    assert (row["x"], row["until"]) == (frame["x"][20], frame["x"][23])
    assert (row["side"], row["value"], row["limits"]) == ("worse", 21 / 60, "fixed")
    assert first_worse(points) == frame["x"][20]


def test_a_fall_of_the_rate_is_better_and_longer_gaps_are_better() -> None:
    events = [12, 14] * 10 + [1, 1]
    fell = over_time.charted(quarters(events, [60] * 22), "p", "western_electric")
    sides = over_time.signal_rows(fell)["side"].unique().to_list()
    assert sides == ["better"]
    gaps = pl.DataFrame(
        {
            "x": pl.date_range(START, date(2030, 1, 1), "1mo", eager=True).head(22),
            "events": 1,
            "n": 1,
            "value": [3.0, 5.0] * 10 + [60.0, 70.0],
        }
    )
    for chart in ("g", "t"):
        rows = over_time.signal_rows(over_time.charted(gaps, chart, "western_electric"))
        assert rows["side"].unique().to_list() == ["better"]


def test_limits_stay_when_points_come_and_move_only_with_a_step() -> None:
    rng = np.random.default_rng(8)
    events = rng.binomial(60, 0.1, 30).tolist()
    long = over_time.charted(quarters(events, [60] * 30), "p", "nelson")
    short = over_time.charted(quarters(events[:20], [60] * 20), "p", "nelson")
    assert long["centre"].unique().to_list() == short["centre"].unique().to_list()
    day = long["x"][12]
    stepped = over_time.charted(quarters(events, [60] * 30), "p", "nelson", [day])
    assert stepped["centre"].unique(maintain_order=True).to_list() == pytest.approx(
        [sum(events[:12]) / 720, sum(events[12:]) / 1080]
    )
    assert stepped["limits"].to_list() == ["provisional"] * 30
    assert long["limits"].unique().to_list() == ["fixed"]


def test_a_gap_that_reaches_into_a_silent_month_is_unknown_and_not_counted() -> None:
    days = [date(2024, m, 10) for m in (1, 2, 4, 5, 6)]
    frame = pl.DataFrame({"date": days, "failed": [True] * 5})
    points = over_time.between(frame, "t", [date(2024, 3, 1)])
    assert points["value"].to_list() == [31, None, 30, 31]
    assert "without a report" in points["why"][1]
    drawn = over_time.charted(points, "t", "nelson")
    assert drawn["state"].to_list() == ["data", "not_reported", "data", "data"]
    assert drawn["reason"][1] == points["why"][1]


def test_a_silent_quarter_is_a_gap_and_keeps_the_other_limits() -> None:
    events: list[int | None] = [5, 7, 4, None, 6, 8, 5, 6]
    n: list[int | None] = [50, 50, 50, None, 50, 50, 50, 50]
    drawn = over_time.charted(quarters(events, n), "p", "nelson")
    assert drawn["value"][3] is None
    assert drawn["state"][3] == "not_reported"
    assert drawn["centre"][0] == pytest.approx(41 / 350)


@pytest.mark.parametrize(
    ("events", "n", "chart"),
    [
        ([1, 2, 0, 3] * 5, [20] * 20, "g"),
        ([3, 3, 3, 3] * 5, [20] * 20, "p"),
        ([6, 9, 8, 7] * 5, [60] * 20, "p"),
        ([1, 30, 2, 28] * 5, [60] * 20, "laney"),
        ([0, 0, 0], [5, 5, 5], "g"),
        ([], [], "g"),
    ],
)
def test_the_chart_follows_from_the_first_twenty_periods(
    events: list[int | None], n: list[int | None], chart: str
) -> None:
    assert over_time.chosen(quarters(events, n)) == chart
    later: list[int | None] = [*events, *[59] * 10]
    if len(events) == 20:
        assert over_time.chosen(quarters(later, [*n, *[60] * 10])) == chart


@pytest.mark.parametrize("rule_set", RULES)
@pytest.mark.parametrize("chart", ["p", "laney", "g", "t"])
@pytest.mark.parametrize("value", [[0], [0] * 30, [9], [9] * 30, [0, 9] * 15, [3] * 5])
def test_extremes_give_numbers_or_nulls_with_a_reason(
    value: list[int], chart: over_time.Chart, rule_set: RuleSet
) -> None:
    frame = quarters(list(value), [9] * len(value))
    if chart in ("g", "t"):
        frame = frame.with_columns(value=pl.col("events").cast(pl.Float64))
    drawn = over_time.charted(frame, chart, rule_set)
    floats = drawn.select(pl.selectors.float())
    assert (
        floats.select(pl.all().is_nan().any() | pl.all().is_infinite().any()).row(0)
        == (False,) * floats.width
    )
    without = drawn.filter(pl.col("z").is_null())
    assert without["reason"].null_count() == 0
    if len(value) < over_time.FEWEST:
        assert without.height == len(value)


def test_every_rule_that_has_no_direction_is_one_of_the_rule_sets() -> None:
    names = {name for rules in RULES.values() for name in rules}
    assert set(over_time.PATTERNS) <= names
