"""Sharing: what others see of a site, what it lets them see, and who is who to whom."""

from dash import html
from dash.development.base_component import Component

from dashboard.components import notice
from dashboard.filters import Filters
from dashboard.pages import _blinding_meter, _consent_form, _publishing
from dashboard.shell import Page, register
from dashboard.viewer import Viewer


def _top(viewer: Viewer, _filters: Filters) -> Component:
    if viewer.role not in ("lead", "site"):
        return notice("What sites share is settled by them and the network's lead.")
    return _publishing.deadline(viewer)


def _foot(viewer: Viewer, _filters: Filters) -> Component:
    if viewer.role != "site":
        return html.Div()
    forms = [_publishing.form(viewer), _consent_form.form(viewer)]
    return html.Div(forms, className="cards")


register(
    __name__,
    Page(
        "/sharing",
        "Sharing",
        "What others see of a site, how far it lets them, and what it signed.",
        order=85,
        roles=("lead", "site"),
        shown=(),
        top=_top,
        foot=_foot,
        cards=(_publishing.PREVIEW, _publishing.STANDING, _blinding_meter.CARD),
    ),
)
