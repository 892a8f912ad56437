"""The small parts that pages are made of: tiles, tags, notices, long lists.

Each is plain HTML with a class from the style sheet, readable without colour, without a
mouse and without the figures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import dash_ag_grid
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import names
from dashboard.analysis.wording import title
from dashboard.theme import STATES

Kind = Literal[
    "text",
    "site",
    "sites",
    "words",
    "parameter",
    "page",
    "behind",
    "count",
    "percent",
    "number",
    "days",
    "date",
]
TEXTS = ("text", "site", "sites", "words", "parameter", "page", "behind", "date")
Tone = Literal["good", "bad", "watch", "plain"]

HIDDEN = ("not_reported", "suppressed", "not_applicable")
_SHAPES: Mapping[Tone, str] = {"good": "✓", "bad": "▲", "watch": "◆", "plain": "●"}


@dataclass(frozen=True)
class Column:
    """One column of a table: the frame's name for it, its heading, how it is written.

    percent holds a share (0.08 is written 8.0 %), days a number of days. Names are
    written where site (sites: a list of them) holds slugs, words the codes of a
    vocabulary, parameter those of tests.
    page holds a path, written as a link that keeps the reader's filters; behind a
    site, written as a link to the list of its batches for those who may see that.
    """

    name: str
    heading: str
    kind: Kind = "text"


def aria(**words: str) -> dict[str, Any]:
    """Attributes for a component: `html.Nav(…, **aria(label="Pages"))`."""
    return {f"aria-{name}": text for name, text in words.items()}


def written(value: object, kind: Kind) -> str:
    """One value as a reader expects it, a thin space between thousands.

    Null and NaN are both written as a dash: which of the five states it is stands
    beside it, and is never guessed from the value.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, datetime):
        return f"{value:%-d %b %Y, %H:%M}"
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    if isinstance(value, list):
        said = names.site_names(value) if kind == "sites" else "; ".join(value)
        return said or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return _named(str(value), kind)
    if kind == "percent":
        return f"{100 * value:.1f} %"
    whole = kind == "count" or isinstance(value, int) or abs(value) >= 100
    return f"{value:,.0f}".replace(",", "\u202f") if whole else f"{value:,.3g}"


def _named(text: str, kind: Kind) -> str:
    match kind:
        case "site":
            return names.site_name(text)
        case "words":
            return names.words(text)
        case "parameter":
            return title(text)
        case _:
            return text


def reason_field(name: str, longest: int) -> Component:
    """The field in which somebody says why, with the reminder that stands at each."""
    area = dcc.Textarea(id=name, maxLength=longest, className="form-control")
    return html.Label(["Why? Name no patient.", area], className="note-form")


def state_tag(state: str, reason: str | None = None) -> Component:
    """The sign and word of a state, or its reason; each of the five looks different."""
    notation = STATES[state]
    return html.Span(
        [
            html.Span(notation.sign, className="sign", **aria(hidden="true")),
            html.Span(reason or notation.words),
        ],
        className=f"state state-{state}",
    )


def legend() -> Component:
    """The five states with what each means, for Methods and for a figure's foot."""
    return html.Dl(
        [
            html.Div([html.Dt(state_tag(state)), html.Dd(notation.meaning)])
            for state, notation in STATES.items()
        ],
        className="legend",
    )


def tag(words: str, tone: Tone = "plain") -> Component:
    """A status as shape and word: ▲ attention, ◆ watch, ✓ fine, ● neutral."""
    sign = html.Span(_SHAPES[tone], className="sign", **aria(hidden="true"))
    return html.Span([sign, html.Span(words)], className=f"tag tag-{tone}")


def tile(
    label: str,
    value: str,
    note: str = "",
    status: Component | None = None,
    href: str | None = None,
) -> Component:
    """One key figure: what it is, the number, and the n or comparison it needs.

    `value` is text already: a hidden number is given as words, not as 0.
    """
    name = dcc.Link(label, href=href) if href else label
    parts = [
        html.Dt(name),
        html.Dd(
            [
                html.Span(value, className="tile-value"),
                html.Span(note, className="tile-note") if note else None,
                status,
            ]
        ),
    ]
    return html.Div(parts, className="tile")


def tiles(*each: Component) -> Component:
    """Key figures side by side, as one description list."""
    return html.Dl(list(each), className="tiles")


def notice(*sentences: str, tone: Tone = "plain") -> Component:
    """A short message in the page's flow: nothing to show, or something to know."""
    return html.Div([html.P(s) for s in sentences], className=f"notice notice-{tone}")


def grid(frame: pl.DataFrame, columns: Sequence[Column], name: str) -> Component:
    """A long list to sort, filter and page through; `name` is its id and label."""
    defs = [
        {
            "field": c.name,
            "headerName": f"{c.heading} (%)" if c.kind == "percent" else c.heading,
            **({} if c.kind in TEXTS else {"type": "rightAligned"}),
        }
        for c in columns
    ]
    rows = frame.select(c.name for c in columns).to_dicts()
    return html.Div(
        dash_ag_grid.AgGrid(
            id=name.lower().replace(" ", "-"),
            columnDefs=defs,
            rowData=[
                {c.name: _sortable(row[c.name], c.kind) for c in columns}
                for row in rows
            ],
            defaultColDef={"flex": 1, "minWidth": 110, "resizable": True},
            dashGridOptions={"pagination": True, "paginationPageSize": 50},
        ),
        className="long-list",
        role="region",
        **aria(label=name),
    )


def _sortable(value: object, kind: Kind) -> object:
    """A value that the browser sorts as people do: ISO dates, numbers as numbers."""
    if isinstance(value, float):
        shown = round(100 * value, 1) if kind == "percent" else value
        return None if math.isnan(value) else shown
    return str(value) if isinstance(value, date | datetime) else value
