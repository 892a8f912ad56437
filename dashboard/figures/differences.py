"""Difference against mean of two measurements, with bias and limits of agreement."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, nothing, shown
from dashboard.theme import BAND, BLUE, FAINT, GREY

Line = tuple[str, float, tuple[float, float]]


def differences(
    frame: pl.DataFrame, lines: tuple[Line, ...], axes: tuple[str, str]
) -> go.Figure:
    """A point a pair, a level line and the band of its interval for each of `lines`.

    `frame`: x (the mean), value (the difference), hover, state, reason. A line is its
    words, its height and its interval; the first is the bias, the others the limits.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    figure = canvas(*axes)
    for i, (words, height, (low, high)) in enumerate(lines):
        figure.add_hrect(low, high, fillcolor=FAINT if i else BAND, line_width=0)
        figure.add_hline(
            y=height,
            line={"color": GREY if i else BLUE, "width": 1.6,
                  "dash": "dash" if i else "solid"},
            annotation={"text": f"{words} {height:.3g}", "font": {"size": 12}},
            annotation_position="top right",
        )  # fmt: skip
    figure.add_hline(y=0, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.add_scatter(
        x=rows["x"].to_list(),
        y=rows["value"].to_list(),
        mode="markers",
        marker={"color": BLUE, "size": 9, "symbol": "circle-open",
                "line": {"width": 1.8}},
        hovertext=rows["hover"].to_list(),
        hoverinfo="text",
        showlegend=False,
    )  # fmt: skip
    ends = [*rows["value"], 0.0, *(e for _, _, band in lines for e in band)]
    room = 0.12 * (max(ends) - min(ends))
    figure.update_yaxes(range=[min(ends) - room / 2, max(ends) + room])
    return figure
