"""Failure rates of sites beside the network's: a comparison that several pages show."""

from dataclasses import replace

import polars as pl

from dashboard import queries
from dashboard.analysis import funnel, intervals
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.viewer import Viewer

VERDICTS = {
    "high998": "above the 99.8 % limit",
    "high95": "above the 95 % limit, within the 99.8 % one",
    "none": "within the limits",
    "low95": "below the 95 % limit, within the 99.8 % one",
    "low998": "below the 99.8 % limit",
}


def compared(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: failures, batches, exact interval, limits, flag and power.

    The limits come from all sites, whichever are chosen to be shown. A site whose
    reports are less complete than agreed is not compared, and says so.
    """
    definition = DEFINITIONS[filters.definition]
    everyone = replace(filters, site=(), region=())
    counts = queries.counts(viewer, everyone, (definition.column, definition.of))
    counts = counts.rename({definition.column: "events", definition.of: "n"})
    incomplete = (
        queries.completeness(viewer, everyone)
        .filter(pl.col("share") < pl.col("threshold"))
        .select(
            "site",
            pl.format(
                "not compared: {} % of its rows arrived, {} % were agreed",
                (100 * pl.col("share")).round(0).cast(pl.Int64),
                (100 * pl.col("threshold")).round(0).cast(pl.Int64),
            ).alias("why"),
        )
    )
    frame = counts.join(incomplete, on="site", how="left").with_columns(
        pl.coalesce("reason", "why").alias("reason")
    )
    frame = _with_intervals(funnel.funnel(frame.drop("why")))
    return frame.filter(pl.col("site").is_in(queries.headings(viewer, filters)))


def _with_intervals(frame: pl.DataFrame) -> pl.DataFrame:
    lower, upper = intervals.clopper_pearson(
        frame["events"].fill_null(0), frame["n"].fill_null(0)
    )
    hidden = pl.col("rate").is_null()
    return frame.with_columns(
        pl.Series("lower", lower),
        pl.Series("upper", upper),
        pl.col("flagged")
        .replace_strict(VERDICTS, default="not compared")
        .alias("verdict"),
    ).with_columns(
        pl.when(~hidden).then(pl.col(c)).alias(c) for c in ("lower", "upper")
    )
