"""Observed against expected: a funnel about “as many as expected”."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import shown
from dashboard.figures.funnel import funnel


def ratios(frame: pl.DataFrame, curve: pl.DataFrame) -> go.Figure:
    """Points at (expected, observed / expected) under the limits about 1.

    Columns as for `funnel`; `n` holds the expected number. A site of which almost
    nothing was expected would press all others together, so the axis ends above the
    largest ratio and not above the widest limit.
    """
    figure = funnel(frame, curve)
    points = shown(frame)
    if points.is_empty():
        return figure
    top = max(2.2, 1.15 * float(points["value"].max() or 0))  # type: ignore[arg-type]
    figure.update_xaxes(title_text="failures expected from its own mix")
    figure.update_yaxes(
        title_text="failures, as a share of those expected",
        range=[0, top],
        tickformat=".0%",
    )
    return figure
