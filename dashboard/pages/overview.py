"""Overview: what needs a look today, how the network stands, and how fresh it is."""

from dataclasses import replace
from datetime import timedelta

import plotly.graph_objects as go
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import chain, intervals
from dashboard.attention import stale_after
from dashboard.card import Card
from dashboard.components import Column, tile, tiles, written
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import some, words
from dashboard.rates import sees_pools
from dashboard.shell import Page, register
from dashboard.signals import STATUSES, signals
from dashboard.viewer import Viewer


def _last_year(viewer: Viewer, filters: Filters) -> Filters:
    """These filters with the last twelve months where no period was chosen.

    From the start of a quarter where sites are pooled: no part of one is told.
    """
    if filters.start or filters.end:
        return filters
    start = queries.current().as_of - timedelta(days=365)
    if sees_pools(viewer):
        start = start.replace(month=start.month - (start.month - 1) % 3, day=1)
    return replace(filters, start=f"{start:%Y-%m}")


def _tiles(viewer: Viewer, filters: Filters) -> Component:
    asked = _last_year(viewer, filters)
    query = asked.shared.to_query()
    return html.Div(
        [
            tiles(
                _started(viewer, asked, query),
                _failed(viewer, asked, query),
                _vein_to_vein(viewer, asked, query),
                _reporting(viewer, filters),
            ),
            html.P("The last twelve months, with pooled sites from the start of a"
                   " quarter, unless a period is chosen.",
                   className="note"),
        ]
    )  # fmt: skip


def _started(viewer: Viewer, asked: Filters, query: str) -> Component:
    events = queries.events(viewer, asked, by=("event",)).filter(event="started")
    row = events.row(0, named=True) if events.height else None
    value = written(row["n"], "count") if row else "0"
    note = (
        str(row["reason"]) if row and row["reason"] else "batches that count in rates"
    )
    return tile("Batches started", value, note, href=f"/throughput{query}")


def _failed(viewer: Viewer, asked: Filters, query: str) -> Component:
    definition = DEFINITIONS[asked.definition]
    counts = queries.counts(viewer, asked, (definition.column, definition.of), ())
    frame = intervals.proportions(
        counts.rename({definition.column: "events", definition.of: "n"})
    )
    row = frame.row(0, named=True) if frame.height else {"rate": None}
    if row["rate"] is None:
        value, note = "–", str(row.get("reason") or "nothing has ended yet")
    else:
        value = written(row["rate"], "percent")
        note = (
            f"{written(row['events'], 'count')} of {written(row['n'], 'count')}"
            f" batches, 95 % interval {written(row['lower'], 'percent')} to"
            f" {written(row['upper'], 'percent')}"
        )
    return tile(definition.title, value, note, href=f"/failures{query}")


def _vein_to_vein(viewer: Viewer, asked: Filters, query: str) -> Component:
    days = queries.durations(viewer, asked, by=("step",), between=True)
    found = chain.percentiles(days.filter(step="ordered_infused"), ("step",))
    row = found.row(0, named=True) if found.height else {"q50": None, "n": 0}
    value = "–" if row["q50"] is None else f"{row['q50_words']} days"
    orders = written(row["n"] or 0, "count")
    note = f"median from order to infusion, {orders} orders"
    return tile("Vein to vein", value, note, href=f"/turnaround{query}")


def _reporting(viewer: Viewer, filters: Filters) -> Component:
    sites = queries.sites(viewer, filters)
    owing = sites.filter(~pl.col("stage").is_in(["suspended", "closed"]))
    fresh = owing.filter(pl.col("age") <= stale_after()).height
    note = f"with news of the last {stale_after()} days"
    if not owing.height:
        return tile("Sites reporting", "–", "you see no site by name", href="/quality")
    return tile("Sites reporting", f"{fresh} of {owing.height}", note, href="/quality")


def _attention_said(frame: pl.DataFrame) -> str:
    count = {s: frame.filter(status=s).height for s in STATUSES}
    gone = f"{count['resolved']} resolved since the pull before"
    if not count["new"] + count["existing"]:
        sentence = "Nothing needs a look today: no site or lot differs by more than"
        return f"{sentence} chance{'; ' + gone if count['resolved'] else ''}."
    open_ = some(count["new"] + count["existing"], "thing needs", "things need")
    return (
        f"{open_} a look today, {count['new']} new and {gone}. Each says what stands"
        " behind it; none of them is a verdict."
    )


def news(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a named site: the last day its rows speak of, and how old that is."""
    oldest = stale_after()
    quiet = pl.col("stage").is_in(["suspended", "closed"])
    old = pl.col("age") > oldest
    frame = queries.sites(viewer, filters)
    batches = queries.events(viewer, _last_year(viewer, filters), by=("site", "event"))
    started = batches.filter(event="started").select("site", "n")
    return (
        frame.join(started, on="site", how="left")
        .with_columns(
            pl.when(quiet)
            .then(pl.lit("owes no reports"))
            .when(pl.col("age").is_null())
            .then(pl.lit("has never reported"))
            .when(old)
            .then(pl.lit("old: not shown as current"))
            .otherwise(pl.lit("fresh"))
            .alias("freshness"),
            pl.when(old & ~quiet).then(pl.lit("high998")).otherwise(pl.lit("none"))
            .alias("flag"),
            pl.when(pl.col("last_day").is_null())
            .then(pl.lit("not_reported"))
            .otherwise(pl.lit("data"))
            .alias("state"),
            pl.when(pl.col("last_day").is_null())
            .then(pl.lit("nothing was ever reported"))
            .alias("reason"),
        )
        .sort("site")
    )  # fmt: skip


def _news_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "You see no site by name, so none can be placed."
    old = frame.filter(pl.col("flag") != "none")["name"].to_list()
    news = f"nothing new for too long from {'; '.join(old)}" if old else "all fresh"
    return (
        f"{some(frame.height, 'site')}: {news}. Fresh is better; larger marks start"
        " more batches a year."
    )


def _map(frame: pl.DataFrame) -> go.Figure:
    said = [
        f"<b>{r['name']}</b><br>{words(r['kind'])}, {words(r['stage'])}<br>"
        f"{some(r['n'] or 0, 'batch', 'batches')} started in the last year<br>"
        f"{r['freshness']}"
        for r in frame.to_dicts()
    ]
    return figures.places(
        frame.with_columns(pl.Series("hover", said, pl.String)).rename(
            {"name": "label", "site": "slug"}
        ),
        words={"none": "fresh news", "high998": "nothing new for too long"},
    )


register(
    __name__,
    Page(
        "/",
        "Overview",
        "What needs a look today, and how the network stands.",
        order=10,
        top=_tiles,
        cards=(
            Card(
                "attention",
                "What needs a look today",
                signals,
                _attention_said,
                columns=(
                    Column("status", "State"),
                    Column("site", "Where", "site"),
                    Column("what", "What"),
                    Column("page", "See", "page"),
                    Column("evidence", "Evidence"),
                    Column("false_alarm", "By chance"),
                ),
                count=lambda f: some(f.height, "thing"),
                note="New, existing or resolved: beside the snapshot published before."
                " Sites are flagged by the exact 99.8 % rule; a lot is judged by the"
                " batches of all sites, and told to those that used it.",
            ),
            Card(
                "freshness",
                "Where the sites are and how fresh their news is",
                news,
                _news_said,
                _map,
                columns=(
                    Column("name", "Site"),
                    Column("kind", "Kind", "words"),
                    Column("stage", "Stage", "words"),
                    Column("region", "Region"),
                    Column("n", "Started in a year", "count"),
                    Column("last_day", "Last news", "date"),
                    Column("age", "Days ago", "count"),
                    Column("freshness", "State of the news"),
                ),
                count=lambda f: some(f.height, "site"),
                height=480,
            ),
        ),
    ),
)
