"""Who waits, what is promised, and what is still to come."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import capacity
from dashboard.analysis.cells import HIDDEN
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.pages._place import COVERAGE, PLACE, place
from dashboard.viewer import Viewer


def waiting(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Orders waiting today by site, and the weeks they would take at today's rate."""
    by = place(filters)
    frame = capacity.fresh(queries.queue(viewer, filters, by))
    orders = queries.orders_waiting(viewer, filters, by)
    oldest = orders.filter(~pl.col("state").is_in(HIDDEN)).select("site", "oldest")
    shown = ~pl.col("state").is_in(HIDDEN)
    rate = pl.col("used") / pl.col("heard") * (pl.col("sites") - pl.col("silent"))
    return (
        frame.join(oldest, on="site", how="left")
        .with_columns(
            pl.when(shown & (rate > 0)).then(pl.col("waiting") / rate).alias("weeks"),
            pl.when(shown & (pl.col("waiting") > 0)).then("oldest").alias("oldest"),
            pl.when(shown).then(rate).alias("rate"),
        )
        .sort("site")
    )


def _waiting_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("waiting")
    if seen.is_empty():
        return "No queue can be shown: none was reported lately, or counts are hidden."
    total, rate = int(seen["waiting"].sum()), float(seen["rate"].sum() or 0)
    silent = int(frame["silent"].sum())
    weeks = f", {total / rate:.1f} weeks at the present rate of use" if rate else ""
    words = f" Not in it: {silent} silent for too long." if silent else ""
    return (
        f"{written(total, 'count')} orders wait{weeks}.{words} Fewer and shorter is"
        " better."
    )


def _waiting_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.col("site").alias("x"), pl.lit("waiting").alias("part"),
        pl.col("waiting").alias("count"), "state", "reason",
    )  # fmt: skip
    return figures.site_bars(rows, "orders")


def nominal(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Nominal annual capacity against the starts of the last twelve months.

    Only for sites seen by name whose reports are current; pre-GMP centres are coming.
    """
    frame = queries.nominal_use(viewer, filters).filter(pl.col("stage") != "pre_gmp")
    ages = queries.slot_use(viewer, filters.without("from").without("to"))
    columns = ("site", "silent", "sites", "last_week", "age", "reported", "expected")
    joined = frame.join(ages.select(columns), on="site", how="left")
    late = (pl.col("silent") == pl.col("sites")).fill_null(False)
    none = pl.col("nominal_capacity").is_null() & ~late
    shown = ~late & ~none & ~pl.col("state").is_in(HIDDEN)
    return joined.sort("site").with_columns(
        pl.when(~late).then("started").alias("started"),
        pl.when(shown)
        .then(pl.col("started") / pl.col("nominal_capacity"))
        .alias("share"),
        pl.when(late).then(pl.lit("not_reported"))
        .when(none).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(late)
        .then(pl.format("no current figure: last report {} days old", "age"))
        .when(none).then(pl.lit("no nominal capacity was stated"))
        .otherwise("reason").alias("reason"),
    )  # fmt: skip


def _nominal_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("share")
    if seen.is_empty():
        return "No site that you see by name has stated a nominal capacity."
    each = [
        f"{r['site']} started {written(r['started'], 'count')} of"
        f" {written(r['nominal_capacity'], 'count')} a year ({r['share']:.0%})"
        for r in seen.to_dicts()
    ]
    return (
        f"In the last twelve months {'; '.join(each)}. Neither direction is good:"
        " unused capacity is idle or a reserve."
    )


def coming(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Pre-GMP centres seen by name: slots to come, and their latest milestone."""
    slots = queries.slots_to_come(viewer, filters)
    here = queries.sites(viewer, filters).filter(pl.col("stage") == "pre_gmp")
    steps = queries.milestones(viewer, filters).select("site", "kind", "date")
    last = steps.sort("date").group_by("site").agg(
        pl.col("kind").last().str.replace_all("_", " ").alias("milestone"),
        pl.col("date").last().alias("reached"),
        (pl.col("kind") == "engineering_run").sum().cast(pl.Int64).alias("runs"),
    )  # fmt: skip
    return (
        here.select("site", "name", "region", "age")
        .join(slots, on="site", how="left")
        .join(last, on="site", how="left")
        .with_columns(
            pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
        )
        .sort("site")
    )


def _coming_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No centre that you see by name is on its way to GMP."
    each = [
        f"{r['site']} (slots a week: {written(r['theoretical'], 'number')}; last"
        f" milestone: {r['milestone'] or 'none'})"
        for r in frame.to_dicts()
    ]
    return (
        f"Coming, and in no other figure of this page: {'; '.join(each)}. Sooner is"
        " better for patients, and no promise."
    )


CARDS = (
    Card(
        "capacity-waiting",
        "Waiting, and weeks of wait",
        waiting,
        _waiting_said,
        _waiting_drawn,
        (
            PLACE,
            Column("waiting", "Waiting", "count"),
            Column("rate", "Used a week", "number"),
            Column("weeks", "Weeks of wait", "number"),
            Column("oldest", "Oldest order, days", "count"),
            *COVERAGE,
        ),
        count=lambda f: f"n = {written(int(f['waiting'].sum() or 0), 'count')} orders",
        metric="weeks_of_wait",
        note="Orders waiting in the last reported week; the rate is the mean of the"
        " last twelve weeks. As of the network's day, whatever the period.",
    ),
    Card(
        "capacity-nominal",
        "Nominal capacity and the last twelve months",
        nominal,
        _nominal_said,
        columns=(
            Column("site", "Site", "site"),
            Column("nominal_capacity", "Products a year", "count"),
            Column("started", "Started", "count"),
            Column("share", "Use", "percent"),
            *COVERAGE,
        ),
        count=lambda f: f"n = {written(int(f['started'].sum() or 0), 'count')} starts",
        metric="nominal_use",
    ),
    Card(
        "capacity-coming",
        "Coming: pre-GMP capacity",
        coming,
        _coming_said,
        columns=(
            Column("site", "Site", "site"),
            Column("region", "Region"),
            Column("theoretical", "Slots a week", "number"),
            Column("runs", "Engineering runs", "count"),
            Column("milestone", "Last milestone"),
            Column("reached", "On", "date"),
            Column("last_week", "Last week", "date"),
            Column("age", "Age, days", "count"),
        ),
        count=lambda f: f"n = {f.height}",
    ),
)
