import numpy as np
import pytest

from dashboard.analysis.paired import agreement

# Bland and Altman 1986, table: peak flow by a large and a mini Wright meter, l/min,
# first measurements of 17 people.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423,
         427]  # fmt: skip
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350,
        451]  # fmt: skip
DIFFERENCES = np.array(LARGE, dtype=float) - np.array(MINI, dtype=float)


def test_the_published_peak_flows_have_the_published_answer() -> None:
    found = agreement(DIFFERENCES)
    assert found is not None
    assert (found.n, round(found.bias, 1), round(found.sd, 1)) == (17, -2.1, 38.8)
    # The paper writes -22.0 to 17.8, and its limits with 2 where 1.96 stands here.
    assert [round(end, 1) for end in found.bias_interval] == [-22.0, 17.8]
    limits = (found.bias - 2 * found.sd, found.bias + 2 * found.sd)
    assert limits == pytest.approx((-79.7, 75.5), abs=0.15)
    assert (found.lower, found.upper) == pytest.approx((-78.0973, 73.8620), abs=1e-4)


def test_the_limits_intervals_are_those_of_r_s_noncentral_t() -> None:
    found = agreement(DIFFERENCES)
    assert found is not None
    # R 4.2.2: mean(d) + sd(d) / sqrt(17) * qt(c(.025, .975), 16, ncp = 1.96 * sqrt(17))
    assert found.upper_interval == pytest.approx((48.86076707, 119.92753367))
    assert found.lower_interval == pytest.approx((-124.16282778, -53.09606119))
    # The paper's approximation, -114.3 to -45.1 and 40.9 to 110.1, is nearer the bias.
    assert found.upper_interval[0] < found.upper < found.upper_interval[1]


@pytest.mark.parametrize("n", [5, 12])
def test_the_intervals_hold_what_they_say(n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = rng.normal(1.0, 2.0, (800, n))
    held = {"bias": 0, "lower": 0, "upper": 0}
    true = {"bias": 1.0, "lower": 1.0 - 1.96 * 2, "upper": 1.0 + 1.96 * 2}
    for row in drawn:
        found = agreement(row)
        assert found is not None
        for name, value in true.items():
            low, high = getattr(found, f"{name}_interval")
            held[name] += low <= value <= high
    for name in held:
        assert held[name] / 800 == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_under_three_pairs_nothing_is_said(n: int) -> None:
    assert agreement(np.zeros(n)) is None


def test_no_difference_at_all_is_full_agreement() -> None:
    found = agreement(np.zeros(4))
    assert found is not None
    assert found.lower_interval == found.upper_interval == (0.0, 0.0)
