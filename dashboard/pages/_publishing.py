"""What others see of a site, how far it publishes each group, and its signature."""

import dash_bootstrap_components as dbc
import polars as pl
from dash import Input, Output, State, callback, ctx, html
from dash.development.base_component import Component

from dashboard import publication, queries, sign_off
from dashboard.card import Card
from dashboard.components import Column, aria, notice, reason_field
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.proposals import LONGEST, NotWrittenError
from dashboard.publication import GROUPS, STEPS
from dashboard.viewer import Viewer, current_request

_EFFECTS = {
    "publish": "is shown like the rest",
    "mark": "is shown and marked as unsigned",
    "withhold": "is shown to its own site alone",
}


def deadline(viewer: Viewer) -> Component:
    """Until when is signed here, and what becomes of what is not; who is late."""
    rule = queries.signing()
    if not rule:
        return notice(
            "This network has agreed on no deadline: a site may sign, and nothing"
            " happens to figures that are not signed."
        )
    due = publication.period_due(
        queries.current().as_of, int(str(rule["deadline_days"]))
    )
    late = queries.late(viewer)
    said = (
        f"Each month is signed within {rule['deadline_days']} days of its end; what is"
        f" not signed then {_EFFECTS[str(rule['effect'])]}. Due now: {due}."
    )
    if not late:
        return notice(said, "Nobody that you see is late.")
    who = "you" if viewer.role == "site" else some(len(late), "site")
    told = f"When this release was made, {who} had not signed it."
    return notice(said, told, tone="watch")


def preview(viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """What each audience sees of this site."""
    return sign_off.preview(viewer)


def _preview_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "There is nothing to show: only a site sees what others see of it."
    changed = frame.filter(
        pl.col("earlier").is_not_null() & (pl.col("earlier") != pl.col("now"))
    ).height
    before = (
        "There is no earlier release to compare with."
        if frame["earlier"].is_null().all()
        else f"{some(changed, 'line')} changed since the last release."
    )
    return (
        "This is what others are shown of you, asked with their own questions."
        f" {before} Neither direction is better."
    )


PREVIEW = Card(
    "sharing-preview",
    "What others see of you",
    preview,
    _preview_said,
    columns=(
        Column("audience", "Who"),
        Column("group", "Of what"),
        Column("now", "Now"),
        Column("earlier", "In the last release"),
        Column("next", "From the next release on"),
    ),
    count=lambda f: some(f.height, "line"),
    note="Counts of a pool without one peer would give that peer away, so what peers"
    " see of you is told in words.",
    roles=("site",),
)


def standing(viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """One row a site: what it signed and what it keeps back."""
    return sign_off.standing(viewer)


def _standing_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "There is nothing here that you may read."
    late = frame.filter(pl.col("late") != "").height
    signed = frame["period"].drop_nulls().len()
    return (
        f"{some(signed, 'site').capitalize()} of {frame.height} ever signed, and"
        f" {some(late, 'site')} let the deadline pass. Fewer late are better."
    )


STANDING = Card(
    "sharing-standing",
    "Who signed, and what is kept back",
    standing,
    _standing_said,
    columns=(
        Column("site", "Site", "site"),
        Column("period", "Signed until"),
        Column("at", "On", "date"),
        Column("late", "Deadline"),
        Column("kept", "Published less far than agreed"),
    ),
    count=lambda f: some(f.height, "site"),
    roles=("lead",),
)


def form(viewer: Viewer) -> Component:
    """What a site writes: how far a group goes, and its signature."""
    parts: list[Component] = [
        html.H2("How far your figures go", id="sharing-publish"),
        html.Div(_chosen(viewer), id="sharing-chosen", **aria(live="polite")),
        _select("sharing-group", "Of what", GROUPS),
        _select("sharing-step", "Who sees it", STEPS),
        reason_field("sharing-why", LONGEST),
        html.Div(
            [
                html.Button("Publish so far", id="sharing-choose",
                            className="btn btn-quiet btn-sm"),
                html.Button("Sign what is shown above", id="sharing-sign",
                            className="btn btn-primary btn-sm"),
            ],
            className="decide",
        ),
        html.Div(id="sharing-said", className="note", **aria(live="polite")),
        html.P(
            "Each step includes those before it, and a choice holds from the next"
            " release on: otherwise two totals would differ by you alone. What was"
            " published before cannot be called back. Recall lists go on naming your"
            " batches of a lot to the lead.",
            className="note",
        ),
    ]  # fmt: skip
    return html.Section(
        parts, className="card-figure", **aria(labelledby="sharing-publish")
    )


def _select(id_: str, label: str, words: publication.Words) -> Component:
    options = [{"label": text, "value": value} for value, text in words.items()]
    return html.Label(
        [html.Span(label), dbc.Select(id=id_, options=options, size="sm")],
        className="filter",
    )


def _chosen(viewer: Viewer) -> list[Component]:
    kept = [
        html.Li(f"{GROUPS[group]}: {STEPS[step].lower()}")
        for group, step in sign_off.waiting(viewer).items()
    ]
    return [html.Ul(kept), html.P(sign_off.signature(viewer))]


@callback(
    Output("sharing-said", "children"),
    Output("sharing-chosen", "children"),
    Output("sharing-why", "value"),
    Input("sharing-choose", "n_clicks"),
    Input("sharing-sign", "n_clicks"),
    State("sharing-group", "value"),
    State("sharing-step", "value"),
    State("sharing-why", "value"),
    prevent_initial_call=True,
)
def _write(
    _choose: int | None,
    _sign: int | None,
    group: str | None,
    step: str | None,
    why: str | None,
) -> tuple[Component, list[Component], str | None]:
    return answer(ctx.triggered_id == "sharing-sign", (group or "", step or ""), why)


def answer(
    signing: bool, choice: tuple[str, str], why: str | None
) -> tuple[Component, list[Component], str | None]:
    """What came of writing, what holds now, and what stays in the form."""
    viewer = current_request().viewer
    try:
        said = sign_off.sign(why) if signing else sign_off.choose(*choice, why)
    except NotWrittenError as error:
        refused = html.P(f"Nothing was written: {error}", role="alert")
        return refused, _chosen(viewer), why or ""
    return html.P(said), _chosen(viewer), ""
