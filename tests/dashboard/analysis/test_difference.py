import polars as pl
import pytest

from dashboard.analysis.difference import differences, newcombe

# Newcombe 1998 (Stat Med 17:873), table II, method 10.
PUBLISHED = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((0, 10), (0, 10), -0.2775, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("first", "second", "lower", "upper"), PUBLISHED)
def test_the_interval_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], lower: float, upper: float
) -> None:
    low, high = newcombe(first, second)
    assert (float(low), float(high)) == pytest.approx((lower, upper), abs=6e-5)


def test_the_other_way_round_it_is_the_same_with_the_other_sign() -> None:
    low, high = newcombe((56, 70), (48, 80))
    back_low, back_high = newcombe((48, 80), (56, 70))
    assert (float(low), float(high)) == pytest.approx((-back_high, -back_low))


def test_a_hidden_count_and_an_empty_group_have_no_difference() -> None:
    frame = pl.DataFrame(
        {"events": [3, None, 0], "n": [4, 9, 0], "other_events": [1, 2, 1],
         "other_n": [4, 8, 5]}
    )  # fmt: skip
    told = differences(frame)
    assert told["difference"].to_list() == [0.5, None, None]
    assert told["lower"].is_null().to_list() == [False, True, True]
    assert told["rate"].to_list() == [0.75, None, None]
