"""How laboratories read the same specimens, and what sites' products measured.

A laboratory's scores are shown under its name to those who see it by name, and to
nobody else: two peers could tell each other apart by them. What stands behind the
scores, the mean of all laboratories, is made of at least five.
"""

from functools import lru_cache
from typing import Final

import polars as pl

from dashboard.analysis import proficiency
from dashboard.analysis.gap import gaps
from dashboard.filters import Filters
from dashboard.queries.asked import Asked
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import (
    DATA,
    FEWEST_POOLED,
    SUPPRESSED,
    Scope,
    audience_rule,
    disclose,
    scope,
)
from dashboard.queries.pooled import told_cells
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer


def ring_trials(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The scores of the laboratories that this viewer sees by name, as `scores` gives.

    Of all rounds, whatever the period: a reading lasts. `site` is the laboratory. A
    score against a mean of under five readings, some of them not seen by name, would
    tell theirs, and is held back.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters, "criteria").named
    every = scope(snapshot, viewer, Filters(), "criteria").named
    scored = _scored(snapshot)
    unseen = ~pl.col("laboratory").is_in(every)
    keys = ["round", "specimen", "parameter", "unit"]
    few = ~pl.col("assigned") & (pl.col("p") < FEWEST_POOLED)
    hidden = few & unseen.any().over(keys)
    numbers = ("value", "reference", "spread", "score")
    return (
        scored.with_columns(
            *(pl.when(~hidden).then(pl.col(c)).alias(c) for c in numbers),
            pl.when(hidden).then(pl.lit(SUPPRESSED)).otherwise(pl.lit(DATA))
            .alias("state"),
            pl.when(hidden)
            .then(pl.lit(f"fewer than {FEWEST_POOLED} readings stand behind it"))
            .alias("reason"),
        )
        .filter(pl.col("laboratory").is_in(named))
        .with_columns(pl.col("laboratory").alias("site"))
        .sort("parameter", "laboratory", "method", "round", "specimen")
    )  # fmt: skip


@lru_cache(maxsize=2)
def _scored(snapshot: Snapshot) -> pl.DataFrame:
    """Every laboratory's scores: a page asks for them several times."""
    return proficiency.scores(snapshot.rows(_TRIALS))


_TRIALS: Final = (
    "select round, specimen, laboratory, parameter, method, replicate, value,"
    " comparator, unit, assigned_value, assigned_sd from ring_trial"
    " order by round, specimen, parameter, laboratory, method, replicate"
)


def measured(viewer: Viewer, filters: Filters, parameter: str) -> pl.DataFrame:
    """How far each named site's final products measure from all other sites'.

    One row a site and laboratory, as `gaps` gives: taken product by product. Others are
    set against even where they are not seen by name, then at least five sites of them,
    so that none can be told from the mean, and in whole blocks only; a product made by
    fewer is left out.
    """
    snapshot = current()
    whole = scope(snapshot, viewer, Filters(), "criteria")
    fewest = 1 if set(whole.site) <= set(whole.named) else FEWEST_POOLED
    sums = _sums(snapshot, whole, filters, parameter)
    threshold, _ = audience_rule(snapshot, viewer)
    found = gaps(sums, fewest, threshold)
    mine = found.filter(
        pl.col("site").is_in(scope(snapshot, viewer, filters, "criteria").named)
    )
    return disclose(
        snapshot,
        viewer,
        mine.with_columns(pl.lit(1).alias("pooled_from")),
        ("n", "censored"),
        ("mean", "gap", "se"),
    ).sort("site", "laboratory")


def _sums(
    snapshot: Snapshot, whole: Scope, filters: Filters, parameter: str
) -> pl.DataFrame:
    """Sums of what was measured; of others only in cells that are told of a pool.

    A mean of others over a window less that over another would be of single batches.
    """
    condition, bound = conditions(filters)
    rows = snapshot.rows(
        "select r.site, r.laboratory, r.product, r.pathway, r.unit,"
        " cast(date_trunc('quarter', r.month) as date) as begins,"
        " cast(sum(r.n) as bigint) as n, cast(sum(r.censored) as bigint) as censored,"
        " sum(r.total) as total,"
        " sum(r.squares) as squares from rollup_value as r"
        " left join product as p on r.product = p.product"
        " where r.parameter = $parameter and list_contains($every, r.site)"
        f" and {condition} group by all order by all",
        {"every": list(whole.site), "parameter": parameter, **bound},
    )
    if not set(whole.site) <= set(whole.named):
        asked = Asked(filters.shared, "rollup_batch", ("started",), ("site",))
        told = rows.join(
            told_cells(snapshot, asked),
            on=["product", "pathway", "begins"],
            how="semi",
            maintain_order="left",
        )
        mine = pl.col("site").is_in(whole.named)
        rows = pl.concat([rows.filter(mine), told.filter(~mine)])
    return rows.group_by(
        "site", "laboratory", "product", "unit", maintain_order=True
    ).agg(pl.col("n", "censored", "total", "squares").sum())
