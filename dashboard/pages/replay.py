"""Replay: every batch's recorded results, judged under any specification."""

from dataclasses import replace
from typing import Final

from dash import html
from dash.development.base_component import Component

from dashboard.card import Card
from dashboard.components import Column, notice
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.pages import _replay_matrix, _replay_under
from dashboard.pages._checks import discordant, discordant_said
from dashboard.pages._replayed import NOBODY, specification_name, specifications, under
from dashboard.pages._subject_links import subject_links, whose_criteria
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH: Final = "/replay"


def _top(viewer: Viewer, filters: Filters) -> Component:
    found = under(viewer, filters)
    if found is None:
        return notice(NOBODY)
    question, chosen = found
    here = replace(filters, extra={**filters.extra, "under": chosen})
    made = [s for s in question.subjects if s.product is not None]
    known = sorted(specifications(question, filters))
    options = [(key, specification_name(key)) for key in known]
    return html.Div(
        [
            subject_links(made, question, filters, PATH),
            whose_criteria(filters, PATH),
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
