"""Step lines: shares that change only when something happens, with their intervals."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, nothing, shown
from dashboard.theme import DASHES, SERIES


def steps(frame: pl.DataFrame, x: str, value: str) -> go.Figure:
    """One step line a `series`, a band where `low` and `high` are given.

    `frame`: x, value (share), series, state, reason; low, high when there are any. For
    Kaplan-Meier and Aalen-Johansen estimates and cumulative shares: the line holds its
    value until the next event, as the estimate does.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    figure = canvas(x=x, y=value, percent=True)
    rows = shown(frame)
    for i, name in enumerate(rows["series"].unique(maintain_order=True)):
        _step(figure, rows.filter(pl.col("series") == name).sort("x"), str(name), i)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(range=[0, 1.02])
    return figure


def _step(figure: go.Figure, rows: pl.DataFrame, name: str, i: int) -> None:
    colour = SERIES[i % len(SERIES)]
    x = rows["x"].to_list()
    if {"low", "high"} <= set(rows.columns):
        edge = {"mode": "lines", "hoverinfo": "skip", "showlegend": False}
        line = {"width": 0, "shape": "hv"}
        red, green, blue = (int(colour[j : j + 2], 16) for j in (1, 3, 5))
        fill = f"rgba({red}, {green}, {blue}, 0.14)"
        figure.add_scatter(x=x, y=rows["low"].to_list(), line=line, **edge)
        figure.add_scatter(
            x=x,
            y=rows["high"].to_list(),
            line=line,
            fill="tonexty",
            fillcolor=fill,
            **edge,
        )
    figure.add_scatter(
        x=x,
        y=rows["value"].to_list(),
        mode="lines",
        line={
            "color": colour,
            "width": 2.2,
            "shape": "hv",
            "dash": DASHES[i % len(DASHES)],
        },
        name=name,
        hovertemplate=f"<b>{name}</b><br>%{{y:.0%}} by %{{x:,}}<extra></extra>",
    )
