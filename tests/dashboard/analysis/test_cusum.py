import numpy as np
import polars as pl
import pytest

from dashboard.analysis.cusum import average_run_length, cusum, scores, threshold_for


def test_scores_are_steiners_log_likelihood_ratios() -> None:
    # Steiner 2000: log(R) - log(1 - p + R p) and -log(1 - p + R p); R 4.2.2
    found = scores(np.array([1.0, 0.0]), np.array([0.08, 0.08]), 2.0)
    assert found == pytest.approx([0.6161861394238168, -0.0769610411361284], abs=1e-12)


def test_a_failure_that_was_expected_adds_less() -> None:
    found = scores(np.ones(2), np.array([0.02, 0.5]), 2.0)
    assert found[0] > found[1] > 0


def test_the_sum_stays_above_zero_and_starts_again_after_a_signal() -> None:
    frame = pl.DataFrame({"failed": [0, 0, 1, 1, 0, 1], "expected": [0.08] * 6})
    found = cusum(frame, threshold=1.2)
    assert found["cusum"].to_list() == pytest.approx(
        [0, 0, 0.6161861394, 1.2323722788, 0, 0.6161861394]
    )
    assert found["signal"].to_list() == [False, False, False, True, False, False]


def test_a_batch_without_outcome_or_risk_leaves_the_sum_alone() -> None:
    frame = pl.DataFrame(
        {"failed": [1, None, 1, 0], "expected": [0.08, 0.08, None, 1.0]}
    )
    found = cusum(frame, threshold=3)
    assert found["cusum"].n_unique() == 1
    assert found["state"].to_list() == ["data", *["not_applicable"] * 3]
    assert found["reason"][1] == "no outcome, or no expected risk"


def simulated(threshold: float, true_risk: float, runs: int) -> float:
    generator = np.random.default_rng(9)
    bad, good = scores(np.array([1.0, 0.0]), np.full(2, 0.08), 2.0)
    level, length = np.zeros(runs), np.zeros(runs)
    running = np.ones(runs, dtype=bool)
    while running.any():
        step = np.where(generator.random(runs) < true_risk, bad, good)
        level = np.maximum(0, level + step)
        length += running
        running &= level < threshold
    return float(length.mean())


# 4000 runs in R 4.2.2 gave 277.6 in control and 43.3 at twice the risk
@pytest.mark.parametrize(("risk", "in_r"), [(0.08, 277.583), (0.16, 43.33725)])
def test_the_run_length_of_the_chain_is_that_of_simulated_runs(
    risk: float, in_r: float
) -> None:
    exact = average_run_length(0.08, 2.0, 2.0, risk)
    assert exact == pytest.approx(in_r, rel=0.04)
    assert exact == pytest.approx(simulated(2.0, risk, 4000), rel=0.06)


# R 4.2.2, solve() of the exact chain where a failure lifts the sum by nine times what a
# good batch takes off, and 45 times that is the limit.
def test_the_run_length_is_exact_where_the_steps_are_commensurable() -> None:
    ratio, limit = 1.608356622337316, 45 * 0.047521292622772793
    assert average_run_length(0.08, limit, ratio) == pytest.approx(
        692.201661277263, rel=1e-9
    )
    assert average_run_length(0.08, limit, ratio, 0.16) == pytest.approx(
        66.48991744745409, rel=1e-9
    )


def test_the_run_length_of_a_mix_is_that_of_simulated_runs() -> None:
    mix, runs = np.array([0.05, 0.1, 0.2]), 2000
    generator = np.random.default_rng(3)
    level, length = np.zeros(runs), np.zeros(runs)
    running = np.ones(runs, dtype=bool)
    while running.any():
        risk = generator.choice(mix, runs)
        failed = (generator.random(runs) < risk).astype(float)
        level = np.maximum(0, level + scores(failed, risk, 2.0))
        length += running
        running &= level < 2.0
    exact = average_run_length(mix, 2.0, 2.0)
    error = length.std() / np.sqrt(runs)
    assert exact == pytest.approx(length.mean(), abs=4 * error)


def test_the_threshold_is_the_lowest_with_the_run_length_asked_for() -> None:
    threshold = threshold_for(0.08, 2.0, 500)
    assert threshold is not None
    below = average_run_length(0.08, threshold - 0.01, 2.0)
    at = average_run_length(0.08, threshold, 2.0)
    assert below is not None and at is not None
    assert below < 500 <= at < 525


def test_no_run_length_where_no_signal_can_come() -> None:
    assert average_run_length(0.08, 2.0, 2.0, 0.0) is None
    assert average_run_length(0.0, 2.0, 2.0, 0.1) is None
    assert threshold_for(0.0, 2.0, 100) is None
    assert threshold_for(3.5839063695343095e-221, 2.0, 2000) is None
    assert threshold_for(2e-9, 2.0, 2000) is not None


@pytest.mark.parametrize(("threshold", "ratio"), [(0, 2), (2, 1), (2, 0)])
def test_a_chart_that_can_say_nothing_is_refused(
    threshold: float, ratio: float
) -> None:
    frame = pl.DataFrame({"failed": [1], "expected": [0.1]})
    with pytest.raises(ValueError, match="threshold above 0"):
        cusum(frame, threshold, ratio)
