"""Funnel plot: each site against limits that widen as its numbers shrink."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, column, flagged, marker, nothing, shown
from dashboard.theme import FLAGS, GREY

_LIMITS = (
    ("high998", "99.8 % limits", "dash", 1.4, True),
    ("low998", "99.8 % limits", "dash", 1.4, False),
    ("high95", "95 % limits", "dot", 1.4, True),
    ("low95", "95 % limits", "dot", 1.4, False),
    ("centre", "network", "solid", 1.2, True),
)


def funnel(
    frame: pl.DataFrame,
    curve: pl.DataFrame,
    count: str = "batches",
    value: str = "share that failed",
) -> go.Figure:
    """Points at (n, value) with shape by flag, under the limit curves.

    `frame`: label, n, value (share), flag, state, reason, and `hover` when there is
    more to say. `curve`: n, low998, low95, centre, high95, high998, as shares. Shape
    and words come from `flag`, which is the exact count rule; the curve is a guide to
    the eye, interpolated between neighbouring counts (Spiegelhalter 2005).
    """
    if (blank := nothing(frame)) is not None:
        return blank
    figure = canvas(f"{count} in the denominator", value, percent=True)
    for name, words, dash, width, first in _LIMITS:
        figure.add_scatter(
            x=curve["n"].to_list(),
            y=curve[name].to_list(),
            mode="lines",
            line={"color": GREY, "dash": dash, "width": width},
            name=words,
            legendgroup=words,
            showlegend=first,
            hoverinfo="skip",
        )
    for flag in reversed(list(FLAGS)):
        _points(
            figure, flagged(shown(frame)).filter(pl.col("flag") == flag), flag, count
        )
    figure.update_xaxes(rangemode="tozero")
    return figure


def _points(figure: go.Figure, points: pl.DataFrame, flag: str, count: str) -> None:
    if points.is_empty():
        return
    words = FLAGS[flag].words
    named = flag in ("high998", "low998")
    said = [
        f"<b>{label}</b><br>{v:.1%} of {n:,} {count}<br>{words}"
        for label, v, n in points.select("label", "value", "n").iter_rows()
    ]
    figure.add_scatter(
        x=points["n"].to_list(),
        y=points["value"].to_list(),
        mode="markers+text" if named else "markers",
        marker=marker(flag),
        name=words,
        text=points["label"].to_list() if named else None,
        textposition="top center",
        hovertext=column(points, "hover", None) if "hover" in points.columns else said,
        hoverinfo="text",
        cliponaxis=False,
    )
