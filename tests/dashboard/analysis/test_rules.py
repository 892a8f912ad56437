import polars as pl
import pytest

from dashboard.analysis import charts
from dashboard.analysis.rules import RULES, RuleSet, signals
from tests.dashboard.analysis.test_charts import LATER, VISCOSITY, juice

# A series made to break most rules.
ODD = [0.5, -0.5, 0.6, -0.4, 0.7, -0.7, 0.2, -0.3, 0.4, -0.2, 0.3, -0.6, 0.5, -0.1, 0.2]
ODD += [1.5, -1.2, 1.8, 1.1, -2.2, -1.4, 1.3, 2.4, 1.6, 0.1, 0.2, 0.4, 0.5, 0.9, 1.2]
ODD += [2.1, 2.6, 0.3, 2.2, -3.4]


def found(chart: pl.DataFrame, rule_set: RuleSet) -> list[list[int]]:
    """The numbers of the points at which each rule of the set is completed."""
    marked = signals(chart, rule_set)["signals"].to_list()
    return [
        [at for at, names in enumerate(marked, 1) if rule in names]
        for rule in RULES[rule_set]
    ]


# qcc 3.0, qccRulesViolatingWER1-4 and NEL1-8, run in R 4.2.2
def test_the_orange_juice_signals_are_those_of_qcc() -> None:
    chart = charts.p_chart(juice())
    assert found(chart, "western_electric") == [[15, 23], [22, 23], [24], []]
    assert found(chart, "nelson") == [[15, 23], [], [], [], [22, 23], [24], [], []]


def test_the_viscosity_signals_are_those_of_qcc() -> None:
    frame = pl.DataFrame({"value": VISCOSITY + LATER, "baseline": [1] * 20 + [0] * 15})
    chart = charts.xmr_chart(frame)
    assert found(chart, "western_electric") == [
        [4, 28],
        [],
        [28, 29, 31],
        [32, 33, 34, 35],
    ]
    assert found(chart, "nelson")[:2] == [[4, 28], [33, 34, 35]]


def test_the_odd_series_breaks_the_rules_that_it_breaks_in_qcc() -> None:
    chart = pl.DataFrame({"z": ODD})
    assert found(chart, "western_electric") == [
        [35],
        [32, 34],
        [34],
        [29, 30, 31, 32, 33, 34],
    ]
    assert found(chart, "nelson") == [
        [35],
        [30, 31, 32, 33, 34],
        [30, 31, 32],
        [14, 15],
        [32, 34],
        [34],
        [15],
        [23, 24],
    ]


# tests/testthat/test-ptd_calculate_point_type.R of NHSRplotthedots
@pytest.mark.parametrize(
    ("z", "rule", "at"),
    [
        ([1, 1, 1, 1, 1, 1], 1, []),
        ([1, 1, 1, 1, 1, 1, -1], 1, []),
        ([1, 1, 1, 1, 1, 1, 1, 1, -1], 1, [7, 8]),
        ([-1, -1, -1, -1, -1, -1, -1, -1, 1], 1, [7, 8]),
        ([1, 2, 3, 4, 5, 6], 2, []),
        ([1, 2, 3, 3, 4, 5, 6], 2, []),
        ([1, 2, 3, 4, 5, 6, 7], 2, [7]),
        ([2, 1, 2, 3, 4, 5, 6, 7, 3], 2, [8]),
        ([7, 6, 5, 4, 3, 2, 1], 2, [7]),
    ],
)
def test_runs_and_trends_of_seven_are_found_where_the_nhs_finds_them(
    z: list[float], rule: int, at: list[int]
) -> None:
    assert (
        found(pl.DataFrame({"z": [v / 2 for v in z]}), "making_data_count")[rule] == at
    )


@pytest.mark.parametrize(
    ("z", "at"),
    [
        ([2.5, 0.5, 2.5], [3]),
        ([2.5, -0.5, 2.5], []),
        ([2.5, 3.5, 2.5], [3]),
        ([0.5, 2.5, 0.5], []),
        ([-2.1, -2.9, -0.1], []),
    ],
)
def test_two_of_three_close_to_a_limit_need_the_third_on_their_side(
    z: list[float], at: list[int]
) -> None:
    assert found(pl.DataFrame({"z": z}), "making_data_count")[3] == at


def test_rules_start_afresh_in_a_recorded_phase() -> None:
    chart = pl.DataFrame({"z": [1.5] * 16, "phase": ["old"] * 7 + ["new"] * 9})
    assert found(chart, "western_electric")[3] == [15, 16]


def test_points_without_a_value_are_left_out() -> None:
    chart = pl.DataFrame({"z": [0.5] * 4 + [None] + [0.5] * 4})
    assert found(chart, "western_electric")[3] == [9]
    assert signals(chart.clear(), "nelson")["signals"].to_list() == []
