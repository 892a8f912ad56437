import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.proficiency import algorithm_a, scores

# The creosote example of ISO 5725-5:1998, as metRology documents it.
CREOSOTE = [24.140, 20.155, 19.500, 20.300, 20.705, 17.570, 20.100, 20.940, 21.185]
SIX = [0.2640, 0.2670, 0.2960, 0.3110, 0.3310, 0.4246]


def trial(values: dict[str, list[float]], **more: object) -> pl.DataFrame:
    rows = [
        {"round": "2026", "specimen": "a", "laboratory": name, "parameter": "viability",
         "method": "-", "replicate": str(i), "value": value, "comparator": "=",
         "unit": "%", "assigned_value": None, "assigned_sd": None} | more
        for name, each in values.items() for i, value in enumerate(each)
    ]  # fmt: skip
    return pl.DataFrame(
        rows,
        schema_overrides={"assigned_value": pl.Float64, "assigned_sd": pl.Float64},
    )


# Computed in R 4.2.2 by the standard's steps; MASS::hubers differs in the factor only.
@pytest.mark.parametrize(
    ("values", "mean", "sd"),
    [
        (CREOSOTE, 20.412142857, 1.069839703),
        (SIX, 0.30958828351, 0.05262761168),
    ],
)
def test_algorithm_a_gives_what_r_gives(
    values: list[float], mean: float, sd: float
) -> None:
    found = algorithm_a(np.array(values))
    assert found.mean == pytest.approx(mean, rel=1e-8)
    assert found.sd == pytest.approx(sd, rel=1e-8)
    assert found.uncertainty == pytest.approx(1.25 * sd / len(values) ** 0.5)


def test_a_wild_value_moves_the_robust_mean_little() -> None:
    plain = algorithm_a(np.array(CREOSOTE[1:]))
    wild = algorithm_a(np.array([2414.0, *CREOSOTE[1:]]))
    assert abs(wild.mean - plain.mean) < plain.sd


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 9.0]])
def test_equal_values_have_a_mean_and_whatever_spread_there_is(
    values: list[float],
) -> None:
    found = algorithm_a(np.array(values))
    assert 3.0 <= found.mean <= 4.5
    assert found.sd >= 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=3, max_size=20),
    st.floats(0.1, 10),
    st.floats(-50, 50),
    st.randoms(),
)
def test_units_and_order_make_no_difference(
    values: list[float], factor: float, shift: float, random: object
) -> None:
    one = algorithm_a(np.array(values))
    random.shuffle(values)  # type: ignore[attr-defined]
    other = algorithm_a(factor * np.array(values) + shift)
    scale = 1 + abs(shift) + factor * 100
    assert other.mean == pytest.approx(factor * one.mean + shift, abs=1e-3 * scale)
    assert other.sd == pytest.approx(factor * one.sd, abs=1e-3 * scale)


def test_against_an_assigned_value_the_score_is_z() -> None:
    frame = scores(
        trial({"a": [94.0, 96.0], "b": [90.0]}, assigned_value=92.0, assigned_sd=2.0)
    )
    assert dict(frame.select("laboratory", "score").rows()) == {"a": 1.5, "b": -1.0}
    assert frame["kind"].unique().to_list() == ["z"]
    assert frame["assigned"].all()
    assert frame["replicates"].to_list() == [2, 1]


def test_against_the_mean_of_few_the_score_allows_for_its_doubt() -> None:
    values = {str(i): [v] for i, v in enumerate(CREOSOTE)}
    frame = scores(trial(values))
    robust = algorithm_a(np.array(CREOSOTE))
    assert frame["kind"].unique().to_list() == ["z'"]
    wide = np.hypot(robust.sd, robust.uncertainty)
    assert frame["score"][0] == pytest.approx((24.14 - robust.mean) / wide)
    assert frame["p"].unique().to_list() == [9]


def test_against_the_mean_of_many_the_score_is_z() -> None:
    rng = np.random.default_rng(1)
    frame = scores(
        trial({str(i): [float(v)] for i, v in enumerate(rng.normal(size=30))})
    )
    assert frame["kind"].unique().to_list() == ["z"]


def test_a_reading_that_is_no_figure_takes_no_part() -> None:
    rows = trial({"a": [1.0], "b": [2.0], "c": [3.0], "d": [0.3]})
    below = rows.with_columns(
        pl.when(pl.col("laboratory") == "d").then(pl.lit("<")).otherwise("comparator")
        .alias("comparator")
    )  # fmt: skip
    assert scores(below)["laboratory"].to_list() == ["a", "b", "c"]
    assert scores(rows.clear()).is_empty()


def test_without_any_spread_there_is_no_score() -> None:
    frame = scores(trial({"a": [5.0], "b": [5.0], "c": [5.0]}))
    assert frame["score"].null_count() == 3


def test_of_laboratories_that_read_alike_few_scores_ask_for_a_look() -> None:
    rng = np.random.default_rng(3)
    frames = [
        scores(trial({str(i): [float(v)] for i, v in enumerate(rng.normal(92, 2, 20))}))
        for _ in range(200)
    ]
    beyond = pl.concat(frames)["score"].abs()
    assert (beyond >= 2).mean() == pytest.approx(0.05, abs=0.015)
    assert (beyond >= 3).mean() < 0.01
