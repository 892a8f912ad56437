"""The strata of the network's work, each with the rate that is expected in it."""

import polars as pl

from dashboard import queries
from dashboard.analysis.standardisation import stratum_rates
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.strata import STRATA, cells_of
from dashboard.viewer import Viewer

_ENOUGH = 50


def strata(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The strata by name, each with the network's rate that the expected come from."""
    cells, _ = cells_of(viewer, filters)
    titles = dict(queries.products().select("product", "title").rows())
    frame = stratum_rates(cells, STRATA).with_columns(pl.col("product").replace(titles))
    label = pl.concat_str([_words(s) for s in STRATA], separator=", ")
    return frame.select(
        label.alias("label"),
        *STRATA,
        pl.col("events", "n").cast(pl.Int64),
        "sites",
        pl.col("risk").fill_nan(None).alias("rate"),
        pl.when(pl.col("n") > 0)
        .then(pl.lit("data"))
        .otherwise(pl.lit("not_applicable"))
        .alias("state"),
        pl.when(pl.col("n") <= 0)
        .then(pl.lit("no batch of a compared site has ended"))
        .alias("reason"),
    )


def _words(stratum: str) -> pl.Expr:
    return pl.col(stratum).str.replace_all("_", " ")


def _said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("rate")
    if seen.is_empty():
        return "No stratum has batches that can be counted here; lower is better."
    top = seen.filter(pl.col("n") >= _ENOUGH).sort(
        "rate", "label", descending=[True, False]
    )
    hardest = ""
    if top.height:
        row = top.row(0, named=True)
        hardest = (
            f" Hardest of those with {_ENOUGH} batches or more: {row['label']},"
            f" {row['events']} of {row['n']} failed"
            f" ({written(row['rate'], 'percent')})."
        )
    single = seen.filter(pl.col("sites") == 1).height
    alone = f", {single} of them with one site that is compared with itself there"
    return (
        f"{some(seen.height, 'stratum', 'strata').capitalize()}"
        f"{alone if single else ''}.{hardest} Lower is better."
    )


CARD = Card(
    "failure-strata",
    "The strata, and the rate expected in each",
    strata,
    _said,
    columns=(
        Column("product", "Product"),
        Column("pathway", "Pathway", "words"),
        Column("starting_material", "Starting material", "words"),
        Column("process", "Process", "words"),
        Column("events", "Failures", "count"),
        Column("n", "Batches", "count"),
        Column("sites", "Sites or pools", "count"),
        Column("rate", "Network rate", "percent"),
    ),
    metric="no_product",
)
