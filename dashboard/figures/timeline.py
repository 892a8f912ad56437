"""What happened when: one row a label, a mark a day, its shape the kind of event."""

from datetime import date

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, column, cut, nothing, shown
from dashboard.theme import GREY, SERIES

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon")


def timeline(frame: pl.DataFrame, today: date | None = None) -> go.Figure:
    """Marks on days, a row a `label`, shape and colour by `kind`.

    `frame`: label, x (date), kind, state, reason; `hover` when there is more to say.
    Rows and kinds keep the order in which they come; kinds stand a little apart, so
    that two of one day are both seen. `today` is a dashed line.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    every = rows["label"].unique(maintain_order=True)
    labels = [cut(label) for label in every]
    # On a telephone the kinds stand below each other above the rows.
    figure = canvas(height=max(240, 104 + 30 * len(labels)))
    kinds = rows["kind"].unique(maintain_order=True).to_list()
    place = {label: i for i, label in enumerate(every)}
    for i, kind in enumerate(kinds):
        marks = rows.filter(pl.col("kind") == kind)
        apart = 0.7 * ((i + 0.5) / len(kinds) - 0.5)
        figure.add_scatter(
            x=marks["x"].to_list(),
            y=[place[label] + apart for label in marks["label"]],
            mode="markers",
            marker={
                "symbol": _SYMBOLS[i % len(_SYMBOLS)],
                "color": SERIES[i % len(SERIES)],
                "size": 9,
            },
            name=str(kind).replace("_", " "),
            hovertext=column(marks, "hover", kind),
            hoverinfo="text",
        )
    if today is not None:
        figure.add_vline(x=today, line={"color": GREY, "width": 1.2, "dash": "dash"})
    figure.update_yaxes(
        tickvals=[*range(len(labels))], ticktext=labels, range=[len(labels) - 0.4, -0.6]
    )
    return figure
