"""The next twelve weeks: what is booked, and what is in process now."""

from datetime import timedelta

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.ahead import harvests
from dashboard.analysis.cells import HIDDEN
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.pages._place import PLACE, place
from dashboard.viewer import Viewer, current_request

WEEKS = 12
_LINES = {"staffed": "staffed slots", "booked": "booked", "expected": "harvests due"}
_COVERAGE = (
    Column("reported", "Site-weeks with bookings", "count"),
    Column("expected_weeks", "of", "count"),
    Column("last_week", "Newest week told", "date"),
    Column("age", "Age, days", "count"),
)


def _now(filters: Filters) -> Filters:
    return filters.without("from").without("to")


def weekly(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Week by week to come: slots staffed and booked, and the harvests to expect."""
    slots = queries.slots_ahead(viewer, filters, by=("week",)).sort("week")
    if slots.is_empty():
        return slots.rename({"week": "x", "expected": "expected_weeks"})
    days = queries.durations(viewer, _now(filters), by=("product", "step"))
    taken = days.filter(pl.col("step") == "started_harvested")
    today = current_request().about.as_of or slots["week"][0]
    due = harvests(taken, "product", WEEKS, today.weekday())
    monday = today - timedelta(days=today.weekday())
    due = due.with_columns(
        (pl.lit(monday) + pl.duration(weeks=pl.col("week"))).alias("week")
    )
    return (
        slots.rename({"expected": "expected_weeks"})
        .join(due, on="week", how="left")
        .sort("week")
        .with_columns(_share(), *_told(pl.col("reported") == 0))
        .rename({"week": "x"})
    )


def _share() -> pl.Expr:
    known = (pl.col("staffed") > 0) & ~pl.col("state").is_in(HIDDEN)
    return pl.when(known).then(pl.col("booked") / pl.col("staffed")).alias("share")


def _told(none: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """State and reason of a row: no booking told, nothing staffed, or a figure."""
    shut = ~none & (pl.col("staffed") == 0) & (pl.col("state") != "suppressed")
    return (
        pl.when(shut).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(none)
        .then(pl.lit("no bookings reported"))
        .when(shut)
        .then(pl.lit("no slot is staffed"))
        .otherwise("reason")
        .alias("reason"),
    )


def _weekly_said(frame: pl.DataFrame) -> str:
    if frame.is_empty() or not frame["reported"].sum():
        return (
            "No booking for the next twelve weeks was reported, so none can be shown;"
            " that is not the same as none."
        )
    seen = frame.drop_nulls("booked")
    booked, staffed = float(seen["booked"].sum()), float(seen["staffed"].sum() or 0)
    shut = frame.filter(pl.col("staffed") == 0)["x"]
    closed = (
        f" Nothing is staffed in the week of {shut[0]:%-d %b %Y}." if len(shut) else ""
    )
    fewer = frame.filter(pl.col("reported") < pl.col("reported").max())
    if fewer.height:
        closed += (
            f" From the week of {fewer['x'][0]:%-d %b %Y} on not all who book tell it:"
            " the sums are of fewer sites."
        )
    running, due = frame["running"][0] or 0, float(frame["expected"].sum() or 0)
    return (
        f"{written(booked, 'count')} of {written(staffed, 'count')} staffed slots are"
        f" booked, from {int(frame['reported'].sum())} of"
        f" {int(frame['expected_weeks'].sum())} site-weeks.{closed} Of"
        f" {written(running, 'count')} batches begun and not harvested {due:.0f} should"
        " be harvested by then. Neither direction is good: full weeks make patients"
        " wait, empty ones leave people idle."
    )


def _weekly_drawn(frame: pl.DataFrame) -> go.Figure:
    if "expected" not in frame.columns:
        return figures.empty()
    hidden = pl.col("state").is_in(["suppressed", "not_reported"])
    long = frame.with_columns(
        pl.when(hidden & (pl.lit(c) != "expected")).then(None).otherwise(c).alias(c)
        for c in _LINES
    ).unpivot(
        on=[*_LINES], index=["x", "reason"], variable_name="series",
        value_name="value",
    ).with_columns(
        pl.col("series").replace_strict(_LINES),
        pl.lit("data").alias("state"),
    )  # fmt: skip
    return figures.series(long, "slots, or batches, a week")


def ahead(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The next twelve weeks by site: booked of staffed, and batches in process now."""
    by = place(filters)
    frame = queries.slots_ahead(viewer, filters, by=(by,))
    running = queries.counts(viewer, _now(filters), ("in_process",)).select(
        "site", "in_process"
    )
    if by == "region" and viewer.role != "site":
        regions = dict(queries.sites(viewer, filters).select("site", "region").rows())
        running = (
            running.with_columns(pl.col("site").replace(regions))
            .group_by("site", maintain_order=True)
            .agg(pl.col("in_process").sum())
        )
    late = (pl.col("silent") == pl.col("sites")) & (pl.col("state") != "suppressed")
    return (
        frame.rename({"expected": "expected_weeks"})
        .join(running, on="site", how="left")
        .sort("site")
        .with_columns(_share(), *_told(pl.col("reported") == 0))
        .with_columns(
            pl.when(late)
            .then(pl.format("no current figure: last report {} days old", "age"))
            .otherwise("reason").alias("reason"),
            pl.when(late).then(pl.lit(None, pl.Int64)).otherwise("in_process")
            .alias("in_process"),
        )
    )  # fmt: skip


def _ahead_said(frame: pl.DataFrame) -> str:
    running = int(frame["in_process"].sum() or 0)
    words = f"{written(running, 'count')} batches are in process."
    seen = frame.drop_nulls("booked")
    if seen.is_empty():
        return (
            "No booking for the next twelve weeks was reported, so none can be shown."
            f" {words} Neither direction is good."
        )
    booked, staffed = float(seen["booked"].sum()), float(seen["staffed"].sum() or 0)
    silent = int(frame["silent"].sum())
    late = f" Not in it: {silent} silent for too long." if silent else ""
    return (
        f"{written(booked, 'count')} of {written(staffed, 'count')} staffed slots of"
        f" the next twelve weeks are booked, from {int(seen['reported'].sum())} of"
        f" {int(frame['expected_weeks'].sum())} site-weeks. {words}{late} Neither"
        " direction is good."
    )


CARDS = (
    Card(
        "capacity-ahead-weeks",
        "The next twelve weeks, week by week",
        weekly,
        _weekly_said,
        _weekly_drawn,
        (
            Column("x", "Week of", "date"),
            Column("staffed", "Staffed", "count"),
            Column("booked", "Booked", "count"),
            Column("share", "Booked of staffed", "percent"),
            Column("expected", "Harvests to expect", "number"),
            Column("lower", "95 % from", "count"),
            Column("upper", "to", "count"),
            *_COVERAGE,
        ),
        count=lambda f: (
            f"n = {written(float(f['staffed'].sum() or 0), 'count')} staffed slots"
        ),
        metric="utilisation",
        note="Harvests come from the batches in process alone: each at the time that"
        " batches of its product, as old as it is, took from there on (Aalen-Johansen);"
        " the interval holds what chance may do, not an error of that curve. A week is"
        " not full because a later booking may still come. Products of which so few are"
        " made that they are held back from you are in no expectation.",
    ),
    Card(
        "capacity-ahead",
        "The next twelve weeks, by place",
        ahead,
        _ahead_said,
        columns=(
            PLACE,
            Column("staffed", "Staffed", "count"),
            Column("booked", "Booked", "count"),
            Column("share", "Booked of staffed", "percent"),
            Column("in_process", "In process now", "count"),
            *_COVERAGE,
        ),
        count=lambda f: (
            f"n = {written(float(f['staffed'].sum() or 0), 'count')} staffed slots"
        ),
        metric="utilisation",
    ),
)
