"""Medians and 90th percentiles side by side, each with its interval."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, cut, nothing, shown
from dashboard.theme import BLUE, GREY, ORANGE

_MARKS = (
    ("q50", "median", "diamond", BLUE),
    ("q90", "90th percentile", "circle-open", ORANGE),
)


def percentiles(
    frame: pl.DataFrame, value: str, centre: float | None = None
) -> go.Figure:
    """One row a label: the median and the 90th percentile, intervals as lines.

    `frame`: label, q50, q50_lower, q50_upper, q90, q90_lower, q90_upper, n, state,
    reason. A percentile that was not reached is not drawn; a limit that was not
    reached runs to the figure's end and has an arrow there. A percentile that is known
    to the week only is a bar from `q50_from` to `q50_to`, and no point. `centre` is a
    dashed line, the network's median. The order of the rows is kept.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    labels = [cut(label) for label in rows["label"]]
    figure = canvas(x=value, height=104 + 30 * rows.height)
    ends = [name for q, *_ in _MARKS for name in (q, f"{q}_lower", f"{q}_upper")]
    right = 1.06 * max([1, *(v for c in ends for v in rows[c].drop_nulls())])
    for offset, mark in zip((-0.16, 0.16), _MARKS, strict=True):
        _row_marks(figure, rows, mark, offset, right)
    if centre is not None:
        figure.add_vline(x=centre, line={"color": GREY, "width": 1.2, "dash": "dash"})
    figure.update_yaxes(
        tickvals=[*range(len(labels))],
        ticktext=labels,
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
    )
    figure.update_xaxes(range=[0, 1.02 * right], showgrid=True)
    return figure


def _row_marks(
    figure: go.Figure,
    rows: pl.DataFrame,
    mark: tuple[str, str, str, str],
    offset: float,
    right: float,
) -> None:
    quantile, words, symbol, colour = mark
    placed = rows.with_row_index("y").drop_nulls(quantile).to_dicts()
    spans = [row for row in placed if _is_span(row, quantile)]
    points = [row for row in placed if not _is_span(row, quantile)]
    x: list[float | None] = []
    y: list[float | None] = []
    for row in placed:
        low, high = row[f"{quantile}_lower"], row[f"{quantile}_upper"]
        x += [row[quantile] if low is None else low, right if high is None else high]
        y += [row["y"] + offset] * 2
        x.append(None)
        y.append(None)
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": colour, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=[row[quantile] for row in points],
        y=[row["y"] + offset for row in points],
        mode="markers",
        marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2}},
        name=words,
        hovertext=[_hover(row, quantile, words) for row in points],
        hoverinfo="text",
    )
    _spans(figure, spans, mark, offset)
    _arrows(
        figure, [r for r in placed if r[f"{quantile}_upper"] is None], offset, right
    )


def _is_span(row: dict[str, object], quantile: str) -> bool:
    return row.get(f"{quantile}_from") != row.get(f"{quantile}_to")


def _spans(
    figure: go.Figure,
    rows: list[dict[str, object]],
    mark: tuple[str, str, str, str],
    offset: float,
) -> None:
    """Bars for percentiles of durations that are known to the week only."""
    quantile, words, _, colour = mark
    if not rows:
        return
    start = [float(str(row[f"{quantile}_from"])) for row in rows]
    ends = [row[f"{quantile}_to"] or row[quantile] for row in rows]
    figure.add_bar(
        x=[float(str(end)) - low for end, low in zip(ends, start, strict=True)],
        y=[float(str(row["y"])) + offset for row in rows],
        base=start,
        width=0.24,
        orientation="h",
        marker={"color": colour, "opacity": 0.55, "line": {"width": 0}},
        name=f"{words}, known to the week",
        hovertext=[_hover(row, quantile, words) for row in rows],
        hoverinfo="text",
    )


def _arrows(
    figure: go.Figure, rows: list[dict[str, object]], offset: float, right: float
) -> None:
    if rows:
        figure.add_scatter(
            x=[right] * len(rows),
            y=[float(str(row["y"])) + offset for row in rows],
            mode="markers",
            marker={"symbol": "triangle-right", "size": 9, "color": GREY},
            hovertext="the upper limit was not reached",
            hoverinfo="text",
            showlegend=False,
        )


def _hover(row: dict[str, object], quantile: str, words: str) -> str:
    high = row[f"{quantile}_upper"]
    end = "not reached" if high is None else f"{high:,}"
    return (
        f"<b>{row['label']}</b><br>{words}"
        f" {row.get(f'{quantile}_words', row[quantile])} days"
        f" ({row[f'{quantile}_lower']:,} to {end})<br>n = {row['n']:,}"
    )
