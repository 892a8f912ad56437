"""Rates drawn towards the network's by how little a site's numbers can say."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import shrinkage
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.rates import BEHIND, all_sites, compared
from dashboard.viewer import Viewer

_LIKELY = 0.975


def shrunken(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: shrunken rate, interval, and the chance to exceed the network's.

    Learned from the sites that the viewer sees by name: a pool is no site, and says
    nothing about how sites differ. In the order of their names; a site has no rank,
    only the interval in which its rank may lie.
    """
    everyone = compared(viewer, all_sites(filters))
    pool = pl.col("site").is_in([*queries.POOLS])
    target = everyone["centre"].drop_nulls().to_list()
    frame = everyone.select(
        "site",
        "events",
        "n",
        pl.when(pool).then(pl.lit("not_applicable")).otherwise("state").alias("state"),
        pl.when(pool)
        .then(pl.lit("many sites pooled: not the rate of one"))
        .otherwise("reason")
        .alias("reason"),
    )
    frame = shrinkage.shrink(frame, target[0] if target else None)
    ranked = shrinkage.rank_intervals(frame).select("site", "rank_lower", "rank_upper")
    centre = pl.lit(target[0] if target else None, pl.Float64)
    frame = frame.join(ranked, on="site", how="left").with_columns(
        centre.alias("centre"),
        pl.when(pl.col("shrunken").is_null() & pl.col("state").is_in(("data", "zero")))
        .then(pl.lit("not_applicable"))
        .otherwise("state")
        .alias("state"),
    )
    return frame.filter(pl.col("site").is_in(queries.headings(viewer, filters))).sort(
        "site"
    )


def _said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("shrunken")
    if seen.is_empty() or seen["centre"][0] is None:
        reasons = frame["reason"].drop_nulls().unique().sort().to_list()
        why = f": {'; '.join(reasons)}" if 0 < len(reasons) < 3 else ""
        return f"No rate can be drawn towards the network's here{why}."
    rate = written(seen["centre"][0], "percent")
    high = seen.filter(pl.col("exceeds") >= _LIKELY)
    low = seen.filter(pl.col("exceeds") <= 1 - _LIKELY)
    told = "; ".join(
        f"{site_name(row['site'])} {written(row['shrunken'], 'percent')}"
        f" ({written(row['lower'], 'percent')} to {written(row['upper'], 'percent')})"
        for row in high.to_dicts()
    )
    named = f": {told}" if told else ""
    return (
        f"Allowing for how little small numbers say, {some(high.height, 'site')}"
        f" of {seen.height} {'have' if high.height > 1 else 'has'} a true rate above"
        f" the network's {rate} with a chance of 97.5 % or more{named};"
        f" {some(low.height, 'site')} below it. Lower is better; the order is that of"
        " the names."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        pl.col("shrunken").alias("value"),
        pl.col("lower").alias("low"),
        pl.col("upper").alias("high"),
        "state",
        "reason",
    )
    centre = frame["centre"].drop_nulls().to_list()
    axis = "shrunken rate, 95 % interval; dashed: network"
    return figures.caterpillar(rows, axis, True, centre[0] if centre else None)


CARD = Card(
    "failure-shrunken",
    "What each site's true rate may be",
    shrunken,
    _said,
    _drawn,
    (
        Column("site", "Site", "site"),
        Column("events", "Failures", "count"),
        Column("n", "Batches", "count"),
        Column("rate", "Rate", "percent"),
        Column("shrunken", "Shrunken", "percent"),
        Column("lower", "95 % from", "percent"),
        Column("upper", "to", "percent"),
        Column("exceeds", "Chance to exceed the network's", "percent"),
        Column("weight", "Weight of its own batches", "percent"),
        Column("rank_lower", "Rank may be from", "count"),
        Column("rank_upper", "to", "count"),
        BEHIND,
    ),
    metric="no_product",
    note="Beta-binomial empirical Bayes: the sites' own spread decides how far a small"
    " site is drawn in. Ranks are intervals (1 the lowest rate), so that nobody reads a"
    " league table out of chance.",
)
