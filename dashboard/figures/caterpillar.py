"""Caterpillar plot: a value and its interval for each, in order, about one centre."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import (
    by_position,
    canvas,
    column,
    flagged,
    marker,
    nothing,
    shown,
)
from dashboard.theme import FLAGS, GREY


def caterpillar(
    frame: pl.DataFrame,
    value: str,
    percent: bool = False,
    centre: float | None = None,
    reference: str = "network",
) -> go.Figure:
    """One row a label: the point with shape by flag, the interval as a line.

    `frame`: label, value, low, high, state, reason, `flag` when there is one, `fade`
    (opacity, less for what is old), and `reference` when each row has a centre of its
    own, which the argument names. The order of the rows is kept: who draws decides it,
    and no rank is implied.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = flagged(shown(frame)).with_row_index("at")
    judged = "flag" in frame.columns
    figure = canvas(x=value, height=96 + 34 * rows.height)
    for flag in rows["flag"].unique(maintain_order=True):
        _points(figure, rows.filter(pl.col("flag") == flag), flag, percent, judged)
    if centre is not None:
        figure.add_vline(x=centre, line={"color": GREY, "width": 1.2, "dash": "dash"})
    if "reference" in rows.columns:
        _references(figure, rows, reference, percent)
    figure.update_yaxes(**by_position(rows["label"].to_list()))
    figure.update_xaxes(tickformat=".0%" if percent else "")
    return figure


def _points(
    figure: go.Figure, rows: pl.DataFrame, flag: str, percent: bool, judged: bool
) -> None:
    words = f"<br>{FLAGS[flag].words}" if judged else ""
    form = ".1%" if percent else ",.4~g"
    figure.add_scatter(
        x=rows["value"].to_list(),
        y=rows["at"].to_list(),
        mode="markers",
        marker={**marker(flag), "opacity": column(rows, "fade", 1.0)},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (rows["high"] - rows["value"]).to_list(),
            "arrayminus": (rows["value"] - rows["low"]).to_list(),
            "width": 0,
            "thickness": 2,
        },
        customdata=rows.select("low", "high", "label").rows(),
        hovertemplate=(
            f"<b>%{{customdata[2]}}</b><br>%{{x:{form}}} (%{{customdata[0]:{form}}} to"
            f" %{{customdata[1]:{form}}}){words}<extra></extra>"
        ),
        name=FLAGS[flag].words,
    )


def _references(
    figure: go.Figure, rows: pl.DataFrame, name: str, percent: bool
) -> None:
    """What each row is set against, as an upright stroke that cannot be a point."""
    figure.add_scatter(
        x=rows["reference"].to_list(),
        y=rows["at"].to_list(),
        mode="markers",
        marker={
            "symbol": "line-ns",
            "size": 18,
            "line": {"color": GREY, "width": 2.5},
        },
        name=name,
        hovertemplate=f"{name} %{{x:{'.1%' if percent else ',.4~g'}}}<extra></extra>",
        showlegend=True,
    )
