"""Funnel plot: each site against limits that widen as its numbers shrink."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import (
    canvas,
    column,
    cut,
    flagged,
    marker,
    nothing,
    shown,
)
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

    `frame`: label, n, value (share), flag, state, reason, `hover` when there is more to
    say, and `behind`, the site whose batches a click on the point leads to. `curve`: n,
    low998, low95, centre, high95, high998, as shares. Shape and words come from `flag`,
    which is the exact count rule; the curve is a guide to the eye, interpolated between
    neighbouring counts (Spiegelhalter 2005).
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
    widest = float(max(curve["n"].to_list(), default=1))
    for flag in reversed(list(FLAGS)):
        points = flagged(shown(frame)).filter(pl.col("flag") == flag)
        _points(figure, points, flag, count, widest)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(range=[0, _top(shown(frame), curve)])
    return figure


def _top(points: pl.DataFrame, curve: pl.DataFrame) -> float:
    """Where the axis ends: above every point and the network's rate.

    Limits of a site with one batch reach 100 % and would press the points together.
    """
    values = points["value"].drop_nulls().to_list()
    centre = max(curve["centre"].to_list(), default=0.0)
    return min(1.02, max(1.2 * max(values, default=0.0), 2.5 * centre, 0.02))


def _sides(points: pl.DataFrame, widest: float) -> list[str]:
    """Names stand beside their points, towards the middle, so that none is cut off."""
    return ["middle left" if n > widest / 2 else "middle right" for n in points["n"]]


def _points(
    figure: go.Figure, points: pl.DataFrame, flag: str, count: str, widest: float
) -> None:
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
        text=[f" {cut(label)} " for label in points["label"]] if named else None,
        textposition=_sides(points, widest) if named else None,
        hovertext=column(points, "hover", None) if "hover" in points.columns else said,
        hoverinfo="text",
        customdata=column(points, "behind", None),
        cliponaxis=False,
    )
