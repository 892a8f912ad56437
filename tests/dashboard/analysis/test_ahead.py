from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from dashboard.analysis.ahead import harvests


def histogram(**columns: list[object]) -> pl.DataFrame:
    size = len(columns["day"])
    usual = {"product": ["a"] * size, "competing": [0] * size,
             "censored": [0] * size, "state": ["data"] * size}  # fmt: skip
    return pl.DataFrame(usual | columns)


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("age", [0, 3, 9])
def test_a_batch_that_takes_ten_days_is_harvested_in_the_week_of_that_day(
    weekday: int, age: int
) -> None:
    days = sorted({age, 10})
    frame = histogram(
        day=days,
        ended=[50 if d == 10 else 0 for d in days],
        censored=[1 if d == age else 0 for d in days],
    )
    found = harvests(frame, "product", 4, weekday)
    today = date(2026, 11, 16) + timedelta(days=weekday)
    due = today + timedelta(days=10 - age)
    week = (due - date(2026, 11, 16)).days // 7
    assert found["expected"].to_list() == pytest.approx(
        [1.0 if w == week else 0.0 for w in range(4)]
    )
    assert found["running"][0] == 1
    assert found["overdue"][0] == 0


def test_half_of_those_as_old_are_lost_so_half_is_expected() -> None:
    frame = histogram(day=[2, 10, 12], ended=[0, 40, 0], competing=[0, 0, 40],
                      censored=[8, 0, 0])  # fmt: skip
    found = harvests(frame, "product", 3, 0)
    assert found["expected"].to_list() == pytest.approx([0.0, 4.0, 0.0])
    low, high = binom.ppf([0.025, 0.975], 8, 0.5)
    assert (found["lower"][1], found["upper"][1]) == (low, high)


def test_one_older_than_any_that_was_harvested_is_overdue_and_not_expected() -> None:
    frame = histogram(day=[10, 70], ended=[30, 0], censored=[0, 2])
    found = harvests(frame, "product", 12, 0)
    assert found["expected"].sum() == 0
    assert (found["running"][0], found["overdue"][0]) == (2, 2)


def test_products_are_not_mixed_and_hidden_ones_left_out() -> None:
    frame = histogram(product=["a", "a", "b", "b", "c"], day=[1, 10, 1, 24, None],
                      ended=[0, 30, 0, 30, None], competing=[0, 0, 0, 0, None],
                      censored=[1, 0, 1, 0, None],
                      state=["data"] * 4 + ["suppressed"])  # fmt: skip
    found = harvests(frame, "product", 4, 0)
    assert found["expected"].to_list() == pytest.approx([0, 1, 0, 1])


def test_the_limits_hold_what_batches_do_by_chance() -> None:
    rng = np.random.default_rng(3)
    days = [*range(22)]
    frame = histogram(day=days, ended=[100 if d >= 8 else 0 for d in days],
                      censored=[30 if d == 4 else 0 for d in days])  # fmt: skip
    found = harvests(frame, "product", 3, 0)
    week = (rng.integers(8, 22, (2000, 30)) - 4) // 7
    for row in found.to_dicts():
        counts = (week == row["week"]).sum(axis=1)
        assert counts.mean() == pytest.approx(row["expected"], rel=0.05, abs=0.2)
        inside = (counts >= row["lower"]) & (counts <= row["upper"])
        assert inside.mean() >= 0.94


def test_nothing_in_process_is_nothing_to_expect() -> None:
    found = harvests(histogram(day=[10], ended=[30]), "product", 12, 0)
    assert found["expected"].sum() == 0
    assert found["running"][0] == 0
