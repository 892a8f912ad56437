"""Lots of materials judged over the whole network: whose batches fail unexpectedly.

One lot goes to several sites, and at each of them its failures may look like chance.
What is expected of a lot follows from the products it was used for, so that a vector
of a hard product is not taken for a bad one.
"""

import numpy as np
import polars as pl

from dashboard.analysis.cells import numbers, series
from dashboard.analysis.limits import exceeding
from dashboard.analysis.multiple import adjusted
from dashboard.analysis.standardisation import standardise

LEVEL = 0.002
KEY = ("kind", "supplier", "lot")


def judged(uses: pl.DataFrame) -> pl.DataFrame:
    """One row a lot: its batches, failures, those expected, and whether it is `listed`.

    Reads kind, supplier, lot, product, `n` (batches that have ended) and `events`
    (those without a product), any number of rows a lot. Each is compared with the
    other lots of its kind by indirect standardisation over products. Listed is a lot
    above the exact Poisson count rule (99.8 %) whose p-value, adjusted by Benjamini
    and Hochberg for all lots of its kind, stays under LEVEL too: where no lot
    differs, fewer than one look in 500 lists any lot of a kind.

    Gives kind, supplier, lot, n, events, expected, flag_at, `chance` (of a lot that
    does not differ to reach flag_at), p_value, p_value_adjusted, listed.
    """
    label = pl.concat_str("supplier", "lot", separator="\x1f").alias("site")
    parts = [
        adjusted(standardise(part.with_columns(label), ("product",))).select(
            pl.lit(kind).alias("kind"), pl.all()
        )
        for (kind,), part in uses.group_by(["kind"], maintain_order=True)
    ]
    if not parts:
        return _shown(pl.DataFrame(schema=_EMPTY))
    return _shown(pl.concat(parts))


_EMPTY = {
    "kind": pl.String,
    "site": pl.String,
    "n": pl.Int64,
    "observed": pl.Int64,
    "expected": pl.Float64,
    "flag_at998": pl.Int64,
    "p_value": pl.Float64,
    "p_value_adjusted": pl.Float64,
    "flagged": pl.String,
}


def _shown(frame: pl.DataFrame) -> pl.DataFrame:
    names = pl.col("site").str.split_exact("\x1f", 1).struct
    at, expected = (numbers(frame, c) for c in ("flag_at998", "expected"))
    chance = exceeding(at - 1, np.asarray(expected), 1.0, "poisson")
    return frame.select(
        "kind",
        names.field("field_0").alias("supplier"),
        names.field("field_1").alias("lot"),
        "n",
        pl.col("observed").alias("events"),
        "expected",
        pl.col("flag_at998").alias("flag_at"),
        series("chance", chance),
        "p_value",
        "p_value_adjusted",
        ((pl.col("flagged") == "high998") & (pl.col("p_value_adjusted") < LEVEL))
        .fill_null(False)
        .alias("listed"),
    ).sort(KEY)
