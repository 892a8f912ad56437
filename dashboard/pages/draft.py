"""Draft a common specification: move a limit and see what becomes of the batches."""

from dashboard.pages import _draft_levers, _draft_save
from dashboard.pages._drafting import PATH
from dashboard.shell import Page, register

register(
    __name__,
    Page(
        PATH,
        "Draft",
        "A specification that nobody has yet: move its limits and see at once which"
        " batches would be lost and gained.",
        order=57,
        shown=("product", "region", "site"),
        top=_draft_levers.top,
        cards=_draft_levers.CARDS,
        foot=_draft_save.foot,
    ),
)
