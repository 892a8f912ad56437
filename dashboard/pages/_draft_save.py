"""Saving a draft as a proposal, and the proposals that there are."""

from collections.abc import Mapping
from typing import Final

from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component

from dashboard import proposals
from dashboard.components import aria, reason_field, written
from dashboard.filters import Filters
from dashboard.pages._draft_levers import from_query
from dashboard.pages._drafting import drafting, start_name
from dashboard.proposals import LONGEST, Drafted, NotWrittenError, propose
from dashboard.viewer import Viewer, current_request

_FIELDS: Final[Mapping[str, str]] = {
    "name": "Name",
    "version": "Version",
    "author": "Proposed by",
    "effective": "To hold from (year-month-day)",
}


def foot(viewer: Viewer, filters: Filters) -> Component:
    """The proposals this viewer may read and, where it may, the form for another."""
    if viewer.audience == "public" or drafting(viewer, filters) is None:
        return html.Div()
    parts: list[Component] = [
        html.H2("Proposals", id="proposals"),
        html.Div(_listed(viewer), id="proposals-listed", **aria(live="polite")),
    ]
    if proposals.proposing(viewer):
        parts += _form()
    return html.Section(parts, className="card-figure", **aria(labelledby="proposals"))


def _listed(viewer: Viewer) -> list[Component]:
    items = [
        html.Li(
            [
                dcc.Link(each.title, href=f"/proposal/{each.number}"),
                f": {each.author}, {written(each.at, 'date')}",
            ]
        )
        for each in proposals.proposals(viewer)
    ]
    return [html.Ul(items)] if items else [html.P("There is no proposal yet.")]


def _form() -> list[Component]:
    fields = [
        html.Label(
            [
                html.Span(label),
                dcc.Input(id=f"propose-{key}", maxLength=100, className="form-control"),
            ],
            className="filter",
        )
        for key, label in _FIELDS.items()
    ]
    return [
        html.H3("Save this draft as a proposal"),
        html.P(
            "The network's lead and every site can read it and vote. It cannot be"
            " changed afterwards; a correction is a new version.",
            className="note",
        ),
        html.Div(fields, className="proposal-fields"),
        reason_field("propose-rationale", LONGEST),
        html.Button(
            "Save as proposal", id="propose-add", className="btn btn-primary btn-sm"
        ),
        html.Div(id="propose-said", className="note", **aria(live="polite")),
    ]


@callback(
    Output("propose-said", "children"),
    Output("proposals-listed", "children"),
    Input("propose-add", "n_clicks"),
    *(State(f"propose-{key}", "value") for key in (*_FIELDS, "rationale")),
    State("draft-query", "data"),
    prevent_initial_call=True,
)
def _propose(_clicks: int, *given: str | None) -> tuple[Component, list[Component]]:
    viewer = current_request().viewer
    texts = dict(zip((*_FIELDS, "rationale"), given, strict=False))
    found = drafting(viewer, from_query(given[-1] or ""))
    try:
        if found is None:
            raise NotWrittenError("there is no draft to save.")
        draft = found.draft
        start = start_name(found.base)
        number = propose(
            Drafted(
                found.product,
                found.base,
                start,
                draft.start.criteria,
                draft.after.criteria,
            ),
            texts,
        )
        link = dcc.Link("Open the proposal", href=f"/proposal/{number}")
        said = html.P(["Saved. ", link, "."])
    except NotWrittenError as error:
        said = html.P(f"Nothing was written. {error}", role="alert")
    return said, _listed(viewer)
