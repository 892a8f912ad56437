"""A site asks an unnamed peer to be named to each other, agrees, or takes it back."""

import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, html
from dash.development.base_component import Component

from dashboard import queries, unblinding
from dashboard.components import aria, reason_field, written
from dashboard.proposals import LONGEST, NotWrittenError
from dashboard.viewer import Viewer, current_request


def form(viewer: Viewer) -> Component:
    """Who asked whom, as far as this site may know, and the form to answer."""
    parts: list[Component] = [
        html.H2("Being named to a peer", id="consent-title"),
        html.P(
            "You ask an alias of the figure “You among your peers, blinded”. Whoever is"
            " asked learns that it is you; you learn who it is only if it agrees. Then"
            " each sees the other by name in that figure, until either takes it back."
        ),
        html.Div(_known(viewer), id="consent-known", **aria(live="polite")),
        html.Label(
            [
                html.Span("What you want to do"),
                dbc.Select(id="consent-deed", options=_deeds(viewer), size="sm"),
            ],
            className="filter",
        ),
        reason_field("consent-why", LONGEST),
        html.Button("Write it", id="consent-write", className="btn btn-primary btn-sm"),
        html.Div(id="consent-said", className="note", **aria(live="polite")),
    ]  # fmt: skip
    return html.Section(
        parts, className="card-figure", **aria(labelledby="consent-title")
    )


def _known(viewer: Viewer) -> list[Component]:
    names = queries.named_peers(viewer)
    asking = queries.asking_peers(viewer)
    told = [f"Named to each other: {'; '.join(names.values()) or 'nobody yet'}."]
    told += [
        f"{asking[word.site]} asks to be named to each other: “{word.why}”."
        for word in unblinding.asked_of(viewer)
        if word.site in asking
    ]
    return [html.Ul([html.Li(text) for text in told])]


def _deeds(viewer: Viewer) -> list[dict[str, str]]:
    """What may be chosen, each with what the callback is told of it."""
    asking = queries.asking_peers(viewer)
    names = queries.named_peers(viewer)
    agree = [(f"agree:{site}", f"Agree with {name}") for site, name in asking.items()]
    back = []
    for word in unblinding.own(viewer):
        about = names.get(word.to) or word.alias or asking.get(word.to, "a site")
        when = written(word.at.date(), "date")
        back.append((f"back:{word.number}", f"Take back: {about}, of {when}"))
    aliases = queries.blinded(viewer).filter(who="peer")["mark"]
    ask = [(f"ask:{alias}", f"Ask {alias}") for alias in aliases]
    return [{"value": v, "label": words} for v, words in (*agree, *back, *ask)]


@callback(
    Output("consent-said", "children"),
    Output("consent-known", "children"),
    Output("consent-deed", "options"),
    Output("consent-why", "value"),
    Input("consent-write", "n_clicks"),
    State("consent-deed", "value"),
    State("consent-why", "value"),
    prevent_initial_call=True,
)
def _write(
    _clicks: int | None, deed: str | None, why: str | None
) -> tuple[Component, list[Component], list[dict[str, str]], str | None]:
    return answer(deed or "", why)


def answer(
    deed: str, why: str | None
) -> tuple[Component, list[Component], list[dict[str, str]], str | None]:
    """What came of writing, who is known now, what may be done next, what stays."""
    viewer = current_request().viewer
    try:
        said, left = html.P(_done(deed, why)), ""
    except NotWrittenError as error:
        said, left = html.P(f"Nothing was written: {error}", role="alert"), why or ""
    if viewer.role != "site":
        return said, [], [], left
    return said, _known(viewer), _deeds(viewer), left


def _done(deed: str, why: str | None) -> str:
    kind, _, about = deed.partition(":")
    if kind == "ask":
        return unblinding.ask(about, why)
    if kind == "agree":
        return unblinding.agree(about, why)
    if kind == "back" and about.isdecimal():
        return unblinding.take_back(int(about), why)
    raise NotWrittenError("Choose what you want to do.")
