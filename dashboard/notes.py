"""Notes on a site: what people wrote, kept in the journal with who and when.

A note is never changed: a correction is a later note.
"""

from dash import Input, Output, State, callback, dcc, html
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components import aria
from dashboard.journal import Entry
from dashboard.names import site_name
from dashboard.viewer import Viewer, current_request

_LONGEST_NOTE = 500


def notes(site: str) -> Component:
    """What people wrote about a site, and the form to add to it."""
    form = [
        html.H2("Notes"),
        html.Div(_written(site), id="site-notes", **aria(live="polite")),
        html.Label(
            [
                "Add a note; it cannot be changed afterwards. Name no patient.",
                dcc.Textarea(
                    id="note-text", maxLength=_LONGEST_NOTE, className="form-control"
                ),
            ],
            className="note-form",
        ),
        html.Button("Add note", id="note-add", className="btn btn-primary btn-sm"),
        dcc.Store(id="note-site", data=site),
    ]
    return html.Section(form, className="card-figure")


def _written(site: str) -> list[Component]:
    entries = current_request().journal.read(kind="note", subject=site)
    if not entries:
        return [html.P("Nobody has written anything about this site yet.")]
    rows = [
        html.Li(
            [html.B(f"{e.at:%-d %b %Y, %H:%M} UTC, {_who(e)}: "), str(e.body["text"])]
        )
        for e in reversed(entries)
    ]
    return [html.Ul(rows, className="notes")]


def _who(entry: Entry) -> str:
    """The writer's title; the journal keeps viewers as their switch writes them."""
    viewer = Viewer.parse(entry.who)
    return f"Site, {site_name(viewer.site)}" if viewer.site else viewer.title


@callback(
    Output("site-notes", "children"),
    Output("note-text", "value"),
    Input("note-add", "n_clicks"),
    State("note-text", "value"),
    State("note-site", "data"),
    prevent_initial_call=True,
)
def _add(_clicks: int, text: str | None, site: str) -> tuple[list[Component], str]:
    """Write the note, if the viewer may see the site by name, and list them again."""
    request = current_request()
    allowed = queries.sites(request.viewer)["site"].to_list()
    if site not in allowed:
        return [html.P("There is no such site to write about.")], ""
    said = (text or "").strip()[:_LONGEST_NOTE]
    if said:
        request.journal.write(str(request.viewer), "note", site, {"text": said}, "note")
    return _written(site), ""
