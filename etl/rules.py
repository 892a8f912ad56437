"""Findings that only several datasets together show: a result for a batch never sent.

Nothing is refused for them, because either side may be the one that is wrong or late.
Each rule counts what it looked at as well as what it found, so that a share can be
shown, and a rule that had nothing to look at is told from one that found nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.plausibility import (
    SUMMARIES,
    Tables,
    early_release,
    fractions,
    overbooked,
    overlapping_versions,
    summarised,
    unreleased_infusion,
    without,
)

# Decisions that do not follow from the batch's own results: see `etl.outcome`.
DECISIONS: Final = "decision_against_results"
Severity = Literal["critical", "major", "minor"]
FINDING: Final[Mapping[str, type[pl.DataType]]] = {
    "rule": pl.String,
    "severity": pl.String,
    "site": pl.String,
    "dataset": pl.String,
    "batch": pl.String,
    "key": pl.String,
    "column": pl.String,
    "read": pl.String,
    "expected": pl.String,
}
COUNT: Final[Mapping[str, type[pl.DataType]]] = {
    "rule": pl.String,
    "site": pl.String,
    "numerator": pl.Int64,
    "denominator": pl.Int64,
}


@dataclass(frozen=True)
class Rule:
    """One rule over several datasets, and how to see where it is broken.

    `looked_at` gives a row for everything the rule applies to: site, batch, read,
    `key`, `n` (how many rows of the dataset it stands for) and `broken`. The rows of
    the dataset in which the SQL `place` gives that key are those it is about.
    """

    id: str
    title: str
    severity: Severity
    dataset: str
    column: str
    numerator: str
    denominator: str
    expected: str
    looked_at: Callable[[Tables], pl.DataFrame]
    place: str = "batch"


@dataclass(frozen=True)
class Findings:
    """What the rules found, and for each rule and site what they looked at.

    In `counts` a denominator of 0 means that the rule did not apply.
    """

    findings: pl.DataFrame
    counts: pl.DataFrame


def find(tables: Tables, asked: Sequence[Rule] | None = None) -> Findings:
    """The findings of all rules, or those asked, over the rows that stand now.

    A dataset that is missing from `tables` is empty; of results their summaries do.
    """
    whole = {name: tables.get(name, _none(name)) for name in SCHEMAS}
    whole |= {name: tables[name] for name in SUMMARIES if name in tables} or summarised(
        whole["result"]
    )
    seen = {rule: rule.looked_at(whole) for rule in (RULES if asked is None else asked)}
    found = [_found(rule, rows.filter(pl.col("broken"))) for rule, rows in seen.items()]
    return Findings(pl.concat(found), _counts(seen, _sites(whole)))


def _none(dataset: str) -> pl.DataFrame:
    empty: pl.DataFrame = SCHEMAS[dataset].create_empty()
    return empty


def _found(rule: Rule, broken: pl.DataFrame) -> pl.DataFrame:
    found = broken.select(
        rule=pl.lit(rule.id),
        severity=pl.lit(rule.severity),
        site="site",
        dataset=pl.lit(rule.dataset),
        batch="batch",
        key="key",
        column=pl.lit(rule.column),
        read="read",
        expected=pl.lit(rule.expected),
    )
    return found.select(pl.col(c).cast(dtype) for c, dtype in FINDING.items())


def _counts(seen: Mapping[Rule, pl.DataFrame], sites: list[str]) -> pl.DataFrame:
    counted = [
        rows.group_by("site").agg(
            rule=pl.lit(rule.id),
            numerator=pl.col("n").filter(pl.col("broken")).sum(),
            denominator=pl.col("n").sum(),
        )
        for rule, rows in seen.items()
    ]
    every = pl.DataFrame({"rule": [rule.id for rule in seen]}).join(
        pl.DataFrame({"site": sites}, schema={"site": pl.String}), how="cross"
    )
    joined = every.join(
        pl.concat(counted, how="vertical_relaxed"),
        on=["rule", "site"],
        how="left",
        maintain_order="left",
    )
    counts = joined.with_columns(pl.col("numerator", "denominator").fill_null(0))
    return counts.select(pl.col(c).cast(dtype) for c, dtype in COUNT.items())


def counted_too(counts: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """The counts with those of the rule on decisions, which judges and does not find.

    What it finds is told batch by batch and test by test: see `etl.outcome`.
    """
    return pl.concat([counts, decision_counts(counts, decided)])


def decision_counts(counts: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """The rows of the rule on decisions alone, one for each site of `counts`."""
    sites = counts.select("site").unique(maintain_order=True)
    more = sites.join(decided, on="site", how="left", maintain_order="left")
    more = more.with_columns(
        pl.col("numerator", "denominator").fill_null(0), rule=pl.lit(DECISIONS)
    )
    return more.select(counts.columns).cast(counts.schema)


def _sites(tables: Tables) -> list[str]:
    named = [table["site"] for table in tables.values() if "site" in table.columns]
    return sorted(pl.concat(named).unique())


RULES: Final = (
    Rule(
        "result_without_batch",
        "Results for a batch that was never sent",
        "major",
        "result",
        "batch",
        "results whose batch is not there",
        "results",
        "the batch as well, or another batch number",
        without("result", "batch", "batch"),
    ),
    Rule(
        "release_without_batch",
        "Decisions about a batch that was never sent",
        "major",
        "release",
        "batch",
        "decisions whose batch is not there",
        "decisions",
        "the batch as well, or another batch number",
        without("release", "batch", "batch"),
    ),
    Rule(
        "material_without_batch",
        "Lots used in a batch that was never sent",
        "minor",
        "material",
        "batch",
        "lots whose batch is not there",
        "lots by batch",
        "the batch as well, or another batch number",
        without("material", "batch", "batch"),
    ),
    Rule(
        "deviation_without_batch",
        "Deviations of a batch that was never sent",
        "minor",
        "deviation",
        "batch",
        "deviations whose batch is not there",
        "deviations that name a batch",
        "the batch as well, or another batch number",
        without("deviation", "batch", "batch"),
    ),
    Rule(
        "batch_without_order",
        "Batches for an order that was never sent",
        "minor",
        "batch",
        "order_key",
        "batches whose order is not there",
        "batches that name an order",
        "the order as well, or another order number",
        without("batch", "order_key", "demand"),
        "order_key",
    ),
    Rule(
        "release_before_harvest",
        "Released before the harvest",
        "critical",
        "release",
        "decided",
        "decisions before the day of harvest",
        "decisions on harvested batches",
        "a decision on or after the harvest",
        early_release,
    ),
    Rule(
        "infused_without_release",
        "Infused without a release",
        "critical",
        "batch",
        "infused",
        "infused batches without a decision to release them",
        "infused batches",
        "the decision under which the batch was released",
        unreleased_infusion,
    ),
    Rule(
        "booked_above_staffed",
        "More booked than staffed",
        "minor",
        "capacity",
        "booked",
        "weeks of a resource booked beyond its staff",
        "weeks of a resource with both figures",
        "no more batch starts booked than are staffed",
        overbooked,
        "resource || ' ' || week",
    ),
    Rule(
        "overlapping_versions",
        "Two versions of a specification in force at once",
        "major",
        "criterion",
        "valid_to",
        "versions that end after the next begins",
        "versions with a first day",
        "a version that ends before the next one begins",
        overlapping_versions,
        "product || ' ' || spec_version",
    ),
    Rule(
        "fractions_as_percent",
        "Percentages that look like fractions",
        "major",
        "result",
        "value",
        "results of tests of which none is above 1 %",
        "results in percent where more is better",
        "percent, or `fraction = true` where 0.97 stands for 97 %",
        fractions,
        "parameter",
    ),
)
