"""One limit of a draft: what each place for it would cost, and the Pareto set."""

from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.pareto import frontier
from dashboard.card import Card
from dashboard.components import Column
from dashboard.drafts import Lever
from dashboard.filters import Filters
from dashboard.pages._draft_counts import tested_count
from dashboard.pages._drafting import Drafting, drafting
from dashboard.viewer import Viewer

_NONE: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("test", "words", "where", "state", "reason"), pl.String),
        **dict.fromkeys(("limit", "here"), pl.Float64),
        **dict.fromkeys(("n", "failed", "more"), pl.Int64),
        "efficient": pl.Boolean,
        "unit": pl.String,
    }
)
_NOT_SHOWN: Final = (
    "What each limit would cost is shown for batches that you may see one by one, and"
    " for limits that are no alternative to another test."
)


def limits(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a limit that could be asked, from the loosest to the strictest.

    Those in use, twentieths of what was measured, the start and the draft itself. Of
    `n` batches `failed` would fail the whole specification with it, `more` than now.
    """
    found = drafting(viewer, filters)
    lever = found.chosen(filters) if found else None
    if found is None or lever is None or lever.item.alternatives:
        return _NONE
    places = _places(viewer, filters, found, lever)
    rows = queries.draft_limits(
        viewer,
        filters,
        found.product,
        found.draft.after,
        (lever.row, lever.column),
        [*places],
    ).filter(pl.col("state").is_in(["data", "zero"]))
    sums = rows.group_by("limit").agg(pl.col("n", "failed").sum())
    if sums.is_empty():
        return _NONE
    here = found.limit(lever)
    now = sums.filter(pl.col("limit") == here)["failed"][0]
    said = {limit: lever.said(limit) for limit in places}
    return frontier(sums, lever.stricter_up).with_columns(
        pl.lit(lever.name).alias("test"),
        pl.col("limit").replace_strict(said, return_dtype=pl.String).alias("words"),
        pl.col("limit").replace_strict(places, return_dtype=pl.String).alias("where"),
        pl.lit(here).alias("here"),
        (pl.col("failed") - now).alias("more"),
        pl.lit(lever.item.unit or "", pl.String).alias("unit"),
        pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )


def _places(
    viewer: Viewer, filters: Filters, found: Drafting, lever: Lever
) -> dict[float, str]:
    """The limits to be laid side by side, each with where it comes from."""
    under = found.draft.after
    measured = queries.draft_quantiles(viewer, filters, found.product, under, lever.row)
    (in_use,) = queries.limits_in_use(
        viewer, found.product, under.criteria[[lever.row]]
    )
    places = {float(f"{limit:.3g}"): "measured" for limit in measured}
    places |= dict.fromkeys(in_use, "in use")
    return places | {lever.limit: "the start", found.limit(lever): "the draft"}


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_SHOWN
    now = frame.filter(pl.col("where") == "the draft").row(0, named=True)
    free = frame.filter(pl.col("failed") <= now["failed"]).row(-1, named=True)
    sentence = (
        f"{now['test']} {now['words']}: {now['failed']} of {now['n']} tested batches"
        " fail the whole specification."
    )
    if free["words"] != now["words"]:
        sentence += f" {free['words']} could be asked without failing one more."
    return (
        f"{sentence} In the Pareto set are limits where a stricter one would fail more;"
        " which of them to ask is a question of risk and not of counts."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(_NOT_SHOWN)
    hover = pl.format("{}: {} of {} fail ({})", "words", "failed", "n", "where")
    unit, here = frame.row(0, named=True)["unit"], float(frame["here"][0])
    return figures.frontier(frame.with_columns(hover=hover), unit, here)


CARD: Final = Card(
    "draft-limits",
    "What each place for one limit would cost",
    limits,
    _said,
    _drawn,
    (
        Column("words", "Limit"),
        Column("where", "Where it comes from"),
        Column("failed", "Fail", "count"),
        Column("more", "More than in the draft", "count"),
        Column("n", "of n", "count"),
        Column("efficient", "In the Pareto set"),
    ),
    count=tested_count,
    metric="replay",
    height=300,
)
