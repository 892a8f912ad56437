import polars as pl
import pytest
from scipy.stats import beta

from dashboard.analysis.shrinkage import fit_prior
from dashboard.filters import Filters
from dashboard.pages._shrunken import CARD, shrunken
from dashboard.viewer import Viewer
from tests.demo import LEAD, Demo


def test_each_rate_is_the_posterior_of_the_networks_prior_and_its_own(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        frame = shrunken(LEAD, filters).drop_nulls("shrunken")
    assert frame.height == 22
    events, n = (frame[c].cast(pl.Float64).to_numpy() for c in ("events", "n"))
    prior = fit_prior(events, n)
    assert prior is not None
    network = events.sum() / n.sum()
    for row in frame.to_dicts():
        a = prior.shape[0] + row["events"]
        b = prior.shape[1] + row["n"] - row["events"]
        assert row["shrunken"] == pytest.approx(a / (a + b))
        assert row["lower"] == pytest.approx(beta.ppf(0.025, a, b))
        assert row["upper"] == pytest.approx(beta.ppf(0.975, a, b))
        assert row["exceeds"] == pytest.approx(beta.sf(network, a, b))


def test_the_small_site_is_drawn_in_most_and_the_bad_one_hardly(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = shrunken(LEAD, filters)
    rows = {row["site"]: row for row in frame.to_dicts()}
    small, bad = rows["vesuvina"], rows["manzanera"]
    assert small["weight"] < 0.3 < 0.8 < bad["weight"]
    assert small["rate"] - small["shrunken"] > 0.05
    assert small["exceeds"] < 0.975 < bad["exceeds"]


def test_sites_stand_in_the_order_of_their_names_and_have_no_rank(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = shrunken(LEAD, filters)
    assert frame["site"].to_list() == sorted(frame["site"])
    assert "rank" not in frame.columns
    assert {c.name for c in CARD.columns} >= {"rank_lower", "rank_upper"}
    seen = frame.drop_nulls("rank_lower")
    assert (seen["rank_lower"] < seen["rank_upper"]).all()


def test_a_choice_of_sites_does_not_change_what_is_learned(demo: Demo) -> None:
    with demo.asked_by() as filters:
        every = shrunken(LEAD, filters)
        one = shrunken(LEAD, Filters(site=("vesuvina",)))
    assert one.rows() == every.filter(pl.col("site") == "vesuvina").rows()


def test_a_pool_is_no_site_to_learn_from(demo: Demo) -> None:
    viewer = Viewer("site", site="rhodanie")
    with demo.asked_by(viewer) as filters:
        frame = shrunken(viewer, filters)
        said = CARD.sentence(frame)
    assert frame["shrunken"].null_count() == frame.height == 2
    assert frame["state"].to_list() == ["not_applicable"] * 2
    assert "fewer than two sites" in said
    assert "many sites pooled" in said
