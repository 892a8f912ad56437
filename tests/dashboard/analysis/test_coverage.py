import numpy as np
import polars as pl
import pytest

from dashboard.analysis import coverage

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
RATES = (0.02, 0.05, 0.08, 0.20)
DRAWS = 20_000


@pytest.mark.parametrize("level", ["95", "998"])
def test_simulated_coverage_is_the_exact_attained_one(level: str) -> None:
    exact = coverage.attained(SIZES, RATES, level)
    drawn = coverage.simulated(SIZES, RATES, level, DRAWS, seed=20)
    assert exact.height == len(SIZES) * len(RATES) * 5
    both = exact.join(drawn, on=("n", "p", "method"), suffix="_drawn")
    true, seen = both["coverage"].to_numpy(), both["coverage_drawn"].to_numpy()
    error = np.sqrt(true * (1 - true) / DRAWS)
    assert (np.abs(seen - true) <= 4.5 * error + 2 / DRAWS).all()


def test_from_two_hundred_batches_on_the_rule_keeps_its_level() -> None:
    table = coverage.attained((200, 500, 1000), (0.05, 0.08, 0.20), "95")
    rule = table.filter(pl.col("method") == coverage.RULE)
    assert rule["coverage"].is_between(0.94, 0.98).all()


def test_the_rule_never_flags_more_often_than_its_level_says() -> None:
    for level, nominal in (("95", 0.95), ("998", 0.998)):
        table = coverage.attained(SIZES, RATES, level)
        rule = table.filter(pl.col("method") == coverage.RULE)
        assert (rule["coverage"] >= nominal).all()


def test_curves_taken_as_rules_miss_their_level_at_small_numbers() -> None:
    table = coverage.attained((5, 10), (0.05,), "95")
    drawn = table.filter(pl.col("method") == "exact")
    assert (drawn["coverage"] < 0.95).all()
