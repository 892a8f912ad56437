"""Frames of the contract from a few words, and what is judged of them."""

import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.replay import in_force, judge

CRITERION = {
    "site": "alpha",
    "product": "cart",
    "spec_version": "1",
    "gate": "release",
    "population": "cells",
    "stage": "final_product",
    "method": "-",
    "laboratory": "-",
    "status": "release",
}
RESULT = {
    "site": "alpha",
    "batch": "b1",
    "population": "cells",
    "stage": "final_product",
    "sample": "-",
    "laboratory": "-",
    "method": "-",
    "replicate": "-",
    "state": "valid",
}
BATCH = {"site": "alpha", "batch": "b1", "product": "cart", "pathway": "clinical_trial"}


def criterion(parameter, operator, limit, unit=None, **rest):
    limits = {"limit_low": limit if operator in (">", ">=") else None}
    limits["limit_high"] = limit if operator in ("<", "<=") else None
    if operator == "between":
        limits = {"limit_low": limit[0], "limit_high": limit[1]}
    if operator == "text":
        limits = {"text_limit": limit}
    row = {"parameter": parameter, "operator": operator, "unit": unit}
    return {**CRITERION, **row, **limits, **rest}


def result(parameter, value=None, unit=None, comparator=None, text=None, **rest):
    said = {"value": value, "unit": unit, "comparator": comparator, "text": text}
    return {**RESULT, "parameter": parameter, **said, **rest}


def batch(**rest):
    return {**BATCH, **rest}


def frame(dataset, rows):
    schema = SCHEMAS[dataset].create_empty().schema
    return pl.DataFrame(rows, schema=schema, orient="row")


def judged(results, criteria, batches=None):
    wanted = frame("criterion", criteria)
    assignment = in_force(wanted, frame("batch", batches or [batch()]))
    return judge(frame("result", results), wanted, assignment)


def verdict(measured, wanted, **of_batch):
    """Outcome and reason of one result under one criterion."""
    rows = judged([measured], [wanted], [batch(**of_batch)])
    assert rows.height == 1
    return rows["outcome"][0], rows["reason"][0]
