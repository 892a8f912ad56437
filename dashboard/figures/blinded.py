"""Marks of sites in five steps around the limits of chance, without rate or size."""

from collections import Counter
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import canvas, marker, nothing, shown
from dashboard.theme import BLUE

STEPS: Final = {
    "low998": "below<br>99.8 %<br>limit",
    "low95": "below<br>95 %<br>limit",
    "none": "within<br>limits",
    "high95": "above<br>95 %<br>limit",
    "high998": "above<br>99.8 %<br>limit",
}
Row = dict[str, Any]
_ROW: Final = 24
_SIDE_BY_SIDE: Final = 4
_ACROSS: Final = 0.21
_WORDS: Final = {"peer": "peers, unnamed", "named": "named to you", "own": "you"}


def blinded(frame: pl.DataFrame) -> go.Figure:
    """One mark a row of `label`, `who` (own, named, peer), `step` and `hover`.

    Also reads state and reason. Marks of a step are piled up four side by side, in the
    order in which they come: where one lies in its pile says nothing.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = [row | _place(row, n) for row, n in _piled(shown(frame).to_dicts())]
    most = max(row["y"] for row in rows)
    figure = canvas(height=int(170 + _ROW * most))
    for who, words in _WORDS.items():
        if part := [row for row in rows if row["who"] == who]:
            _marks(figure, part, words)
    figure.update_xaxes(
        tickvals=list(range(len(STEPS))),
        ticktext=list(STEPS.values()),
        range=[-0.6, len(STEPS) - 0.4],
    )
    figure.update_yaxes(visible=False, range=[-0.8, most + 1.2])
    return figure


def _piled(rows: list[Row]) -> list[tuple[Row, int]]:
    """Each row with how many of its step came before it."""
    heights: Counter[object] = Counter()
    found = []
    for row in rows:
        found.append((row, heights[row["step"]]))
        heights[row["step"]] += 1
    return found


def _place(row: Row, n: int) -> dict[str, float]:
    column = n % _SIDE_BY_SIDE - (_SIDE_BY_SIDE - 1) / 2
    step = [*STEPS].index(str(row["step"]))
    return {"x": step + _ACROSS * column, "y": n // _SIDE_BY_SIDE}


def _marks(figure: go.Figure, rows: list[Row], words: str) -> None:
    looks = [marker(str(row["step"])) for row in rows]
    own = rows[0]["who"] == "own"
    figure.add_scatter(
        x=[row["x"] for row in rows],
        y=[row["y"] for row in rows],
        mode="markers" if rows[0]["who"] == "peer" else "markers+text",
        marker={
            "symbol": ["diamond" if own else look["symbol"] for look in looks],
            "color": [BLUE if own else look["color"] for look in looks],
            "size": 14 if own else 9,
            "opacity": 1,
            "line": {"width": 1.4, "color": [look["color"] for look in looks]},
        },
        text=["you" if own else str(row["label"]) for row in rows],
        textposition="top center",
        name=words,
        hovertext=[str(row["hover"]) for row in rows],
        hoverinfo="text",
        cliponaxis=False,
    )
