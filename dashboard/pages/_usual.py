"""Every site judged by the criteria that most of the network's members ask."""

from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.rates import (
    BEHIND,
    all_sites,
    allowance,
    behind,
    compared_by,
    curve,
)
from dashboard.viewer import Viewer

COLUMNS = ("fails_usual", "fails_usual_of")
_OWN = ("fails_own", "fails_own_of")


def judged_alike(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: batches that would fail the usual criteria, limits and flag.

    `own_events` of `own_n` would fail under the site's own, by the same count;
    `undetermined` is how many of the batches that ended cannot be judged, since a test
    has no result. Both are null where their counts are hidden.
    """
    frame = compared_by(viewer, filters, COLUMNS)
    whole = all_sites(filters)
    own = queries.counts(viewer, whole, (*_OWN, "ended")).select(
        "site",
        pl.col(_OWN[0]).alias("own_events"),
        pl.col(_OWN[1]).alias("own_n"),
        "ended",
    )
    frame = frame.join(own, on="site", how="left")
    unknown = (pl.col("ended") - pl.col("n")).clip(0)
    return frame.with_columns(
        (pl.col("own_events") / pl.col("own_n")).fill_nan(None).alias("own_rate"),
        unknown.alias("undetermined"),
    ).sort("site")


def _said(frame: pl.DataFrame) -> str:
    judged = frame.filter("compared")
    if judged.is_empty():
        return "No site can be judged by the usual criteria here; lower is better."
    high = judged.filter(pl.col("flagged") == "high998")["site"].to_list()
    named = f": {site_names(high)}" if high else ""
    unknown = int(frame["undetermined"].sum() or 0)
    return (
        f"Judged alike, {len(high) or 'not one'} of"
        f" {some(judged.height, 'compared site')} {'are' if len(high) > 1 else 'is'}"
        f" above the 99.8 % limit around {written(judged['centre'][0], 'percent')}"
        f"{named}.{_moved(judged)}{allowance(frame)}"
        f" {some(unknown, 'batch', 'batches').capitalize()}"
        " cannot be judged, as a test has no result. Lower is better."
    )


def _moved(judged: pl.DataFrame) -> str:
    """The site whose share changes most between its own criteria and the usual ones."""
    change = (pl.col("rate") - pl.col("own_rate")).abs()
    told = judged.with_columns(change.alias("change")).drop_nulls("change")
    told = told.filter(pl.col("change") > 0).sort("change", "site", descending=True)
    if told.is_empty():
        return " Own and usual criteria fail the same share everywhere."
    row = told.row(0, named=True)
    return (
        f" The criteria matter most at {site_name(row['site'])}:"
        f" {row['own_events']} of {row['own_n']} fail by its own"
        f" ({written(row['own_rate'], 'percent')}), {row['events']} of {row['n']}"
        f" by the usual ones ({written(row['rate'], 'percent')})."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.filter("compared").is_empty():
        return figures.empty("No site can be judged by the usual criteria here.")
    flag = pl.when("compared").then("flagged").otherwise(pl.lit("not_compared"))
    points = frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        "n",
        pl.col("rate").alias("value"),
        flag.alias("flag"),
        pl.when(pl.col("rate").is_null())
        .then(pl.lit("not_applicable"))
        .otherwise("state")
        .alias("state"),
        "reason",
        pl.Series("hover", map(_hover, frame.to_dicts()), pl.String),
        behind(frame),
    )
    return figures.funnel(points, curve(frame), value="share that would fail")


def _hover(row: Mapping[str, object]) -> str:
    lines = [
        f"<b>{site_name(str(row['site']))}</b>",
        f"by the usual criteria {row['events']} of {row['n']} would fail",
    ]
    if row["own_rate"] is not None:
        lines.append(f"by its own criteria {row['own_events']} of {row['own_n']}")
    if row["flag_at998"] is not None:
        lines.append(f"flagged (99.8 %) at {row['flag_at998']} or more")
    lines.append(str(row["reason"] or row["verdict"]))
    return "<br>".join(lines)


CARD = Card(
    "failure-usual",
    "Judged by the usual criteria",
    judged_alike,
    _said,
    _drawn,
    (
        Column("site", "Site", "site"),
        Column("own_events", "Fail by its own", "count"),
        Column("own_n", "of", "count"),
        Column("own_rate", "By its own", "percent"),
        Column("events", "Fail by the usual", "count"),
        Column("n", "of", "count"),
        Column("rate", "By the usual", "percent"),
        Column("lower", "95 % from", "percent"),
        Column("upper", "to", "percent"),
        Column("undetermined", "Undetermined", "count"),
        Column("p_value", "p", "number"),
        Column("p_value_adjusted", "p, adjusted", "number"),
        Column("verdict", "Compared with the network"),
        BEHIND,
    ),
    count=lambda f: f"n = {written(int(f['n'].sum() or 0), 'count')} judged batches",
    metric="fails_usual",
    note="Recorded results judged again under one specification a product: test by test"
    " what most members ask, where more than half of them have the test. One number"
    " for all, asked in the cells in which a site counts. What was lost before its"
    " tests fails under any criteria; the definition of failure above plays no part.",
    width="half",
    height=460,
)
