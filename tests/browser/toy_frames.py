"""Made-up frames for the toy pages: every state, every kind of figure."""

import math
import random
from datetime import date, timedelta

import polars as pl

from dashboard.filters import Filters
from dashboard.viewer import Viewer

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
