"""What if: close a site, lose staff or a vector, and see what patients would wait."""

from dashboard.pages import _what_if_check, _what_if_making, _what_if_patients
from dashboard.pages import _what_if_form as form
from dashboard.pages import _what_if_saved as saved
from dashboard.pages._what_if import PATH
from dashboard.shell import Page, register

register(
    __name__,
    Page(
        PATH,
        "What if",
        "What would an outage, a shortage or more patients do? The next twelve months,"
        " simulated from each site's records: added days, who is late, who absorbs.",
        order=65,
        shown=(),
        top=form.top,
        cards=(
            *_what_if_patients.CARDS,
            *_what_if_making.CARDS,
            saved.CARD,
            _what_if_check.CARD,
        ),
        foot=saved.foot,
    ),
)
