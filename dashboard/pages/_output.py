"""What came out of the work, and what it was permitted under."""

from datetime import date

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.grid import grid
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.viewer import Viewer, current_request


def _today() -> date:
    return current_request().about.as_of or date.max


def made(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What came out at harvest by site and product: doses if allogeneic, else batches.

    One allogeneic batch makes many doses, so batches alone would understate it. Of
    those, `released` were let go in the same period, whenever they were made.
    """
    frame = queries.events(viewer, filters, by=("site", "product", "event"))
    kinds = queries.products().select("product", "title", "source")
    allogeneic = pl.col("source") == "allogeneic"
    released = frame.filter(pl.col("event") == "released").select(
        "site", "product", pl.col("doses").alias("released")
    )
    return (
        frame.filter(pl.col("event") == "harvested")
        .join(kinds, on="product", how="left")
        .join(released, on=["site", "product"], how="left")
        .sort("product", "site")
        .select(
            "site", "product", "source",
            pl.col("n").alias("batches"),
            pl.when(allogeneic).then("doses").alias("doses"),
            pl.when(allogeneic).then("released").alias("released"),
            (pl.col("cells") / 1e9).alias("cells"),
            pl.when(allogeneic).then("doses").otherwise("n").alias("output"),
            pl.when(allogeneic).then(pl.lit("doses")).otherwise(pl.lit("batches"))
            .alias("unit"),
            "state", "reason",
        )
    )  # fmt: skip


def _made_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("output")
    if seen.is_empty():
        return "Nothing that was made can be shown in this selection."
    totals = dict(seen.group_by("unit").agg(pl.col("output").sum()).rows())
    parts = [
        f"{written(totals[unit], 'count')} {unit} of {kind} products"
        for unit, kind in (("doses", "allogeneic"), ("batches", "autologous"))
        if totals.get(unit)
    ]
    cells = written(float(seen["cells"].sum()), "number")
    return (
        f"{' and '.join(parts) or 'Nothing'} were harvested, {cells} × 10⁹ cells in"
        " all. Doses and batches are not added up; more is not better by itself."
    )


def _made_drawn(frame: pl.DataFrame) -> go.Figure:
    most = pl.col("output").max().over("product")
    rows = frame.with_columns(
        pl.format("{} ({})", "product", "unit").alias("title"),
        (pl.col("output") / most).alias("shade"),
    )
    return figures.matrix(grid(rows, "site", "title", "output", "shade"))


def permissions(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Authorisations of the sites seen by name, a row each, in order of their site."""
    frame = queries.authorisations(viewer, filters)
    if filters.product:
        frame = frame.filter(pl.col("product").is_in([*filters.product, "all"]))
    running = pl.col("valid_to").is_null() | (pl.col("valid_to") >= _today())
    return frame.sort("site", "valid_from", "product").with_columns(
        pl.col("kind").str.replace_all("_", " "),
        pl.when(pl.col("valid_from") > _today()).then(pl.lit("not yet"))
        .when(running).then(pl.lit("in force")).otherwise(pl.lit("ended"))
        .alias("standing"),
    )  # fmt: skip


def _permissions_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No authorisation is listed: none was sent, or you see no site by name."
    year = frame["valid_from"].dt.max()
    now = frame.filter(pl.col("standing") == "in force").height
    return (
        f"{now} of {frame.height} authorisations are in force, sites in"
        f" alphabetical order; the latest began on {written(year, 'date')}. A longer"
        " list means more that may be made, not better work."
    )


def _permissions_drawn(frame: pl.DataFrame) -> go.Figure:
    hover = pl.format(
        "<b>{}</b><br>{}: {}<br>from {}, {}",
        "site", "kind", "product", "valid_from", pl.col("authority").fill_null("–"),
    )  # fmt: skip
    rows = frame.sort("kind", maintain_order=True).select(
        pl.col("site").alias("label"), pl.col("valid_from").alias("x"), "kind",
        "state", "reason", hover.alias("hover"),
    )  # fmt: skip
    return figures.timeline(rows.sort("label", maintain_order=True), _today())


CARDS = (
    Card(
        "throughput-made",
        "Cells and doses made",
        made,
        _made_said,
        _made_drawn,
        (
            Column("site", "Site", "site"),
            Column("product", "Product"),
            Column("source", "Source"),
            Column("batches", "Batches harvested", "count"),
            Column("doses", "Doses made", "count"),
            Column("released", "Doses released", "count"),
            Column("cells", "Cells (10⁹)", "number"),
        ),
        count=lambda f: f"n = {written(int(f['batches'].sum() or 0), 'count')} batches",
        metric="doses_made",
        note="Shaded within a product, the most being darkest: a dose of one"
        " product is no dose of another.",
    ),
    Card(
        "throughput-authorisations",
        "Authorisations by site and product",
        permissions,
        _permissions_said,
        _permissions_drawn,
        (
            Column("site", "Site", "site"),
            Column("product", "Product"),
            Column("kind", "Kind"),
            Column("authority", "Authority"),
            Column("valid_from", "From", "date"),
            Column("valid_to", "To", "date"),
            Column("standing", "Standing"),
        ),
    ),
)
