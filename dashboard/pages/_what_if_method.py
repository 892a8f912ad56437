"""How the What-if page simulates, in the words of its reader."""

from typing import Final

from dash import html
from dash.development.base_component import Component

_METHOD: Final = (
    "A year of the network is lived through many times, order by order, in continuous"
    " time. Orders become ready for a slot at random, at each site as often as its"
    " batches of the last twelve months, and take the first free slot, first come,"
    " first served. A site has the staffed slots of the same week a year before.",
    "Days before the slot and from the start to the infusion are drawn from the site's"
    " own recorded days of that product, the chances to fail, to be made again, to be"
    " given and to give up waiting from all that it recorded. Where there are fewer"
    " than twenty, the network's stand in, and the last table says so.",
    "The recorded days contain the recorded wait for a slot; its mean is taken from"
    " them by as much as the simulation waits by itself, so that it is not counted"
    " twice.",
    "A closed site finishes what it has begun. Staff can man no more slots than there"
    " are; a device comes with its staff; in weeks in which nobody worked nobody does."
    " Batches that need a lost vector wait for it. A slow laboratory adds its days to"
    " the release of every batch of the sites that used it in the last twelve months.",
    "Sites that you do not see by name are one pool, made of what you may see of it:"
    " its slots are shared as if in one place, so it waits less than its sites would.",
)


def method() -> Component:
    """What a reader has to know to believe the figures, folded away."""
    return html.Details(
        [html.Summary("How it is simulated"), *(html.P(text) for text in _METHOD)],
        className="what-if-method",
    )
