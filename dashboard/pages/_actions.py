"""Corrective actions: what is open and overdue, and where that is more than chance."""

from dataclasses import replace

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import funnel
from dashboard.attention import stale_after
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.rates import VERDICTS, all_sites, curve, incomplete, plotted
from dashboard.viewer import Viewer

_GRADES = ("critical", "major", "minor")


def by_grade(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site and grade: actions open, those of them overdue, and ever due."""
    frame = queries.deviations(viewer, filters, queries.ACTIONS, ("site", "grade"))
    silent = queries.deviations(viewer, filters, queries.ACTIONS).filter(
        ~pl.col("site").is_in(frame["site"].to_list())
    )
    order = pl.col("grade").replace_strict(
        _GRADES, range(len(_GRADES)), default=None, return_dtype=pl.Int64
    )
    return pl.concat([frame, silent], how="diagonal").sort("site", order)


def _by_grade_said(frame: pl.DataFrame) -> str:
    hidden = " Counts that are hidden are not in it." if _hides(frame) else ""
    open_, overdue = (
        int(frame[c].sum() or 0) for c in ("actions_open", "actions_overdue")
    )
    if not open_:
        return (
            "No open corrective action can be shown in this selection; fewer are"
            f" better.{hidden}"
        )
    return (
        f"{some(open_, 'corrective action')} open, {overdue} of them past the day on"
        f" which they were due. Fewer are better.{hidden}"
    )


def _hides(frame: pl.DataFrame) -> bool:
    return bool((frame["state"] == "suppressed").any())


def _by_grade_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.with_columns(
        pl.Series("x", map(site_name, frame["site"]), pl.String),
        (pl.col("actions_open") - pl.col("actions_overdue")).alias("waiting"),
    )
    parts = [
        rows.filter(pl.col(column) > 0).select(
            "x",
            pl.format("{}, {}", "grade", pl.lit(words)).alias("part"),
            pl.col(column).alias("count"),
            "state",
            "reason",
        )
        for column, words in (
            ("actions_overdue", "overdue"),
            ("waiting", "not yet due"),
        )
    ]
    drawn = pl.concat(parts).sort("part", maintain_order=True)
    if drawn.is_empty():
        return figures.empty("No corrective action is open in this selection.")
    return figures.site_bars(drawn, "open corrective actions")


def overdue(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: overdue out of those due, against limits of the whole network.

    A site whose news is old has no current figure, and one whose rows came too
    incompletely is not compared; both say so.
    """
    everyone = all_sites(filters)
    counts = queries.deviations(viewer, everyone, queries.ACTIONS).rename(
        {"actions_overdue": "events", "actions_due": "n"}
    )
    asked = counts.join(_unfit(viewer, everyone), on="site", how="left")
    stated = pl.when(pl.col("state") != "zero").then("reason")
    judged = funnel.funnel(
        asked.with_columns(pl.coalesce(stated, "why").alias("reason")).drop("why")
    )
    shown = pl.col("site").is_in(queries.headings(viewer, filters))
    return judged.filter(shown).with_columns(
        pl.col("flagged")
        .replace_strict(VERDICTS, default="not compared")
        .alias("verdict"),
        pl.lit(None, pl.String).alias("widened"),
        pl.lit(None, pl.Float64).alias("width"),
    )


def _unfit(viewer: Viewer, everyone: Filters) -> pl.DataFrame:
    """The sites that are not compared: `site`, `why`."""
    oldest = stale_after()
    quiet = queries.sites(viewer).filter(pl.col("age") > oldest)
    words = "not compared: its last news is {} days old"
    old = quiet.select("site", pl.format(words, "age").alias("why"))
    lacking = incomplete(viewer, replace(everyone, start=None, end=None))
    return pl.concat([old, lacking.join(old, on="site", how="anti")])


def _overdue_said(frame: pl.DataFrame) -> str:
    judged = frame.filter("compared")
    if judged.is_empty():
        return "No site can be compared in this selection; lower is better."
    high = judged.filter(pl.col("flagged") == "high998")["site"].to_list()
    centre = written(float(judged["centre"][0]), "percent")
    named = f": {site_names(high)}" if high else ""
    return (
        f"{len(high) or 'Not one'} of {some(judged.height, 'compared site')} left more"
        f" corrective actions undone than chance explains{named}. Of all that have"
        f" fallen due, {centre} are overdue. Lower is better."
    )


def _overdue_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.filter("compared").is_empty():
        return figures.empty("No site can be compared in this selection.")
    return figures.funnel(plotted(frame), curve(frame), "actions", "share overdue")


def listed(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The open actions one by one, with the way to their batch's record."""
    frame = queries.open_actions(viewer, filters)
    return frame.with_columns(
        pl.when(pl.col("batch").is_not_null())
        .then(pl.format("/batch/{}/{}", "site", "batch"))
        .alias("record")
    )


def _listed_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No open corrective action to list: there is none, or you see counts."
    late = frame.drop_nulls("overdue")
    oldest = f", the oldest by {some(late['overdue'].max(), 'day')}"  # type: ignore[arg-type]
    return (
        f"{some(frame.height, 'corrective action')} open, {late.height} overdue"
        f"{oldest if late.height else ''}; the longest overdue first. Numbers are"
        " pseudonyms, which only the site can lead back. Fewer are better."
    )


CARDS = (
    Card(
        "capa-open",
        "Open corrective actions, by site and grade",
        by_grade,
        _by_grade_said,
        _by_grade_drawn,
        (
            Column("site", "Site", "site"),
            Column("grade", "Grade"),
            Column("actions_open", "Open", "count"),
            Column("actions_overdue", "Overdue", "count"),
            Column("actions_due", "Fallen due so far", "count"),
        ),
        count=lambda f: some(int(f["actions_open"].sum() or 0), "open action"),
        metric="actions_open",
        note="As of the last day of each site's own news.",
    ),
    Card(
        "capa-overdue",
        "Overdue corrective actions beside the network",
        overdue,
        _overdue_said,
        _overdue_drawn,
        (
            Column("site", "Site", "site"),
            Column("events", "Overdue", "count"),
            Column("n", "Fallen due", "count"),
            Column("rate", "Share", "percent"),
            Column("centre", "Network", "percent"),
            Column("flag_at998", "Flagged at", "count"),
            Column("verdict", "Compared with the network"),
        ),
        count=lambda f: some(int(f["n"].sum() or 0), "action"),
        metric="actions_overdue",
        note="A site is flagged by the exact 99.8 % rule of the binomial; a few actions"
        " cannot show anything, and the limits say so.",
    ),
)
LIST = Card(
    "capa-list",
    "The open corrective actions",
    listed,
    _listed_said,
    columns=(
        Column("deviation", "Deviation"),
        Column("site", "Site", "site"),
        Column("grade", "Grade"),
        Column("category", "About", "words"),
        Column("opened", "Opened", "date"),
        Column("capa_due", "Due", "date"),
        Column("overdue", "Days overdue", "count"),
        Column("record", "Its batch", "page"),
    ),
    count=lambda f: some(f.height, "open action"),
    metric="actions_open",
)
