"""One figure with everything a reader needs to trust it.

A card is a declaration: where its rows come from, what they say in one sentence, how
they are drawn. From it come the figure, the table behind it, its CSV, and its line in
the API, all from the same disclosed rows.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dash
import plotly.graph_objects as go
import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import log
from dashboard.components import HIDDEN, Column, aria, state_tag, written
from dashboard.filters import Filters
from dashboard.making import of_this_moment
from dashboard.names import some
from dashboard.permalink import link
from dashboard.table import table
from dashboard.theme import STATES
from dashboard.viewer import Viewer
from etl.roles import ROLES, Role

_CONFIG: Any = {
    "displayModeBar": False,
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": False,
    "doubleClick": False,
    "topojsonURL": "/assets/topojson/",
}


@dataclass(frozen=True)
class Card:
    """One figure of a page, drawn from `frame(viewer, filters)`.

    The frame's rows are disclosed already and carry `state` (data, zero, not_reported,
    suppressed, not_applicable) and `reason`. `sentence` says what is seen and which
    direction is good. Without `draw` the table itself is the figure;
    several figures stand side by side where there is room. `count` is the
    figure's n in words; left out, the frame's column `n` is summed. `metric` is an id
    on the Methods page. A card for some `roles` is not there for others.
    """

    id: str
    title: str
    frame: Callable[[Viewer, Filters], pl.DataFrame]
    sentence: Callable[[pl.DataFrame], str]
    draw: Callable[[pl.DataFrame], go.Figure | list[go.Figure]] | None = None
    columns: tuple[Column, ...] = ()
    count: Callable[[pl.DataFrame], str] | None = None
    metric: str | None = None
    note: str = ""
    width: Literal["full", "half"] = "full"
    height: int = 380
    roles: tuple[Role, ...] = ROLES


def every() -> Mapping[str, Card]:
    """Each card of each registered page by its id, for the API.

    Read from Dash's page registry, so that there is no second list to keep.
    """
    pages = dash.page_registry.values()
    return {card.id: card for page in pages for card in page.get("cards", ())}


def render(card: Card, viewer: Viewer, filters: Filters) -> Component:
    """The card as HTML; when it cannot be made, a sentence and a reference instead.

    One broken figure must not take the page away: the reader gets the reference, the
    log gets the traceback under it.
    """
    try:
        frame = card.frame(viewer, filters)
        body = _body(card, frame, filters)
    except Exception:
        reference = secrets.token_hex(4)
        log.failed("a card failed", card=card.id, reference=reference)
        body = [failure(reference)]
    heading: Component = html.H2(card.title, id=f"{card.id}-title")
    return html.Article(
        [heading, *body],
        id=card.id,
        className=f"card-figure card-{card.width}",
        **aria(labelledby=f"{card.id}-title"),
    )


def _body(card: Card, frame: pl.DataFrame, filters: Filters) -> list[Component]:
    sentence = card.sentence(frame)
    csv = f"/api/v1/cards/{card.id}.csv{filters.to_query()}"
    rows = table(frame, card.columns, card.title, csv)
    parts: list[Component | None] = [html.P(sentence, className="sentence")]
    if card.draw is None:
        parts.append(rows if frame.height else None)
    else:
        parts.append(_figures(card, card.draw(frame), sentence))
    permalink = link(card.id, sentence, frame, filters)
    parts += [_states(frame), _note(card), _foot(card, frame, csv, permalink)]
    if card.draw is not None:
        parts.append(html.Details([html.Summary("Table"), rows], className="behind"))
    return [part for part in parts if part is not None]


def _figures(
    card: Card, drawn: go.Figure | list[go.Figure], sentence: str
) -> Component:
    if not isinstance(drawn, list):
        return _figure(card, drawn, sentence)
    each: list[Component] = [
        _figure(card, figure, sentence, i) for i, figure in enumerate(drawn)
    ]
    return html.Div(each, className="beside")


def _figure(card: Card, figure: go.Figure, sentence: str, place: int = 0) -> Component:
    height = figure.layout.height or card.height
    narrowest = (figure.layout.meta or {}).get("min_width")
    graph = dcc.Graph(
        id=f"{card.id}-figure{place or ''}",
        figure=figure,
        config=_CONFIG,
        responsive=True,
        style={"height": f"{height}px"},
    )
    drawing = html.Div(
        graph,
        role="img",
        className="drawing",
        style={"minWidth": f"{narrowest}px"} if narrowest else {},
        **aria(
            label=f"{card.title}. {sentence} The numbers are in the table that follows."
        ),
    )
    if not narrowest:
        return drawing
    name = f"{card.title}: figure, scrolls sideways"
    return html.Div(
        drawing, className="sideways", role="region", tabIndex=0, **aria(label=name)
    )


def _states(frame: pl.DataFrame) -> Component | None:
    """How many rows are in each state that hides a value, so none is overlooked."""
    if "state" not in frame.columns:
        return None
    counts = dict(frame["state"].value_counts().iter_rows())
    tags = [
        state_tag(state, f"{counts[state]} {STATES[state].words}")
        for state in HIDDEN
        if counts.get(state)
    ]
    return html.P(tags, className="states") if tags else None


def _note(card: Card) -> Component | None:
    return html.P(card.note, className="note") if card.note else None


def _foot(
    card: Card, frame: pl.DataFrame, csv: str, permalink: str | None
) -> Component:
    of = html.Span(f" of {card.title}", className="visually-hidden")
    links: list[Component] = [html.A(["CSV", of], href=csv, download=f"{card.id}.csv")]
    if card.metric:
        links.append(dcc.Link("How it is made", href=f"/methods#{card.metric}"))
    if permalink:
        of = html.Span(f": {card.title}", className="visually-hidden")
        links.append(html.A(["Link to this figure", of], href=permalink))
    count = html.Span(_count(card, frame), className="n")
    return html.P([count, *links], className="card-foot")


def _count(card: Card, frame: pl.DataFrame) -> str:
    if card.count is not None:
        return card.count(frame)
    if "n" in frame.columns:
        return f"n = {written(int(frame['n'].sum() or 0), 'count')}"
    return some(frame.height, "row")


def failure(reference: str) -> Component:
    """The sentence in place of something that could not be made; it is not kept."""
    of_this_moment()
    return html.P(
        [
            "This figure could not be made; the others are not affected. "
            "Tell whoever runs the dashboard this reference: ",
            html.Code(reference),
        ],
        className="notice notice-bad",
        role="alert",
    )
