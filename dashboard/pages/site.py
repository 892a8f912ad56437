"""Site: one site against the network, for its own quality officer first of all."""

from dataclasses import replace

import plotly.graph_objects as go
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column, notice, written
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import some, words
from dashboard.notes import notes
from dashboard.pages import _blinded, _site_days
from dashboard.pages._site_days import NOT_CHOSEN, chosen, only
from dashboard.pages.failures import causes
from dashboard.rates import compared
from dashboard.shell import Page, register
from dashboard.site_report import may_read
from dashboard.viewer import Viewer

PATH = "/site"


def rates(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a definition of failure: the site, its interval, and the network."""
    own = only(viewer, filters)
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
        "flag_at998", "power_double", "flagged", "verdict", "state", "reason",
    )  # fmt: skip


def _rates_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOT_CHOSEN
    outside = frame.filter(pl.col("verdict").str.starts_with("above the 99.8"))
    first = frame.row(0, named=True)
    power = first["power_double"]
    seen = (
        f" A doubled rate would be seen {100 * power:.0f} % of times." if power else ""
    )
    if outside.is_empty():
        return (
            "By no definition does this site fail more often than chance explains."
            f"{seen} Lower is better."
        )
    names = ", ".join(outside["definition"].str.to_lowercase())
    return f"More than chance explains: {names}.{seen} Lower is better."


def _rates_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOT_CHOSEN)
    return figures.caterpillar(
        frame.select(
            pl.col("definition").alias("label"),
            pl.col("rate").alias("value"),
            pl.col("lower").alias("low"),
            pl.col("upper").alias("high"),
            pl.col("centre").alias("reference"),
            pl.col("flagged").alias("flag"),
            "state",
            "reason",
        ),
        "share, 95 % interval",
        percent=True,
    )


def activity(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches started, harvested, released and infused, month by month."""
    own = only(viewer, filters)
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
        return NOT_CHOSEN
    counts = dict(frame.group_by("series").agg(pl.col("value").sum()).iter_rows())
    return (
        f"{written(counts.get('started', 0), 'count')} batches started,"
        f" {written(counts.get('released', 0), 'count')} released and"
        f" {written(counts.get('infused', 0), 'count')} infused"
        " in the months shown; more of them reach patients where the lines are close."
    )


def _activity_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOT_CHOSEN)
    kept = frame.filter(pl.col("series").is_in(["started", "released", "failed"]))
    return figures.series(kept, "batches a month")


def site_causes(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Where this site's batches are lost."""
    own = only(viewer, filters)
    if own is None:
        return pl.DataFrame()
    frame = queries.failures(viewer, own, by=("site", "stage", "category"))
    return causes(frame.filter(site=own.site[0]))


def _causes_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No batch of this site was lost in this selection, or no site is chosen."
    top = frame.row(0, named=True)
    if top["count"] is None:
        return "Too few batches were lost to show for what; fewer are better."
    return (
        f"Most are lost to {top['label']}: {some(top['count'], 'batch', 'batches')}."
        " Fewer are better."
    )


def _lost(frame: pl.DataFrame) -> str:
    return f"n = {int(frame['count'].sum() or 0)} batches" if frame.height else ""


def _causes_drawn(frame: pl.DataFrame) -> go.Figure:
    return figures.pareto(frame) if frame.height else figures.empty()


def _facts(viewer: Viewer, filters: Filters) -> Component:
    own = only(viewer, filters)
    listed = queries.sites(viewer)
    if own is None or not listed["site"].is_in(own.site).any():
        return _picker(listed, filters)
    row = listed.filter(site=own.site[0]).row(0, named=True)
    authorisations = queries.authorisations(viewer, own)
    last = row["last_day"] and written(row["last_day"], "date")
    age = f", {some(row['age'], 'day')} ago" if row["age"] else ", today"
    capacity = row["nominal_capacity"]
    facts = (
        ("Kind", words(row["kind"])),
        ("Stage", words(row["stage"])),
        ("Region", row["region"] or row["country"]),
        ("Joined", written(row["joined"], "date")),
        ("Nominal capacity", f"{capacity:,} a year" if capacity else "not stated"),
        (
            "Authorisations",
            str(authorisations.height) if authorisations.height else "none",
        ),
        ("Last news", f"{last}{age}" if last else "never"),
    )
    rows = [html.Div([html.Dt(name), html.Dd(text)]) for name, text in facts]
    return html.Section(
        [
            html.H2(row["name"]),
            html.Dl(rows, className="definitions facts"),
            html.P(
                "Batches are named by pseudonyms, made with a key of the site; where"
                " the hub pulls by itself, it holds that key.",
                className="note",
            ),
            *_report_links(own.site[0]),
        ],
        className="card-figure",
    )


def _report_links(site: str) -> list[Component]:
    """The site's report, for those who may read its rows."""
    if not may_read(site):
        return []
    place = f"/api/v1/sites/{site}/report"
    return [
        html.P(
            [
                "What to look at in this site's rows, each with its place: ",
                html.A("a page to print", href=f"{place}.html"),
                ", ",
                html.A("a workbook", href=f"{place}.xlsx"),
                ".",
            ]
        )
    ]


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
    return html.Div() if site is None or viewer.audience == "public" else notes(site)


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
    _blinded.CARD,
    Card("site-activity", "Activity", activity, _activity_said, _activity_drawn,
         columns=(Column("x", "Month", "date"), Column("series", "What happened"),
                  Column("value", "Batches", "count")),
         count=lambda f: some(f['x'].n_unique(), 'month') if f.height else "",
         width="half"),
    Card("site-causes", "Where batches are lost", site_causes, _causes_said,
         _causes_drawn,
         columns=(Column("label", "Lost to (in)"), Column("count", "Batches", "count")),
         count=_lost,
         metric="failure_cause", width="half"),
    _site_days.CARD,
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
        ready=lambda viewer, filters: chosen(viewer, filters) is not None,
        foot=_notes,
    ),
)
