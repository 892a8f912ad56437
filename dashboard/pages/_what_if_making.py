"""What a scenario means for the sites: who absorbs, and which slots stay unused."""

from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.analysis.cells import series
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._what_if import NOTHING, RANGE, studied
from dashboard.pages._what_if_patients import years
from dashboard.simulation.summary import making
from dashboard.viewer import Viewer
from dashboard.whatif import Study

# Less than one batch in so many years is not worth a line.
SOME: Final = 0.05


def by_maker(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: starts, slots, what it takes of others, and from how far."""
    study = studied(viewer, filters)
    frame = making(study.base, study.other, study.model.sites, study.slots)
    return frame.with_columns(
        series("distance", _distance(study)),
        pl.lit(study.replications).alias("years"),
        pl.lit(study.scenario.is_base).alias("unchanged"),
        pl.lit(study.scenario.divert is None).alias("kept"),
    )


def _distance(study: Study) -> np.ndarray:
    """Kilometres to the site that is shut or cut down, where the scenario has one."""
    named = {*study.scenario.close, *study.scenario.staff, *study.scenario.device}
    if len(named) != 1:
        return np.full(len(study.model.sites), np.nan)
    return np.asarray(study.model.distance[study.model.sites.index(named.pop())])


def absorbed(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The sites that take more of other sites' patients, the most first."""
    frame = by_maker(viewer, filters)
    sent = pl.lit(float(frame["sent"].sum())).alias("sent_in_all")
    taking = frame.with_columns(sent).filter(pl.col("absorbed") >= SOME)
    return taking.sort("absorbed", "site", descending=[True, False])


def _absorbed_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return (
            "No site takes patients of another. Diversion is off, nothing is changed,"
            " or no authorised site with free slots lies within the distance; patients"
            " then wait at their own site. Neither direction is good."
        )
    first = frame.row(0, named=True)
    others = [
        f"{site_name(r['site'])} {r['absorbed']:.1f}" for r in frame[1:4].to_dicts()
    ]
    more = f"; then {', '.join(others)}" if others else ""
    return (
        f"{site_name(first['site'])} would absorb most: {first['absorbed']:.1f} batch"
        f" starts a year of {frame['sent_in_all'][0]:.1f} that leave their site (95 %"
        f" of the years: {first['absorbed_low']:.0f} to"
        f" {first['absorbed_high']:.0f}){more}."
        " Neither direction is good: what one site takes, another's patients gain."
    )


def _absorbed_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty("No site takes patients of another.")
    rows = frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        pl.col("absorbed").alias("value"),
        pl.col("absorbed_low").alias("low"),
        pl.col("absorbed_high").alias("high"),
        "state",
        "reason",
    )
    return figures.caterpillar(rows, "batch starts taken a year", centre=0.0)


def _absorbed_count(frame: pl.DataFrame) -> str:
    return years(frame) if frame.height else "n = 0 sites"


def _slots_said(frame: pl.DataFrame) -> str:
    columns = ("slots", "unused", "unused_base")
    slots, unused, before = (float(frame[c].sum()) for c in columns)
    if not slots:
        return "No slot is staffed in the scenario, so none can stay unused."
    now = (
        f"{unused:,.0f} of {slots:,.0f} staffed slots of the year stay unused"
        f" ({written(unused / slots, 'percent')})"
    )
    if frame["unchanged"][0]:
        return f"{now}. {NOTHING} Neither direction is good: idle, or a reserve."
    return (
        f"{now}, as recorded {before:,.0f}. Neither direction is good: a slot is idle,"
        " or a reserve."
    )


def _slots_drawn(frame: pl.DataFrame) -> go.Figure:
    names = pl.Series("x", map(site_name, frame["site"]), pl.String)
    return figures.site_bars(
        pl.concat(
            frame.select(
                names,
                pl.lit(part).alias("part"),
                pl.col(column).round().cast(pl.Int64).alias("count"),
                "state",
                "reason",
            )
            for part, column in (("started", "starts"), ("unused", "unused"))
        ),
        "slots a year",
    )


CARDS: Final = (
    Card(
        "what-if-absorbed",
        "Who absorbs",
        absorbed,
        _absorbed_said,
        _absorbed_drawn,
        (
            Column("site", "Site", "site"),
            Column("absorbed", "Starts taken of others", "number"),
            Column("absorbed_low", "95 % from", "number"),
            Column("absorbed_high", "to", "number"),
            Column("distance", "Kilometres from the changed site", "count"),
            Column("unused_base", "Slots unused as recorded", "number"),
            Column("unused", "In the scenario", "number"),
        ),
        count=_absorbed_count,
        note="A patient whose own site cannot start within 7 days of the day the order"
        " was ready goes to the nearest other site that may make the product and can"
        " start within 7 days; if none can, the patient waits. Only patients of sites"
        " that are shut or cut down go, or of all sites where none is. Distance is"
        " along the great circle; the days of the journey are not added: look at the"
        f" distance. {RANGE}",
    ),
    Card(
        "what-if-slots",
        "Slots unused",
        by_maker,
        _slots_said,
        _slots_drawn,
        (
            Column("site", "Site", "site"),
            Column("slots", "Staffed slots", "number"),
            Column("starts_base", "Starts as recorded", "number"),
            Column("starts", "In the scenario", "number"),
            Column("unused_base", "Unused as recorded", "number"),
            Column("unused", "In the scenario", "number"),
            Column("unused_low", "95 % from", "number"),
            Column("unused_high", "to", "number"),
            Column("sent", "Sent elsewhere", "number"),
        ),
        count=years,
        metric="utilisation",
    ),
)
