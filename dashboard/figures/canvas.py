"""What every figure starts from: template, rows to show, a sentence for none."""

import textwrap
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import plotly.io
import polars as pl

from dashboard.components import HIDDEN
from dashboard.theme import FLAGS, GREY, STATES, TEMPLATE

NOTHING = "Nothing to show for these filters."
# Plotly takes the template by default as it is; another it checks in every figure, for
# two thirds of what an empty one costs.
plotly.io.templates["pocnet"] = TEMPLATE
plotly.io.templates.default = "pocnet"


def canvas(
    x: str = "", y: str = "", percent: bool = False, height: int | None = None
) -> go.Figure:
    """An empty figure with the house's look and its axes named."""
    upright: dict[str, object] = {"title": {"text": y}}
    if percent:
        upright |= {"tickformat": ".0%", "rangemode": "tozero"}
    return _laid({"height": height, "xaxis": {"title": {"text": x}}, "yaxis": upright})


def empty(sentence: str = NOTHING) -> go.Figure:
    """A figure without axes that holds one sentence, where there is nothing to draw."""
    axis = {"title": {"text": ""}, "visible": False, "range": [0, 1]}
    text = "<br>".join(textwrap.wrap(sentence, 44))
    said = {"text": text, "x": 0.5, "y": 0.5, "showarrow": False, "font": {"size": 15}}
    return _laid({"height": 160, "xaxis": axis, "yaxis": axis, "annotations": [said]})


def _laid(layout: Mapping[str, object]) -> go.Figure:
    """A figure with the house's look; made at once, since each change costs a page."""
    return go.Figure(layout={**layout})


def shown(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that may be drawn: those in state data or zero."""
    if "state" not in frame.columns:
        return frame
    return frame.filter(~pl.col("state").is_in(HIDDEN))


def nothing(frame: pl.DataFrame) -> go.Figure | None:
    """The figure that says why there is nothing to draw, or None when there is."""
    if shown(frame).height:
        return None
    if frame.is_empty():
        return empty()
    states = frame["state"].unique().to_list()
    if len(states) > 1:
        return empty("No value can be shown here; the table says why for each.")
    reasons = frame["reason"].drop_nulls().unique().to_list()
    reason = reasons[0] if len(reasons) == 1 else STATES[states[0]].meaning
    return empty(f"{STATES[states[0]].words.capitalize()}: {reason}")


def column(frame: pl.DataFrame, name: str, default: object) -> Sequence[object]:
    """Column `name`, or `default` for every row of a frame that has none."""
    values: list[object] = frame[name].to_list() if name in frame.columns else []
    return values or [default] * frame.height


def flagged(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a `flag` for every row, `none` where none was given."""
    given = pl.col("flag").fill_null("none") if "flag" in frame.columns else None
    return frame.with_columns(flag=pl.lit("none") if given is None else given)


def marker(flag: str) -> dict[str, object]:
    """Colour, shape and size of a point by its flag."""
    mark = FLAGS[flag]
    line = {"width": 1.8 if "open" in mark.symbol else 0, "color": mark.colour}
    return {
        "color": mark.colour,
        "symbol": mark.symbol,
        "size": mark.size,
        "line": line,
    }


def cut(label: object, width: int = 26) -> str:
    """A label short enough for an axis on a telephone; the hover has all of it."""
    return _tidy(textwrap.shorten(str(label), width, placeholder="…"))


def wrapped(label: object, width: int = 24) -> str:
    """A label of at most two lines for an axis; the hover has all of it."""
    lines = textwrap.wrap(str(label), width, max_lines=2, placeholder="…")
    return _tidy("<br>".join(lines))


def _tidy(text: str) -> str:
    """No comma left hanging where a label was cut."""
    return text.replace(",…", "…")


def by_position(axis: Sequence[object]) -> dict[str, object]:
    """A category axis by position: names that are cut to the same words stay apart."""
    return {
        "tickvals": list(range(len(axis))),
        "ticktext": [wrapped(label) for label in axis],
        "autorange": "reversed",
        "showgrid": False,
    }


def signs(figure: go.Figure, frame: pl.DataFrame) -> None:
    """Signs on the axis at each `x` whose number is hidden or was not reported.

    A gap alone could be read as zero; a sign with its reason cannot.
    """
    for state in HIDDEN:
        rows = frame.filter(pl.col("state") == state) if "state" in frame else None
        if rows is None or rows.is_empty():
            continue
        words = STATES[state].words
        figure.add_scatter(
            x=rows["x"].to_list(),
            y=[0] * rows.height,
            mode="markers",
            marker={**sign(state), "color": GREY, "size": 9},
            name=words,
            hovertext=[str(reason or words) for reason in rows["reason"]],
            hoverinfo="x+text",
            cliponaxis=False,
        )


def sign(state: str) -> dict[str, object]:
    """The plotly symbol nearest to a state's written sign."""
    symbols = {"not_reported": "circle-open", "suppressed": "square-x-open"}
    return {"symbol": symbols.get(state, "line-ew-open"), "line": {"width": 1.5}}
