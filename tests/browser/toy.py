"""The dashboard over made-up cards: everything a page can show, and no data."""

import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import uvicorn
from dash.development.base_component import Component

from dashboard import figures
from dashboard.app import Sources, create_app
from dashboard.card import Card
from dashboard.components import Column, grid, legend, tag, tile, tiles
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.metrics import DEFINITIONS
from dashboard.shell import Page, register
from dashboard.viewer import About, Choices, Viewer
from tests.browser.toy_frames import (
    SITES,
    broken,
    causes,
    criteria,
    curve,
    days,
    durations,
    long_list,
    months,
    nobody,
    rates,
    starts,
    waiting,
)

CHOICES = Choices(
    months=tuple(f"{y}-{m:02}" for y in (2024, 2025, 2026) for m in range(1, 13))[:35],
    product=(("car-t-cd19", "CAR-T CD19"), ("msc-bm", "MSC, bone marrow")),
    product_class=(("car_t", "CAR-T"), ("msc", "MSC")),
    pathway=(
        ("clinical_trial", "Clinical trial"),
        ("hospital_exemption", "Hospital exemption"),
        ("compassionate_use", "Compassionate use"),
    ),
    region=(("north", "North"), ("south", "South")),
    site=tuple((slug, name) for slug, name, _, _ in SITES),
)

VIEWERS = (
    Viewer("lead"),
    Viewer("authority", region="North"),
    Viewer("site", site="bergen"),
    Viewer("public"),
)


def about(_snapshots: Path, viewer: Viewer) -> About:
    choices = Choices(months=CHOICES.months) if viewer.role == "public" else CHOICES
    return About(
        "Made-up network",
        date(2026, 11, 16),
        datetime.now(UTC) - timedelta(hours=3),
        "20261116-01",
        VIEWERS,
        choices,
    )


def _funnel_sentence(frame: pl.DataFrame) -> str:
    high = frame.filter(pl.col("flag") == "high998")["label"].to_list()
    return (
        f"{len(high)} of {frame.height} sites fails more often than chance explains"
        f" ({', '.join(high)}); lower is better."
    )


FUNNEL = Card(
    "toy-funnel",
    "Failure rate by site, with the limits of chance",
    rates,
    _funnel_sentence,
    lambda frame: figures.funnel(frame, curve(frame)),
    (
        Column("label", "Site"),
        Column("n", "Batches ended", "count"),
        Column("failed", "Failed", "count"),
        Column("value", "Share failed", "percent"),
    ),
    metric="no_product",
    height=440,
)

OVERVIEW = Page(
    "/",
    "Overview",
    "What needs attention in the network today.",
    10,
    (
        FUNNEL,
        Card(
            "toy-map",
            "Where the sites are",
            rates,
            lambda f: f"{f.height} sites make cell therapies here.",
            figures.places,
            width="half",
            count=lambda f: f"{f.height} sites",
        ),
        Card(
            "toy-pareto",
            "Why no product was made",
            causes,
            lambda f: "Two causes make two thirds of the failures.",
            figures.pareto,
            width="half",
            count=lambda f: f"n = {f['count'].sum()} failures",
        ),
        Card(
            "toy-series",
            "Failure rate over time",
            months,
            lambda f: "One month lies above the limits; lower is better.",
            lambda f: figures.series(f, "share that failed", percent=True),
        ),
    ),
    top=lambda viewer, filters: tiles(
        tile("Batches started", "1\u202f284", "in the last 12 months"),
        tile(
            "Failure rate",
            "8.1 %",
            "104 of 1\u202f284 ended",
            tag("1 site above", "bad"),
        ),
        tile(
            "Vein to vein",
            "27 days",
            "median, n = 1\u202f046",
            tag("3 days less", "good"),
        ),
        tile("Freshness", "11 of 12", "sites reported in time", tag("1 late", "watch")),
    ),
)

COMPARE = Page(
    "/compare",
    "Compare",
    "Every other kind of figure, with made-up numbers.",
    20,
    (
        Card(
            "toy-bars",
            "Batches started by pathway",
            starts,
            lambda f: "Starts grow by a tenth a year; more is better.",
            figures.stacked_bars,
            count=lambda f: f"n = {f['count'].sum()}",
        ),
        Card(
            "toy-matrix",
            "Who tests what, and how strictly",
            criteria,
            lambda f: "Sites agree on viability and on little else.",
            figures.matrix,
        ),
        Card(
            "toy-caterpillar",
            "Failure rate with its interval",
            rates,
            lambda f: "Most intervals contain the network's rate; lower is better.",
            lambda f: figures.caterpillar(f, "share that failed", True, 0.08),
            width="half",
        ),
        Card(
            "toy-quantiles",
            "Days from vein to vein",
            durations,
            lambda f: "The median is 18 to 30 days; shorter is better.",
            lambda f: figures.quantiles(f, "days"),
            width="half",
        ),
        Card(
            "toy-steps",
            "Results reported by day",
            waiting,
            lambda f: "Third parties need seven days more; sooner is better.",
            lambda f: figures.steps(f, "days", "share reported"),
            width="half",
        ),
        Card(
            "toy-histogram",
            "Days from sample to result",
            days,
            lambda f: "Most results come within four weeks; sooner is better.",
            lambda f: figures.histogram(f, "days", "results"),
            width="half",
        ),
        Card(
            "toy-empty",
            "Nothing to draw",
            lambda v, f: pl.DataFrame(),
            lambda f: "No batch matches these filters.",
            figures.pareto,
            width="half",
        ),
        Card(
            "toy-hidden",
            "All hidden",
            nobody,
            lambda f: "Too few batches to show.",
            figures.stacked_bars,
            width="half",
        ),
        Card("toy-broken", "A card that breaks", broken, lambda f: "Never seen."),
        Card(
            "toy-table",
            "A table of five states",
            long_list,
            lambda f: "Each row is in one of five states.",
            columns=(
                Column("batch", "Batch"),
                Column("started", "Started", "date"),
                Column("doses", "Doses", "count"),
                Column("share", "Share", "percent"),
            ),
        ),
    ),
    top=lambda viewer, filters: switch(
        "What failure means",
        filters,
        "/compare",
        "definition",
        [(name, d.title) for name, d in DEFINITIONS.items()],
    ),
    foot=lambda viewer, filters: legend(),
)


def _site(_viewer: Viewer, filters: Filters) -> Component:
    return tiles(tile("Site", filters.extra["slug"]))


def _grid(viewer: Viewer, filters: Filters) -> Component:
    return grid(long_list(viewer, filters), OVERVIEW_COLUMNS, "Rejected rows")


OVERVIEW_COLUMNS = (Column("batch", "Batch"), Column("started", "Started", "date"))


def pages() -> None:
    register("toy.overview", OVERVIEW)
    register("toy.compare", COMPARE)
    register(
        "toy.list", Page("/list", "Long list", "Rows to look through.", 30, foot=_grid)
    )
    register(
        "toy.site", Page("/site/<slug>", "One site", "Against the network.", top=_site)
    )


def main(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        app = create_app(Sources(Path(folder), journal, about), pages=pages)
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
