"""The batches behind the points, for those who may see batches."""

import polars as pl

from dashboard import queries
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import counts_only, some
from dashboard.viewer import Viewer


def behind(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a batch, with whether it failed by the definition in force.

    Behind one site's point stand all its batches, failed ones first; for several
    sites they would be too many to read, so only those that failed are listed.
    """
    column = DEFINITIONS[filters.definition].column
    one = len(filters.site) == 1
    frame = queries.batches(viewer, filters, flag=None if one else column)
    titles = dict(queries.products().select("product", "title").rows())
    return (
        frame.filter((pl.col("state") != "data") | pl.col(column).is_not_null())
        .with_columns(
            pl.col(column).alias("failed"),
            pl.col("product").replace(titles),
            pl.format("/batch/{}/{}", "site", "batch").alias("record"),
        )
        .sort("failed", descending=True, nulls_last=True, maintain_order=True)
    )


def _said(frame: pl.DataFrame) -> str:
    counting = frame.filter(pl.col("state") == "not_applicable")["site"].to_list()
    told = f" {counts_only(counting)}" if counting else ""
    return _listed(frame.filter(pl.col("state") == "data")) + told


def _listed(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No batch to list: there is none, or you may see counts only."
    failed = int(frame["failed"].sum())
    told = f"{some(failed, 'batch', 'batches')} failed by the definition in force"
    if failed < frame.height:
        told += f" and {frame.height - failed} did not, the failed ones first"
    return (
        f"{told}, the latest first; each is named by its pseudonym, which only its site"
        " can lead back. Fewer failures are better. Choose one site to see all its"
        " batches."
    )


CARD = Card(
    "failure-batches",
    "The batches behind the points",
    behind,
    _said,
    columns=(
        Column("batch", "Batch"),
        Column("site", "Site", "site"),
        Column("started", "Started", "date"),
        Column("ended", "Ended", "date"),
        Column("failed", "Failed"),
        Column("outcome", "Outcome", "words"),
        Column("failure_stage", "Lost in", "words"),
        Column("failure_category", "Lost to", "words"),
        Column("product", "Product"),
        Column("pathway", "Pathway", "words"),
        Column("trial", "Trial"),
        Column("record", "Its record", "page"),
    ),
    count=lambda f: some(
        f.filter(pl.col("state") == "data").height, "batch", "batches"
    ),
)
