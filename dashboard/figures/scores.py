"""Scores about zero, one line a laboratory, with the zones that ask for a look."""

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.canvas import by_position, canvas, nothing, shown
from dashboard.theme import BLUE, FAINT, GREY, ORANGE, PALE_BLUE, PALE_ORANGE

_LOOKS = {
    "below, action": (BLUE, "triangle-down", 12),
    "below, warning": (PALE_BLUE, "triangle-down-open", 11),
    "satisfactory": (GREY, "circle", 7),
    "above, warning": (PALE_ORANGE, "triangle-up-open", 11),
    "above, action": (ORANGE, "triangle-up", 12),
}


def scores(frame: pl.DataFrame, words: str, ends: tuple[float, float]) -> go.Figure:
    """One point a reading: shape and colour by `mark`, upright lines at the two `ends`.

    `frame`: label, value, mark (a key of the looks), hover, state, reason. `ends` are
    where warning and action begin, either side of zero.
    """
    if (blank := nothing(frame)) is not None:
        return blank
    rows = shown(frame)
    labels = rows["label"].unique(maintain_order=True).to_list()
    at = {label: i for i, label in enumerate(labels)}
    figure = canvas(x=words, height=110 + 34 * len(labels))
    warning, action = ends
    figure.add_vrect(-warning, warning, fillcolor=FAINT, opacity=0.4, line_width=0)
    for x in (-action, action):
        figure.add_vline(x=x, line={"color": GREY, "width": 1.2, "dash": "dash"})
    for mark, (colour, symbol, size) in _LOOKS.items():
        part = rows.filter(pl.col("mark") == mark)
        if part.is_empty():
            continue
        figure.add_scatter(
            x=part["value"].to_list(),
            y=[at[label] for label in part["label"]],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": size,
                    "line": {"width": 1.6 if "open" in symbol else 0,
                             "color": colour}},
            name=mark,
            hovertext=part["hover"].to_list(),
            hoverinfo="text",
        )  # fmt: skip
    far = max(action + 0.5, 1.08 * float(rows["value"].abs().max()))  # type: ignore[arg-type]
    figure.update_xaxes(range=[-far, far], showgrid=True)
    figure.update_yaxes(**by_position(labels))
    return figure
