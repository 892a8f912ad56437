from datetime import date

import numpy as np
import polars as pl
import pytest

from dashboard.analysis import charts, rare

# Montgomery, orange juice cans: nonconforming of 50 in 30 samples (qcc: orangejuice)
JUICE = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18]
JUICE += [24, 15, 9, 12, 7, 13, 9, 6]
# Montgomery, viscosity of 20 batches (qcc: viscosity, trial rows)
VISCOSITY = [34.05, 34.40, 33.59, 35.96, 34.70, 33.51, 33.79, 34.04, 34.52, 33.75]
VISCOSITY += [33.27, 33.71, 34.03, 34.58, 34.02, 33.97, 34.05, 34.04, 33.73, 34.05]
LATER = [34.39, 33.75, 33.40, 33.27, 34.65, 34.80, 34.55, 35.40, 34.75, 34.50, 34.70]
LATER += [34.29, 34.61, 34.49, 35.03]


def juice() -> pl.DataFrame:
    return pl.DataFrame({"sample": range(1, 31), "events": JUICE, "n": [50] * 30})


def outside(chart: pl.DataFrame) -> list[int]:
    return chart.filter(pl.col("z").abs() > 3)["sample"].to_list()


def test_the_orange_juice_chart_is_montgomerys() -> None:
    chart = charts.p_chart(juice())
    row = chart.row(0, named=True)
    limits = [round(row[c], 4) for c in ("centre", "lower", "upper")]
    assert limits == [0.2313, 0.0524, 0.4102]
    assert outside(chart) == [15, 23]
    # qcc 3.0, stats.p and limits.p
    assert row["lower"] == pytest.approx(0.0524275480719282, abs=1e-12)
    assert row["upper"] == pytest.approx(0.4102391185947384, abs=1e-12)


def test_without_the_two_samples_a_third_is_out() -> None:
    baseline = ~pl.col("sample").is_in([15, 23])
    chart = charts.p_chart(juice().with_columns(baseline=baseline))
    row = chart.row(0, named=True)
    limits = [round(row[c], 4) for c in ("centre", "lower", "upper")]
    assert limits == [0.2150, 0.0407, 0.3893]
    assert outside(chart) == [15, 21, 23]


def test_a_u_chart_has_the_limits_of_qcc_at_each_size() -> None:
    # Montgomery, dyed cloth (qcc: dyedcloth); qcc 3.0, stats.u and limits.u
    frame = pl.DataFrame(
        {
            "events": [14, 12, 20, 11, 7, 10, 21, 16, 19, 23],
            "n": [10.0, 8.0, 13.0, 10.0, 9.5, 10.0, 12.0, 10.5, 12.0, 12.5],
        }
    )
    chart = charts.u_chart(frame)
    assert chart["centre"][0] == pytest.approx(1.42325581395349, abs=1e-12)
    assert chart["lower"].head(3).to_list() == pytest.approx(
        [0.291473930126865, 0.157885199983939, 0.430617436636932], abs=1e-12
    )
    assert chart["upper"].tail(2).to_list() == pytest.approx(
        [2.45642659386604, 2.43555230512913], abs=1e-12
    )


def test_an_xmr_chart_screens_its_moving_ranges_as_the_nhs_does() -> None:
    # R 4.2.2 with the formulae of NHSRplotthedots: 18 of 19 moving ranges are kept
    chart = charts.xmr_chart(pl.DataFrame({"value": VISCOSITY}))
    row = chart.row(3, named=True)
    assert row["centre"] == pytest.approx(34.088, abs=1e-12)
    assert row["lower"] == pytest.approx(32.8304111111111, abs=1e-10)
    assert row["upper"] == pytest.approx(35.3455888888889, abs=1e-10)
    assert row["value"] > row["upper"]


def test_laneys_limits_follow_the_spread_from_point_to_point() -> None:
    # R 4.2.2: z-scores, mean moving range / 1.128379167, p +- 3 sigma_p sigma_z
    frame = pl.DataFrame(
        {
            "events": [400, 455, 370, 430, 388, 441, 402, 377],
            "n": [5000, 5200, 4800, 5100, 4900, 5050, 5150, 4950],
        }
    )
    chart = charts.laney_chart(frame)
    assert chart["centre"][0] == pytest.approx(0.0812702366127024, abs=1e-12)
    assert chart["lower"][0] == pytest.approx(0.0623874190118579, abs=1e-9)
    assert chart["upper"][0] == pytest.approx(0.1001530542135469, abs=1e-9)
    assert chart["upper"][7] == pytest.approx(0.1002481823601933, abs=1e-9)
    plain = charts.p_chart(frame)
    assert (chart["upper"] > plain["upper"]).all()


def test_a_recorded_phase_gets_limits_of_its_own() -> None:
    phase = pl.when(pl.col("sample") <= 15).then(1).otherwise(2)
    chart = charts.p_chart(juice().with_columns(phase=phase))
    assert chart["centre"].n_unique() == 2
    assert chart["centre"][0] == pytest.approx(sum(JUICE[:15]) / 750)
    assert chart["centre"][29] == pytest.approx(sum(JUICE[15:]) / 750)


def test_points_outside_the_baseline_do_not_move_the_limits() -> None:
    fixed = juice().with_columns(baseline=pl.col("sample") <= 20)
    worse = fixed.with_columns(
        events=pl.when(pl.col("sample") > 20).then(50).otherwise("events")
    )
    assert charts.p_chart(fixed)["upper"].equals(charts.p_chart(worse)["upper"])


def test_points_without_a_number_keep_their_row_and_say_why() -> None:
    frame = pl.DataFrame({"events": [0, None, 2], "n": [0, 5, 9]})
    chart = charts.p_chart(frame)
    assert chart["state"].to_list() == ["not_applicable", "not_reported", "data"]
    assert chart["value"].to_list() == [None, None, 2 / 9]
    one = charts.xmr_chart(pl.DataFrame({"value": [1.0, None]}))
    assert one["reason"].to_list() == [charts.TOO_FEW, "no value"]


def test_a_failure_after_a_baseline_without_any_has_no_z() -> None:
    frame = pl.DataFrame({"events": [0, 0, 1], "n": [9, 9, 9]})
    chart = charts.p_chart(frame.with_columns(baseline=pl.Series([True, True, False])))
    assert chart["z"].to_list() == [0.0, 0.0, None]
    assert chart["reason"][2] == charts.NO_SPREAD


def test_a_g_chart_has_geometric_limits() -> None:
    # R 4.2.2: p = 1 / (mean + 1); qgeom(c(pnorm(-3), 1 - pnorm(-3)), p)
    frame = pl.DataFrame({"value": [14, 3, 40, 22, 7, 55, 18, 9, 31, 2, 12, 26]})
    row = rare.g_chart(frame).row(0, named=True)
    assert row["centre"] == pytest.approx(19.9166666666667, abs=1e-10)
    assert (row["lower"], row["upper"]) == (0, 134)
    many = pl.DataFrame({"value": [1500.0, 1500.0, 2.0, 1.0]})
    fixed = many.with_columns(baseline=pl.Series([True, True, False, False]))
    row = rare.g_chart(fixed).row(2, named=True)
    assert (row["lower"], row["upper"]) == (2, 9914)


def test_on_a_g_chart_beyond_three_sigma_is_outside_the_limits() -> None:
    base = [1500.0] * 5
    value = [*base, *map(float, range(12)), 9913.0, 9914.0, 9915.0, 20000.0]
    fixed = [True] * 5 + [False] * (len(value) - 5)
    chart = rare.g_chart(pl.DataFrame({"value": value, "baseline": fixed}))
    for row in chart.rows(named=True):
        beyond = row["value"] < row["lower"] or row["value"] > row["upper"]
        assert (abs(row["z"]) > 3) == beyond


def test_a_t_chart_is_nelsons_power_of_the_days() -> None:
    # R 4.2.2: y = days^(1/3.6); mean(y) +- 2.66 mean moving range, raised back
    days = [12, 30, 5, 44, 18, 61, 9, 27, 35, 3, 80, 22]
    row = rare.t_chart(pl.DataFrame({"value": days})).row(0, named=True)
    assert row["centre"] == pytest.approx(22.4377747654761, abs=1e-9)
    assert row["lower"] == 0
    assert row["upper"] == pytest.approx(331.2800108748791, abs=1e-7)


def test_gaps_count_good_batches_and_days_between_failures() -> None:
    batches = pl.DataFrame(
        {
            "date": [date(2026, 1, d) for d in (1, 3, 5, 8, 9, 20, 25)],
            "failed": [False, True, False, False, True, True, False],
        }
    )
    found = rare.gaps(batches)
    assert found["date"].to_list() == [date(2026, 1, d) for d in (3, 9, 20)]
    assert found["between"].to_list() == [None, 2, 0]
    assert found["days"].to_list() == [None, 6, 11]


def test_g_and_t_charts_seldom_cry_wolf() -> None:
    generator = np.random.default_rng(5)
    value = generator.geometric(0.05, 4000) - 1
    assert (rare.g_chart(pl.DataFrame({"value": value}))["z"].abs() > 3).mean() < 0.006
    days = generator.exponential(20, 4000)
    assert (rare.t_chart(pl.DataFrame({"value": days}))["z"].abs() > 3).mean() < 0.006
