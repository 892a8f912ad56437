"""Values over time with their limits, the points outside marked by shape."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, flagged, marker, nothing, shown, signs
from dashboard.theme import BAND, BLUE, DASHES, FLAGS, GREY, SERIES


def series(
    frame: pl.DataFrame, value: str, percent: bool = False, limits: str = "limits"
) -> go.Figure:
    """A line a `series`, a band from `low` to `high`, a `centre` line, flagged points.

    `frame`: x (date), value, state, reason; `low`, `high`, `centre`, `flag`, `series`
    when there are any. A period without a number breaks the line and stands on the
    axis with its state's sign: it is never drawn as zero.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    frame = (
        frame if "series" in frame.columns else frame.with_columns(series=pl.lit(value))
    )
    figure = canvas(y=value, percent=percent)
    figure.update_yaxes(rangemode="tozero")
    names = frame["series"].unique(maintain_order=True).to_list()
    if len(names) == 1:
        _limits(figure, shown(frame).sort("x"), limits)
    for i, name in enumerate(names):
        _line(figure, frame.filter(pl.col("series") == name).sort("x"), i, percent)
    _flags(figure, flagged(shown(frame)), percent)
    signs(figure, frame)
    figure.update_layout(showlegend=len(figure.data) > 1)
    return figure


def _limits(figure: go.Figure, rows: pl.DataFrame, words: str) -> None:
    if {"low", "high"} <= set(rows.columns):
        edge = {
            "mode": "lines",
            "line": {"width": 0, "shape": "hvh"},
            "hoverinfo": "skip",
        }
        x = rows["x"].to_list()
        figure.add_scatter(x=x, y=rows["low"].to_list(), showlegend=False, **edge)
        figure.add_scatter(
            x=x,
            y=rows["high"].to_list(),
            fill="tonexty",
            fillcolor=BAND,
            name=words,
            **edge,
        )
    if "centre" in rows.columns:
        figure.add_scatter(
            x=rows["x"].to_list(),
            y=rows["centre"].to_list(),
            mode="lines",
            line={"color": GREY, "width": 1.2, "dash": "dash"},
            name="centre",
            hoverinfo="skip",
        )


def _line(figure: go.Figure, rows: pl.DataFrame, i: int, percent: bool) -> None:
    colour = SERIES[i % len(SERIES)] if i else BLUE
    figure.add_scatter(
        x=rows["x"].to_list(),
        y=rows["value"].to_list(),
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": DASHES[i % len(DASHES)]},
        marker={"size": 5},
        connectgaps=False,
        name=str(rows["series"][0]),
        hovertemplate="%{x|%b %Y}: "
        + _format(percent)
        + "<extra>%{fullData.name}</extra>",
    )


def _flags(figure: go.Figure, rows: pl.DataFrame, percent: bool) -> None:
    for flag, mark in FLAGS.items():
        said = f"%{{x|%b %Y}}: {_format(percent)}<br>{mark.words}<extra></extra>"
        points = rows.filter(pl.col("flag") == flag)
        if flag == "none" or points.is_empty():
            continue
        figure.add_scatter(
            x=points["x"].to_list(),
            y=points["value"].to_list(),
            mode="markers",
            marker=marker(flag),
            name=mark.words,
            hovertemplate=said,
        )


def _format(percent: bool) -> str:
    return "%{y:.1%}" if percent else "%{y:,.4~g}"
