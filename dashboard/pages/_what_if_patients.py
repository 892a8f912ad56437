"""What a scenario means for patients: added days, who is late, who waits when."""

from datetime import timedelta
from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.analysis.cells import HIDDEN
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._what_if import METRIC, NOTHING, RANGE, studied
from dashboard.simulation.summary import Groups, patients, waiting
from dashboard.simulation.tally import LATE
from dashboard.viewer import Viewer
from dashboard.whatif import Study

ALL: Final = "network"
# A site with fewer patients a year has no mean that means anything.
_FEW: Final = 0.5


def places(study: Study, filters: Filters) -> Groups:
    """All sites together, then each site or region of the model."""
    model = study.model
    whole: list[tuple[str, list[int]]] = [(ALL, [*range(len(model.sites))])]
    if len(model.sites) == 1:
        return whole
    by_region = filters.extra.get("by") == "region"
    names = model.regions if by_region else model.sites
    return whole + [
        (name, [at for at, its in enumerate(names) if its == name])
        for name in sorted({*names})
    ]


def by_place(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a place: days, late and lost patients, as recorded and in the scenario.

    A place to which no patient's order comes has no figures.
    """
    study = studied(viewer, filters)
    frame = patients(study.base, study.other, places(study, filters))
    none = pl.col("orders") < _FEW
    figures_of = [c for c, kind in frame.schema.items() if kind == pl.Float64]
    return frame.with_columns(
        pl.lit(study.scenario.is_base).alias("unchanged"),
        pl.lit(study.replications).alias("years"),
        *(pl.when(~none).then(pl.col(c)).alias(c) for c in figures_of if c != "orders"),
        pl.when(none).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(none)
        .then(pl.lit("no patient's orders come here"))
        .otherwise("reason")
        .alias("reason"),
    )


def _whole(frame: pl.DataFrame) -> dict[str, float] | None:
    row = frame.row(0, named=True)
    return None if row["state"] in HIDDEN else row


def _days_said(frame: pl.DataFrame) -> str:
    row = _whole(frame)
    if row is None:
        return "No patient's order comes to these sites, so no days can be added."
    if row["unchanged"]:
        return (
            f"As recorded, a patient's order takes {row['days']:.1f} days to the"
            f" infusion on average. {NOTHING} Fewer days are better."
        )
    worst = frame[1:].drop_nulls("added").sort("added", descending=True).head(1)
    most = ""
    if worst.height and abs(worst["added"][0]) >= 0.05:
        most = f"; most at {site_name(worst['site'][0])} ({worst['added'][0]:+.1f})"
    return (
        f"The scenario adds {row['added']:+.2f} days from order to infusion to the mean"
        f" of {row['days_base']:.1f} (95 % of the years: {row['added_low']:+.2f} to"
        f" {row['added_high']:+.2f}){most}. Fewer days are better."
    ).replace("-", "−")


def _drawn(frame: pl.DataFrame, value: str, words: str) -> go.Figure:
    if frame.is_empty() or frame["unchanged"][0]:
        return figures.empty(NOTHING)
    rows = frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        pl.col(value).alias("value"),
        pl.col(f"{value}_low").alias("low"),
        pl.col(f"{value}_high").alias("high"),
        "state",
        "reason",
    )
    return figures.caterpillar(rows, words, centre=0.0)


def _late_said(frame: pl.DataFrame) -> str:
    row = _whole(frame)
    if row is None:
        return "No patient's order comes to these sites, so nobody can be late."
    share = row["late_base"] / max(row["orders"], 1e-9)
    now = (
        f"As recorded, {row['late_base']:,.0f} of {row['orders']:,.0f} patients a year"
        f" ({share:.0%}) are not treated within {LATE:.0f} days of the order"
    )
    if row["unchanged"]:
        return f"{now}. {NOTHING} Fewer are better."
    return (
        f"{now}; the scenario makes it {row['late']:,.0f}: {row['more_late']:+.1f}"
        f" (95 % of the years: {row['more_late_low']:+.0f} to"
        f" {row['more_late_high']:+.0f}); {row['more_lost']:+.1f} of these give up"
        " while they wait. Fewer are better."
    ).replace(" -", " −")


def over_weeks(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Patients due and not started when the year begins and at the end of each week."""
    study = studied(viewer, filters)
    frame = waiting(study.base, study.other)
    days = [study.model.first + timedelta(weeks=n) for n in frame["week"]]
    return frame.with_columns(
        pl.Series("x", days, pl.Date),
        pl.lit(study.replications).alias("years"),
        pl.lit(study.scenario.is_base).alias("unchanged"),
    ).drop("week")


def _weeks_said(frame: pl.DataFrame) -> str:
    last = frame.row(-1, named=True)
    peak = frame.sort("value", descending=True).row(0, named=True)
    ends = (
        f"When the year ends {last['value']:.1f} patients whose turn has come wait for"
        f" a slot (95 % of the years: {last['low']:.0f} to {last['high']:.0f})"
    )
    if last["unchanged"]:
        return f"{ends}. {NOTHING} Fewer are better."
    return (
        f"{ends}, as recorded {last['centre']:.1f}; most wait about"
        f" {written(peak['x'], 'date')}, {peak['value']:.1f}. Fewer are better."
    )


def _weeks_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.drop("unchanged", "years")
    figure = figures.series(rows, "patients waiting", limits="95 % of the years")
    for trace in figure.data:
        if trace.name == "centre":
            trace.name = "as recorded"
    return figure


def years(frame: pl.DataFrame) -> str:
    """The n of a figure: how many years were simulated."""
    first, *_ = [*frame["years"], 0]
    return f"n = {written(int(first), 'count')} simulated years"


_PLACE = Column("site", "Patients of", "site")
_ORDERS = Column("orders", "Orders a year", "number")

CARDS: Final = (
    Card(
        "what-if-days",
        "Added days, order to infusion",
        by_place,
        _days_said,
        lambda frame: _drawn(frame, "added", "days added"),
        (
            _PLACE,
            _ORDERS,
            Column("days_base", "Mean days as recorded", "number"),
            Column("days", "In the scenario", "number"),
            Column("added", "Added", "number"),
            Column("added_low", "95 % from", "number"),
            Column("added_high", "to", "number"),
        ),
        count=years,
        metric=METRIC,
        note=RANGE,
    ),
    Card(
        "what-if-late",
        f"Patients past {LATE:.0f} days",
        by_place,
        _late_said,
        lambda frame: _drawn(frame, "more_late", "patients more a year"),
        (
            _PLACE,
            _ORDERS,
            Column("late_base", "Late as recorded", "number"),
            Column("late", "In the scenario", "number"),
            Column("more_late", "More", "number"),
            Column("more_late_low", "95 % from", "number"),
            Column("more_late_high", "to", "number"),
            Column("lost_base", "Give up waiting, as recorded", "number"),
            Column("lost", "In the scenario", "number"),
            Column("more_lost", "More", "number"),
        ),
        count=years,
        metric=METRIC,
        note="Late is who is not infused within that many days of the order, be it that"
        " nobody could start or that the patient gave up waiting; who got no product in"
        " the end, because batches failed, is not counted.",
    ),
    Card(
        "what-if-waiting",
        "Waiting over the weeks",
        over_weeks,
        _weeks_said,
        _weeks_drawn,
        (
            Column("x", "Day", "date"),
            Column("centre", "As recorded", "number"),
            Column("value", "In the scenario", "number"),
            Column("low", "95 % from", "number"),
            Column("high", "to", "number"),
        ),
        count=years,
        note="Who waits for a slot after the day on which the order was ready for one;"
        " orders on their way to that day are not counted here.",
    ),
)
