"""How well unnamed peers stay unnamed: the meter's figures for this release."""

import polars as pl

from dashboard import queries
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.queries.disclosure import FEWEST_POOLED
from dashboard.viewer import Viewer

_WORDS = {
    "bands": "five steps, and bands of volume",
    "z": "five steps, nothing of volume",
    "pool": "the pool alone",
}


def meter(viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """One row a way of showing peers: what is linked, and whether it is taken."""
    if viewer.role != "lead":
        return pl.DataFrame()
    shared = queries.sharing()
    rows = [
        {
            "way": _WORDS[way],
            "linked": each.linked,
            "lower": each.lower,
            "upper": each.upper,
            "bound": each.bound,
            "sure": each.sure,
            "sites": each.peers,
            "networks": each.networks,
            "asked": way == shared.asked,
            "taken": way == shared.way,
            "verdict": "within the bound" if each.holds else "links too much",
            "state": "data",
            "reason": None,
        }
        for way, each in shared.meters.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"reason": pl.String})


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return (
            f"Fewer than {FEWEST_POOLED + 1} sites are compared, so none is"
            " shown one by one. Peers are one pool."
        )
    taken, asked = frame.filter("taken"), frame.filter("asked")
    if taken.is_empty():
        return (
            "Peers are one pool: the network asks for that, or a reader who knows"
            " volumes would link too many of them. Lower is better."
        )
    stricter = (
        ""
        if asked.equals(taken)
        else f" The network asks for more ({asked['way'][0]}), which links too much,"
        " so the stricter way is taken."
    )
    row = taken.row(0, named=True)
    return (
        f"Sites see their peers in {row['way']}. Somebody who knows every volume within"
        f" 5 % puts {written(row['linked'], 'percent')} of {row['sites']} marks to the"
        f" right site; up to {written(row['bound'], 'percent')} are allowed, blind"
        f" guessing gives {written(1 / row['sites'], 'percent')}. Lower is better."
        f"{stricter}"
    )


CARD = Card(
    "sharing-meter",
    "How well unnamed peers stay unnamed",
    meter,
    _said,
    columns=(
        Column("way", "Peers are shown in"),
        Column("linked", "Linked", "percent"),
        Column("lower", "95 % from", "percent"),
        Column("upper", "to", "percent"),
        Column("bound", "Allowed", "percent"),
        Column("sure", "Surest guess is right", "percent"),
        Column("verdict", "So"),
    ),
    count=lambda f: (
        f"n = {some(f['networks'][0], 'made-up network')} of these volumes"
        if f.height
        else ""
    ),
    note="Each network has the volumes of this release; failures are drawn at the"
    " network's rate, true rates differing as they do here or more. Marks are put to"
    " sites by the likeliest assignment (Kuhn 1955, doi:10.1002/nav.3800020109); the"
    " interval is Clopper and Pearson's, and its upper end must stay within 1 / sites"
    " + 5 %. The surest guess is the one pairing that is believed most.",
    roles=("lead",),
)
