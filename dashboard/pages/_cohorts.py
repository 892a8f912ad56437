"""Published cohorts beside the network: other people's counts, with their own words."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import funnel, intervals
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.viewer import Viewer


def cohorts(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """One row a published count: its own numerator and denominator, exact interval.

    The strata of one paper are set against that paper's own rate (`verdict`); papers
    are not compared with each other or with members, because each counts something
    else out of something else.
    """
    counted = queries.cohorts().select(
        "source",
        "stratum",
        pl.col("numerator").alias("events"),
        pl.col("denominator").alias("n"),
        "numerator_is",
        "denominator_is",
    )
    within = [
        funnel.funnel(paper).select(*counted.columns, "flagged", "flag_at998")
        for _, paper in counted.group_by("source", "numerator_is", maintain_order=True)
    ]
    whole = pl.concat(within) if within else counted.with_columns(flagged=pl.lit(None))
    words = {
        "high998": "above the paper's own 99.8 % limit",
        "high95": "above the paper's own 95 % limit",
        "low95": "below the paper's own 95 % limit",
        "low998": "below the paper's own 99.8 % limit",
        "none": "within the paper's own limits",
    }
    # Where no paper is known the column is of no type.
    verdict = (
        pl.col("flagged")
        .cast(pl.String)
        .replace_strict(words, default="the paper's only stratum")
    )
    return intervals.proportions(whole).with_columns(
        verdict.alias("verdict"),
        pl.format("{}, {}", _stratum(), "source").alias("label"),
    )


def _stratum() -> pl.Expr:
    """The stratum comes first in a label: what follows it may be cut.

    Not “All”: in these papers that is a leukaemia.
    """
    return pl.col("stratum").replace("all", "Whole cohort")


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No published cohort is in this snapshot."
    high = frame.filter(pl.col("flagged") == "high998")["label"].to_list()
    apart = f" Above its own paper's limit: {'; '.join(high)}." if high else ""
    return (
        f"{frame.height} published counts of manufacturing failures, none of them a"
        f" member's.{apart} Denominators differ from paper to paper, so the points are"
        " not to be compared across papers."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    return figures.caterpillar(
        frame.select(
            "label",
            pl.col("rate").alias("value"),
            pl.col("lower").alias("low"),
            pl.col("upper").alias("high"),
            "state",
            "reason",
        ),
        "share that failed, exact 95 % interval",
        percent=True,
    )


CARD = Card(
    "failure-cohorts",
    "What papers report",
    cohorts,
    _said,
    _drawn,
    columns=(
        Column("source", "Paper"),
        Column("stratum", "Stratum"),
        Column("events", "Failures", "count"),
        Column("n", "Of", "count"),
        Column("numerator_is", "Failure is"),
        Column("denominator_is", "Out of"),
        Column("rate", "Rate", "percent"),
        Column("lower", "95 % from", "percent"),
        Column("upper", "to", "percent"),
        Column("verdict", "Within its paper"),
    ),
    count=lambda f: f"{f.height} published counts",
)
