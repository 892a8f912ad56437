"""A site among its peers, who stay unnamed: five steps instead of rates and sizes."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.rates import VERDICTS
from dashboard.viewer import Viewer


def blinded(viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """One row a mark, whatever is asked for: each filter would be a clue more."""
    frame = queries.blinded(viewer)
    verdict = pl.col("step").replace_strict(VERDICTS, return_dtype=pl.String)
    return frame.with_columns(verdict.alias("verdict"))


def _said(frame: pl.DataFrame) -> str:
    own = frame.filter(who="own")
    if frame.is_empty():
        return (
            "There is nothing to compare: this figure is for sites that are compared."
        )
    mine = (
        f"You are {own['verdict'][0]} around the network's rate of batches without a"
        " product"
        if own.height
        else "You are not compared yourself"
    )
    peers = frame.filter(who="peer")
    if peers.is_empty():
        return (
            f"{mine}; your peers are too few, or too easily told apart, to be shown one"
            f" by one.{_named(frame)} Lower is better."
        )
    high = peers.filter(pl.col("step").str.starts_with("high")).height
    return (
        f"{mine}; {high or 'none'} of {some(peers.height, 'unnamed peer')} lie above"
        f" the 95 % or 99.8 % limit.{_named(frame)} Lower is better. Aliases are drawn"
        " anew for each reader and each release."
    )


def _named(frame: pl.DataFrame) -> str:
    known = frame.filter(who="named")["mark"].to_list()
    return f" Named to you, as both agreed: {site_names(known)}." if known else ""


def _drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty("You are not among the sites that are compared.")
    labels = pl.Series("label", map(site_name, frame["mark"]), pl.String)
    size = pl.when(pl.col("batches").is_not_null()).then(
        pl.format("<br>{} batches", "batches")
    )
    hover = pl.format("<b>{}</b><br>{}{}", "label", "verdict", size.fill_null(""))
    return figures.blinded(frame.with_columns(labels).with_columns(hover=hover))


CARD = Card(
    "failures-blinded",
    "You among your peers, blinded",
    blinded,
    _said,
    _drawn,
    (
        Column("mark", "Site", "site"),
        Column("verdict", "Compared with the network"),
        Column("batches", "Batches"),
        Column("flagged_at", "Flagged at failures"),
        Column("power", "Chance to see a doubling"),
    ),
    count=lambda f: some(f.height, "compared site"),
    metric="no_product",
    note="All batches of this release, whatever is asked above: each filter would"
    " be one more clue to who is who. Peers are shown by the step of the funnel's"
    " limits they lie in, never by rate or size; what may stand of size is a wide band,"
    " and limits and chances are those of its two ends.",
    roles=("site",),
)
