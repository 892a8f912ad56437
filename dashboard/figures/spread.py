"""How values spread: quantile ranges by group, and the histogram of one group."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, cut, nothing, shown
from dashboard.theme import BLUE, PALE_BLUE


def quantiles(frame: pl.DataFrame, value: str) -> go.Figure:
    """One row a label: 10th to 90th percentile thin, quartiles thick, median a point.

    `frame`: label, p10, p25, p50, p75, p90, n, state, reason. A quantile that was not
    reached (too many still running) is null and its line ends before it.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    labels = [cut(label) for label in rows["label"]]
    figure = canvas(x=value, height=104 + 30 * rows.height)
    _range(figure, rows, labels, ("p10", "p90"), PALE_BLUE, 3, "10 to 90 %")
    _range(figure, rows, labels, ("p25", "p75"), BLUE, 9, "middle half")
    figure.add_scatter(
        x=rows["p50"].to_list(),
        y=labels,
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 11,
            "color": "#ffffff",
            "line": {"width": 2, "color": BLUE},
        },
        name="median",
        hovertext=[_hover(row) for row in rows.to_dicts()],
        hoverinfo="text",
    )
    figure.update_yaxes(
        autorange="reversed", categoryorder="array", categoryarray=labels
    )
    figure.update_xaxes(rangemode="tozero")
    return figure


def histogram(frame: pl.DataFrame, x: str, count: str = "batches") -> go.Figure:
    """Bars of counts by bin, without gaps between them.

    `frame`: x (the bin's lower edge), count, state, reason; bins of equal width.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame).sort("x")
    edges = rows["x"].to_list()
    width = edges[1] - edges[0] if len(edges) > 1 else 1
    figure = canvas(x=x, y=count)
    figure.add_bar(
        x=edges,
        y=rows["count"].to_list(),
        offset=0,
        width=0.96 * width,
        marker_color=BLUE,
        hovertemplate=f"from %{{x}}: %{{y:,}} {count}<extra></extra>",
    )
    figure.update_xaxes(range=[edges[0] - width / 4, edges[-1] + 1.25 * width])
    return figure


def _range(
    figure: go.Figure,
    rows: pl.DataFrame,
    labels: list[str],
    ends: tuple[str, str],
    colour: str,
    width: int,
    words: str,
) -> None:
    x: list[float | None] = []
    y: list[str | None] = []
    for label, low, high in zip(labels, rows[ends[0]], rows[ends[1]], strict=True):
        x += [low, high, None]
        y += [label, label, None]
    line = {"color": colour, "width": width}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, name=words, hoverinfo="skip")


def _hover(row: dict[str, object]) -> str:
    low, high = row["p10"], row["p90"]
    end = "not reached" if high is None else f"{high:,.4g}"
    return (
        f"<b>{row['label']}</b><br>median {row['p50']:,.4g}<br>"
        f"10th percentile {low:,.4g}, 90th {end}<br>n = {row['n']:,}"
    )
