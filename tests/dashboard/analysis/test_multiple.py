import polars as pl
import pytest

from dashboard.analysis.multiple import adjusted


def test_adjusted_values_are_those_of_p_adjust() -> None:
    # R 4.2.2: p.adjust(c(.01, .04, .03, .005, .2, .9, NA, .04), "BH")
    p = [0.01, 0.04, 0.03, 0.005, 0.2, 0.9, None, 0.04]
    found = adjusted(pl.DataFrame({"p_value": p}))["p_value_adjusted"].to_list()
    assert found.pop(6) is None
    assert found == pytest.approx(
        [0.035, 0.056, 0.056, 0.035, 0.233333333333333, 0.9, 0.056], abs=1e-12
    )


def test_no_test_is_no_adjustment() -> None:
    frame = pl.DataFrame({"p_value": [None, None]}, schema={"p_value": pl.Float64})
    assert adjusted(frame)["p_value_adjusted"].to_list() == [None, None]
