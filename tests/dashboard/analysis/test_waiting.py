import math
from statistics import mean, stdev

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from dashboard.analysis import waiting

HORIZON = 180
KINDS = ("ended", "competing", "censored")
Life = tuple[int, str]


def histogram(lives: list[Life], group: str = "all") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "group": [group] * len(lives),
            "day": pl.Series([day for day, _ in lives], dtype=pl.Int64),
            **{
                kind: pl.Series(
                    [int(what == kind) for _, what in lives], dtype=pl.Int64
                )
                for kind in KINDS
            },
        },
        schema_overrides={"group": pl.String},
    )


def waited(lives: list[Life], horizon: int = HORIZON) -> dict[str, float]:
    return waiting.waited(histogram(lives), ("group",), horizon).row(0, named=True)


def slow_mean(lives: list[Life], horizon: int) -> float:
    """Day after day: the share not yet there, by Aalen and Johansen."""
    free, there, total = 1.0, 0.0, 0.0
    for day in range(horizon):
        at_risk = sum(d >= day for d, _ in lives)
        ended = sum(d == day and what == "ended" for d, what in lives)
        left = sum(d == day and what != "censored" for d, what in lives)
        if at_risk:
            there += free * ended / at_risk
            free *= 1 - left / at_risk
        total += 1 - there
    return total


def some_lives(seed: int, n: int) -> list[Life]:
    rng = np.random.default_rng(seed)
    drawn = zip(rng.gamma(3, 20, n), rng.random(n) < 0.7, rng.uniform(30, 600, n),
                strict=True)  # fmt: skip
    return [
        (int(min(day, cut)), "censored" if cut < day else KINDS[int(not ended)])
        for day, ended, cut in drawn
    ]


def test_without_censoring_it_is_the_mean_and_its_standard_error() -> None:
    lives = [(20, "ended"), (35, "ended"), (50, "competing"), (200, "ended"),
             (400, "competing"), (61, "ended")]  # fmt: skip
    days = [20, 35, 180, 180, 180, 61]
    row = waited(lives)
    error = stdev(days) / math.sqrt(len(days))
    assert row["mean"] == pytest.approx(mean(days))
    assert row["se"] == pytest.approx(error)
    assert row["lower"] == pytest.approx(mean(days) - 1.959964 * error, abs=1e-5)
    assert row["upper"] == pytest.approx(
        min(mean(days) + 1.959964 * error, HORIZON), abs=1e-5
    )
    assert row["share"] == pytest.approx(3 / 6)


@pytest.mark.parametrize("seed", range(5))
def test_with_censoring_it_is_the_area_above_the_curve(seed: int) -> None:
    lives = some_lives(seed, 200)
    assert waited(lives)["mean"] == pytest.approx(slow_mean(lives, HORIZON))


def test_the_standard_error_is_that_of_leaving_each_one_out() -> None:
    lives = some_lives(7, 40)
    n = len(lives)
    without = [slow_mean(lives[:i] + lives[i + 1 :], HORIZON) for i in range(n)]
    centre = mean(without)
    jackknife = math.sqrt((n - 1) / n * sum((x - centre) ** 2 for x in without))
    assert waited(lives)["se"] == pytest.approx(jackknife)


def test_nineteen_intervals_in_twenty_hold_the_true_mean() -> None:
    rng, looks, n, horizon = np.random.default_rng(3), 400, 120, 100
    true = 0.6 * float(np.mean(np.minimum(rng.gamma(4, 12, 400_000).astype(int), 100)))
    true += 0.4 * horizon
    held = 0
    for _ in range(looks):
        day = np.where(rng.random(n) < 0.6, rng.gamma(4, 12, n), 1e6)
        gives_up = np.where(day > 1e5, rng.uniform(10, 90, n), 1e6)
        cut = rng.uniform(60, 400, n)
        first = np.minimum(np.minimum(day, gives_up), cut).astype(int)
        kinds = np.where(cut < np.minimum(day, gives_up), "censored",
                         np.where(day < gives_up, "ended", "competing"))  # fmt: skip
        row = waited(list(zip(first.tolist(), kinds.tolist(), strict=True)), horizon)
        held += row["lower"] <= true <= row["upper"]
    low, high = binom.ppf([0.0005, 0.9995], looks, 0.945)
    assert low <= held <= high


def test_the_days_lost_are_the_difference_with_both_errors_in_it() -> None:
    wide = pl.DataFrame({"a_mean": [60.0], "a_se": [3.0], "b_mean": [150.0],
                         "b_se": [4.0]})  # fmt: skip
    row = waiting.lost(wide, "a", "b").row(0, named=True)
    assert row["days"] == 90
    assert row["upper"] - 90 == pytest.approx(90 - row["lower"])
    assert row["upper"] == pytest.approx(90 + 1.959964 * 5, abs=1e-5)


@pytest.mark.parametrize(
    ("lives", "why"),
    [
        ([(20, "ended")], "one alone"),
        ([(20, "ended"), (90, "censored")], "followed for 90 days only, 180"),
        ([(20, "censored"), (20, "censored")], "followed for 20 days only"),
        ([(5, "ended")] * 9 + [(90, "censored")], "followed for 90 days only"),
    ],
)
def test_what_cannot_be_told_is_null_with_its_reason(
    lives: list[Life], why: str
) -> None:
    row = waited(lives)
    assert row["state"] == "not_applicable"
    assert row["reason"].startswith(why)
    assert all(row[measure] is None for measure in waiting.MEASURES)


def test_one_of_many_who_still_waits_does_not_take_the_mean_away() -> None:
    lives = [(5, "ended")] * 199 + [(90, "censored")]
    row = waited(lives)
    assert row["mean"] == pytest.approx((199 * 5 + 180) / 200)
    assert 200 * waiting.HANGING >= 180 - 90


def test_of_nobody_there_is_no_row() -> None:
    assert waiting.waited(histogram([]), ("group",), HORIZON).is_empty()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(KINDS)), max_size=30))
def test_no_history_gives_a_number_that_is_none(lives: list[Life]) -> None:
    for row in waiting.waited(histogram(lives), ("group",), HORIZON).to_dicts():
        told = [row[m] for m in waiting.MEASURES]
        assert all(x is None for x in told) or all(math.isfinite(x) for x in told)
        if row["mean"] is not None:
            assert 0 <= row["lower"] <= row["mean"] <= row["upper"] <= HORIZON
