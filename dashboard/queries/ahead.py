"""The weeks to come: slots that are staffed and booked, and for whom that is known."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import Scope, headed
from dashboard.queries.due import (
    POOLED,
    RECENT,
    STATED,
    Asked,
    Span,
    count,
    disclosed,
    monday,
    reported,
    telling,
    total,
    window,
)
from dashboard.queries.network import members
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer


def slots_ahead(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Slots staffed and booked from the network's week on, for RECENT weeks.

    `reported` counts the site-weeks with a booking figure, `expected` those asked for.
    What a site booked before it fell silent says nothing of today and is left out;
    `silent` of `sites` are so. `last_week` is the newest week that a site has told all
    of, `age` the days since its end.
    """
    snapshot = current()
    heads = headed(snapshot, viewer, filters, by, "capacity")
    asked = Asked(by, "slot", RECENT, "bookings")
    first = monday(snapshot.as_of)
    span = replace(
        window(snapshot, Filters(), RECENT),
        first=first,
        last=first + timedelta(weeks=RECENT - 1),
    )
    told = telling(snapshot, viewer, heads, asked)
    due = told.marked(_to_come(snapshot, heads, span))
    counting = pl.col("told") & span.heard.fill_null(False)
    known = counting & pl.col("booked").is_not_null()
    place = pl.lit("network") if asked.in_all else pl.col("shown")
    answer = due.group_by(place.alias("site"), *asked.words).agg(
        total("staffed", known),
        total("booked", known),
        count(known).alias("reported"),
        count(pl.col("told")).alias("expected"),
        pl.col("site").n_unique().cast(pl.Int64).alias("sites"),
        count(~pl.col("told") & pl.col("booked").is_not_null()).alias("untold"),
        *span.silence,
        POOLED,
    )
    ordered = answer.sort("site", *asked.words)
    return disclosed(snapshot, viewer, ordered, ("booked",), ("staffed",))


def _to_come(snapshot: Snapshot, heads: Scope, span: Span) -> pl.DataFrame:
    """One row a site and week to come, with the newest week that the site `spoke` of.

    With what it staffs and has booked, if it said so.
    """
    slots = reported(snapshot).filter(resource="slot")
    past = slots.filter(STATED, pl.col("week") < span.first)
    spoken = past.group_by("site").agg(spoke=pl.col("week").max())
    making = members(snapshot).filter(
        ~pl.col("stage").is_in(["pre_gmp", "closed"]),
        pl.col("kind") != "testing_laboratory",
    )
    return (
        heads.frame.join(making.select("site"), on="site", maintain_order="left")
        .join(span.since(None), how="cross")
        .join(spoken, on="site", how="left", maintain_order="left")
        .join(slots, on=["site", "week"], how="left", maintain_order="left")
        .with_columns(resource=pl.lit("slot"))
    )
