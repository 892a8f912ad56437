"""A gap in what products measure, read as the laboratory's or as the product's.

A site's products may measure lower because they are, or because its laboratory reads
low. Ring trials tell the second by itself: everybody measured the same specimens. What
a laboratory reads off there is taken out of the gap, and the product is what remains.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl
from scipy import stats

from dashboard.analysis.proficiency import algorithm_a

# Both terms of every laboratory are looked at, so chance gets little room.
_BEYOND: Final = 0.998
TERMS: Final = ("gap", "assay", "product")
_CELL: Final = ["product", "unit"]


def gaps(sums: pl.DataFrame, fewest: int = 1, threshold: int = 0) -> pl.DataFrame:
    """One row a site and laboratory: n, mean, `gap` to other sites and its `se`.

    `sums`: site, laboratory, product, unit, n, censored, total, squares. Taken within
    each product, so that no mix of work makes a gap, and weighted by the site's own
    batches. The others' value is algorithm A's over their means, as ring trials assign
    one, so that one odd site makes no gap of all others. A product that fewer than
    `fewest` other sites measured, or under `threshold` times, takes no part: without
    any other the gap is null, as it is where a figure was censored, since a mean of
    the rest would be too high or too low.
    """
    cells = [
        {**cell, **_apart(cell, others, fewest, threshold)}
        for cell, others in _beside(sums)
    ]
    frame = pl.DataFrame(cells, schema={**sums.schema, **_APART}, orient="row")
    share = pl.col("weight") / pl.col("weight").sum()
    some = (pl.col("weight").sum() > 0) & (pl.col("censored").sum() == 0)
    return (
        frame.group_by("site", "laboratory", "unit")
        .agg(
            pl.col("n", "censored").sum(),
            (pl.col("total").sum() / pl.col("n").sum()).fill_nan(None).alias("mean"),
            pl.when(some).then((share * pl.col("apart")).sum()).alias("gap"),
            pl.when(some).then((share**2 * pl.col("variance")).sum().sqrt())
            .alias("se"),
        )
        .sort("site", "laboratory", "unit")
    )  # fmt: skip


_APART: Final = dict.fromkeys(("weight", "apart", "variance"), pl.Float64)
_Cell = dict[str, Any]


def _beside(sums: pl.DataFrame) -> Iterator[tuple[_Cell, list[_Cell]]]:
    """Each row, and beside it the same product and unit at all other sites."""
    for _, part in sums.group_by(_CELL, maintain_order=True):
        whole = part.group_by("site", maintain_order=True).agg(
            pl.col("n", "total", "squares").sum()
        )
        each = whole.filter(pl.col("n") >= 2).to_dicts()
        for cell in part.to_dicts():
            yield cell, [other for other in each if other["site"] != cell["site"]]


def _apart(
    cell: _Cell, others: list[_Cell], fewest: int, threshold: int
) -> dict[str, float | None]:
    """How far a cell's mean lies from the others', its variance, and its weight."""
    enough = len(others) >= fewest and sum(o["n"] for o in others) >= threshold
    if not others or not enough or cell["n"] < 2:
        return dict.fromkeys(_APART, None)
    robust = algorithm_a(np.array([o["total"] / o["n"] for o in others]))
    within = float(np.mean([_variance(other) for other in others])) / len(others)
    return {
        "weight": float(cell["n"]),
        "apart": cell["total"] / cell["n"] - robust.mean,
        "variance": _variance(cell) + max(robust.uncertainty**2, within),
    }


def _variance(of: _Cell) -> float:
    """The squared standard error of a mean, from its sums; never under zero."""
    n, total, squares = (float(of[c]) for c in ("n", "total", "squares"))
    return max((squares - total**2 / n) / (n - 1), 0.0) / n


def readings(scored: pl.DataFrame) -> pl.DataFrame:
    """One row a laboratory: by how much it reads off on average, `se` and specimens.

    `scored`: the scores of one parameter. Several methods of one laboratory count
    together, as its batches do.
    """
    off = (pl.col("value") - pl.col("reference")).alias("off")
    return (
        scored.drop_nulls(["value", "reference"])
        .group_by("laboratory", "unit", "round", "specimen")
        .agg(off.mean())
        .group_by("laboratory", "unit")
        .agg(
            pl.col("off").mean().alias("assay"),
            (pl.col("off").std() / pl.len().sqrt()).alias("assay_se"),
            pl.len().alias("specimens"),
        )
        .sort("laboratory", "unit")
    )


def read(gap: pl.DataFrame, reading: pl.DataFrame) -> pl.DataFrame:
    """Each gap as assay plus product, summing exactly, each with a 95 % interval.

    `verdict` names the terms beyond chance at 99.8 %: assay, product, both or neither;
    null without a gap or under three specimens in ring trials.
    """
    both = gap.join(reading, on=["laboratory", "unit"], how="left")
    enough = pl.col("specimens").fill_null(0) >= 3
    known = pl.col("gap").is_not_null() & enough
    both = both.with_columns(
        pl.when(known).then("assay").alias("assay"),
        pl.when(known).then(pl.col("gap") - pl.col("assay")).alias("product"),
        (pl.col("se") ** 2 + pl.col("assay_se") ** 2).sqrt().alias("product_se"),
        pl.col("se").alias("gap_se"),
    )
    freedom = (both["specimens"].fill_null(2) - 1).to_numpy()
    # The gap's own spread is of many batches; the reading's of a few specimens.
    wide = {
        "gap": np.full(both.height, stats.norm.ppf(0.975)),
        "assay": stats.t.ppf(0.975, freedom),
        "product": stats.t.ppf(0.975, freedom),
    }
    sure = stats.t.ppf((1 + _BEYOND) / 2, freedom)
    for term, factor in wide.items():
        half = pl.Series(factor) * both[f"{term}_se"]
        both = both.with_columns(
            (pl.col(term) - half).alias(f"{term}_lower"),
            (pl.col(term) + half).alias(f"{term}_upper"),
            (pl.col(term).abs() > pl.Series(sure) * pl.col(f"{term}_se"))
            .fill_null(False)
            .alias(f"{term}_beyond"),
        )
    assay, product = pl.col("assay_beyond"), pl.col("product_beyond")
    return both.with_columns(
        pl.when(~known)
        .then(None)
        .when(assay & product)
        .then(pl.lit("both"))
        .when(assay)
        .then(pl.lit("assay"))
        .when(product)
        .then(pl.lit("product"))
        .otherwise(pl.lit("neither"))
        .alias("verdict")
    )
