"""Shares by month of which the last are not final: so far, and what to expect."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, nothing, shown, signs
from dashboard.theme import BLUE, ORANGE


def provisional(frame: pl.DataFrame, value: str) -> go.Figure:
    """Settled months as a line; open ones apart, expected value and interval beside.

    `frame`: x (date), so_far, final, low, high, waiting, hover, state, reason. A month
    with `waiting` over zero is provisional: a hollow diamond with its interval, and a
    cross where the share stands so far.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame).sort("x")
    figure = canvas(y=value, percent=True)
    figure.update_yaxes(tickformat=".1%")
    settled = rows.filter(pl.col("waiting") == 0)
    still = rows.filter(pl.col("waiting") > 0)
    figure.add_scatter(
        x=settled["x"].to_list(),
        y=settled["final"].to_list(),
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": 6},
        connectgaps=False,
        name="final",
        hovertext=settled["hover"].to_list(),
        hoverinfo="text",
    )
    _open(figure, still)
    signs(figure, frame)
    return figure


def _open(figure: go.Figure, still: pl.DataFrame) -> None:
    """The provisional months: what to expect, with its interval, and what stands."""
    x, hover = still["x"].to_list(), still["hover"].to_list()
    figure.add_scatter(
        x=x,
        y=still["final"].to_list(),
        mode="markers",
        marker={"color": ORANGE, "symbol": "diamond-open", "size": 12,
                "line": {"width": 2}},
        error_y={"type": "data", "symmetric": False, "thickness": 2, "width": 5,
                 "color": ORANGE,
                 "array": (still["high"] - still["final"]).to_list(),
                 "arrayminus": (still["final"] - still["low"]).to_list()},
        name="provisional: expected in the end, 95 %",
        hovertext=hover,
        hoverinfo="text",
    )  # fmt: skip
    figure.add_scatter(
        x=x,
        y=still["so_far"].to_list(),
        mode="markers",
        marker={"color": ORANGE, "symbol": "x-thin", "size": 9,
                "line": {"width": 2, "color": ORANGE}},
        name="provisional: so far",
        hovertext=hover,
        hoverinfo="text",
    )  # fmt: skip
