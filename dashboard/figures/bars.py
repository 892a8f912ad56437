"""Bars: the Pareto of causes, and counts stacked by part over time or groups."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import by_position, canvas, nothing, shown, signs
from dashboard.theme import BLUE, HATCHES, PALE_BLUE, SERIES

_HATCH = {
    "fillmode": "overlay",
    "fgcolor": "rgba(255, 255, 255, 0.5)",
    "size": 7,
    "solidity": 0.18,
}


def pareto(frame: pl.DataFrame, count: str = "batches") -> go.Figure:
    """Horizontal bars, the largest first, each with its count and the running share.

    `frame`: label, count, state, reason. The bars that together make the first 80 %
    are dark: those are the causes worth work. Horizontal, so that long names of causes
    can be read.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame).sort("count", "label", descending=[True, False])
    total = max(float(rows["count"].sum()), 1.0)
    rows = rows.with_columns(running=pl.col("count").cum_sum() / total)
    before = rows["running"].shift(1, fill_value=0.0)
    figure = canvas(x=count, height=72 + 34 * rows.height)
    figure.add_bar(
        x=rows["count"].to_list(),
        y=list(range(rows.height)),
        orientation="h",
        marker_color=[BLUE if share < 0.8 else PALE_BLUE for share in before],
        text=[
            f"{c:,} · {s:.0%}" for c, s in rows.select("count", "running").iter_rows()
        ],
        textposition="outside",
        cliponaxis=False,
        hovertext=[
            f"<b>{label}</b><br>{c:,} {count}<br>{s:.0%} with those above it"
            for label, c, s in rows.select("label", "count", "running").iter_rows()
        ],
        hoverinfo="text",
    )
    figure.update_yaxes(**by_position(rows["label"].to_list()))
    figure.update_xaxes(range=[0, 1.6 * max(rows["count"].to_list())], showline=False)
    return figure


def stacked_bars(frame: pl.DataFrame, count: str = "batches", x: str = "") -> go.Figure:
    """Bars of counts, stacked by part, each part with a colour and a hatch of its own.

    `frame`: x, part, count, state, reason. Parts keep the order in which they come. A
    bar with no part to show is a sign on the axis, so that a gap is never read as zero.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    figure = canvas(x=x, y=count)
    rows = shown(frame)
    for i, part in enumerate(rows["part"].unique(maintain_order=True)):
        bars = rows.filter(pl.col("part") == part)
        figure.add_bar(
            x=bars["x"].to_list(),
            y=bars["count"].to_list(),
            name=str(part),
            marker={
                "color": SERIES[i % len(SERIES)],
                "pattern": {**_HATCH, "shape": HATCHES[i % len(HATCHES)]},
            },
            hovertemplate=f"<b>{part}</b><br>%{{y:,}} {count}<br>%{{x}}<extra></extra>",
        )
    signs(figure, frame.join(rows, on="x", how="anti").unique("x"))
    figure.update_layout(barmode="stack")
    return figure
