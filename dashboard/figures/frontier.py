"""What each limit would cost: a line of counts over limits, the Pareto set filled."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, nothing, shown
from dashboard.theme import BLUE, GREY


def frontier(frame: pl.DataFrame, unit: str, here: float) -> go.Figure:
    """`failed` over `limit`; filled where `efficient`, a line `here` where it stands.

    `frame`: limit, failed, efficient, hover, state, reason, one row a limit.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame).sort("limit")
    figure = canvas(x=unit, y="batches that fail", height=300)
    figure.add_scatter(
        x=rows["limit"].to_list(),
        y=rows["failed"].to_list(),
        mode="lines",
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    for efficient, words in ((True, "in the Pareto set"), (False, "could be stricter")):
        points = rows.filter(pl.col("efficient") == efficient)
        figure.add_scatter(
            x=points["limit"].to_list(),
            y=points["failed"].to_list(),
            mode="markers",
            name=words,
            marker={
                "symbol": "circle" if efficient else "circle-open",
                "color": BLUE if efficient else GREY,
                "size": 10,
            },
            hovertext=points["hover"].to_list(),
            hoverinfo="text",
        )
    figure.add_vline(x=here, line={"color": GREY, "dash": "dot"})
    return figure.update_yaxes(rangemode="tozero")
