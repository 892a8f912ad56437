"""From the network's rate to one site's, step by step."""

from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._why_sites import NOBODY, WORDS, taken_apart
from dashboard.viewer import Viewer


def one(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a step from the network's rate to one site's: the gap's three terms."""
    frame = taken_apart(viewer, filters)
    known = frame.drop_nulls("gap")
    if known.is_empty():
        return pl.DataFrame(schema=_STEPS)
    row = known.row(by_predicate=pl.col("site") == about(known, filters), named=True)
    return pl.DataFrame(
        [
            (row["site"], words, row[term], row[f"{term}_lower"], row[f"{term}_upper"],
             row["network"], row["rate"], row["n"], "data", None)
            for term, words in WORDS.items()
        ],
        schema=_STEPS,
        orient="row",
    )  # fmt: skip


_STEPS: Final = {
    "site": pl.String,
    "label": pl.String,
    **dict.fromkeys(("value", "low", "high", "network", "rate"), pl.Float64),
    "n": pl.Int64,
    "state": pl.String,
    "reason": pl.String,
}


def about(known: pl.DataFrame, filters: Filters) -> str:
    """The site in the URL; else the one whose gap is furthest beyond chance."""
    sites = known["site"].to_list()
    asked = filters.extra.get("about", "")
    if asked in sites:
        return asked
    width = pl.col("gap_upper") - pl.col("gap_lower")
    furthest = known.sort(pl.col("gap").abs() / width, "site", descending=True)
    return str(furthest["site"][0])


def _one_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOBODY
    first = frame.row(0, named=True)
    steps = ", ".join(
        f"{row['label']} {100 * row['value']:+.1f}"
        f" ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        for row in frame.to_dicts()
    )
    return (
        f"At {site_name(first['site'])} {written(first['rate'], 'percent')} of"
        f" {some(first['n'], 'batch', 'batches')} fail by its own criteria, in the"
        f" network {written(first['network'], 'percent')}. In percentage points, with"
        f" 95 % intervals: {steps}. Lower is better."
    )


def _one_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    first = frame.row(0, named=True)
    ends = ("the network", site_name(first["site"]))
    return figures.waterfall(frame, ends, first["network"], "share that fails")


CARD = Card(
    "why-one",
    "From the network to one site, step by step",
    one,
    _one_said,
    _one_drawn,
    (
        Column("label", "Step", "words"),
        Column("value", "Adds", "percent"),
        Column("low", "from", "percent"),
        Column("high", "to", "percent"),
    ),
    count=lambda f: (
        f"n = {written(int(f['n'][0]) if f.height else 0, 'count')} batches"
    ),
    metric="fails_own",
    height=440,
)
