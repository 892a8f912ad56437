"""The colours, shapes and words that mean the same on every figure.

Blue, orange and grey can be told apart with every common colour vision, and each always
comes with a shape and a word. The tones are mid-dark so that they stand out at least
3 : 1 from both the light and the dark page; text and grid lines are coloured by the
style sheet, which alone knows the reader's scheme.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

BLUE = "#2b7bba"
ORANGE = "#d2691e"
GREY = "#7d8894"
PALE_BLUE = "#6baed6"
PALE_ORANGE = "#e69a56"
TEAL = "#1b8a7d"
PURPLE = "#8a6bbf"
FAINT = "rgba(125, 136, 148, 0.28)"
BAND = "rgba(43, 123, 186, 0.16)"

SERIES = (BLUE, ORANGE, TEAL, PURPLE, PALE_BLUE, PALE_ORANGE, GREY)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
HATCHES = ("", "/", "x", "-", ".", "\\", "+")

BLUES = [[0.0, "rgba(43, 123, 186, 0.06)"], [1.0, "rgba(43, 123, 186, 0.55)"]]
BOTH_WAYS = [
    [0.0, "rgba(43, 123, 186, 0.6)"],
    [0.5, "rgba(125, 136, 148, 0.1)"],
    [1.0, "rgba(210, 105, 30, 0.6)"],
]


@dataclass(frozen=True)
class Mark:
    """How one kind of point looks: never by colour alone."""

    words: str
    colour: str
    symbol: str
    size: int = 10


FLAGS: Mapping[str, Mark] = {
    "high998": Mark("above the 99.8 % limit", ORANGE, "triangle-up", 14),
    "high95": Mark("above the 95 % limit", PALE_ORANGE, "triangle-up-open", 12),
    "none": Mark("within the limits", GREY, "circle", 9),
    "low95": Mark("below the 95 % limit", PALE_BLUE, "triangle-down-open", 12),
    "low998": Mark("below the 99.8 % limit", BLUE, "triangle-down", 14),
    "not_compared": Mark("not compared", GREY, "x-thin-open", 9),
}


@dataclass(frozen=True)
class Notation:
    """How one of the five states of a figure is written: a sign and a word."""

    sign: str
    words: str
    meaning: str


STATES: Mapping[str, Notation] = {
    "data": Notation("●", "data", "A number that was reported."),
    "zero": Notation("0", "zero", "Reported, and there were none."),
    "not_reported": Notation("○", "not reported", "Expected, and not received."),
    "suppressed": Notation("▨", "hidden", "So few that a patient might be recognised."),
    "not_applicable": Notation("–", "not applicable", "It does not exist here."),
}

FONT = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans",'
    " Arial, sans-serif"
)

_AXIS = {
    "automargin": True,
    "gridcolor": FAINT,
    "linecolor": GREY,
    "zeroline": False,
    "ticks": "",
    "ticklabelstandoff": 5,
    "title": {"standoff": 12, "font": {"size": 13}},
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": GREY},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(SERIES),
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "xaxis": {**_AXIS, "showgrid": False, "showline": True},
        "yaxis": _AXIS,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "title": {"text": ""},
            "traceorder": "normal",
        },
        "hoverlabel": {
            "bgcolor": "#1d2733",
            "bordercolor": "#1d2733",
            "font": {"family": FONT, "size": 13, "color": "#ffffff"},
            "align": "left",
        },
        "hovermode": "closest",
        "bargap": 0.25,
        "dragmode": False,
    }
)
