"""Horizontal bars of parts that make a whole, one bar a thing, in the order given."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, cut, nothing, shown
from dashboard.theme import HATCHES, SERIES


def parts(
    frame: pl.DataFrame, count: str, colours: tuple[str, ...] = SERIES
) -> go.Figure:
    """One bar a `label`, its `part`s side by side, each with a colour and a hatch.

    `frame`: label, part, count, state, reason. Horizontal, so that long labels can be
    read on a telephone. A number stands in its part where it is not zero.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    labels = [cut(label) for label in rows["label"].unique(maintain_order=True)]
    figure = canvas(x=count, height=110 + 27 * len(labels))
    for i, part in enumerate(rows["part"].unique(maintain_order=True)):
        bars = rows.filter(pl.col("part") == part)
        figure.add_bar(
            y=[cut(label) for label in bars["label"]],
            x=bars["count"].to_list(),
            orientation="h",
            name=str(part),
            marker={
                "color": colours[i % len(colours)],
                "pattern": {
                    "shape": HATCHES[i % len(HATCHES)],
                    "fillmode": "overlay",
                    "fgcolor": "rgba(255, 255, 255, 0.5)",
                    "size": 7,
                    "solidity": 0.18,
                },
            },
            hovertemplate=f"<b>%{{y}}</b><br>{part}: %{{x:,}} {count}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        categoryorder="array",
        categoryarray=labels,
    )
    return figure
