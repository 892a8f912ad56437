"""Capacity: what each site could start, staffed and used, and how old that is."""

from dataclasses import replace
from datetime import date

import plotly.graph_objects as go
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import capacity, periods
from dashboard.card import Card
from dashboard.components import Column, notice, tile, tiles, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.pages import _ahead as coming_weeks
from dashboard.pages import _lost as lost
from dashboard.pages import _map as on_map
from dashboard.pages import _queue as waiting
from dashboard.pages import _week_by_week as week_by_week
from dashboard.pages._place import BY, COVERAGE, HISTORY, PER, PLACE, period, place
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/capacity"
_LINES = ("theoretical", "staffed", "booked", "used")


def by_site(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Slots and utilisation by site over the period, with coverage and age.

    Without an end of the period it speaks of today: a silent site then has no figure.
    """
    frame = queries.slot_use(viewer, filters, by=(place(filters),))
    if not filters.end:
        frame = capacity.fresh(frame)
    everyone = replace(filters, site=(), region=())
    whole = capacity.shares(queries.slot_use(viewer, everyone, by=()))
    centre = whole["utilisation"][0] if whole.height else None
    told = _standing(viewer, filters, capacity.shares(frame))
    return told.sort("site").with_columns(
        pl.lit(centre, pl.Float64).alias("centre"),
        capacity.fading(queries.agreed_silence()).fill_null(1.0).alias("fade"),
    )  # fmt: skip


def _standing(viewer: Viewer, filters: Filters, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with a word for sites that are closed, or have nothing in these weeks.

    By region they are part of their region, which has a row as long as one reports.
    """
    if place(filters) == "region" and viewer.role != "site":
        return frame
    here = queries.sites(viewer, filters).filter(
        ~pl.col("kind").is_in(["testing_laboratory"]), pl.col("stage") != "pre_gmp"
    )
    closed = set(here.filter(pl.col("stage") == "closed")["site"])
    none = here.filter(~pl.col("site").is_in(frame["site"].to_list())).select(
        "site", pl.lit("not_reported").alias("state"),
        pl.lit("no capacity was reported in these weeks").alias("reason"),
    )  # fmt: skip
    whole = pl.concat([frame, none], how="diagonal")
    shut = pl.col("site").is_in(closed) & pl.lit(not filters.end)
    counts = (*_LINES, "utilisation", "lower", "upper", "staffing")
    week = pl.format("closed; its last week was that of {}", "last_week")
    return whole.with_columns(
        *(pl.when(~shut).then(pl.col(c)).alias(c) for c in counts),
        pl.when(shut).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(shut).then(week.fill_null("closed before these weeks"))
        .otherwise("reason").alias("reason"),
    )  # fmt: skip


def _by_site_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("utilisation")
    if seen.is_empty():
        return "No utilisation can be shown in this selection."
    total = int(seen["staffed"].sum())
    share = float(seen["used"].sum()) / max(total, 1)
    silent = frame.filter(pl.col("reason").str.starts_with("no current"))["site"]
    words = f" No current figure: {', '.join(silent)}." if silent.len() else ""
    closed = frame.filter(pl.col("reason").str.starts_with("closed"))["site"]
    words += f" Closed: {', '.join(closed)}." if closed.len() else ""
    return (
        f"{share:.1%} of {written(total, 'count')} staffed slots were used."
        " Neither direction is good: near 100 % any disturbance makes patients wait,"
        f" low leaves people idle.{words}"
    )


def _by_site_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.col("site").alias("label"), pl.col("utilisation").alias("value"),
        pl.coalesce("lower", "utilisation").alias("low"),
        pl.coalesce("upper", "utilisation").alias("high"),
        "fade", "state", "reason",
    )  # fmt: skip
    centre = frame["centre"][0] if frame.height else None
    return figures.caterpillar(rows, "used of staffed slots", True, centre)


def over_time(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batch starts a week by period: theoretical, staffed, booked, used.

    A mean a week, so that months of four and five weeks and a running one compare. A
    period for which fewer site-weeks came than were agreed has no figure.
    """
    per = period(filters)
    frame = queries.slot_use(viewer, filters, by=(per,), weeks=HISTORY[per])
    share = pl.col("reported") / pl.col("expected")
    enough = capacity.covered(queries.agreed_completeness())
    thin = ~enough & ~pl.col("state").is_in(["suppressed"])
    return frame.sort(per).select(
        pl.col(per).alias("x"),
        pl.col(per).map_elements(lambda d: periods.titled(d, per), pl.String)
        .alias("period"),
        *(
            pl.when(~thin & (pl.col("state") != "suppressed"))
            .then(pl.col(c) / pl.col("weeks")).alias(c)
            for c in _LINES
        ),
        "reported", "expected", "last_week", "age", share.alias("coverage"),
        pl.when(thin).then(pl.lit("not_reported")).otherwise("state").alias("state"),
        pl.when(thin)
        .then(pl.format("{} of {} site-weeks were reported", "reported", "expected"))
        .otherwise("reason").alias("reason"),
    )  # fmt: skip


def _over_time_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("used")
    if seen.is_empty():
        return "No period has enough reports to be shown in this selection."
    last = seen.row(-1, named=True)
    figures_ = ", ".join(f"{last[c]:.1f} {c}" for c in _LINES if last[c] is not None)
    return (
        f"In {last['period']}: {figures_} batch starts a week, from {last['reported']}"
        f" of {last['expected']} site-weeks ({last['coverage']:.0%}). The gap between"
        " theoretical and staffed is what people could still add; smaller is better."
    )


def _over_time_drawn(frame: pl.DataFrame) -> go.Figure:
    long = frame.unpivot(
        on=list(_LINES), index=["x", "state", "reason"],
        variable_name="series", value_name="value",
    )  # fmt: skip
    return figures.series(long, "batch starts a week")


def _top(viewer: Viewer, filters: Filters) -> Component:
    whole = capacity.shares(queries.slot_use(viewer, filters, by=()))
    options = html.Div(
        [
            switch("Places", filters, PATH, "by", [*BY.items()]),
            switch("Periods", filters, PATH, "per", [*PER.items()]),
            switch(
                "Week by week", filters, PATH, "show", [*week_by_week.SHOWN.items()]
            ),
        ]
    )
    if whole.is_empty():
        return html.Div([options, notice("No capacity was reported here.")])
    row = whole.row(0, named=True)
    asked = "the chosen period" if filters.start or filters.end else "the last 52 weeks"
    share = row["reported"] / max(row["expected"], 1)
    newest = written(_newest(row), "date")
    return html.Div(
        [
            options,
            tiles(
                tile("Used of staffed slots", written(row["utilisation"], "percent"),
                     f"of {written(row['staffed'], 'count')} in {asked}"),
                tile("Staffed of theoretical", written(row["staffing"], "percent"),
                     f"of {written(row['theoretical'], 'count')} in {asked}"),
                tile("Reports received", written(share, "percent"),
                     f"{row['reported']} of {row['expected']} site-weeks"),
                tile("Newest week", newest,
                     f"{row['silent']} of {row['sites']} sites silent too long"),
            ),
        ]
    )  # fmt: skip


def _slots(frame: pl.DataFrame) -> str:
    return f"n = {written(int(frame['staffed'].sum() or 0), 'count')} staffed slots"


def _newest(row: dict[str, object]) -> date | None:
    week = row["last_week"]
    return week if isinstance(week, date) else None


register(
    __name__,
    Page(
        PATH,
        "Capacity",
        "Can patients be treated in time? What sites could start, what they staffed,"
        " used and lost, and who waits. Each figure with its age and coverage.",
        order=60,
        shown=("from", "to", "region", "site"),
        top=_top,
        cards=(
            Card(
                "capacity-sites",
                "Utilisation by site",
                by_site,
                _by_site_said,
                _by_site_drawn,
                (
                    PLACE,
                    *(Column(c, c.capitalize(), "count") for c in _LINES),
                    Column("utilisation", "Used of staffed", "percent"),
                    Column("lower", "95 % from", "percent"),
                    Column("upper", "to", "percent"),
                    Column("staffing", "Staffed of theoretical", "percent"),
                    *COVERAGE,
                ),
                count=_slots,
                metric="utilisation",
                note="Exact binomial limits. Sums over weeks that the site reported."
                " A mark pales as its news grows old, and a site silent for longer"
                " than agreed has no current figure.",
            ),
            *on_map.CARDS,
            Card(
                "capacity-weeks",
                "Theoretical, staffed, booked, used",
                over_time,
                _over_time_said,
                _over_time_drawn,
                (
                    Column("period", "Period"),
                    *(Column(c, f"{c.capitalize()} a week", "number") for c in _LINES),
                    Column("reported", "Site-weeks reported", "count"),
                    Column("expected", "of", "count"),
                    Column("coverage", "Coverage", "percent"),
                    Column("last_week", "Last week", "date"),
                    Column("age", "Age, days", "count"),
                ),
                count=lambda f: (
                    f"n = {written(int(f['reported'].sum() or 0), 'count')} site-weeks"
                ),
                metric="staffing",
                note="All sites shown, batch starts a week. A site that fell silent"
                " lowers the sum: read it with the coverage.",
            ),
            *week_by_week.CARDS,
            *lost.CARDS,
            *waiting.CARDS,
            *coming_weeks.CARDS,
        ),
    ),
)
