"""What was measured, and what it was measured against."""

import dataframely as dy
import polars as pl

from etl.contract.columns import (
    NONE,
    date,
    number,
    ordered,
    parameter,
    pseudonym,
    slug,
    text,
    unit,
    word,
)


class Result(dy.Schema):
    """One test result of a batch, as reported, censored or not."""

    site = slug(key=True)
    batch = pseudonym(key=True)
    parameter = parameter(key=True)
    population = word("population", key=True, missing=NONE)
    stage = word("stage", key=True)
    # `sample` itself is a method of every schema.
    sample_ = pseudonym(key=True, missing=NONE, alias="sample")
    laboratory = slug(key=True, missing=NONE)
    method = slug(key=True, missing=NONE)
    replicate = slug(key=True, missing=NONE)
    comparator = word("comparator", nullable=True)
    value = number()
    text = text()
    unit = unit()
    sampled = date()
    reported = date()
    state = word("result_state", missing="valid")
    verdict = word("verdict", nullable=True)
    spec_version = slug(nullable=True)
    retest_of = slug(nullable=True)

    @dy.rule()
    def reported_before_sampled(cls) -> pl.Expr:
        """A report on or after the day of the sample."""
        return ordered("sampled", "reported")

    @dy.rule()
    def result_without_value(cls) -> pl.Expr:
        """A value or a text, or a word such as nd, n.a. or pending."""
        said = pl.col("value").is_not_null() | pl.col("text").is_not_null()
        return said | (pl.col("state") != "valid")


class Criterion(dy.Schema):
    """One limit of one version of a site's specification."""

    site = slug(key=True)
    product = slug(key=True)
    spec_version = slug(key=True)
    gate = word("gate", key=True)
    parameter = parameter(key=True)
    population = word("population", key=True, missing=NONE)
    stage = word("stage", key=True)
    method = slug(key=True, missing=NONE)
    laboratory = slug(missing=NONE)
    pharmacopoeia = text()
    status = word("criterion_status")
    operator = word("operator", nullable=True)
    limit_low = number()
    limit_high = number()
    text_limit = text()
    unit = unit()
    reference_weight_kg = number(lowest=0)
    reference_volume_ml = number(lowest=0)
    logic_group = dy.String(
        nullable=True,
        regex=r"^[A-Za-z0-9_ -]+:(and|or)$",
        metadata={"kind": "text", "missing": None},
    )
    valid_from = date()
    valid_to = date(years_ahead=50)

    @dy.rule()
    def criterion_without_limit(cls) -> pl.Expr:
        """The limit its operator needs; only an informative one may have none."""
        low, high = (
            pl.col("limit_low").is_not_null(),
            pl.col("limit_high").is_not_null(),
        )
        needed = (
            pl.when(pl.col("operator").is_in([">", ">="]))
            .then(low)
            .when(pl.col("operator").is_in(["<", "<="]))
            .then(high)
            .when(pl.col("operator") == "between")
            .then(low & high)
            .when(pl.col("operator") == "text")
            .then(pl.col("text_limit").is_not_null())
        )
        return needed.fill_null(pl.col("status") == "informative")

    @dy.rule()
    def limit_high_below_limit_low(cls) -> pl.Expr:
        """An upper limit at or above the lower one."""
        return ordered("limit_low", "limit_high")

    @dy.rule()
    def valid_to_before_valid_from(cls) -> pl.Expr:
        """A last day on or after the first one."""
        return ordered("valid_from", "valid_to")


class RingTrial(dy.Schema):
    """A laboratory's result for a specimen that several laboratories got."""

    round = slug(key=True)
    specimen = slug(key=True)
    laboratory = slug(key=True)
    parameter = parameter(key=True)
    method = slug(key=True, missing=NONE)
    replicate = slug(key=True, missing=NONE)
    value = number()
    comparator = word("comparator", nullable=True)
    unit = unit()
    assigned_value = number()
    assigned_sd = number(lowest=0)
