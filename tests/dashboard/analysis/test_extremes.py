import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis import charts, rare
from dashboard.analysis.funnel import Scheme, Widening, funnel
from dashboard.analysis.intervals import proportions, rates
from dashboard.analysis.multiple import adjusted
from dashboard.analysis.overdispersion import overdispersion
from dashboard.analysis.rules import signals
from dashboard.analysis.shrinkage import rank_intervals, shrink
from dashboard.analysis.standardisation import standardise, standardise_by_model
from dashboard.analysis.survival import curves, durations
from dashboard.analysis.trend import per_exposure, trend

SCHEMES = (
    Scheme(),
    Scheme(method="arcsine"),
    Scheme(method="ukhsa"),
    Scheme(law="poisson", method="chi_squared"),
    Scheme(law="poisson", method="log"),
    Scheme(widening=Widening("multiplicative", 2.0)),
    Scheme(widening=Widening("additive", 0.01)),
)


@st.composite
def site(draw: st.DrawFn) -> dict[str, object]:
    n = draw(st.none() | st.integers(0, 3) | st.integers(0, 2000))
    events = draw(st.sampled_from([0, n]) | st.integers(0, n)) if n else n
    return {
        "site": draw(st.sampled_from(["a", "b", "c", "d"])),
        "product": draw(st.sampled_from(["p", "q", None])),
        "process": draw(st.sampled_from(["x", "y", None])),
        "events": draw(st.none() | st.just(events)),
        "n": n,
        "reason": draw(st.sampled_from([None, None, None, "completeness 60 %"])),
    }


SCHEMA = dict.fromkeys(("site", "product", "process", "reason"), pl.String)
SCHEMA |= dict.fromkeys(("events", "n"), pl.Int64)
networks = st.lists(site(), max_size=12).map(lambda r: pl.DataFrame(r, schema=SCHEMA))


def assert_drawable(frame: pl.DataFrame) -> None:
    """Every number is finite or null, and what cannot be drawn says why."""
    for column in frame.select(pl.selectors.float()):
        assert all(v is None or math.isfinite(v) for v in column), column.name
    if "state" in frame.columns:
        known = ("data", "zero", "not_reported", "suppressed", "not_applicable")
        assert frame["state"].is_in(known).all()
        hidden = frame.filter(~pl.col("state").is_in(("data", "zero")))
        assert hidden["reason"].null_count() == 0


@settings(max_examples=60, deadline=None)
@given(networks)
def test_every_comparison_of_any_network_can_be_drawn(frame: pl.DataFrame) -> None:
    for scheme in SCHEMES:
        shown = adjusted(funnel(frame, scheme=scheme))
        assert shown.height == frame.height
        assert_drawable(shown)
        compared = shown.filter("compared")
        assert compared["flagged"].null_count() == 0
        assert shown.filter(~pl.col("compared"))["reason"].null_count() == 0
    for shown in (proportions(frame), rates(frame), shrink(frame)):
        assert_drawable(shown)
    assert_drawable(rank_intervals(frame, draws=50))
    found = overdispersion(frame)
    assert found.reason or math.isfinite(found.phi + found.tau2 + found.p_value)


@settings(max_examples=60, deadline=None)
@given(networks, st.sampled_from([[], ["product"], ["product", "process"]]))
def test_every_standardised_comparison_can_be_drawn(
    frame: pl.DataFrame, strata: list[str]
) -> None:
    for standard in (standardise, standardise_by_model):
        shown = standard(frame, strata)
        assert shown.height == frame["site"].n_unique()
        assert_drawable(shown)
        assert shown.filter(~pl.col("compared"))["reason"].null_count() == 0


@settings(max_examples=60, deadline=None)
@given(networks)
def test_every_chart_can_be_drawn(frame: pl.DataFrame) -> None:
    frame = frame.drop("reason")
    for chart in (charts.p_chart, charts.u_chart, charts.laney_chart):
        shown = signals(chart(frame), "nelson")
        assert_drawable(shown)
        assert shown.filter(pl.col("z").is_null())["reason"].null_count() == 0
    values = frame.with_columns(value=pl.col("events").cast(pl.Float64))
    for chart in (charts.xmr_chart, rare.g_chart, rare.t_chart):
        assert_drawable(signals(chart(values), "western_electric"))


@settings(max_examples=60, deadline=None)
@given(networks)
def test_every_duration_and_trend_has_numbers_or_a_reason(frame: pl.DataFrame) -> None:
    table = frame.select(
        "site",
        day=pl.col("n"),
        ended=pl.col("events").fill_null(0),
        competing=pl.col("n").fill_null(0) % 3,
        censored=pl.col("n").fill_null(0) % 2,
    )
    assert_drawable(durations(table, by=["site"]))
    assert_drawable(curves(table, by=["site"]))
    periods = frame.with_columns(exposure="n").drop("n").with_row_index("period")
    assert_drawable(per_exposure(periods))
    found = trend(periods, "period")
    assert found.reason or found.lower <= found.factor <= found.upper


@pytest.mark.parametrize(
    ("events", "n"),
    [([0], [0]), ([0], [1]), ([1], [1]), ([0, 1], [1, 1]), ([0, 0], [0, 0])],
)
def test_the_smallest_networks_are_states_not_errors(
    events: list[int], n: list[int]
) -> None:
    frame = pl.DataFrame({"events": events, "n": n})
    for shown in (funnel(frame), shrink(frame), rank_intervals(frame, draws=20)):
        assert_drawable(shown)


def test_five_hundred_sites_of_one_batch_are_all_compared() -> None:
    frame = pl.DataFrame({"events": [1] * 40 + [0] * 460, "n": [1] * 500})
    shown = funnel(frame)
    assert shown["compared"].all()
    assert shown["flagged"].unique().to_list() == ["none"]
    assert shown["flag_at998"].null_count() == 500
