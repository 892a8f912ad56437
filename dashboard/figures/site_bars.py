"""Bars by site: alphabetical, as wide as their names need, never a wall of colour."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.bars import stacked_bars
from dashboard.figures.canvas import nothing

_FEW = 5


def site_bars(frame: pl.DataFrame, count: str = "batches") -> go.Figure:
    """Stacked bars whose `x` are sites or pools of them, in the order of their names.

    `frame`: x, part, count, state, reason. A figure with many sites scrolls sideways on
    a telephone; one with a few keeps its bars narrow.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    figure = stacked_bars(frame, count)
    sites = frame["x"].n_unique()
    figure.update_layout(
        bargap=0.25 if sites > _FEW else 1 - 0.1 * sites,
        meta={"min_width": 110 + 22 * sites},
    )
    return figure.update_xaxes(categoryorder="category ascending")
