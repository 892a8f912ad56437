"""What people decide about a site's chart over time: notes on points, new limits.

Limits never move by themselves. They are set anew from a month on when the network's
lead or the site itself says so and why; the journal keeps who and when. Nothing is
changed: a decision is taken back by a later entry.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, ctx, html
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components import aria, reason_field
from dashboard.journal import Entry
from dashboard.names import site_name
from dashboard.viewer import Viewer, current_request

LONGEST = 500
KINDS: Mapping[str, str] = {
    "note": "Note",
    "rebase": "Limits set anew",
    "withdrawn": "New limits taken back",
}
_BUTTONS: Mapping[str, str] = {
    "note": "Add note",
    "rebase": "Set limits anew from this month",
    "withdrawn": "Take new limits back",
}


@dataclass(frozen=True)
class Decision:
    """One entry about a month of a site's chart: which kind, why, by whom and when."""

    site: str
    kind: str
    month: date
    why: str
    who: str
    at: datetime


def decided(sites: Collection[str]) -> list[Decision]:
    """What was written about months of these sites, oldest entry first."""
    journal = current_request().journal
    entries = [*journal.read(kind="note"), *journal.read(kind="rebase")]
    found = [_decision(e) for e in sorted(entries, key=lambda e: e.id)]
    return [d for d in found if d is not None and d.site in sites]


def in_force(decisions: Collection[Decision], site: str) -> list[Decision]:
    """The rebasings of a site that nobody has taken back, in order of their months."""
    latest = {d.month: d for d in decisions if d.site == site and d.kind != "note"}
    standing = [d for d in latest.values() if d.kind == "rebase"]
    return sorted(standing, key=lambda d: d.month)


def deciding(viewer: Viewer) -> list[str]:
    """The sites about whose charts this viewer may decide: the lead all, a site its."""
    if viewer.role not in ("lead", "site"):
        return []
    return [str(site) for site in queries.sites(viewer)["site"]]


def record(kind: str, site: str | None, month: str | None, why: str | None) -> str:
    """Write a decision of the current viewer; the sentence that says what was done.

    Refused in words, with nothing written, where the viewer may not decide, the month
    is none of the network's, or the reason is missing.
    """
    request = current_request()
    reason = (why or "").strip()[:LONGEST]
    if site is None or site not in deciding(request.viewer):
        return "Nothing was written: only the network's lead and the site itself may."
    if kind not in KINDS or month not in request.about.choices.months:
        return "Nothing was written: choose a month."
    if not reason:
        return "Nothing was written: say why, in your own words."
    if kind == "withdrawn" and not _stands(site, month):
        return f"Nothing was written: no new limits stand at {month} for {site}."
    stored, body = "rebase", {"from": month, "reason": reason}
    if kind == "withdrawn":
        body["withdrawn"] = "yes"
    if kind == "note":
        stored, body = "note", {"text": reason, "month": month}
    request.journal.write(str(request.viewer), stored, site, body, reason)
    return f"{KINDS[kind]}: {site}, {month}. It is in the journal under your name."


def form(viewer: Viewer) -> Component:
    """The form for a note or for new limits; nothing for who may not decide."""
    sites = deciding(viewer)
    if not sites:
        return html.Div()
    months = current_request().about.choices.months[::-1]
    buttons = [
        html.Button(
            words,
            id=f"decide-{kind}",
            className=f"btn btn-sm btn-{'primary' if kind == 'note' else 'quiet'}",
        )
        for kind, words in _BUTTONS.items()
    ]
    parts = [
        html.H2("Write on a chart"),
        html.P(
            "A note explains a point. New limits say that the process is another one"
            " from a month on: they hold for every definition of failure, everybody"
            " who sees the site sees them with your reason, and nothing is deleted.",
            className="note",
        ),
        html.Div(
            [_select("decide-site", "Site", sites),
             _select("decide-month", "Month", months)],
            style={"display": "flex", "gap": "0.75rem", "flexWrap": "wrap"},
        ),
        reason_field("decide-why", LONGEST),
        html.Div(buttons, style={"display": "flex", "gap": "0.5rem",
                                 "flexWrap": "wrap"}),
        html.Div(id="decide-said", className="note", **aria(live="polite")),
    ]  # fmt: skip
    return html.Section(parts, className="card-figure")


@callback(
    Output("decide-said", "children"),
    Output("decide-why", "value"),
    *(Input(f"decide-{kind}", "n_clicks") for kind in _BUTTONS),
    State("decide-site", "value"),
    State("decide-month", "value"),
    State("decide-why", "value"),
    State("address", "search"),
    prevent_initial_call=True,
)
def _decide(*given: str | None) -> tuple[Component, str | None]:
    site, month, why, search = given[len(_BUTTONS) :]
    kind = str(ctx.triggered_id).removeprefix("decide-")
    said = record(kind, site, month, why)
    if said.startswith("Nothing"):
        return html.P(said, role="alert"), why
    again = html.A("Show the charts with it", href=f"/over-time{search or ''}")
    return html.P([said, " ", again, "."]), ""


def _select(id_: str, label: str, values: Collection[str]) -> Component:
    options = [{"label": site_name(value), "value": value} for value in values]
    first = next(iter(values), None)
    select = dbc.Select(id=id_, options=options, value=first, size="sm")
    return html.Label([html.Span(label), select], className="filter")


def _stands(site: str, month: str) -> bool:
    return any(f"{d.month:%Y-%m}" == month for d in in_force(decided({site}), site))


def _decision(entry: Entry) -> Decision | None:
    """The entry as a decision; None for a note on the whole site, without a month."""
    text = entry.body.get("from") or entry.body.get("month")
    if not text:
        return None
    kind = "withdrawn" if entry.body.get("withdrawn") else entry.kind
    month = date.fromisoformat(f"{text}-01")
    return Decision(entry.subject, kind, month, entry.why, entry.who, entry.at)
