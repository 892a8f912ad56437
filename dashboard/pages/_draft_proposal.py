"""One proposal: its limits beside others, what it would do, votes and comments."""

from collections.abc import Callable

import dash_bootstrap_components as dbc
import polars as pl
from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component

from dashboard import proposals
from dashboard.components import Column, aria, notice, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._draft_compared import CARDS, UNKNOWN, compared
from dashboard.proposals import LONGEST, VOTES, NotWrittenError
from dashboard.shell import Page, register
from dashboard.table import table
from dashboard.viewer import Viewer, current_request


def _top(viewer: Viewer, filters: Filters) -> Component:
    asked = compared(viewer, filters)
    if asked is None:
        return notice(UNKNOWN)
    mine, _ = asked
    path = f"/proposal/{mine.number}"
    others = [
        (str(each.number), each.title)
        for each in proposals.proposals(viewer)
        if each.product == mine.product and each.number != mine.number
    ]
    here = Filters(extra={k: v for k, v in filters.extra.items() if k == "with"})
    download = f"/api/v1/proposals/{mine.number}"
    return html.Div(
        [
            html.P([html.B(mine.title), f", proposed by {mine.author}"]),
            html.P(mine.rationale),
            html.P(
                f"To hold from {written(mine.effective, 'date')}; written on"
                f" {written(mine.at, 'date')}."
            ),
            html.P(
                [
                    "For the minutes: ",
                    html.A("XLSX", href=f"{download}.xlsx", download=""),
                    ", ",
                    html.A("PDF", href=f"{download}.pdf", download=""),
                ]
            ),
            switch("Compared with", here, path, "with", [("", "Its start"), *others])
            if others
            else None,
        ]
    )


def _foot(viewer: Viewer, filters: Filters) -> Component:
    asked = compared(viewer, filters)
    if asked is None:
        return html.Div()
    number = str(asked[0].number)
    parts: list[Component] = [
        html.H2("Votes and comments", id="proposal-said"),
        html.Div(_said(viewer, number), id="proposal-written", **aria(live="polite")),
        dcc.Store(id="proposal-number", data=number),
        html.Div(id="proposal-answer", className="note", **aria(live="polite")),
    ]
    voting = viewer.role == "site"
    writing = proposals.proposing(viewer)
    parts += [
        html.Div(_vote_form(), hidden=not voting),
        html.Div(_comment_form(), hidden=not writing),
    ]
    return html.Section(
        parts, className="card-figure", **aria(labelledby="proposal-said")
    )


def _said(viewer: Viewer, number: str) -> list[Component]:
    seen, others = proposals.votes(viewer, number)
    rows = pl.DataFrame(
        [(v.site, VOTES[v.vote], v.reason, v.at.date()) for v in seen],
        schema={"site": pl.String, "vote": pl.String, "why": pl.String, "at": pl.Date},
        orient="row",
    )
    columns = (
        Column("site", "Site", "site"),
        Column("vote", "Vote"),
        Column("why", "Why"),
        Column("at", "On", "date"),
    )
    said: list[Component] = [
        table(rows, columns, "Votes")
        if rows.height
        else html.P("No site that you see by name has voted yet.")
    ]
    if others:
        said.append(html.P(others))
    written_by = [
        html.Li([html.B(f"{e.at:%-d %b %Y}, {_who(e.who)}: "), str(e.body["text"])])
        for e in proposals.comments(viewer, number)
    ]
    return [*said, html.Ul(written_by, className="notes")] if written_by else said


def _who(text: str) -> str:
    viewer = Viewer.parse(text)
    return site_name(viewer.site) if viewer.site else viewer.title


def _vote_form() -> list[Component]:
    options = [{"label": words, "value": key} for key, words in VOTES.items()]
    return [
        html.Label(
            [
                html.Span("Your site's vote; the last one counts"),
                dbc.Select(id="vote-choice", options=options, size="sm"),
            ],
            className="filter",
        ),
        _text("vote-why", "Why? Name no patient."),
        html.Button("Vote", id="vote-add", className="btn btn-primary btn-sm"),
    ]


def _comment_form() -> list[Component]:
    return [
        _text(
            "comment-text",
            "Comment. Everybody who may read the proposal reads the"
            " lead's; a site's is for the lead. Name no patient.",
        ),
        html.Button("Add comment", id="comment-add", className="btn btn-quiet btn-sm"),
    ]


def _text(id_: str, label: str) -> Component:
    area = dcc.Textarea(id=id_, maxLength=LONGEST, className="form-control")
    return html.Label([label, area], className="note-form")


def _answer(write: Callable[[], str], number: str) -> tuple[Component, list[Component]]:
    """What came of writing, and what is written now."""
    viewer = current_request().viewer
    try:
        said = html.P(write())
    except NotWrittenError as error:
        said = html.P(f"Nothing was written: {error}", role="alert")
    return said, _said(viewer, number)


@callback(
    Output("proposal-answer", "children"),
    Output("proposal-written", "children"),
    Input("vote-add", "n_clicks"),
    State("vote-choice", "value"),
    State("vote-why", "value"),
    State("proposal-number", "data"),
    prevent_initial_call=True,
)
def _vote(
    _clicks: int, choice: str | None, why: str | None, number: str
) -> tuple[Component, list[Component]]:
    return _answer(lambda: proposals.vote(number, choice, why), number)


@callback(
    Output("proposal-answer", "children", allow_duplicate=True),
    Output("proposal-written", "children", allow_duplicate=True),
    Output("comment-text", "value"),
    Input("comment-add", "n_clicks"),
    State("comment-text", "value"),
    State("proposal-number", "data"),
    prevent_initial_call=True,
)
def _comment(
    _clicks: int, text: str | None, number: str
) -> tuple[Component, list[Component], str | None]:
    before = len(proposals.comments(current_request().viewer, number))
    said, written_now = _answer(lambda: proposals.comment(number, text), number)
    after = len(proposals.comments(current_request().viewer, number))
    return said, written_now, "" if after > before else text


register(
    __name__,
    Page(
        "/proposal/<number>",
        "Proposal",
        "A draft that somebody stands for: what it would change, and what the sites say"
        " of it.",
        cards=CARDS,
        shown=(),
        top=_top,
        foot=_foot,
    ),
)
