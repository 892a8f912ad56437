"""Assays: the same test by different laboratories, so that a gap can be read."""

from dataclasses import replace
from typing import Final

from dash import html
from dash.development.base_component import Component

from dashboard.analysis.wording import title
from dashboard.components import notice
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages import _assay_gap, _assay_pairs, _assay_scores
from dashboard.pages._assay_scores import NOBODY
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH: Final = "/assays"


def _top(viewer: Viewer, filters: Filters) -> Component:
    known = _assay_scores.tests(viewer, filters)
    if not known:
        return notice(NOBODY)
    test = _assay_scores.test_of(viewer, filters)
    here = replace(filters, extra={**filters.extra, "test": test})
    options = [(name, title(name)) for name in known]
    laboratories = _assay_pairs.laboratories(viewer, filters)
    about = _assay_pairs.about(viewer, filters)
    there = replace(filters, extra={**filters.extra, "about": about})
    return html.Div(
        [
            switch("Test", here, PATH, "test", options),
            switch(
                "One laboratory against the reference",
                there,
                PATH,
                "about",
                [(name, site_name(name)) for name in laboratories],
            ),
        ]
    )


register(
    __name__,
    Page(
        PATH,
        "Assays",
        "The same specimens measured by every laboratory: who reads high or low, and"
        " whether a site's gap is its assay or its product.",
        order=52,
        shown=("from", "to", "product", "product_class", "pathway", "region", "site"),
        top=_top,
        cards=(_assay_gap.CARD, _assay_scores.CARD, _assay_pairs.CARD),
    ),
)
