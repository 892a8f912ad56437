"""Every figure of every site or region, period by period: a matrix of one of them."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import capacity, periods
from dashboard.analysis.cells import HIDDEN
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.pages._place import HISTORY, PLACE, period, place
from dashboard.viewer import Viewer

SHOWN = {
    "utilisation": "Utilisation",
    "theoretical": "Theoretical",
    "staffed": "Staffed",
    "booked": "Booked",
    "used": "Used",
    "lost": "Lost",
    "waiting": "Waiting",
    "wait": "Weeks of wait",
}
_SLOTS = ("theoretical", "staffed", "booked", "used")
_RATE_OVER = 12
_DRAWN = 13


def measure(filters: Filters) -> str:
    """Which figure the matrix shows."""
    asked = filters.extra.get("show", "")
    return asked if asked in SHOWN else "utilisation"


def by_period(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a place and period, the newest first: slots, losses, queue, coverage.

    Sums over the period; `waiting` is the queue at its end and `wait` the weeks that it
    takes at the mean rate of use of the twelve weeks up to then.
    """
    by, per = place(filters), period(filters)
    use = queries.slot_use(viewer, filters, by=(by, per), weeks=HISTORY[per])
    enough = capacity.covered(queries.agreed_completeness())
    thin = ~enough & ~pl.col("state").is_in(HIDDEN)
    whole = (
        use.join(_lost(viewer, filters, by, per), on=["site", per], how="left")
        .join(_queue(viewer, filters, by, per), on=["site", per], how="left")
        .with_columns(
            pl.when(thin).then(pl.lit("not_reported")).otherwise("state")
            .alias("state"),
            pl.when(thin)
            .then(pl.format("{} of {} weeks were reported", "reported", "expected"))
            .otherwise("reason").alias("reason"),
        )
    )  # fmt: skip
    known = ~pl.col("state").is_in(HIDDEN)
    shown = pl.lit(measure(filters)).alias("shown")
    return (
        whole.with_columns(
            *(pl.when(known).then(pl.col(c)).alias(c) for c in _SLOTS),
            pl.when(known).then(pl.col("lost").fill_null(0.0)).alias("lost"),
            pl.when(known).then(pl.col("lost_to").fill_null("nothing"))
            .alias("lost_to"),
            pl.when(known & (pl.col("staffed") > 0))
            .then(pl.col("used") / pl.col("staffed")).alias("utilisation"),
            pl.col(per).map_elements(lambda d: periods.titled(d, per), pl.String)
            .alias("period"),
            shown,
        )
        .rename({per: "x"})
        .sort(["x", "site"], descending=[True, False])
    )  # fmt: skip


def _lost(viewer: Viewer, filters: Filters, by: str, per: str) -> pl.DataFrame:
    """What was lost in each period, in all and by reason in words."""
    causes = queries.slots_lost(
        viewer, filters, by=(by, "cause", per), weeks=HISTORY[per]
    ).filter(pl.col("state") != "suppressed")
    reason = pl.col("cause").str.replace_all("_", " ")
    named = pl.format("{} {}", reason, pl.col("lost").cast(pl.Int64))
    return causes.sort("lost", "cause", descending=[True, False]).group_by(
        "site", per, maintain_order=True
    ).agg(pl.col("lost").sum(), named.str.join(", ").alias("lost_to"))  # fmt: skip


def _queue(viewer: Viewer, filters: Filters, by: str, per: str) -> pl.DataFrame:
    """The queue at the end of each period, and the weeks that it takes."""
    weeks = HISTORY[per] + _RATE_OVER - 1
    queue = queries.queue_weekly(viewer, filters, by=(by, "week"), weeks=weeks)
    use = queries.slot_use(viewer, filters, by=(by, "week"), weeks=weeks)
    hidden = pl.col("used_state") == "suppressed"
    used, heard = (
        pl.col(c).rolling_sum(_RATE_OVER, min_samples=1) for c in ("used", "reported")
    )
    told = queue.select("site", "week", "waiting", pl.col("state").alias("queue_state"))
    joined = told.join(
        use.select(
            "site", "week", "used", "reported", "sites",
            pl.col("state").alias("used_state"),
        ),
        on=["site", "week"], how="left",
    ).sort("site", "week").with_columns(
        (used / heard * pl.col("sites")).over("site").alias("rate"),
        hidden.cast(pl.Int8).rolling_max(_RATE_OVER, min_samples=1).over("site")
        .alias("hidden"),
    )  # fmt: skip
    wait = pl.col("waiting") / pl.col("rate")
    truncate = {"week": "1w", "month": "1mo", "quarter": "1q"}[per]
    return (
        joined.with_columns(
            pl.when((pl.col("hidden") == 0) & (pl.col("rate") > 0)).then(wait)
            .alias("wait"),
            pl.col("week").dt.truncate(truncate).alias("_period"),
        )
        .filter(pl.col("queue_state") != "not_reported")
        .group_by("site", "_period", maintain_order=True)
        .agg(pl.col("waiting", "wait", "queue_state").last())
        .rename({"_period": per})
    )  # fmt: skip


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No capacity was reported in this selection."
    newest = frame.filter(pl.col("x") == pl.col("x").max())
    name = SHOWN[frame["shown"][0]]
    seen = newest.filter(~pl.col("state").is_in(HIDDEN))
    sums = [
        f"{c} {written(float(seen[c].sum() or 0), 'count')}"
        for c in (*_SLOTS, "lost", "waiting")
    ]
    gone = frame["x"].n_unique()
    return (
        f"{name}, {gone} periods; in the newest, {newest['period'][0]}:"
        f" {', '.join(sums)}, from {int(newest['reported'].sum())} of"
        f" {int(newest['expected'].sum())} site-weeks. Fewer lost and waiting is"
        " better; of the others neither direction is."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty()
    shown = frame["shown"][0]
    days = frame["x"].unique().sort(descending=True)[:_DRAWN].sort()
    cells = _cells(frame.filter(pl.col("x").is_in(days.implode())), shown)
    figure = figures.matrix(cells.sort("place", "x"))
    return figure.update_layout(meta={"min_width": 190 + 58 * len(days)})


def _cells(frame: pl.DataFrame, shown: str) -> pl.DataFrame:
    """One cell a place and period: the figure asked for, or why there is none."""
    known = ~pl.col("state").is_in(HIDDEN)
    none = known & pl.col(shown).is_null()
    hidden = none & pl.lit(shown in ("waiting", "wait")) & (
        pl.col("queue_state") == "suppressed"
    )  # fmt: skip
    shut = none & pl.lit(shown == "utilisation")
    value = pl.col(shown)
    text = {
        "utilisation": pl.format("{} %", (100 * value).round(0).cast(pl.Int64)),
        "wait": value.round(1).cast(pl.String),
    }.get(shown, value.cast(pl.Int64, strict=False).cast(pl.String))
    title = pl.col("period").str.replace("week of ", "")
    return frame.select(
        pl.col("site").alias("place"), pl.col("site").alias("row"), "x",
        title.alias("column"), value.cast(pl.Float64).alias("value"),
        text.alias("text"),
        pl.when(hidden).then(pl.lit("suppressed"))
        .when(shut).then(pl.lit("not_applicable"))
        .when(none).then(pl.lit("not_reported"))
        .otherwise("state").alias("state"),
        pl.when(hidden).then(pl.lit("a count so small could point to a patient"))
        .when(shut).then(pl.lit("no slot was staffed"))
        .when(none).then(pl.lit("it cannot be told from what was reported"))
        .otherwise("reason").alias("reason"),
    )  # fmt: skip


CARDS = (
    Card(
        "capacity-by-week",
        "Week by week, place by place",
        by_period,
        _said,
        _drawn,
        (
            Column("period", "Period"),
            PLACE,
            *(Column(c, c.capitalize(), "count") for c in _SLOTS),
            Column("utilisation", "Used of staffed", "percent"),
            Column("lost", "Lost", "count"),
            Column("lost_to", "Lost to"),
            Column("waiting", "Waiting", "count"),
            Column("wait", "Weeks of wait", "number"),
            Column("reported", "Weeks reported", "count"),
            Column("expected", "of", "count"),
            Column("last_week", "Last week", "date"),
            Column("age", "Age, days", "count"),
        ),
        count=lambda f: (
            f"n = {written(int(f['reported'].sum() or 0), 'count')} site-weeks"
        ),
        metric="utilisation",
        note="The thirteen newest periods are drawn; the table and the CSV have all,"
        " newest first. Darker is more. A period of which fewer weeks came than agreed"
        " has no figure (○), one in which nothing was staffed no utilisation (–).",
    ),
)
