import polars as pl
import pytest

from dashboard.analysis.trend import per_exposure, trend

STARTS = [12, 15, 11, 19, 22, 17, 25, 24]
SLOTS = [20, 22, 18, 25, 26, 20, 27, 25]


def quarters(events: list[int], exposure: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {"quarter": range(len(events)), "events": events, "exposure": exposure}
    )


def test_the_trend_is_that_of_a_poisson_glm() -> None:
    # R 4.2.2: glm(y ~ t + offset(log(ex)), poisson); confint.default; Pearson / df
    found = trend(quarters(STARTS, SLOTS), "quarter")
    assert found.factor == pytest.approx(1.0710120459408128, abs=1e-9)
    assert found.lower == pytest.approx(0.9960507501454633, abs=1e-9)
    assert found.upper == pytest.approx(1.1516148171996337, abs=1e-9)
    assert found.p_value == pytest.approx(0.0638710745173304, abs=1e-9)
    assert found.dispersion == pytest.approx(0.0528953027627375, abs=1e-9)


def test_each_period_has_its_exact_limits() -> None:
    # R 4.2.2: poisson.test(7)$conf.int / 12.5
    row = per_exposure(quarters([7], [12.5])).row(0, named=True)
    assert row["rate"] == pytest.approx(0.56)
    assert row["lower"] == pytest.approx(2.81436305151987 / 12.5)
    assert row["upper"] == pytest.approx(14.42267536170238 / 12.5)


def test_a_period_without_slots_is_left_out_of_the_trend() -> None:
    found = trend(quarters([*STARTS, 0], [*SLOTS, 0]), "quarter")
    assert found.periods == 8
    assert found.factor == pytest.approx(1.0710120459408128, abs=1e-9)


@pytest.mark.parametrize(
    ("events", "exposure"),
    [
        ([], []),
        ([3], [5]),
        ([3, 4], [5, 5]),
        ([0, 0, 0], [5, 5, 5]),
        ([0, 4, 0], [5] * 3),
    ],
)
def test_where_there_is_no_trend_to_speak_of_there_is_a_reason(
    events: list[int], exposure: list[float]
) -> None:
    found = trend(quarters(events, exposure), "quarter")
    assert found.reason
    assert found.factor is None


def test_a_trend_so_steep_that_one_period_dwarfs_the_rest_is_still_found() -> None:
    found = trend(quarters([1, 1, 4000], [10, 10, 10]), "quarter")
    assert found.factor is not None
    assert found.factor > 10
