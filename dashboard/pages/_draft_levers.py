"""The limits of a draft as sliders, and what is drawn anew when one of them moves."""

from urllib.parse import parse_qsl

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, callback, ctx, dcc, html
from dash.development.base_component import Component

from dashboard import card
from dashboard.card import Card
from dashboard.components import aria, notice
from dashboard.drafts import Lever, asked_limits
from dashboard.filter_bar import switch
from dashboard.filters import Filters, parse
from dashboard.pages import _draft_counts, _draft_limit
from dashboard.pages._drafting import (
    NOBODY,
    PATH,
    Drafting,
    drafting,
    start_name,
    with_limits,
)
from dashboard.viewer import Viewer, current_request

CARDS: tuple[Card, ...] = (*_draft_counts.CARDS, _draft_limit.CARD)


def top(viewer: Viewer, filters: Filters) -> Component:
    """Where the draft starts, and its limits to be moved."""
    found = drafting(viewer, filters)
    if found is None:
        return notice(NOBODY)
    starts = [(key, start_name(key)) for key in found.starts.criteria]
    here = Filters(
        product=filters.product or (found.product,),
        region=filters.region,
        site=filters.site,
        extra={k: v for k, v in filters.extra.items() if k == "against"},
    )
    parts = [
        _start(here, found.base, starts),
        switch(
            "Compared with",
            filters,
            PATH,
            "against",
            [("start", "Where it starts"), ("own", "Each site's own, when made")],
        ),
        html.Section(
            [
                html.H2("Limits", id="draft-levers"),
                html.P(
                    "Arrow keys move a limit by one step. Limits for information only"
                    " and texts such as “negative” stay as they are.",
                    className="note",
                ),
                html.Div(
                    [_lever(found, lever, filters) for lever in found.levers],
                    className="levers",
                ),
                dcc.Store(id="draft-query", data=filters.to_query()),
            ],
            className="card-figure",
            **aria(labelledby="draft-levers"),
        ),
    ]
    return html.Div(parts)


def _start(here: Filters, base: str, starts: list[tuple[str, str]]) -> Component:
    links = [
        html.Li(
            html.Span(words, **aria(current="true"))
            if key == base
            else dcc.Link(words, href=PATH + here.option("base", key).to_query())
        )
        for key, words in starts
    ]
    name = next(words for key, words in starts if key == base)
    return html.Details(
        [
            html.Summary(["Starts from ", html.B(name), "; choose another"]),
            html.Nav(
                html.Ul(links), className="switch", **aria(label="Where it starts")
            ),
        ],
        className="draft-start",
    )


def _lever(found: Drafting, lever: Lever, filters: Filters) -> Component:
    slider = dcc.Input(
        id={"kind": "limit", "key": lever.key},
        type="range",
        min=lever.least,
        max=lever.most,
        step=lever.step,
        value=found.limit(lever),
    )
    return html.Div(
        [
            html.Label(
                [html.Span(lever.name, className="lever-name"), slider],
                className="lever-label",
            ),
            html.Div(
                _readout(found, lever),
                id={"kind": "limit-said", "key": lever.key},
                className="lever-said",
            ),
            _in_use(found, lever, filters),
        ],
        className="lever",
    )


def _readout(found: Drafting, lever: Lever) -> list[Component]:
    limit = found.limit(lever)
    said: list[Component] = [html.B(lever.said(limit))]
    if limit != lever.limit:
        said.append(html.Span(f" starts at {lever.said(lever.limit)}"))
    return said


def _in_use(found: Drafting, lever: Lever, filters: Filters) -> Component:
    """Links to the limits in use, which small steps may pass by."""
    links: list[Component | str] = []
    for limit in lever.in_use:
        there = {k: v for k, v in found.limits.items() if k != lever.key}
        if limit != lever.limit:
            there[lever.key] = limit
        href = PATH + with_limits(filters, there, lever.key).to_query()
        name = html.Span(f"{lever.name} ", className="visually-hidden")
        links += [
            " ",
            dcc.Link([name, f"{limit:,.10g}".replace(",", "\u202f")], href=href),
        ]
    return html.Div(["In use:", *links], className="lever-use")


@callback(
    *(Output(each.id, "children") for each in CARDS),
    Output({"kind": "limit-said", "key": ALL}, "children"),
    Output("draft-query", "data"),
    Input({"kind": "limit", "key": ALL}, "value"),
    State({"kind": "limit", "key": ALL}, "id"),
    State("draft-query", "data"),
    prevent_initial_call=True,
)
def _moved(
    values: list[float | None], ids: list[dict[str, str]], query: str
) -> tuple[object, ...]:
    """The figures of the moved draft, what the sliders say, and its address."""
    request = current_request()
    before = from_query(query)
    found = drafting(request.viewer, before)
    if found is None or not isinstance(ctx.triggered_id, dict):
        return *(dash.no_update,) * len(CARDS), [dash.no_update] * len(ids), query
    given = zip((i["key"] for i in ids), values, strict=True)
    text = ",".join(f"{key}:{value}" for key, value in given if value is not None)
    limits = asked_limits(text, found.levers)
    filters = with_limits(before, limits, ctx.triggered_id["key"])
    after = drafting(request.viewer, filters)
    assert after is not None
    drawn = [card.render(each, request.viewer, filters) for each in CARDS]
    said = [_readout(after, lever) for lever in after.levers]
    return *(each.children for each in drawn), said, filters.to_query()


def from_query(query: str) -> Filters:
    """The filters of an address, as the page had them."""
    found, _ = parse(
        dict(parse_qsl(query.lstrip("?"))), current_request().about.choices
    )
    return found


dash.clientside_callback(
    ClientsideFunction("draft", "keep"),
    Input("draft-query", "data"),
    prevent_initial_call=True,
)
