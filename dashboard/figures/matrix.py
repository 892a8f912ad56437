"""A matrix of rows by columns: shade for the amount, words for everything else."""

from typing import Literal

import plotly.graph_objects as go
import polars as pl

from dashboard.components import HIDDEN
from dashboard.figures.canvas import by_position, canvas, cut, nothing
from dashboard.theme import BLUES, BOTH_WAYS, STATES


def matrix(
    frame: pl.DataFrame, scale: Literal["amount", "difference"] = "amount"
) -> go.Figure:
    """Cells shaded by `value`, each with its `text`; hidden cells carry their sign.

    `frame`: row, column, value, text, state, reason, one row a cell; rows and columns
    keep the order in which they come. `difference` shades both ways from zero. A pair
    that is not in the frame at all is blank. `meta.min_width` asks the card to scroll
    sideways rather than to squeeze the words together.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = frame["row"].unique(maintain_order=True).to_list()
    columns = frame["column"].unique(maintain_order=True).to_list()
    cells = {(r["row"], r["column"]): r for r in frame.to_dicts()}
    every = [[cells.get((r, c), {}) for c in columns] for r in rows]
    largest = max((abs(v) for v in frame["value"].drop_nulls()), default=1) or 1
    figure = canvas(height=120 + 30 * len(rows))
    figure.update_layout(meta={"min_width": 170 + 62 * len(columns)})
    figure.add_heatmap(
        x=[cut(c, 18) for c in columns],
        y=list(range(len(rows))),
        z=[[cell.get("value") for cell in line] for line in every],
        text=[[_words(cell) for cell in line] for line in every],
        texttemplate="%{text}",
        textfont={"size": 12},
        hovertext=[[_hover(cell) for cell in line] for line in every],
        hoverinfo="text",
        hoverongaps=False,
        colorscale=BLUES if scale == "amount" else BOTH_WAYS,
        zmin=0 if scale == "amount" else -largest,
        zmax=largest,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    _signs(figure, every)
    figure.update_xaxes(side="top", showline=False)
    figure.update_yaxes(**by_position(rows))
    return figure


def _words(cell: dict[str, object]) -> str:
    if cell.get("state") in HIDDEN:
        return STATES[str(cell["state"])].sign
    return str(cell.get("text") or "")


def _hover(cell: dict[str, object]) -> str:
    if not cell:
        return ""
    said = cell.get("reason") or cell.get("text") or STATES[str(cell["state"])].words
    return f"<b>{cell['row']}</b><br>{cell['column']}<br>{said}"


def _signs(figure: go.Figure, every: list[list[dict[str, object]]]) -> None:
    """Signs over cells without a value, which a heat map leaves blank."""
    signs = [
        {"x": j, "y": i, "text": words, "showarrow": False, "font": {"size": 12}}
        for i, line in enumerate(every)
        for j, cell in enumerate(line)
        if cell and cell.get("value") is None and (words := _words(cell))
    ]
    figure.update_layout(annotations=signs)
