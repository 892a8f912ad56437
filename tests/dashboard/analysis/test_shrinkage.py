import numpy as np
import polars as pl
import pytest

from dashboard.analysis.cells import numbers
from dashboard.analysis.shrinkage import ALONE, FLAT, fit_prior, rank_intervals, shrink

SITES = pl.DataFrame(
    {
        "site": list("abcdefgh"),
        "events": [3, 9, 20, 1, 14, 6, 30, 2],
        "n": [60, 97, 150, 40, 160, 200, 210, 55],
    }
)


def test_the_prior_is_the_beta_binomial_fit_of_vgam() -> None:
    prior = fit_prior(numbers(SITES, "events"), numbers(SITES, "n"))
    assert prior is not None
    # R 4.2.2, VGAM 1.1-7: vglm(cbind(x, n - x) ~ 1, betabinomial): mu, and 1/rho - 1
    assert prior.mean == pytest.approx(0.0801904902942027, abs=1e-7)
    assert prior.strength == pytest.approx(50.5088654732636755, rel=1e-5)
    assert not prior.bounded


def test_rates_and_intervals_follow_from_the_fitted_prior() -> None:
    # R 4.2.2, the likelihood by optim(), then qbeta and pbeta at its maximum
    found = shrink(SITES, target=0.08)
    expected = {
        "shrunken": [0.0637987776331796, 0.0884715029130532, 0.1199464751117208],
        "lower": [0.0263789418270742, 0.0483512732082139, 0.0788251727173301],
        "upper": [0.1160468007802261, 0.1391200146603147, 0.1682363576085864],
        "exceeds": [0.22389131058787370, 0.61503497063284218, 0.97090917583170366],
    }
    for column, values in expected.items():
        assert found[column].head(3).to_list() == pytest.approx(values, abs=1e-6)


def test_every_shrunken_rate_lies_between_the_sites_own_and_the_networks() -> None:
    found = shrink(SITES)
    middle = 0.0801905
    for row in found.rows(named=True):
        low, high = sorted((row["rate"], middle))
        assert low - 1e-6 <= row["shrunken"] <= high + 1e-6
    assert found.sort("n")["weight"].is_sorted()


def test_like_sites_are_told_no_more_than_the_network_knows() -> None:
    like = pl.DataFrame({"events": [4, 8, 12], "n": [50, 100, 150]})
    prior = fit_prior(numbers(like, "events"), numbers(like, "n"))
    assert prior is not None
    assert (prior.bounded, prior.mean, prior.strength) == (True, 0.08, 300.0)
    assert shrink(like)["shrunken"].to_list() == pytest.approx([0.08] * 3)


def test_intervals_hold_the_true_rates_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    held = []
    for _ in range(40):
        true = generator.beta(4, 46, 60)
        n = generator.integers(10, 300, 60)
        frame = pl.DataFrame({"events": generator.binomial(n, true), "n": n})
        found = shrink(frame)
        lower, upper = found["lower"].to_numpy(), found["upper"].to_numpy()
        held.append(((lower <= true) & (true <= upper)).mean())
    assert 0.93 <= np.mean(held) <= 0.965


def test_rank_intervals_are_seeded_and_wide_for_small_sites() -> None:
    once, again = rank_intervals(SITES), rank_intervals(SITES)
    assert once.equals(again)
    assert not once.equals(rank_intervals(SITES, seed=2))
    width = dict(
        zip(SITES["site"], once["rank_upper"] - once["rank_lower"], strict=True)
    )
    assert width["d"] > width["g"]
    assert once["rank_lower"].min() == 1
    assert once["rank_upper"].max() == 8
    clear = pl.DataFrame({"events": [1, 50, 99], "n": [100, 100, 100]})
    found = rank_intervals(clear)
    assert found["rank_lower"].to_list() == found["rank_upper"].to_list() == [1, 2, 3]


@pytest.mark.parametrize(
    ("events", "n", "why"),
    [
        ([3], [9], ALONE),
        ([0, 0], [9, 5], FLAT),
        ([9, 5], [9, 5], FLAT),
        ([], [], ALONE),
    ],
)
def test_where_no_prior_can_be_learned_there_is_a_reason(
    events: list[int], n: list[int], why: str
) -> None:
    schema = {"events": pl.Int64, "n": pl.Int64}
    frame = pl.DataFrame({"events": events, "n": n}, schema=schema)
    for found in (shrink(frame), rank_intervals(frame)):
        assert found["reason"].to_list() == [why] * len(n)
    assert shrink(frame)["shrunken"].null_count() == len(n)


def test_a_site_not_compared_shapes_no_prior_and_gets_no_rank() -> None:
    odd = pl.DataFrame({"site": ["z"], "events": [90], "n": [100], "reason": ["late"]})
    both = pl.concat([SITES, odd], how="diagonal")
    assert shrink(both).head(8)["shrunken"].to_list() == pytest.approx(
        shrink(SITES)["shrunken"].to_list()
    )
    last = rank_intervals(both).row(8, named=True)
    assert (last["rank_lower"], last["reason"]) == (None, "late")
