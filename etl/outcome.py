"""What the verdicts on single results make of a batch, gate by gate.

Only criteria of status `release` decide. A gate passes when every requirement passes,
fails as soon as one fails, and is undetermined otherwise: a test without a result is
never a pass. An or-group is one requirement: any pass will do, all must fail to fail.
"""

from typing import Final

import polars as pl

from etl.matching import SPECIFICATION

_GATE: Final = ["assigned", "gate"]
_OUTCOME: Final = (
    pl.when(pl.col("failed") > 0)
    .then(pl.lit("fail"))
    .when(pl.col("undetermined") > 0)
    .then(pl.lit("undetermined"))
    .otherwise(pl.lit("pass"))
)


def batch_outcomes(judged: pl.DataFrame) -> pl.DataFrame:
    """One row per batch, specification and gate: outcome, and what failed.

    Columns: assigned, site, batch, spec_site, product, spec_version, gate, outcome,
    requirements, failed and undetermined (counts of requirements), failing (the
    parameters, sorted) and sole_cause (the only failed requirement: its parameter, or
    the name of its or-group; null where several failed or none). A batch of which
    nothing is asked at a gate has no row there.
    """
    released = judged.filter(pl.col("status") == "release")
    demands = pl.concat([_single(released), _groups(released)])
    failed, unknown = _is("fail"), _is("undetermined")
    gates = demands.group_by(_GATE, maintain_order=True).agg(
        pl.len().alias("requirements"),
        failed.sum().alias("failed"),
        unknown.sum().alias("undetermined"),
    )
    causes = (
        demands.filter(failed)
        .group_by(_GATE)
        .agg(
            pl.col("failing").explode().unique().sort(),
            pl.when(pl.len() == 1).then(pl.col("cause").first()).alias("sole_cause"),
        )
    )
    named = released.select(*_GATE, "site", "batch", *SPECIFICATION).unique(
        _GATE, maintain_order=True
    )
    whole = gates.with_columns(_OUTCOME.alias("outcome")).join(named, on=_GATE)
    return (
        whole.join(causes, on=_GATE, how="left")
        .select(
            *("assigned", "site", "batch"),
            *SPECIFICATION,
            *("gate", "outcome", "requirements", "failed", "undetermined"),
            pl.col("failing").fill_null([]),
            "sole_cause",
        )
        .sort(_GATE)
    )


def discordance(outcomes: pl.DataFrame, release: pl.DataFrame) -> pl.DataFrame:
    """Findings where the recorded decision does not follow from the recorded results.

    A batch released in specification although a criterion of that gate failed is an
    error, one finding for each parameter; one rejected although all passed is a
    warning, since it may have been rejected for what no test shows. An undetermined
    gate implies nothing. `outcomes` must come from the specifications in force.
    """
    decided = release.join(outcomes, on=["site", "batch", "gate"])
    let_out = decided.filter(pl.col("decision") == "released", _is("fail"))
    kept_back = decided.filter(pl.col("decision") == "rejected", _is("pass"))
    return pl.concat(
        [
            _findings(
                let_out.explode("failing").rename({"failing": "column"}),
                "error",
                "rejected",
            ),
            _findings(
                kept_back.with_columns(column=pl.lit("decision")), "warning", "released"
            ),
        ]
    )


def _is(outcome: str) -> pl.Expr:
    return pl.col("outcome") == outcome


def _single(released: pl.DataFrame) -> pl.DataFrame:
    """The criteria that must each be met."""
    return released.filter(pl.col("alternatives").is_null()).select(
        *_GATE,
        "outcome",
        pl.concat_list("parameter").alias("failing"),
        pl.col("parameter").alias("cause"),
    )


def _groups(released: pl.DataFrame) -> pl.DataFrame:
    """The or-groups, each as one requirement."""
    arms = released.filter(pl.col("alternatives").is_not_null())
    outcome = (
        pl.when(_is("pass").any())
        .then(pl.lit("pass"))
        .when(_is("fail").all())
        .then(pl.lit("fail"))
        .otherwise(pl.lit("undetermined"))
    )
    return (
        arms.group_by(*_GATE, "alternatives", maintain_order=True)
        .agg(outcome.alias("outcome"), pl.col("parameter").alias("failing"))
        .select(*_GATE, "outcome", "failing", pl.col("alternatives").alias("cause"))
    )


def _findings(rows: pl.DataFrame, severity: str, expected: str) -> pl.DataFrame:
    return rows.select(
        pl.lit("discordance").alias("rule"),
        pl.lit(severity).alias("severity"),
        "site",
        pl.lit("release").alias("dataset"),
        "batch",
        "column",
        pl.col("decision").alias("read"),
        pl.lit(expected).alias("expected"),
    )
