"""Waterfall: the steps from one level to another, each with its interval."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, nothing, wrapped
from dashboard.theme import BLUE, GREY, ORANGE


def waterfall(
    frame: pl.DataFrame, ends: tuple[str, str], start: float, value: str
) -> go.Figure:
    """From `start`, step by step, to the level they sum to; shares, as percentages.

    `frame`: label, value, low, high, state, reason, one row a step in order. `ends`
    name the first level and the last. A step up is orange with a sign, a step down
    blue; the line on each is its interval about its end.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    steps: Sequence[float] = frame["value"].to_list()
    last = start + sum(steps)
    sizes = [_level(start), *(f"{100 * s:+.1f} points" for s in steps), _level(last)]
    names = [ends[0], *frame["label"].to_list(), ends[1]]
    figure = canvas(y=value, percent=True)
    figure.add_waterfall(
        x=list(range(len(names))),
        y=[start, *steps, last],
        measure=["absolute", *["relative"] * len(steps), "total"],
        increasing_marker_color=ORANGE,
        decreasing_marker_color=BLUE,
        totals_marker_color=GREY,
        connector_line={"color": GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    _intervals(figure, frame, start)
    labels = [
        f"{wrapped(name, 16)}<br><b>{size}</b>"
        for name, size in zip(names, sizes, strict=True)
    ]
    figure.update_xaxes(
        tickvals=list(range(len(names))), ticktext=labels, tickangle=0, showline=False
    )
    return figure


def _level(share: float) -> str:
    return f"{100 * share:.1f} %"


def _intervals(figure: go.Figure, frame: pl.DataFrame, start: float) -> None:
    ends = start + frame["value"].cum_sum()
    figure.add_scatter(
        x=list(range(1, frame.height + 1)),
        y=ends.to_list(),
        mode="markers",
        marker={"color": GREY, "size": 5},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (frame["high"] - frame["value"]).to_list(),
            "arrayminus": (frame["value"] - frame["low"]).to_list(),
            "color": GREY,
            "thickness": 1.6,
            "width": 6,
        },
        hovertext=[
            f"<b>{label}</b><br>{100 * v:+.1f} points"
            f" ({100 * low:+.1f} to {100 * high:+.1f})"
            for label, v, low, high in frame.select(
                "label", "value", "low", "high"
            ).iter_rows()
        ],
        hoverinfo="text",
        showlegend=False,
    )
