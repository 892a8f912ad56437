"""Which test loses the batches: release criteria judged and failed, by parameter."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import intervals
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.viewer import Viewer


def by_parameter(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each release parameter: how many of its judged criteria failed, with interval."""
    frame = queries.parameters(viewer, filters, by=("parameter",))
    return (
        intervals.proportions(frame.rename({"failed": "events", "judged": "n"}))
        .select(
            "parameter",
            "events",
            "n",
            "undetermined",
            "rate",
            "lower",
            "upper",
            "state",
            "reason",
        )
        .sort("rate", descending=True, nulls_last=True)
    )


def _said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("rate")
    if seen.is_empty():
        return "No release criterion was judged in this selection."
    top = seen.row(0, named=True)
    failed, judged = (written(top[c], "count") for c in ("events", "n"))
    return (
        f"The test that fails most often is {title(top['parameter'])}: {failed} of"
        f" {judged} judged ({written(top['rate'], 'percent')}). Lower is better; lines"
        " are exact 95 % intervals."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.Series("label", [title(code) for code in frame["parameter"]], pl.String),
        pl.col("rate").alias("value"),
        pl.col("lower").alias("low"),
        pl.col("upper").alias("high"),
        "state",
        "reason",
    )
    return figures.caterpillar(rows, "share of judged criteria that failed", True)


CARD = Card(
    "failure-parameters",
    "Which test loses them",
    by_parameter,
    _said,
    _drawn,
    metric="criterion_failed",
    columns=(
        Column("parameter", "Test", "parameter"),
        Column("events", "Failed", "count"),
        Column("n", "Judged", "count"),
        Column("undetermined", "Undetermined", "count"),
        Column("rate", "Rate", "percent"),
        Column("lower", "95 % from", "percent"),
        Column("upper", "to", "percent"),
    ),
    count=lambda f: f"n = {written(int(f['n'].sum() or 0), 'count')} judged criteria",
    width="half",
)
