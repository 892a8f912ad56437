"""A made-up network of 60 sites whose one product has 40 parameters, criteria only."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from etl.contract.parameters import parameters
from etl.demo.world import TODAY
from tests.dashboard.pages.criteria_network import fill, papers, typed

SITES = 60
PARAMETERS = 40
PRODUCT = "car-t-cd19"


def wide_network(folder: Path, sites: int = SITES, tests: int = PARAMETERS) -> None:
    """Writes the snapshot: limits of five heights, a twentieth of the tests missing."""
    names = [f"member-{number:02}" for number in range(sites)]
    members = pl.DataFrame(
        {
            "site": names,
            "name": [f"Hospital {name}" for name in names],
            "country": "ES",
            "region": "ES30",
            "kind": "manufacturer",
            "stage": "active",
        }
    )
    own, products, theirs = papers()
    product = pl.DataFrame(
        {"product": [PRODUCT], "title": ["CAR-T CD19"], "product_class": ["car_t"]}
    )
    begun = members.select("site").with_columns(
        pl.lit(PRODUCT).alias("product"),
        pl.lit("hospital_exemption").alias("pathway"),
        pl.lit(date(2026, 1, 5)).alias("week"),
        pl.lit(date(2026, 1, 1)).alias("month"),
        pl.lit(True).alias("counted"),
        pl.lit(1).alias("started"),
    )
    fill(
        folder,
        {
            "site": pl.concat([typed("site", members), typed("site", own)]),
            "product": pl.concat(
                [typed("product", product), typed("product", products)]
            ),
            "criterion": pl.concat(
                [_criteria(names, tests), typed("criterion", theirs)]
            ),
            "rollup_batch": begun,
            "freshness": members.select("site", pl.lit(TODAY).alias("last_day")),
        },
    )


def _criteria(names: list[str], tests: int) -> pl.DataFrame:
    draw = np.random.default_rng(1)
    chosen = [*parameters().values()][:tests]
    rows = []
    for site in names:
        for of in chosen:
            if draw.random() < 0.05:
                continue
            limit = float(draw.choice([60, 70, 75, 80, 90]))
            said = {"operator": "text", "text_limit": "negative"}
            if of.kind == "number":
                sign = str(draw.choice([">", ">="]))
                said = {"operator": sign, "limit_low": limit, "unit": of.units[0]}
            rows.append(
                {"site": site, "product": PRODUCT, "spec_version": "1",
                 "gate": str(draw.choice(["provisional", "final"], p=[0.8, 0.2])),
                 "parameter": of.code, "population": "cells",
                 "stage": "final_product", "method": "flow-cytometry",
                 "laboratory": site, "pharmacopoeia": None, "status": "release",
                 "valid_from": date(2024, 1, 1)} | said
            )  # fmt: skip
    return typed("criterion", pl.DataFrame(rows, infer_schema_length=None))
