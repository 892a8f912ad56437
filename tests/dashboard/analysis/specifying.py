"""Specifications to compare: made from a few words each, and the published ones."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import polars as pl

from etl.contract.schemas import SCHEMAS

EMPTY = SCHEMAS["criterion"].create_empty()


def specifications(*rows: Mapping[str, Any]) -> pl.DataFrame:
    usual = {
        "product": "car",
        "spec_version": "1",
        "gate": "release",
        "population": "cells",
        "stage": "final_product",
        "method": "-",
        "status": "release",
        "unit": "%",
        "member": True,
        "current": True,
    }
    schema = {**EMPTY.schema, "member": pl.Boolean, "current": pl.Boolean}
    return pl.DataFrame([{**usual, **row} for row in rows], schema=schema)


def viability(site: str, operator: str, low: float, **more: Any) -> dict[str, Any]:
    said = {"site": site, "parameter": "viability", "operator": operator}
    return {**said, "limit_low": low, **more}


def upper(site: str, parameter: str, high: float, **more: Any) -> dict[str, Any]:
    said = {"site": site, "parameter": parameter, "operator": "<="}
    return {**said, "limit_high": high, **more}


def text(site: str, parameter: str, said: str, **more: Any) -> dict[str, Any]:
    row = {"site": site, "parameter": parameter, "operator": "text"}
    return {**row, "text_limit": said, "unit": None, "population": "product", **more}


def published() -> pl.DataFrame:
    told = (files("etl.published") / "criteria.csv").read_text(encoding="utf-8")
    rows = pl.read_csv(told.encode(), infer_schema_length=0).drop(
        "population_as_published"
    )
    numbers = [name for name, kind in EMPTY.schema.items() if kind == pl.Float64]
    known = [name for name in numbers if name in rows.columns]
    return (
        rows.rename({"source_id": "site"})
        .with_columns(pl.col(known).cast(pl.Float64))
        .with_columns(
            pl.col("site").alias("product"),
            pl.col("method").fill_null("-"),
            pl.lit(None, pl.Date).alias("valid_from"),
            pl.lit(None, pl.Date).alias("valid_to"),
            pl.lit(False).alias("member"),
            pl.lit(True).alias("current"),
        )
    )
