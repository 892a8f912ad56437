"""Distances between things: the lower half of a square, each pair once."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, cut, nothing
from dashboard.theme import BLUES

_SQUARE = 34


def triangle(frame: pl.DataFrame, names: list[str]) -> go.Figure:
    """Each pair's `value`, a share, as a shade and in whole percent; darker is farther.

    `frame`: one, other, value, hover, state, reason, one row a pair; `names` gives the
    order. Squares keep their size: the card scrolls rather than squeezes them.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    known = {frozenset((r["one"], r["other"])): r for r in frame.iter_rows(named=True)}
    down, across = names[1:], names[:-1]
    pairs = [
        [known.get(frozenset((a, b))) if i <= j else None for i, b in enumerate(across)]
        for j, a in enumerate(down)
    ]
    figure = canvas(height=110 + _SQUARE * len(down))
    figure.update_layout(meta={"min_width": 130 + _SQUARE * len(across)})
    figure.add_heatmap(
        x=[cut(name, 14) for name in across],
        y=[cut(name, 16) for name in down],
        z=[[pair and pair["value"] for pair in line] for line in pairs],
        text=[[_words(pair) for pair in line] for line in pairs],
        texttemplate="%{text}",
        textfont={"size": 12},
        hovertext=[[pair["hover"] if pair else "" for pair in line] for line in pairs],
        hoverinfo="text",
        hoverongaps=False,
        colorscale=BLUES,
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    figure.update_xaxes(tickangle=-90, showline=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _words(pair: dict[str, object] | None) -> str:
    value = pair["value"] if pair else None
    return f"{100 * value:.0f}" if isinstance(value, float) else ""
