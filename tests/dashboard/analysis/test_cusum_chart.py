import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis import over_time
from dashboard.analysis.cusum import average_run_length
from dashboard.analysis.cusum_chart import ODDS_RATIO, RUN_LENGTH, Against, summed

START = date(2020, 1, 1)


def batches(failed: list[bool], expected: list[float | None]) -> pl.DataFrame:
    days = [START + timedelta(days=3 * i) for i in range(len(failed))]
    return pl.DataFrame(
        {"date": days, "failed": failed, "expected": expected},
        schema={"date": pl.Date, "failed": pl.Boolean, "expected": pl.Float64},
    )


def drawn(risks: list[float], seed: int) -> pl.DataFrame:
    failed = np.random.default_rng(seed).random(len(risks)) < np.array(risks)
    return batches(failed.tolist(), [0.1] * len(risks))


def by_hand(rows: pl.DataFrame, risk: list[float], limit: float) -> list[float]:
    """The sum after each failure, one batch after the other."""
    level, found = 0.0, []
    for failed, p in zip(rows["failed"], risk, strict=True):
        step = -math.log(1 - p + ODDS_RATIO * p) + failed * math.log(ODDS_RATIO)
        level = max(0.0, level + step)
        if failed:
            found.append(level)
        level = 0.0 if level >= limit else level
    return found


def test_a_site_s_own_risk_is_that_of_its_first_twenty_gaps() -> None:
    rows = drawn([0.1] * 500, seed=4)
    shown = summed(rows.drop("expected"), "cusum")
    at = np.flatnonzero(rows["failed"].to_numpy())
    own = 20 / (at[20] - at[0])
    limit = shown["upper"].unique().item()
    assert shown["x"].to_list() == rows.filter("failed")["date"].to_list()
    assert shown["value"].to_list() == pytest.approx(by_hand(rows, [own] * 500, limit))
    assert shown["limits"].unique().to_list() == ["fixed"]
    assert shown["n"].sum() == at[-1] + 1


@pytest.mark.parametrize("against", ["cusum", "adjusted"])
def test_the_limit_has_the_run_length_that_is_stated(against: Against) -> None:
    rows = drawn([0.1] * 300, seed=4)
    mixed = rows.with_columns(expected=pl.Series([0.05, 0.1, 0.2] * 100))
    shown = summed(mixed if against == "adjusted" else rows.drop("expected"), against)
    at = np.flatnonzero(rows["failed"].to_numpy())
    own = 20 / (at[20] - at[0])
    risk = own if against == "cusum" else [0.05, 0.1, 0.2]
    limit = shown["upper"].unique().item()
    length = average_run_length(risk, limit, ODDS_RATIO)
    assert length is not None
    assert RUN_LENGTH <= length < 1.05 * RUN_LENGTH


def test_a_failure_of_hard_work_weighs_less_than_one_of_easy_work() -> None:
    rows = batches([True, True], [0.5, 0.05])
    first, second = summed(rows, "adjusted")["value"]
    assert first == pytest.approx(math.log(2 / 1.5))
    assert second - first == pytest.approx(math.log(2 / 1.05))


def test_a_doubled_risk_is_found_and_each_signal_begins_anew() -> None:
    found = 0
    for seed in range(20):
        shown = summed(drawn([0.1] * 300 + [0.2] * 200, seed), "adjusted")
        marked = shown.filter(pl.col("signals").list.len() > 0)
        late = marked.filter(pl.col("x") >= START + timedelta(days=900))
        found += late.height > 0
        assert (marked["value"] >= marked["upper"]).all()
        rest = shown.filter(pl.col("signals").list.len() == 0)
        assert (rest["value"] < rest["upper"]).all()
    assert found >= 16


def test_a_recorded_step_begins_a_new_sum_with_a_risk_of_its_own() -> None:
    step = START + timedelta(days=900)
    rows = drawn([0.1] * 300 + [0.3] * 200, seed=2)
    shown = summed(rows.drop("expected"), "cusum", [step])
    late = rows.filter(pl.col("date") >= step)
    assert shown["phase"].unique().sort().to_list() == [0, 1]
    after = shown.filter(phase=1)
    gaps = over_time.charted(
        over_time.between(rows, "g"), "g", "nelson", [step]
    ).filter(phase=1)
    own = 1 / (gaps["centre"][0] + 1)
    assert own > 0.15
    limit = after["upper"].unique().item()
    assert after["value"].to_list() == pytest.approx(
        by_hand(late, [own] * late.height, limit)
    )


@pytest.mark.parametrize(
    ("failed", "expected", "against", "why"),
    [
        ([True, False] * 3, [0.1] * 6, "cusum", "fewer than 6 gaps"),
        ([True] * 30, [0.1] * 30, "cusum", "every batch failed"),
        ([True, False], [None, None], "adjusted", "no rate is known"),
        ([True, False], [1.0, 1.0], "adjusted", "no risk to expect"),
    ],
)
def test_where_nothing_can_be_summed_there_is_a_reason(
    failed: list[bool], expected: list[float | None], against: Against, why: str
) -> None:
    shown = summed(batches(failed, expected), against)
    assert shown["value"].null_count() == shown.height == sum(failed)
    assert shown["state"].unique().to_list() == ["not_applicable"]
    assert all(why in reason for reason in shown["reason"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.none() | st.floats(0, 1)), max_size=40),
    st.sampled_from(["cusum", "adjusted"]),
    st.lists(st.integers(0, 120), max_size=2),
)
def test_every_sum_is_a_number_below_its_limit_or_a_reason(
    rows: list[tuple[bool, float | None]], against: Against, steps: list[int]
) -> None:
    frame = batches([f for f, _ in rows], [p for _, p in rows])
    if against == "cusum":
        frame = frame.drop("expected")
    shown = summed(frame, against, [START + timedelta(days=k) for k in steps])
    assert shown.height == sum(failed for failed, _ in rows)
    known = shown.filter(pl.col("value").is_not_null())
    assert known["value"].is_finite().all() and known["upper"].is_finite().all()
    assert (known["value"] >= 0).all()
    assert shown.filter(pl.col("value").is_null())["reason"].null_count() == 0
