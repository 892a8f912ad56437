"""Counts: what papers counted, what a site says it holds, what came."""

from typing import Final

import dataframely as dy
import polars as pl

from etl.contract.columns import (
    NONE,
    count,
    date,
    instant,
    month,
    ordered,
    slug,
    text,
    word,
)

STRATUM: Final = "stratum"
# What stays at a site that sends counts: each row of these is about one patient.
BATCH_LEVEL: Final = (
    "demand",
    "batch",
    "result",
    "release",
    "deviation",
    "material",
)
# What is counted out of a number of batches of its own.
COUNTED: Final = (
    "no_product",
    "out_of_spec",
    "released_out_of_spec",
    "late_failure",
    "not_infused",
    "any_failure",
    "fails_own",
)


class Cohort(dy.Schema):
    """A published count, with the denominator its paper used."""

    source = text(key=True)
    stratum = text(key=True)
    denominator = count(nullable=False)
    denominator_is = text(nullable=False)
    numerator = count(nullable=False)
    numerator_is = text(key=True)

    @dy.rule()
    def numerator_above_denominator(cls) -> pl.Expr:
        """A numerator no larger than its denominator."""
        return ordered("numerator", "denominator")


class Declared(dy.Schema):
    """How many rows the site says it holds for a month, to set against what came."""

    site = slug(key=True)
    dataset = text(key=True)
    period = month()
    expected_rows = count(nullable=False)


class Stratum(dy.Schema):
    """Batches of one kind begun in one month, counted at a site that sends no batch.

    Each failure has its own denominator (`_of`): batches of which it can be told. A
    count that the site could not make is null, not zero.
    """

    site = slug(key=True)
    product = slug(key=True)
    pathway = word("pathway", key=True)
    process = word("process", key=True)
    starting_material = word("starting_material", key=True, missing=NONE)
    period = month()
    started = count(nullable=False)
    in_process = count(nullable=False)
    ended = count(nullable=False)
    harvested = count()
    released = count()
    infused = count()
    provisional = count()
    awaiting_final = count()
    no_product = count()
    no_product_of = count()
    out_of_spec = count()
    out_of_spec_of = count()
    released_out_of_spec = count()
    released_out_of_spec_of = count()
    late_failure = count()
    late_failure_of = count()
    not_infused = count()
    not_infused_of = count()
    any_failure = count()
    any_failure_of = count()
    fails_own = count()
    fails_own_of = count()
    first_attempt_success = count()
    first_attempt_of = count()
    order_success = count()
    order_of = count()

    @dy.rule()
    def ended_above_started(cls) -> pl.Expr:
        """No more batches ended than started."""
        return ordered("ended", "started")

    @dy.rule()
    def failures_above_batches(cls) -> pl.Expr:
        """No more failures than batches that they could be among."""
        return pl.all_horizontal(ordered(name, f"{name}_of") for name in COUNTED)


class Report(dy.Schema):
    """Whether a site reported a dataset for a month, and when; written by the hub."""

    site = slug(key=True)
    dataset = text(key=True)
    period = month()
    due = date()
    received_at = instant()
    expected_rows = count()
    received_rows = count()
