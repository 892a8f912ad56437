"""Turnaround: how long each step takes, where, and where fast and slow part ways."""

import plotly.graph_objects as go
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import chain
from dashboard.analysis.survival import COUNTS
from dashboard.card import Card
from dashboard.components import Column, notice, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.metrics_service import STEPS
from dashboard.names import site_names, some
from dashboard.pages import _certification as certification
from dashboard.pages import _laboratory as laboratory
from dashboard.pages import _parting as parting
from dashboard.pages._parting import DAYS, WHOLE, all_sites, steps
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/turnaround"
_FEW = 6


def _step(filters: Filters) -> str:
    asked = filters.extra.get("step", "")
    return asked if asked in STEPS else WHOLE


def _title(step: str) -> str:
    return STEPS[step][0]


def _steps_said(frame: pl.DataFrame) -> str:
    row = frame.filter(pl.col("step") == WHOLE).row(0, named=True)
    if row["q50"] is None:
        return (
            "No median from order to infusion can be told in this selection; shorter"
            " is better."
        )
    until = "is not reached"
    if row["q90"] is not None:
        until = f"is {row['q90_words']} days ({_interval(row, 'q90')})"
    return (
        f"From order to infusion half take {row['q50_words']} days or less (95 %"
        f" interval {_interval(row, 'q50')}); the 90th percentile {until}, n ="
        f" {written(row['n'], 'count')}. Shorter is better."
    )


def _interval(row: dict[str, object], quantile: str) -> str:
    low, high = row[f"{quantile}_lower"], row[f"{quantile}_upper"]
    return f"{written(low, 'count')} to {'open' if high is None else high}"


def by_site(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One step by site: percentiles, with the network's median as `centre`."""
    step = _step(filters)
    frame = _of(queries.durations(viewer, filters, between=True), step)
    whole = queries.durations(viewer, all_sites(filters), by=("step",))
    centre = chain.percentiles(_of(whole, step), ("step",))
    median = centre["q50"][0] if centre.height else None
    found = chain.percentiles(frame, ("site",)).sort("site")
    return found.with_columns(
        pl.col("site").alias("label"),
        pl.lit(_title(step)).alias("step"),
        pl.lit(median, pl.Int64).alias("centre"),
    )


def _of(frame: pl.DataFrame, step: str) -> pl.DataFrame:
    return frame.filter(pl.col("step") == step)


def _by_site_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("q50")
    if seen.is_empty() or seen["centre"][0] is None:
        return "No site's median can be shown for this step; shorter is better."
    if set(seen["site"]) <= {*queries.POOLS}:
        return (
            f"{seen['step'][0]}: half take {seen['centre'][0]} days or less. No site"
            " is shown to you by name; shorter is better."
        )
    low = seen.filter(pl.col("q50_upper") < pl.col("centre")).height
    high = seen.filter(pl.col("q50_lower") > pl.col("centre")).height
    return (
        f"{seen['step'][0]}: the network's median is {seen['centre'][0]} days, the"
        f" dashed line. Of {seen.height} medians, {low} are shorter and {high} longer"
        " with their whole 95 % interval. Sites in alphabetical order; shorter is"
        " better."
    )


def _by_site_drawn(frame: pl.DataFrame) -> go.Figure:
    centre = frame["centre"][0] if frame.height else None
    return figures.percentiles(frame, "days", centre)


def curve(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The share that took the step by each day: the network, and sites beside it.

    With more than a few sites, these are pooled by their own median, so that the day on
    which fast and slow part ways can be read.
    """
    step = _step(filters)
    asked = all_sites(filters)
    whole = _of(queries.durations(viewer, asked, by=("step",), between=True), step)
    parts = _of(queries.durations(viewer, filters, between=True), step)
    visible = parts.drop_nulls("day")["site"].unique().sort().to_list()
    if len(visible) > _FEW:
        found = chain.percentiles(whole, ("step",))
        medians = dict(
            chain.percentiles(parts, ("site",)).drop_nulls("q50")
            .select("site", "q50").rows()
        )  # fmt: skip
        parts = chain.halves(parts, medians, found["q50"][0] or 0)
        parts = parts.with_columns(pl.col("half").alias("site"))
        if parts["half"].n_unique() < 2:  # every site shares the network's median
            parts = parts.clear()
    columns = ["site", "day", "known", *COUNTS, "state"]
    network = whole.with_columns(pl.lit("network").alias("site"))
    both = pl.concat([network.select(columns), parts.select(columns)])
    names = ["network", *sorted(set(parts["site"]) - {"network"})]
    if set(parts["site"]) == {"network"}:
        both = network.select(columns)
    return chain.curves(both, "site", names).with_columns(
        pl.lit(_title(step)).alias("step"),
        pl.lit(int(both.filter(site="network", known="recorded")
                   .select(pl.sum_horizontal(COUNTS).sum()).item() or 0))
        .alias("of"),
    )  # fmt: skip


def _curve_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No curve can be drawn for this step; earlier is better."
    half = frame.filter(pl.col("value") >= 0.5).group_by(
        "series", maintain_order=True
    ).agg(pl.col("x").min())  # fmt: skip
    days = [f"{name} by day {day}" for name, day in half.rows()]
    return (
        f"{frame['step'][0]}: half have taken the step in the"
        f" {', the '.join(days) or 'selection on no day seen'}. Further left is faster,"
        " which is better; a curve that stays lower loses more batches on the way."
    )


def _weeks_said(viewer: Viewer, filters: Filters) -> str | None:
    sites = queries.weekly_sites(viewer, filters)
    if not sites:
        return None
    tell = "tells" if len(sites) == 1 else "tell"
    return (
        f"{site_names(sites)} {tell} weeks instead of days: what is made of them is a"
        " span, up to six days shorter or longer, drawn as a bar or a band."
    )


def _backwards_said(viewer: Viewer, filters: Filters) -> str | None:
    """How many rows would have given a duration below zero, for who may read rows."""
    refused = queries.rejects(viewer, filters.without("from").without("to")).filter(
        pl.col("dataset").is_in(["demand", "batch", "result"]),
        pl.col("rule").str.contains("_before_"),
    )
    if refused.is_empty():
        return None
    return (
        f"{some(refused.height, 'row')} whose days run backwards"
        f" ({site_names(sorted(set(refused['site'])))}) did not get here: Data quality"
        " lists them with their reason, and no duration is below zero."
    )


def _top(viewer: Viewer, filters: Filters) -> Component:
    options = [(WHOLE, _title(WHOLE))]
    options += [(s, _title(s)) for s in STEPS if s != WHOLE]
    more = (_weeks_said(viewer, filters), _backwards_said(viewer, filters))
    return html.Div(
        [
            switch("Step", filters, PATH, "step", options),
            notice(
                "Batches still running are censored on the network's day; a batch that"
                " ended before the step competes with it (Aalen-Johansen), so curves"
                " stop below 100 %. Sites make different products: choose one product"
                " to compare like with like.",
                *(said for said in more if said),
            ),
        ]
    )


register(
    __name__,
    Page(
        PATH,
        "Turnaround",
        "From order to infusion: how long each step takes, where time goes, and what"
        " waits for its final certificate.",
        order=40,
        shown=("from", "to", "product", "product_class", "pathway", "region", "site"),
        top=_top,
        cards=(
            Card(
                "turnaround-steps",
                "The chain, step by step",
                steps,
                _steps_said,
                lambda f: figures.percentiles(f, "days"),
                (Column("label", "Step"), *DAYS),
                count=lambda f: f"n = {written(f['n'].max(), 'count')}"
                " batches at the step with most",
                metric=WHOLE,
                note="Lines are 95 % intervals (Brookmeyer and Crowley); an arrow means"
                " that the upper limit was not reached. A 90th percentile is missing"
                " where fewer than nine tenths ever take the step.",
            ),
            Card(
                "turnaround-sites",
                "One step, by site",
                by_site,
                _by_site_said,
                _by_site_drawn,
                (Column("site", "Site", "site"), *DAYS),
                metric=WHOLE,
                width="half",
            ),
            Card(
                "turnaround-curve",
                "One step, day by day",
                curve,
                _curve_said,
                lambda f: figures.steps(f, "days", "share that took the step"),
                (
                    Column("series", "Curve"),
                    Column("x", "Day", "count"),
                    Column("value", "Share", "percent"),
                    Column("low", "95 % from", "percent"),
                    Column("high", "to", "percent"),
                ),
                count=lambda f: f"n = {written(f['of'].max(), 'count')}",
                metric=WHOLE,
                note="With more than six sites, those whose median is at most the"
                " network's are pooled as faster, the others as slower: two groups,"
                " not a ranking.",
                width="half",
                height=520,
            ),
            *parting.CARDS,
            *laboratory.CARDS,
            *certification.CARDS,
        ),
    ),
)  # fmt: skip
