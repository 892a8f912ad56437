"""The form that builds a scenario: every measure is one row with its own button."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import dash
import dash_bootstrap_components as dbc
from dash import ALL, Input, Output, State, callback, ctx, dcc, html
from dash.development.base_component import Component

from dashboard import whatif
from dashboard.components import aria, written
from dashboard.filter_bar import problems, switch
from dashboard.filters import Filters
from dashboard.names import site_name, words
from dashboard.pages._draft_levers import from_query
from dashboard.pages._what_if import NOTHING, PATH, said, with_scenario, without
from dashboard.simulation import scenario as addresses
from dashboard.simulation.scenario import MOST_WEEKS, Known, Scenario
from dashboard.viewer import Viewer, current_request


@dataclass(frozen=True)
class _Row:
    """One measure of the form: its title, what it is asked in, a first suggestion."""

    title: str
    of: str
    unit: str
    first: str


_ROWS: Final[Mapping[str, _Row]] = {
    "close": _Row("Close a site", "Site", "weeks", "4"),
    "staff": _Row("Add or lose staff", "Site", "starts a week (±)", "1"),
    "device": _Row("Add a device", "Site", "starts a week", "1"),
    "vector": _Row("Lose a vector supply", "Vector", "weeks", "6"),
    "laboratory": _Row("Slow a laboratory", "Laboratory", "days", "5"),
    "demand": _Row("Raise demand in a region", "Region", "times as many", "1.5"),
}
_DISTANCES: Final = {
    "": "Nobody is diverted",
    "500": "Within 500 km",
    "1000": "Within 1,000 km",
    "2500": "Within 2,500 km",
    "any": "However far",
}


def top(viewer: Viewer, filters: Filters) -> Component:
    """What is changed, in words, and the form to change more."""
    scenario, left_out = whatif.asked(viewer, filters)
    known = whatif.known(viewer)
    query = with_scenario(filters, scenario).to_query()
    parts: list[Component | None] = [
        problems(left_out),
        _changed(filters, scenario),
        _form(known, scenario),
        _places(viewer, filters),
        dcc.Store(id="what-if-query", data=query),
    ]
    return html.Div([part for part in parts if part is not None])


def _changed(filters: Filters, scenario: Scenario) -> Component:
    chips = [
        html.Li(
            dcc.Link(
                [text, html.Span(", take away", className="visually-hidden")],
                href=PATH
                + with_scenario(filters, without(scenario, key, name)).to_query(),
            )
        )
        for key, name, text in said(scenario)
    ]
    if not chips:
        return html.P(NOTHING)
    day = written(scenario.since, "date") if scenario.since else "the first day"
    return html.Div(
        [
            html.P(f"Changed from {day} on:", className="what-if-said"),
            html.Ul(chips, className="chips", **aria(label="What is changed")),
        ],
        className="what-if-changed",
    )


def _form(known: Known, scenario: Scenario) -> Component:
    names: Mapping[str, Sequence[tuple[str, str]]] = {
        "close": [(s, site_name(s)) for s in known.sites],
        "vector": [(v, words(v)) for v in known.vectors],
        "laboratory": [(v, site_name(v)) for v in known.laboratories],
        "demand": [(r, r) for r in known.regions],
    }
    rows = [
        _row(key, row, names.get(key, names["close"])) for key, row in _ROWS.items()
    ]
    return html.Section(
        [
            html.H2("Change something", id="what-if-form"),
            html.Div([*rows, _rules(known, scenario)], className="measures"),
            html.Div(id="what-if-answer", className="note", **aria(live="polite")),
        ],
        className="card-figure",
        **aria(labelledby="what-if-form"),
    )


def _row(key: str, row: _Row, names: Sequence[tuple[str, str]]) -> Component:
    if not names:
        return html.Div()
    select = dbc.Select(
        id={"kind": "measure-of", "key": key},
        options=[{"label": text, "value": value} for value, text in names],
        value=names[0][0],
        size="sm",
    )
    size = dcc.Input(
        id={"kind": "measure-size", "key": key},
        value=row.first,
        className="form-control",
    )
    return html.Fieldset(
        [
            html.Legend(row.title),
            html.Label([html.Span(row.of), select], className="filter"),
            html.Label([html.Span(row.unit), size], className="filter measure-size"),
            html.Button(
                ["Add", html.Span(f": {row.title}", className="visually-hidden")],
                id={"kind": "measure-add", "key": key},
                className="btn btn-primary btn-sm",
            ),
        ],
        className="measure",
    )


def _rules(known: Known, scenario: Scenario) -> Component:
    chosen = scenario.written()
    weeks = [known.first + timedelta(weeks=n) for n in range(MOST_WEEKS)]
    divert = dbc.Select(
        id="measure-divert",
        options=[{"label": text, "value": v} for v, text in _DISTANCES.items()],
        value=chosen.get("divert", ""),
        size="sm",
    )
    since = dbc.Select(
        id="measure-since",
        options=[{"label": written(w, "date"), "value": w.isoformat()} for w in weeks],
        value=chosen.get("since", known.first.isoformat()),
        size="sm",
    )
    return html.Fieldset(
        [
            html.Legend("Divert patients, and from when"),
            html.Label([html.Span("To another site"), divert], className="filter"),
            html.Label([html.Span("Week of"), since], className="filter"),
            html.Button(
                ["Set", html.Span(": diversion and week", className="visually-hidden")],
                id={"kind": "measure-add", "key": "rules"},
                className="btn btn-primary btn-sm",
            ),
        ],
        className="measure",
    )


def _places(viewer: Viewer, filters: Filters) -> Component | None:
    if viewer.role != "lead":
        return None
    options = [("site", "By site"), ("region", "By region")]
    return switch("Places", filters, PATH, "by", options)


@callback(
    Output("address", "search", allow_duplicate=True),
    Output("what-if-answer", "children"),
    Input({"kind": "measure-add", "key": ALL}, "n_clicks"),
    State({"kind": "measure-of", "key": ALL}, "value"),
    State({"kind": "measure-size", "key": ALL}, "value"),
    State({"kind": "measure-of", "key": ALL}, "id"),
    State("measure-divert", "value"),
    State("measure-since", "value"),
    State("what-if-query", "data"),
    prevent_initial_call=True,
)
def _add(
    clicks: Sequence[int | None],
    names: Sequence[str],
    sizes: Sequence[str | None],
    ids: Sequence[Mapping[str, str]],
    divert: str | None,
    since: str | None,
    query: str,
) -> tuple[object, object]:
    """The address with one more measure, or why it is none."""
    if not any(clicks) or not isinstance(ctx.triggered_id, dict):
        return dash.no_update, dash.no_update
    key = ctx.triggered_id["key"]
    if key == "rules":
        more = {"divert": divert or "", "since": since or ""}
    else:
        place = [each["key"] for each in ids].index(key)
        more = {key: f"{names[place]}:{(sizes[place] or '').strip()}"}
    return _address(current_request().viewer, query, more)


def _address(
    viewer: Viewer, query: str, more: Mapping[str, str]
) -> tuple[object, object]:
    filters = from_query(query)
    before, _ = whatif.asked(viewer, filters)
    added, left_out = addresses.read(more, whatif.known(viewer))
    if left_out:
        return dash.no_update, html.P(left_out[0], role="alert")
    if "divert" in more:
        after = replace(before, divert=added.divert, since=added.since)
    else:
        (key,) = more
        sizes = {**getattr(before, key), **getattr(added, key)}
        after = replace(before, **{key: sizes})  # type: ignore[arg-type]
    return with_scenario(filters, after).to_query(), ""
