"""A dendrogram: what lies near each other joins early, what lies far joins late."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.figures.canvas import canvas, cut
from dashboard.theme import BLUE

Join = tuple[tuple[float, float], tuple[float, float], float]


def tree(names: Sequence[str], joins: Sequence[Join], words: str) -> go.Figure:
    """Names down the left in the tree's order, branches growing to the right.

    A join is its two branches, each (height so far, place between the names), and the
    height at which they meet; heights are shares from 0 to 1.
    """
    figure = canvas(x=words, height=110 + 22 * len(names))
    x: list[float | None] = []
    y: list[float | None] = []
    hover: list[str | None] = []
    for (near, above), (far, below), height in joins:
        x += [near, height, height, far, None]
        y += [above, above, below, below, None]
        hover += [f"joined at {100 * height:.0f} %"] * 4 + [None]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": BLUE, "width": 2},
        hovertext=hover,
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", showgrid=True)
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[cut(name) for name in names],
        range=[len(names) - 0.4, -0.6],
        showgrid=False,
    )
    return figure
