import numpy as np
import polars as pl
import pytest

from dashboard.analysis.overdispersion import (
    overdispersion,
    tau_squared,
    winsorised,
    z_scores,
)

RATIOS = pl.DataFrame(
    {
        "events": [100, 150, 180, 80, 120, 225],
        "n": [108.0, 112.0, 165.0, 95.0, 100.0, 220.0],
    }
)
SITES = pl.DataFrame(
    {
        "events": [3, 9, 20, 1, 14, 6, 30, 2],
        "n": [60, 97, 150, 40, 160, 200, 210, 55],
    }
)


def test_phi_of_ratios_on_the_log_scale_is_that_in_funnelplotrs_own_test() -> None:
    # tests/testthat/test-classes_methods.R: round(phi, 6) is 2.948033; with six groups
    # its truncation at 10 % leaves all of them in.
    found = overdispersion(RATIOS, centre=1.0, law="poisson", scale="log", trim=0.0)
    assert round(found.phi or 0, 6) == 2.948033
    # R 4.2.2 with FunnelPlotR's tau_func
    assert found.tau2 == pytest.approx(0.0194775305780216, abs=1e-12)


def test_phi_and_tau_of_ratios_on_the_root_scale_are_those_of_funnelplotr() -> None:
    # R 4.2.2 with FunnelPlotR's functions, sr_method = "CQC", winsorised at 10 %
    found = overdispersion(RATIOS, centre=1.0, law="poisson")
    assert found.phi == pytest.approx(2.32717825759411845, abs=1e-12)
    assert found.tau2 == pytest.approx(0.00343978015418627, abs=1e-12)


def test_phi_and_tau_of_proportions_are_those_of_funnelplotr() -> None:
    # R 4.2.2 with FunnelPlotR's functions, data_type = "PR", winsorised at 10 %
    found = overdispersion(SITES)
    assert found.phi == pytest.approx(2.48555747038997055, abs=1e-12)
    assert found.tau2 == pytest.approx(0.00393851653869816, abs=1e-12)
    # R 4.2.2: sum(z^2) and pchisq(sum(z^2), 7, lower.tail = FALSE)
    assert found.statistic == pytest.approx(29.5447820846572, abs=1e-10)
    assert found.p_value == pytest.approx(1.15060745504245e-04, abs=1e-12)
    assert (found.sites, found.freedom) == (8, 7)


def test_tau_about_the_weighted_mean_is_the_dersimonian_laird_of_metafor() -> None:
    # R 4.2.2, metafor 3.8-1: rma(asin(sqrt(x / n)), 1 / (4 n), method = "DL")
    x, n = SITES["events"].to_numpy(), SITES["n"].to_numpy()
    middle = np.sin((n * np.arcsin(np.sqrt(x / n))).sum() / n.sum()) ** 2
    z, s = z_scores(x, n, middle, "arcsine")
    assert (z**2).sum() == pytest.approx(29.04560889420242, abs=1e-10)
    assert tau_squared(z, s) == pytest.approx(0.00673889296344574, abs=1e-12)


def test_the_pearson_test_is_the_chi_squared_test_of_a_table() -> None:
    # R 4.2.2: prop.test(x, n), statistic and p-value
    found = overdispersion(SITES, scale="pearson")
    assert found.statistic == pytest.approx(25.1503668619515, abs=1e-10)
    assert found.p_value == pytest.approx(0.000713600272412321, abs=1e-12)


def test_sites_that_differ_by_chance_alone_are_seldom_called_different() -> None:
    generator = np.random.default_rng(3)
    n = np.full(40, 200)
    called = 0
    for _ in range(200):
        frame = pl.DataFrame({"events": generator.binomial(n, 0.2), "n": n})
        called += (overdispersion(frame).p_value or 1.0) < 0.05
    assert 2 <= called <= 22


def test_winsorising_draws_the_ends_in_and_drops_nobody() -> None:
    z = np.array([-9.0, -1, 0, 1, 2, 3, 4, 5, 6, 50])
    held = winsorised(z, 0.1)
    assert len(held) == 10
    # R 4.2.2: quantile(z, c(.1, .9))
    assert (held.min(), held.max()) == pytest.approx((-1.8, 10.4))


@pytest.mark.parametrize(
    "frame",
    [
        SITES.head(1),
        SITES.head(0),
        pl.DataFrame({"events": [0, 0], "n": [5, 9]}),
        pl.DataFrame({"events": [5, 9], "n": [5, 9]}),
    ],
)
def test_where_nothing_can_be_told_there_is_a_reason(frame: pl.DataFrame) -> None:
    found = overdispersion(frame)
    assert found.reason
    assert (found.phi, found.tau2, found.p_value) == (None, None, None)


def test_a_site_without_events_has_no_place_on_the_log_scale() -> None:
    frame = pl.DataFrame({"events": [0, 3, 4], "n": [2.0, 3.0, 4.0]})
    found = overdispersion(frame, centre=1.0, law="poisson", scale="log")
    assert found.reason == "a site without events has no z-score on the log scale"
