"""The sentence that offers a wider selection where a pool's figures leave cells out."""

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import queries
from dashboard.components import notice
from dashboard.filters import LISTS, Filters
from dashboard.viewer import Viewer


def offer(path: str, viewer: Viewer, asked: Filters) -> Component | None:
    """What this selection leaves out for its reader, with a link that shows more."""
    try:
        left = queries.left_out(viewer, asked)
    except queries.NoSnapshotError:  # Taken away since the page was begun.
        return None
    if left is None:
        return None
    said = (
        f"Sites that you do not see by name are told together, in {left.cells} cells of"
        f" product, pathway and quarters; {left.cells - left.told} of those that this"
        " selection meets are too small, or only partly in it, and in no figure."
    )
    if left.wider is None:
        return notice(said, "No other selection shows more of them.")
    link = dcc.Link(_words(left.wider), href=path + left.wider.to_query())
    return html.Div(
        [html.P(said), html.P(["A selection that shows more: ", link, "."])],
        className="notice notice-plain",
    )


def _words(wider: Filters) -> str:
    """A selection in words: from when to when, and of what."""
    period = f"{wider.start or 'the beginning'} to {wider.end or 'today'}"
    lists = [f"{len(wider.values(k))} × {LISTS[k]}" for k in LISTS if wider.values(k)]
    return ", ".join([period, *lists])
