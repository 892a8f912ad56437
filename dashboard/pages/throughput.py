"""Throughput: how much is started, made and given, by whom and of what."""

from datetime import date

import plotly.graph_objects as go
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import periods
from dashboard.analysis.grid import grid
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.pages import _output as output
from dashboard.pages import _per_slot as per_slot
from dashboard.rates import sees_pools
from dashboard.shell import Page, register
from dashboard.viewer import Viewer, current_request

PATH = "/throughput"

PER = {"month": "By month", "quarter": "By quarter", "year": "By year"}
EVENTS = {
    "started": "Started",
    "harvested": "Harvested",
    "released": "Released",
    "infused": "Infused",
}
_LAST = {"month": 12, "quarter": 8, "year": 10}


def _option(filters: Filters, key: str, known: dict[str, str]) -> str:
    asked = filters.extra.get(key, "")
    return asked if asked in known else next(iter(known))


def _periods(viewer: Viewer) -> dict[str, str]:
    """The periods to choose from: a pool is told by quarters, and by no month."""
    return {k: v for k, v in PER.items() if k != "month" or not sees_pools(viewer)}


def _today() -> date:
    return current_request().about.as_of or date.max


def over_time(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches started, harvested, released and infused by period, over all sites."""
    per = _option(filters, "per", _periods(viewer))
    frame = queries.events(viewer, filters, by=(per, "event"))
    frame = frame.filter(pl.col("event").is_in([*EVENTS])).rename({per: "x"})
    whole = periods.filled(frame, per, ("event",), ("n",))
    place = {event: i for i, event in enumerate(EVENTS)}
    whole = whole.sort("x", pl.col("event").replace_strict(place))
    return whole.select(
        "x",
        pl.col("x").map_elements(lambda d: periods.titled(d, per), pl.String)
        .alias("period"),
        "event",
        "n",
        (pl.col("x") < periods.running(per, _today())).alias("over"),
        "state",
        "reason",
    )  # fmt: skip


def _over_time_said(frame: pl.DataFrame) -> str:
    ended = frame.filter("over")
    if ended["n"].drop_nulls().is_empty():
        return "No whole period lies in this selection, or its counts are hidden."
    last = ended.filter(pl.col("x") == ended["x"].dt.max())
    counts = {r["event"]: r["n"] for r in last.to_dicts()}
    parts = [f"{written(counts.get(e), 'count')} {e}" for e in EVENTS if e in counts]
    return (
        f"In {last['period'][0]}, the last period that is over:"
        f" {', '.join(parts)}. More is not better by itself: what is started follows"
        " the demand and the slots."
    )


def _over_time_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.filter("over").select(
        "x", pl.col("n").alias("value"), pl.col("event").alias("series"),
        "state", "reason",
    )  # fmt: skip
    return figures.series(rows, "batches")


def by_site(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One event by site and the latest periods; silence is no zero."""
    per = _option(filters, "per", _periods(viewer))
    event = _option(filters, "event", EVENTS)
    frame = queries.events(viewer, filters, by=("site", per, "event"))
    frame = frame.filter(pl.col("event") == event).rename({per: "x"})
    absent = queries.counts(viewer, filters, ("started",)).filter(
        pl.col("started").is_null()
    )
    frame = frame.filter(~pl.col("site").is_in(absent["site"].to_list()))
    days = frame["x"].unique().sort()[-_LAST[per] :]
    whole = periods.filled(
        frame.filter(pl.col("x").is_in(days.to_list())), per, ("site",), ("n",)
    )
    spoke = queries.sites(viewer, filters).select("site", "last_day")
    until = pl.col("x").dt.offset_by(periods.EVERY[per])
    quiet = (pl.col("n") == 0) & (until > pl.col("last_day"))
    quiet &= until <= periods.running(per, _today())
    late = (pl.col("x") > pl.col("last_day")) | quiet
    cells = whole.join(spoke, on="site", how="left").with_columns(
        pl.when(late).then(pl.lit("not_reported")).otherwise("state").alias("state"),
        pl.when(late)
        .then(pl.format("nothing was heard since {}", "last_day"))
        .otherwise("reason")
        .alias("reason"),
        pl.when(~late.fill_null(False)).then("n").alias("n"),
    )
    without = absent.join(days.alias("x").to_frame(), how="cross")
    columns = ("site", "x", "n", "state", "reason")
    both = [cells.select(columns)]
    both.append(without.select("site", "x", pl.lit(None, pl.Int64).alias("n"),
                               "state", "reason"))  # fmt: skip
    title = pl.col("x").map_elements(lambda d: periods.titled(d, per), pl.String)
    return (
        pl.concat(both, how="vertical_relaxed")
        .sort("site", "x")
        .with_columns(title.alias("period"), pl.lit(event).alias("event"))
    )


def _by_site_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("n")
    if seen.is_empty():
        return "No site's counts can be shown in this selection."
    event, total = seen["event"][0], int(seen["n"].sum())
    first, last = seen.sort("x")["period"][0], seen.sort("x")["period"][-1]
    return (
        f"{written(total, 'count')} batches {event} from {first} to {last};"
        f" {seen['site'].n_unique()} of {frame['site'].n_unique()} rows have numbers,"
        " in alphabetical order. The last column is"
        " still running; more is not better by itself, and ○ is silence, not zero."
    )


def by_pathway(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches started by period and pathway, over all sites."""
    per = _option(filters, "per", _periods(viewer))
    frame = queries.events(viewer, filters, by=(per, "pathway", "event"))
    frame = frame.filter(pl.col("event") == "started").rename({per: "x"})
    return frame.sort("pathway", "x").select(
        "x", _words("pathway").alias("part"), pl.col("n").alias("count"),
        "state", "reason",
    )  # fmt: skip


def _words(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("_", " ")


def _by_pathway_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("count")
    totals = seen.group_by("part").agg(pl.col("count").sum()).sort("part")
    n = int(totals["count"].sum() or 0)
    if not n:
        return "No start can be shown in this selection."
    parts = [f"{p}: {written(c, 'count')} ({c / n:.0%})" for p, c in totals.rows()]
    hidden = " Hidden counts are not in it." if seen.height < frame.height else ""
    return (
        f"Of {written(n, 'count')} batches started, {', '.join(parts)}.{hidden} The mix"
        " is a fact of the network, neither good nor bad."
    )


def by_trial(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches of each site by pathway and trial, for one event."""
    event = _option(filters, "event", EVENTS)
    frame = queries.events(viewer, filters, by=("site", "pathway", "trial", "event"))
    named = pl.col("trial") != "-"
    return (
        frame.filter(pl.col("event") == event)
        .sort("pathway", "trial", "site")
        .select(
            "site",
            _words("pathway").alias("pathway"),
            pl.when(named).then("trial").otherwise(pl.lit("–")).alias("trial"),
            pl.when(named).then("trial").otherwise(_words("pathway")).alias("line"),
            "event", "n", "state", "reason",
        )
    )  # fmt: skip


def _by_trial_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("n")
    if seen.is_empty():
        return "No batch can be shown by trial in this selection."
    trials = seen.filter(pl.col("trial") != "–")
    share = int(trials["n"].sum()) / max(int(seen["n"].sum()), 1)
    return (
        f"{written(int(seen['n'].sum()), 'count')} batches {seen['event'][0]}:"
        f" {share:.0%} in {trials['trial'].n_unique()} trials, the rest outside any."
        " Sites are in alphabetical order; no direction is good."
    )


def _top(viewer: Viewer, filters: Filters) -> Component:
    return html.Div(
        [
            switch("Periods", filters, PATH, "per", [*_periods(viewer).items()]),
            switch("Event by site and trial", filters, PATH, "event",
                   [*EVENTS.items()]),
        ]
    )  # fmt: skip


register(
    __name__,
    Page(
        PATH,
        "Throughput",
        "How much is started, made and given to patients, where, and of what. No"
        " ranking: sites differ in size, products and task.",
        order=20,
        shown=("from", "to", "product", "product_class", "pathway", "region", "site"),
        top=_top,
        cards=(
            Card(
                "throughput-over-time",
                "Batches over time",
                over_time,
                _over_time_said,
                _over_time_drawn,
                (
                    Column("period", "Period"),
                    Column("event", "Event"),
                    Column("n", "Batches", "count"),
                ),
                metric="started",
                note="Each batch counts when the event happened. The running period is"
                " in the table only. Validation and engineering runs and pre-GMP"
                " centres count in nothing here.",
            ),
            Card(
                "throughput-by-site",
                "Batches by site",
                by_site,
                _by_site_said,
                lambda f: figures.matrix(grid(f, "site", "period", "n")),
                (
                    Column("site", "Site", "site"),
                    Column("period", "Period"),
                    Column("event", "Event"),
                    Column("n", "Batches", "count"),
                ),
                metric="started",
            ),
            *per_slot.CARDS,
            Card(
                "throughput-by-pathway",
                "Starts by pathway",
                by_pathway,
                _by_pathway_said,
                figures.stacked_bars,
                (
                    Column("x", "Period from", "date"),
                    Column("part", "Pathway"),
                    Column("count", "Batches", "count"),
                ),
                count=lambda f: f"n = {written(int(f['count'].sum() or 0), 'count')}",
                metric="started",
            ),
            Card(
                "throughput-by-trial",
                "By site, pathway and trial",
                by_trial,
                _by_trial_said,
                lambda f: figures.matrix(grid(f, "site", "line", "n")),
                (
                    Column("site", "Site", "site"),
                    Column("pathway", "Pathway"),
                    Column("trial", "Trial"),
                    Column("event", "Event"),
                    Column("n", "Batches", "count"),
                ),
                metric="started",
            ),
            *output.CARDS,
        ),
    ),
)
