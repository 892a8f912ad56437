"""Ring-trial scores of one test, laboratory by laboratory."""

from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.proficiency import ACTION, WARNING
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.viewer import Viewer

NOBODY: Final = (
    "No laboratory's ring trials can be shown: none was sent for this selection, or how"
    " members read specimens is not yours to see."
)
_FIRST: Final = "viability"


def tests(viewer: Viewer, filters: Filters) -> list[str]:
    """The tests of which ring trials can be shown, by title."""
    found = queries.ring_trials(viewer, filters)["parameter"].unique().to_list()
    return sorted(found, key=title)


def test_of(viewer: Viewer, filters: Filters) -> str:
    """The test in the address; else viability, else the first there is."""
    known = tests(viewer, filters)
    asked = filters.extra.get("test", "")
    if asked in known:
        return asked
    return _FIRST if _FIRST in known or not known else known[0]


def trials(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a reading of the chosen test: laboratory, specimen, score, its mark."""
    test = test_of(viewer, filters)
    frame = queries.ring_trials(viewer, filters).filter(pl.col("parameter") == test)
    far = pl.col("score").abs()
    above = pl.when(pl.col("score") > 0).then(pl.lit("above"))
    side = above.otherwise(pl.lit("below"))
    return frame.with_columns(
        pl.when(far >= ACTION)
        .then(pl.format("{}, action", side))
        .when(far >= WARNING)
        .then(pl.format("{}, warning", side))
        .when(far.is_not_null())
        .then(pl.lit("satisfactory"))
        .alias("mark"),
        pl.when(pl.col("assigned"))
        .then(pl.lit("assigned"))
        .otherwise(pl.format("robust mean of {}", "p"))
        .alias("whose"),
        pl.format("{}, specimen {}", "round", "specimen").alias("at"),
    )


def _said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("score") if "score" in frame.columns else frame.clear()
    if seen.is_empty():
        return NOBODY
    action = seen.filter(pl.col("score").abs() >= ACTION)
    often = (
        action.group_by("laboratory")
        .len()
        .filter(pl.col("len") > 1)["laboratory"]
        .sort()
        .to_list()
    )
    where = f", more than once at {site_names(often)}" if often else ""
    of = some(seen["laboratory"].n_unique(), "laboratory", "laboratories")
    return (
        f"{title(seen['parameter'][0])}: {of} measured the same specimens,"
        f" {some(seen.height, 'score')}; {action.height or 'none'} at 3 or beyond,"
        f" which asks for action{where}. Near zero is good."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.drop_nulls("score") if "score" in frame.columns else frame
    if rows.is_empty():
        return figures.empty(NOBODY)
    return figures.scores(
        rows.select(
            pl.Series("label", map(site_name, rows["laboratory"]), pl.String),
            pl.col("score").alias("value"),
            "mark",
            pl.format(
                "<b>{}</b><br>{}<br>read {} {}, {} {}<br>{} = {}, {}",
                pl.Series(map(site_name, rows["laboratory"]), dtype=pl.String),
                "at", pl.col("value").round(3), "unit", "whose",
                pl.col("reference").round(3), "kind", pl.col("score").round(2), "mark",
            ).alias("hover"),
            "state",
            "reason",
        ),
        "score (z or z')",
        (WARNING, ACTION),
    )  # fmt: skip


CARD = Card(
    "assays-scores",
    "Ring trials: scores by laboratory",
    trials,
    _said,
    _drawn,
    (
        Column("laboratory", "Laboratory", "site"),
        Column("at", "Round"),
        Column("method", "Method"),
        Column("value", "Read", "number"),
        Column("reference", "Reference", "number"),
        Column("whose", "Which is"),
        Column("spread", "Standard deviation", "number"),
        Column("unit", "Unit"),
        Column("kind", "Score"),
        Column("score", "is", "number"),
        Column("mark", "Means"),
    ),
    count=lambda f: f"n = {some(f.height, 'reading')}",
    metric="ring_trial_score",
    note="ISO 13528: z is how many standard deviations a reading lies from the"
    " assigned value; where none was assigned, from algorithm A's robust mean of all"
    " laboratories, and z' where that mean is less sure than 0.3 standard deviations."
    " Within 2 is satisfactory, from 2 a warning, from 3 action; one score in twenty"
    " lies beyond 2 by chance. All rounds, whatever the period.",
)
