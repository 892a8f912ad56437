import polars as pl
import pytest

from dashboard.analysis import intervals

# R 4.2.2: binom.test(x, n)$conf.int
CLOPPER_PEARSON = [
    (3, 11, 0.0602177341729066, 0.6097425595724212),
    (1, 28, 0.000903798755658059, 0.183477597544623672),
    (0, 68, 0.0, 0.0528030427936398),
    (8, 8, 0.630583352447181, 1.0),
    (58, 1138, 0.0389252610730668, 0.0653909841670934),
    (14, 97, 0.0812129407771378, 0.2302900887774342),
]
# R 4.2.2: prop.test(x, n, correct = FALSE)$conf.int
WILSON = [
    (3, 32, 0.0324015512983662, 0.2421815472838786),
    (0, 225, 0.0, 0.0167865510056202),
    (5, 5, 0.565517535216825, 1.0),
    (58, 1138, 0.0396317179878832, 0.0653228340604087),
]
# R 4.2.2: poisson.test(x)$conf.int
POISSON = [
    (0, 0.0, 3.68887945411394),
    (1, 0.0253178079842899, 5.5716433909388989),
    (7, 2.81436305151987, 14.42267536170238),
    (58, 44.0418316802498, 74.9784497446946),
]


@pytest.mark.parametrize(("x", "n", "lower", "upper"), CLOPPER_PEARSON)
def test_the_exact_interval_is_that_of_binom_test(
    x: int, n: int, lower: float, upper: float
) -> None:
    assert intervals.clopper_pearson(x, n) == pytest.approx((lower, upper), abs=1e-12)


@pytest.mark.parametrize(("x", "n", "lower", "upper"), WILSON)
def test_the_wilson_interval_is_that_of_prop_test(
    x: int, n: int, lower: float, upper: float
) -> None:
    assert intervals.wilson(x, n) == pytest.approx((lower, upper), abs=1e-12)


@pytest.mark.parametrize(("x", "lower", "upper"), POISSON)
def test_the_poisson_interval_is_that_of_poisson_test(
    x: int, lower: float, upper: float
) -> None:
    assert intervals.poisson(x) == pytest.approx((lower, upper), abs=1e-10)


# The figures of published cohorts, in per cent to the digits in which they are known.
@pytest.mark.parametrize(
    ("x", "n", "digits", "rate", "lower", "upper"),
    [
        (3, 32, 1, 9.4, 2.0, 25.0),
        (5, 134, 1, 3.7, 1.2, 8.5),
        (38, 981, 2, 3.87, 2.76, 5.28),
        (18, 29858, 3, 0.060, 0.036, 0.095),
        (0, 225, 2, 0.0, 0.0, 1.63),
        (3, 11, 0, 27, 6, 61),
        (1, 28, 1, 3.6, 0.1, 18.3),
        (0, 68, 2, 0.0, 0.0, 5.28),
    ],
)
def test_published_cohorts_have_the_intervals_they_should(
    x: int, n: int, digits: int, rate: float, lower: float, upper: float
) -> None:
    row = intervals.proportions(pl.DataFrame({"events": [x], "n": [n]})).row(
        0, named=True
    )
    shown = [round(100 * row[c], digits) for c in ("rate", "lower", "upper")]
    assert shown == [rate, lower, upper]


def test_the_upper_limit_of_nothing_is_two_sided() -> None:
    _, upper = intervals.clopper_pearson(0, 225)
    assert upper == pytest.approx(1 - 0.025 ** (1 / 225), abs=1e-12)
    assert upper != pytest.approx(1 - 0.05 ** (1 / 225), abs=1e-3)


def test_limits_about_an_expected_number_are_those_of_funnelplotr() -> None:
    # tests/testthat/test-poisson_limits.R of nhs-r-community/FunnelPlotR
    expected = [15, 20, 30]
    lower, upper = intervals.poisson(expected)
    assert (lower / expected).round(7).tolist() == [0.5596924, 0.6108260, 0.6746958]
    assert (upper / expected).round(6).tolist() == [1.649348, 1.544419, 1.427562]
    lower, upper = intervals.poisson(expected, level=0.998)
    assert (lower / expected).round(7).tolist() == [0.3862650, 0.4479107, 0.5289724]
    assert (upper / expected).round(6).tolist() == [2.082907, 1.902094, 1.702771]


def test_a_rate_per_exposure_is_that_of_poisson_test() -> None:
    # R 4.2.2: poisson.test(7, 12.5, conf.level = 0.998)$conf.int
    frame = intervals.rates(pl.DataFrame({"events": [7], "n": [12.5]}), level=0.998)
    row = frame.row(0, named=True)
    assert row["rate"] == pytest.approx(0.56)
    assert row["lower"] == pytest.approx(0.121626900831905, abs=1e-12)
    assert row["upper"] == pytest.approx(1.570094191630739, abs=1e-12)


def test_a_rate_without_exposure_is_a_state_with_a_reason() -> None:
    frame = pl.DataFrame({"events": [0, None, 3], "n": [0.0, 4.0, 2.0]})
    rows = intervals.rates(frame).rows(named=True)
    assert [r["state"] for r in rows] == ["not_applicable", "not_reported", "data"]
    assert [r["rate"] for r in rows] == [None, None, 1.5]
    assert rows[0]["reason"] == "nothing to count: 0 of 0"
