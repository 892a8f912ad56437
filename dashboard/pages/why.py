"""Why do we differ: a site's gap to the network, taken apart into what makes it."""

from dataclasses import replace
from typing import Final

from dash import html
from dash.development.base_component import Component

from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages import _why_one, _why_sites
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH: Final = "/why"


def _top(viewer: Viewer, filters: Filters) -> Component:
    known = _why_sites.taken_apart(viewer, filters).drop_nulls("gap")
    if known.is_empty():
        return html.P(_why_sites.NOBODY, className="sentence")
    about = _why_one.about(known, filters)
    options = [(site, site_name(site)) for site in known["site"]]
    here = replace(filters, extra={**filters.extra, "about": about})
    return switch("Step by step: the gap of", here, PATH, "about", options)


register(
    __name__,
    Page(
        PATH,
        "Why do we differ",
        "A site's gap to the network: how much is its stricter or looser criteria, how"
        " much its mix of work, and what neither explains.",
        order=35,
        top=_top,
        cards=(_why_sites.CARD, _why_one.CARD),
    ),
)
