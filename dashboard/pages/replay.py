"""Replay: every batch's recorded results, judged under any specification."""

from dataclasses import replace
from typing import Final

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.card import Card
from dashboard.components import Column, aria, notice
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.pages import _replay_matrix, _replay_under
from dashboard.pages._checks import discordant, discordant_said
from dashboard.pages._replayed import NOBODY, specification_name, specifications, under
from dashboard.pages._specifications import Asked
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH: Final = "/replay"


def _top(viewer: Viewer, filters: Filters) -> Component:
    found = under(viewer, filters)
    if found is None:
        return notice(NOBODY)
    question, chosen = found
    here = replace(filters, extra={**filters.extra, "under": chosen})
    products = [
        _product(subject.title, subject.product, question, filters)
        for subject in question.subjects
        if subject.product is not None
    ]
    known = sorted(specifications(question, filters))
    options = [(key, specification_name(key)) for key in known]
    return html.Div(
        [
            html.Nav(html.Ul(products), className="switch", **aria(label="Product")),
            switch(
                "Whose criteria",
                filters,
                PATH,
                "published",
                [("0", "Members"), ("1", "Members and published programmes")],
            ),
            switch(
                "In which cells",
                filters,
                PATH,
                "cells",
                [("site", "As each site counts"), ("named", "As written")],
            ),
            switch("Figures below: judged under", here, PATH, "under", options),
        ]
    )


def _product(title: str, product: str, question: Asked, filters: Filters) -> Component:
    if product == question.subject.product:
        return html.Li(html.Span(title, **aria(current="true")))
    kept = {k: v for k, v in filters.extra.items() if k == "published"}
    there = replace(filters, product=(product,), product_class=(), extra=kept)
    return html.Li(dcc.Link(title, href=PATH + there.to_query()))


_DISCORDANCE = Card(
    "replay-discordance",
    "Decisions that do not follow from results",
    discordant,
    discordant_said,
    columns=(
        Column("batch", "Batch"),
        Column("site", "Site", "site"),
        Column("column", "Test that fails", "parameter"),
        Column("read", "Recorded", "words"),
        Column("expected", "Implied by the results", "words"),
    ),
    metric="discordance",
)

register(
    __name__,
    Page(
        PATH,
        "Replay",
        "What would have become of the same batches under another specification: their"
        " recorded results, judged again.",
        order=55,
        top=_top,
        cards=(_replay_matrix.CARD, *_replay_under.CARDS, _DISCORDANCE),
    ),
)
