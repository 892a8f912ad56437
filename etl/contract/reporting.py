"""Counts: what papers counted, what a site says it holds, what came."""

import dataframely as dy
import polars as pl

from etl.contract.columns import (
    count,
    date,
    instant,
    month,
    ordered,
    slug,
    text,
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


class Report(dy.Schema):
    """Whether a site reported a dataset for a month, and when; written by the hub."""

    site = slug(key=True)
    dataset = text(key=True)
    period = month()
    due = date()
    received_at = instant()
    expected_rows = count()
    received_rows = count()
