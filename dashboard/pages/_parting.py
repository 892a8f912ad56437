"""The steps of the chain, and where the sites' medians leave the network's."""

from dataclasses import replace

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import chain
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics_service import STEPS
from dashboard.viewer import Viewer

WHOLE = "ordered_infused"

DAYS = (
    Column("q50_words", "Median, days", "days"),
    Column("q50_lower", "95 % from", "count"),
    Column("q50_upper", "to", "count"),
    Column("q90_words", "90th percentile", "days"),
    Column("q90_lower", "95 % from", "count"),
    Column("q90_upper", "to", "count"),
    Column("ended", "Took it", "count"),
    Column("competing", "Lost before", "count"),
    Column("censored", "Still running", "count"),
    Column("n", "n", "count"),
)


def titles() -> dict[str, str]:
    """The words for each step."""
    return {step: words for step, (words, _) in STEPS.items()}


def all_sites(filters: Filters) -> Filters:
    """These filters for all sites: what one site is laid beside."""
    return replace(filters, site=(), region=())


def steps(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Median and 90th percentile of each step of the chain, over all sites shown."""
    frame = queries.durations(viewer, filters, by=("step",), between=True)
    found = chain.percentiles(frame, ("step",))
    order = pl.DataFrame({"step": list(STEPS)})
    return order.join(found, on="step", how="left").with_columns(
        pl.col("step").replace_strict(titles()).alias("label"),
        pl.col("state").fill_null("zero"),
    )


def parting(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each site's median of each step against the network's: cells of a matrix.

    `difference` is in days, `apart` says whether the 95 % interval leaves the
    network's median out. All sites that the viewer sees, in alphabetical order.
    """
    whole = steps(viewer, all_sites(filters)).select("step", pl.col("q50").alias("all"))
    days = queries.durations(viewer, filters, between=True)
    sites = chain.percentiles(days, ("site", "step"))
    apart = (pl.col("q50_lower") > pl.col("all")) | (
        pl.col("q50_upper") < pl.col("all")
    )
    order = pl.DataFrame({"step": list(STEPS)}).with_row_index("place")
    return (
        sites.join(whole, on="step", how="left")
        .join(order, on="step")
        .sort("site", "place")
        .with_columns(
            (pl.col("q50") - pl.col("all")).alias("difference"),
            apart.fill_null(False).alias("apart"),
            pl.col("step").replace_strict(titles()).alias("label"),
        )
    )


def _parting_said(frame: pl.DataFrame) -> str:
    seen = frame.filter(pl.col("step") != WHOLE).drop_nulls("difference")
    if seen.is_empty():
        return "No site's medians can be laid beside the network's here."
    spread = (
        seen.group_by("label", "place")
        .agg((pl.col("q50").max() - pl.col("q50").min()).alias("days"))
        .sort("days", "place", descending=[True, False])
    )
    top = spread.row(0, named=True)
    apart = seen.filter("apart").height
    if not top["days"]:
        return (
            f"{apart} of {seen.height} cells (*) differ from the network with their"
            " whole 95 % interval. Blue is shorter, which is better."
        )
    return (
        f"Sites part ways most at {top['label'].lower()}: their medians lie"
        f" {top['days']} days apart. {apart} of {seen.height} cells (*) differ from the"
        " network with their whole 95 % interval. Blue is shorter, which is better."
    )


def _parting_drawn(frame: pl.DataFrame) -> go.Figure:
    mark = pl.when("apart").then(pl.lit(" *")).otherwise(pl.lit(""))
    return figures.matrix(
        frame.select(
            pl.col("site").alias("row"),
            pl.col("step").str.replace("_", "→").alias("column"),
            pl.col("difference").cast(pl.Float64).alias("value"),
            pl.format("{} d{}", "q50_words", mark).alias("text"),
            "state",
            "reason",
        ),
        "difference",
    )


CARDS = (
    Card(
        "turnaround-parting",
        "Where fast and slow sites part ways",
        parting,
        _parting_said,
        _parting_drawn,
        (
            Column("site", "Site", "site"),
            Column("label", "Step"),
            *DAYS,
            Column("difference", "Against the network", "count"),
        ),
        metric=WHOLE,
        note="Each cell is the site's median, a span where the site's dates are weeks."
        " One in twenty cells is marked by chance alone.",
    ),
)
