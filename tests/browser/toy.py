"""The dashboard over made-up cards: everything a page can show, and no data."""

import math
import random
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
from dashboard.filters import DEFINITIONS, Filters
from dashboard.journal import Journal
from dashboard.shell import Page, register
from dashboard.viewer import About, Choices, Viewer

SITES = [
    ("barcelona", "Barcelona", 41.4, 2.2),
    ("bergen", "Bergen", 60.4, 5.3),
    ("bologna", "Bologna", 44.5, 11.3),
    ("coimbra", "Coimbra", 40.2, -8.4),
    ("gent", "Gent", 51.1, 3.7),
    ("granada", "Granada", 37.2, -3.6),
    ("leipzig", "Leipzig", 51.3, 12.4),
    ("lyon", "Lyon", 45.8, 4.8),
    ("nijmegen", "Nijmegen", 51.8, 5.9),
    ("olomouc", "Olomouc", 49.6, 17.3),
    ("tampere", "Tampere", 61.5, 23.8),
    ("zagreb", "Zagreb", 45.8, 16.0),
]

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


def rates(_viewer: Viewer, filters: Filters) -> pl.DataFrame:
    draw = random.Random(7)
    rows = []
    for i, (slug, name, lat, lon) in enumerate(SITES):
        if filters.site and slug not in filters.site:
            continue
        n = draw.randint(30, 420)
        share = 0.19 if i == 5 else 0.08 + draw.gauss(0, 0.012)
        flag = "high998" if i == 5 else "high95" if i == 7 else "none"
        share = 0.125 if i == 7 else share
        half = 1.96 * math.sqrt(share * (1 - share) / n)
        state = {2: "suppressed", 9: "not_reported"}.get(i, "data")
        hidden = state != "data"
        rows.append(
            {
                "label": name,
                "n": None if hidden else n,
                "failed": None if hidden else round(n * share),
                "value": None if hidden else share,
                "low": None if hidden else max(0.0, share - half),
                "high": None if hidden else share + half,
                "flag": "none" if hidden else flag,
                "latitude": lat,
                "longitude": lon,
                "state": state,
                "reason": {2: "fewer than 5 batches", 9: "nothing since March"}.get(i),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def curve(frame: pl.DataFrame) -> pl.DataFrame:
    n = pl.Series("n", range(20, 440, 4), pl.Float64)
    spread = (0.08 * 0.92 / n).sqrt()
    return pl.DataFrame(
        {
            "n": n,
            "centre": [0.08] * len(n),
            **{
                f"{side}{level}": (0.08 + sign * z * spread).clip(0)
                for side, sign in (("low", -1), ("high", 1))
                for level, z in (("95", 1.96), ("998", 3.09))
            },
        }
    )


def causes(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    names = [
        "Insufficient cells",
        "Low viability",
        "Contamination",
        "Low transduction",
        "Starting material not fit",
        "Equipment failure",
        "Patient withdrew",
    ]
    counts = [61, 44, 21, 17, 9, 5, 0]
    states = ["data"] * 6 + ["zero"]
    return pl.DataFrame(
        {"label": names, "count": counts, "state": states, "reason": [None] * 7},
        schema_overrides={"reason": pl.String},
    )


def months(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    draw = random.Random(3)
    rows = []
    for i in range(30):
        value = 0.08 + draw.gauss(0, 0.016) + (0.07 if i == 21 else 0)
        state = "not_reported" if i in (12, 13) else "data"
        rows.append(
            {
                "x": date(2024 + i // 12, i % 12 + 1, 1),
                "value": None if state != "data" else max(value, 0),
                "low": 0.03,
                "high": 0.13,
                "centre": 0.08,
                "flag": "high998" if i == 21 else "none",
                "n": 40,
                "state": state,
                "reason": "no report came" if state != "data" else None,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def starts(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    draw = random.Random(5)
    rows = [
        {
            "x": f"{y} Q{q}",
            "part": part,
            "count": draw.randint(low, low + 14),
            "state": "data",
            "reason": None,
        }
        for y in (2024, 2025, 2026)
        for q in (1, 2, 3, 4)
        for part, low in (
            ("Clinical trial", 22),
            ("Hospital exemption", 12),
            ("Compassionate use", 4),
        )
    ]
    return pl.DataFrame(rows, schema_overrides={"reason": pl.String})


def criteria(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    draw = random.Random(11)
    rows = []
    for parameter in ("Viability", "Purity CD3", "Transduction", "Endotoxin", "VCN"):
        for _, name, _, _ in SITES[:7]:
            kind = draw.choices(
                ["data", "not_applicable", "not_reported", "suppressed"], [7, 1, 1, 1]
            )[0]
            value = draw.random()
            rows.append(
                {
                    "row": parameter,
                    "column": name,
                    "value": value if kind == "data" else None,
                    "text": f"≥ {60 + round(30 * value)} %" if kind == "data" else None,
                    "state": kind,
                    "reason": None if kind == "data" else f"because: {kind}",
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def durations(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    draw = random.Random(13)
    rows = []
    for _, name, _, _ in SITES[:8]:
        m = draw.uniform(18, 30)
        rows.append(
            {
                "label": name,
                "p10": m * 0.7,
                "p25": m * 0.85,
                "p50": m,
                "p75": m * 1.2,
                "p90": None if m > 28 else m * 1.6,
                "n": draw.randint(30, 300),
                "state": "data",
                "reason": None,
            }
        )
    return pl.DataFrame(rows, schema_overrides={"reason": pl.String})


def waiting(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    rows = [
        {
            "series": name,
            "x": day,
            "value": 1 - math.exp(-((day / scale) ** 2.2)),
            "low": max(0, 1 - math.exp(-((day / scale / 1.1) ** 2.2))),
            "high": min(1, 1 - math.exp(-((day / scale * 1.1) ** 2.2))),
            "state": "data",
            "reason": None,
        }
        for name, scale in (("Own laboratory", 12), ("Third party", 19))
        for day in range(0, 41, 2)
    ]
    return pl.DataFrame(rows, schema_overrides={"reason": pl.String})


def days(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    counts = [0, 2, 9, 24, 41, 38, 22, 11, 6, 2]
    return pl.DataFrame({"x": [4.0 * i for i in range(10)], "count": counts})


def long_list(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    states = ["data", "zero", "not_reported", "suppressed", "not_applicable"]
    return pl.DataFrame(
        [
            {
                "batch": f"k1-{i:016x}",
                "started": date(2026, 1, 1) + timedelta(i % 300),
                "doses": {0: 3 + i % 4, 1: 0}.get(i % 5),
                "share": 0.5 if i % 5 == 0 else None,
                "state": states[i % 5],
                "reason": "fewer than 5" if i % 5 == 3 else None,
            }
            for i in range(260)
        ],
        infer_schema_length=None,
    )


def nobody(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "x": ["2026"],
            "part": ["all"],
            "count": [None],
            "state": ["suppressed"],
            "reason": ["fewer than 5 batches"],
        },
        schema_overrides={"count": pl.Int64},
    )


def broken(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    raise RuntimeError("a secret that no reader may see")


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
        list(DEFINITIONS.items()),
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
