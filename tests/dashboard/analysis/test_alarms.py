from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dashboard.analysis import alarms
from dashboard.analysis.alarms import LENGTHS, SHARES, SUMMED, Drawn
from dashboard.analysis.cusum_chart import Against, summed
from dashboard.analysis.rules import RULES, Rule

SERIES = 400
TABLED = 10_000


def off(chart: Drawn, series: int, seed: int) -> list[float]:
    """How many standard errors each tabulated share is from a new simulation."""
    drawn = alarms.in_control(chart, series, max(LENGTHS), seed)
    found = []
    for rule_set in RULES:
        pairs = zip(alarms.simulated(drawn, rule_set), SHARES[chart][rule_set],
                    strict=True)  # fmt: skip
        for new, old in pairs:
            error = np.sqrt(old * (1 - old) * (1 / series + 1 / TABLED))
            found.append(abs(new - old) / error)
    return found


@pytest.mark.parametrize("chart", SHARES)
def test_a_new_simulation_agrees_with_the_table(chart: Drawn) -> None:
    assert max(off(chart, SERIES, seed=20)) < 4


@pytest.mark.slow
@pytest.mark.parametrize("chart", SHARES)
def test_a_long_simulation_agrees_with_the_table(chart: Drawn) -> None:
    assert max(off(chart, TABLED, seed=21)) < 4


@pytest.mark.parametrize("against", SUMMED)
def test_a_new_simulation_of_sums_agrees_with_the_table(against: Against) -> None:
    series = 2000
    for new, old in zip(alarms.summed(against, series, 20), SUMMED[against],
                        strict=True):  # fmt: skip
        error = np.sqrt(old * (1 - old) * (1 / series + 1 / TABLED))
        assert abs(new - old) < 4 * error


def test_the_simulated_sums_are_those_that_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alarms, "LENGTHS", (60,))
    (share,) = alarms.summed("cusum", 25, seed=2)
    failed = np.random.default_rng(2).random((25, 1100)) < alarms.RISK
    days = [date(2020, 1, 1) + timedelta(days=k) for k in range(1100)]
    signals = [
        summed(pl.DataFrame({"date": days, "failed": row}), "cusum").head(60)["signals"]
        for row in failed
    ]
    assert share == sum(s.list.len().sum() > 0 for s in signals) / 25


def run_length(rules: list[Rule], seed: int) -> tuple[float, float]:
    """Mean and standard error of the points to a signal where limits are known."""
    rng = np.random.default_rng(seed)
    lengths = []
    for _ in range(3000):
        z = rng.standard_normal(2500)
        hits = np.any([rule(z) for rule in rules], axis=0)
        lengths.append(int(np.argmax(hits)) + 1 if hits.any() else 2500)
    return float(np.mean(lengths)), float(np.std(lengths) / np.sqrt(3000))


# Champ and Woodall 1987, Technometrics 29:393: the four Western Electric rules 91.75,
# the first alone 370.4.
def test_with_known_limits_the_run_lengths_are_the_published_ones() -> None:
    rules = list(RULES["western_electric"].values())
    every, error = run_length(rules, seed=5)
    assert every == pytest.approx(91.75, abs=4 * error)
    first, error = run_length(rules[:1], seed=6)
    assert first == pytest.approx(370.4, abs=4 * error)


def test_the_chance_of_a_false_alarm_grows_with_points_and_meets_the_table() -> None:
    for chart, sets in SHARES.items():
        for rule_set, shares in sets.items():
            chances = [alarms.chance(chart, rule_set, n) for n in (0, 12, 24, 60, 500)]
            assert chances == sorted(chances)
            assert chances[0] == 0
            assert chances[2:4] == pytest.approx(shares)
            assert chances[4] < 1


def test_every_chart_and_rule_set_is_tabulated_once() -> None:
    table = alarms.table()
    assert table.height == 20 == table.select("chart", "rule_set").n_unique()
    assert table.filter(~(table["short"] > 0) | ~(table["short"] < table["long"])
                        ).is_empty()  # fmt: skip
