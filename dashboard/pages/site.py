"""Site: one site against the network, for its own quality officer first of all."""

from dataclasses import replace

import plotly.graph_objects as go
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import survival
from dashboard.card import Card
from dashboard.components import Column, notice, written
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS, METRICS
from dashboard.notes import notes
from dashboard.pages.failures import causes
from dashboard.rates import compared
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/site"
STEPS = (
    "ordered_collected",
    "collected_received",
    "received_started",
    "started_harvested",
    "harvested_released",
    "released_infused",
    "provisional_final",
    "ordered_infused",
)
_NOT_CHOSEN = "Choose one site above to see it beside the network."


def chosen(viewer: Viewer, filters: Filters) -> str | None:
    """The slug of the site that this page is about: the viewer's own, or the filter's.

    None where no single site that the viewer sees by name is chosen.
    """
    if len(filters.site) == 1:
        return filters.site[0]
    return viewer.site


def _only(viewer: Viewer, filters: Filters) -> Filters | None:
    site = chosen(viewer, filters)
    return None if site is None else replace(filters, site=(site,), region=())


def rates(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a definition of failure: the site, its interval, and the network."""
    own = _only(viewer, filters)
    if own is None:
        return pl.DataFrame()
    frames = [
        compared(viewer, own.option("definition", name))
        .filter(site=own.site[0])
        .with_columns(pl.lit(definition.title).alias("definition"))
        for name, definition in DEFINITIONS.items()
    ]
    return pl.concat(frames, how="diagonal_relaxed").select(
        "definition", "events", "n", "rate", "lower", "upper", "centre",
        "flag_at998", "power_double", "verdict", "state", "reason",
    )  # fmt: skip


def _rates_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_CHOSEN
    outside = frame.filter(pl.col("verdict").str.starts_with("above the 99.8"))
    first = frame.row(0, named=True)
    power = first["power_double"]
    seen = f" A doubled rate would be seen {power:.0%} of times." if power else ""
    if outside.is_empty():
        return (
            "By no definition does this site fail more often than chance explains."
            f"{seen} Lower is better."
        )
    names = ", ".join(outside["definition"].str.to_lowercase())
    return f"More than chance explains: {names}.{seen} Lower is better."


def _rates_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(_NOT_CHOSEN)
    return figures.caterpillar(
        frame.select(
            pl.col("definition").alias("label"),
            pl.col("rate").alias("value"),
            pl.col("lower").alias("low"),
            pl.col("upper").alias("high"),
            "state",
            "reason",
        ),
        "share of batches, 95 % interval",
        percent=True,
    )


def activity(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches started, harvested, released and infused, month by month."""
    own = _only(viewer, filters)
    if own is None:
        return pl.DataFrame()
    frame = queries.events(viewer, own, by=("site", "event", "month"))
    return frame.filter(pl.col("site") == own.site[0]).select(
        pl.col("month").alias("x"),
        pl.col("event").alias("series"),
        pl.col("n").alias("value"),
        "state",
        "reason",
    )


def _activity_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_CHOSEN
    counts = dict(frame.group_by("series").agg(pl.col("value").sum()).iter_rows())
    return (
        f"{counts.get('started', 0)} batches started, {counts.get('released', 0)}"
        f" released and {counts.get('infused', 0)} infused in the months shown."
    )


def _activity_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(_NOT_CHOSEN)
    kept = frame.filter(pl.col("series").is_in(["started", "released", "failed"]))
    return figures.series(kept, "batches a month")


def turnaround(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Median and 90th percentile of each step: the site beside all sites together."""
    own = _only(viewer, filters)
    if own is None:
        return pl.DataFrame()
    mine = _days(queries.durations(viewer, own, by=("site", "step"))
                 .filter(site=own.site[0]))  # fmt: skip
    everyone = replace(filters, site=(), region=())
    all_ = _days(queries.durations(viewer, everyone, by=("step",)))
    columns = ["step", "n", "q50", "q50_lower", "q50_upper", "q90"]
    whole = mine.select(*columns, "state", "reason").join(
        all_.select("step", pl.col("q50", "q90").name.prefix("network_")),
        on="step",
        how="left",
    )
    titles = {s: METRICS[s].title if s in METRICS else s for s in whole["step"]}
    order = pl.Enum(STEPS)
    return whole.sort(pl.col("step").cast(order)).with_columns(
        pl.col("step").replace(titles)
    )


def _days(frame: pl.DataFrame) -> pl.DataFrame:
    return survival.durations(
        frame.drop_nulls("day").drop("state", "reason"), by=("step",)
    )


def _turnaround_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_CHOSEN
    slower = frame.filter(pl.col("q50_lower") > pl.col("network_q50"))
    if slower.is_empty():
        return (
            "No step is surely slower here than in the network: every interval of a"
            " median reaches the network's. Fewer days are better."
        )
    names = ", ".join(slower["step"].str.to_lowercase())
    return f"Surely slower than the network's median: {names}. Fewer days are better."


def site_causes(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Where this site's batches are lost."""
    own = _only(viewer, filters)
    if own is None:
        return pl.DataFrame({"label": [], "count": [], "state": [], "reason": []})
    frame = queries.failures(viewer, own, by=("site", "stage", "category"))
    return causes(frame.filter(site=own.site[0]))


def _causes_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No batch of this site was lost in this selection, or none is chosen."
    top = frame.row(0, named=True)
    return f"Most are lost to {top['label']}: {top['count']} batches."


def _facts(viewer: Viewer, filters: Filters) -> Component:
    own = _only(viewer, filters)
    listed = queries.sites(viewer)
    if own is None or not listed["site"].is_in(own.site).any():
        return _picker(listed, filters)
    row = listed.filter(site=own.site[0]).row(0, named=True)
    authorisations = queries.authorisations(viewer, own)
    last = written(row["last_day"], "date")
    facts = (
        ("Kind", str(row["kind"]).replace("_", " ")),
        ("Stage", str(row["stage"]).replace("_", " ")),
        ("Region", f"{row['country']} {row['region'] or ''}"),
        ("Joined", written(row["joined"], "date")),
        ("Nominal capacity", f"{written(row['nominal_capacity'], 'count')} a year"),
        ("Authorisations", f"{authorisations.height}"),
        ("Last news", f"{last}, {written(row['age'], 'count')} days ago"),
        ("Pseudonyms", "made by the site half; where the hub pulls, it holds the key"),
    )
    rows = [html.Div([html.Dt(name), html.Dd(text)]) for name, text in facts]
    return html.Section(
        [html.H2(row["name"]), html.Dl(rows, className="definitions facts")],
        className="card-figure",
    )


def _picker(listed: pl.DataFrame, filters: Filters) -> Component:
    """Links to each site, where none is chosen."""
    if listed.is_empty():
        return notice("You see no site by name, so there is none to choose.")
    links = [
        html.Li(dcc.Link(name, href=PATH + replace(filters, site=(site,)).to_query()))
        for site, name in listed.select("site", "name").iter_rows()
    ]
    return html.Section(
        [html.H2("Choose a site"), html.Ul(links, className="choices")],
        className="card-figure",
    )


def _notes(viewer: Viewer, filters: Filters) -> Component:
    site = chosen(viewer, filters)
    return html.Div() if site is None or viewer.role == "public" else notes(site)


_CARDS = (
    Card(
        "site-rates",
        "Failures beside the network",
        rates,
        _rates_said,
        _rates_drawn,
        columns=(
            Column("definition", "Failure means"),
            Column("events", "Failures", "count"),
            Column("n", "Batches", "count"),
            Column("rate", "Rate", "percent"),
            Column("lower", "95 % from", "percent"),
            Column("upper", "to", "percent"),
            Column("centre", "Network", "percent"),
            Column("flag_at998", "Flagged at", "count"),
            Column("verdict", "Compared with the network"),
        ),
        count=lambda f: f"n = {f['n'][0]} batches" if f.height else "",
        metric="no_product",
    ),
    Card("site-activity", "Activity", activity, _activity_said, _activity_drawn,
         count=lambda f: f"{f.height} months and events", width="half"),
    Card("site-causes", "Where batches are lost", site_causes, _causes_said,
         figures.pareto, count=lambda f: f"n = {int(f['count'].sum() or 0)} batches",
         metric="failure_cause", width="half"),
    Card(
        "site-turnaround",
        "Days for each step",
        turnaround,
        _turnaround_said,
        columns=(
            Column("step", "Step"),
            Column("n", "n", "count"),
            Column("q50", "Median", "days"),
            Column("q50_lower", "95 % from", "days"),
            Column("q50_upper", "to", "days"),
            Column("q90", "90th percentile", "days"),
            Column("network_q50", "Network median", "days"),
            Column("network_q90", "Network 90th", "days"),
        ),
    ),
)  # fmt: skip

register(
    __name__,
    Page(
        PATH,
        "Site",
        "One site beside the network, with what is known of it.",
        order=80,
        shown=("from", "to", "product", "pathway", "site"),
        cards=_CARDS,
        top=_facts,
        foot=_notes,
    ),
)
