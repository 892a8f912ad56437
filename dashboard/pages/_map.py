"""Where capacity is, and what may be made where."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import capacity
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.pages._output import permissions
from dashboard.pages._place import COVERAGE, place
from dashboard.viewer import Viewer

_FIGURES = (
    "utilisation",
    "staffed",
    "used",
    "reported",
    "expected",
    "last_week",
    "age",
)
_KINDS = {
    "manufacturing": "M",
    "hospital exemption": "HE",
    "clinical trial": "CT",
    "compassionate use": "CU",
    "marketing": "MA",
}


def places(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each site, or region, seen by name on the map, its size by staffed slots."""
    by = place(filters)
    here = queries.sites(viewer, filters).filter(pl.col("kind") != "testing_laboratory")
    use = queries.slot_use(viewer, filters, by=(by,))
    use = capacity.shares(use if filters.end else capacity.fresh(use))
    coming = pl.col("stage") == "pre_gmp"
    closed = pl.col("stage") == "closed"
    columns = ("site", "name", "region", "latitude", "longitude", "stage")
    marks = here.select(columns)
    if by == "region" and viewer.role != "site":
        marks = _regions(marks)
    return (
        marks.join(use.select("site", *_FIGURES, "state", "reason"), on="site",
                   how="left")
        .with_columns(
            pl.when(coming | closed).then(pl.lit("not_applicable"))
            .otherwise(pl.col("state").fill_null("not_reported")).alias("state"),
            pl.when(coming).then(pl.lit("pre-GMP: its capacity is still coming"))
            .when(closed).then(pl.lit("closed"))
            .otherwise("reason").alias("reason"),
            capacity.fading(queries.agreed_silence()).alias("fade"),
        )
        .sort("site")
    )  # fmt: skip


def _regions(sites: pl.DataFrame) -> pl.DataFrame:
    """One mark a region, in the middle of its sites; those still coming by themselves.

    A region all of whose sites are pre-GMP or closed keeps that stage.
    """
    return (
        sites.sort("region", "site")
        .group_by("region", maintain_order=True)
        .agg(
            pl.col("site").str.join(", ").alias("name"),
            pl.col("latitude", "longitude").mean(),
            pl.when(pl.col("stage").n_unique() == 1).then(pl.col("stage").first())
            .otherwise(pl.lit("active")).alias("stage"),
        )
        .with_columns(pl.col("region").alias("site"))
    )  # fmt: skip


def _places_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "You see no site by name, so none is on the map."
    seen = frame.drop_nulls("utilisation")
    others = frame.height - seen.height
    return (
        f"Places with a current figure: {seen.height}, larger marks staffing more"
        f" slots. Without one: {others}, which keep their place as open marks. The"
        " table says the same in words."
    )


def _places_drawn(frame: pl.DataFrame) -> go.Figure:
    said = pl.format(
        "<b>{}</b><br>{} % of {} staffed slots used<br>week of {}, {} days old<br>{} of"
        " {} weeks reported",
        "site",
        (100 * pl.col("utilisation")).round(1),
        pl.col("staffed").cast(pl.Int64),
        "last_week",
        "age",
        "reported",
        "expected",
    )
    regions = pl.col("site") == pl.col("region")
    rows = frame.with_columns(
        pl.col("site").alias("label"), pl.col("staffed").alias("n"),
        said.fill_null("").alias("hover"), pl.col("fade").fill_null(1.0),
        pl.when(regions).then(pl.lit("square")).otherwise(pl.lit("circle"))
        .alias("shape"),
    )  # fmt: skip
    figure = figures.places(rows, "staffed slots")
    figure.update_layout(showlegend=False, meta={"min_width": 640})
    return figure


def authorised(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What may be made where: a row each, with its days and whether it is in force."""
    return permissions(viewer, filters).with_columns(
        pl.col("kind").replace_strict(_KINDS, default="?").alias("short")
    )


def _authorised_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No authorisation is listed: none was sent, or you see no site by name."
    now = frame.filter(pl.col("standing") == "in force")
    ended = frame.filter(pl.col("standing") == "ended").height
    later = frame.filter(pl.col("standing") == "not yet").height
    products = now.filter(pl.col("product") != "all")["product"].n_unique()
    return (
        f"{some(now.height, 'authorisation')} in force, for"
        f" {some(products, 'product')} at {some(now['site'].n_unique(), 'site')};"
        f" ended: {ended}, not yet in force: {later}. More means more that may be"
        " made, not better work."
    )


def _authorised_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty()
    now = pl.col("standing") == "in force"
    days = pl.format(
        "{}: {} from {}{}, {}",
        "kind", "standing", "valid_from",
        pl.when(pl.col("valid_to").is_null()).then(pl.lit(""))
        .otherwise(pl.format(" to {}", "valid_to")),
        pl.col("authority").fill_null("–"),
    )  # fmt: skip
    cells = frame.sort("site", "product", "valid_from").group_by(
        "site", "product", maintain_order=True
    ).agg(
        pl.when(now).then("short").drop_nulls().unique().sort().str.join(" ")
        .alias("text"),
        now.any().cast(pl.Float64).alias("value"),
        (pl.col("standing") == "not yet").any().alias("later"),
        days.str.join("<br>").alias("reason"),
    )  # fmt: skip
    every = pl.col("product") == "all"
    return figures.matrix(
        cells.sort(every, "product", "site", descending=[True, False, False]).select(
            pl.col("site").alias("row"),
            pl.when(every).then(pl.lit("any")).otherwise("product").alias("column"),
            "value",
            pl.when(pl.col("value") > 0).then("text")
            .when("later").then(pl.lit("not yet")).otherwise(pl.lit("no more"))
            .alias("text"),
            pl.lit("data").alias("state"), "reason",
        ).sort("row", maintain_order=True)
    )  # fmt: skip


CARDS = (
    Card(
        "capacity-map",
        "Where capacity is",
        places,
        _places_said,
        _places_drawn,
        (
            Column("site", "Site or region", "site"),
            Column("name", "Name"),
            Column("region", "Region"),
            Column("utilisation", "Used of staffed", "percent"),
            Column("staffed", "Staffed", "count"),
            *COVERAGE,
        ),
        count=lambda f: (
            f"n = {written(int(f['staffed'].sum() or 0), 'count')} staffed slots"
        ),
        metric="utilisation",
        note="● is a site, ■ a region in the middle of its sites; ○ has no current"
        " figure, – is still coming or closed. A mark pales as its news grows old.",
        height=460,
    ),
    Card(
        "capacity-authorised",
        "What may be made where",
        authorised,
        _authorised_said,
        _authorised_drawn,
        (
            Column("site", "Site", "site"),
            Column("product", "Product"),
            Column("kind", "Kind"),
            Column("authority", "Authority"),
            Column("valid_from", "From", "date"),
            Column("valid_to", "To", "date"),
            Column("standing", "Standing"),
        ),
        count=lambda f: f"n = {f.height} authorisations",
        note="In force on the network's day: M manufacturing, HE hospital exemption, CT"
        " clinical trial, CU compassionate use, MA marketing. “any” holds for every"
        " product. Days are in the table.",
    ),
)
