"""Lots of materials judged over the whole network: whose batches fail unexpectedly.

One lot goes to several sites, and at each of them its failures may look like chance.
What is expected of a lot follows from the products it was used for and the sites that
used it: a vector of a hard product is not taken for a bad one, nor are the lots of a
site that fails often with all of them.
"""

import numpy as np
import polars as pl
from scipy.stats import binom

from dashboard.analysis.cells import numbers, series, whole
from dashboard.analysis.multiple import benjamini_hochberg
from dashboard.analysis.standardisation import standardise

LEVEL = 0.002
KEY = ("kind", "supplier", "lot")
_QUANTILE = 0.999
_NAMED = "\x1f"
_COLUMNS = ("n", "observed", "expected", "reason")


def judged(uses: pl.DataFrame) -> pl.DataFrame:
    """One row a lot: its batches, failures, those expected, and whether it is `listed`.

    Reads kind, supplier, lot, product, site, `n` (batches that have ended) and `events`
    (those without a product), any number of rows a lot. Each is compared with the other
    lots of its kind by indirect standardisation over products and sites. Listed is a
    lot with more events than the 99.9 % quantile of the binomial at its expected rate,
    whose p-value (that of so many or more), adjusted by Benjamini and Hochberg for all
    lots of its kind, stays under LEVEL too: where no lot differs, at most one look in
    500 lists any lot of a kind. Batches of several strata vary less than that binomial
    does (Hoeffding 1956, Ann Math Stat 27:713), so its tail is never too small.

    Gives kind, supplier, lot, n, events, expected, flag_at, `chance` (of a lot that
    does not differ to reach flag_at), p_value, p_value_adjusted, listed. What cannot
    be compared has null there.
    """
    label = pl.concat_str("supplier", "lot", separator=_NAMED)
    named = uses.with_columns(pl.col("site").alias("place"), label.alias("site"))
    parts = [
        standardise(part, ("product", "place")).select(
            pl.lit(kind).alias("kind"), "site", *_COLUMNS
        )
        for (kind,), part in named.group_by(["kind"], maintain_order=True)
    ]
    return pl.concat([_of_kind(part) for part in parts or [_nothing()]]).sort(KEY)


def _nothing() -> pl.DataFrame:
    counts = dict.fromkeys(("n", "observed"), pl.Int64)
    texts = dict.fromkeys(("kind", "site", "reason"), pl.String)
    frame = pl.DataFrame(schema={**texts, **counts, "expected": pl.Float64})
    return frame.select("kind", "site", *_COLUMNS)


def _of_kind(part: pl.DataFrame) -> pl.DataFrame:
    names = pl.col("site").str.split_exact(_NAMED, 1).struct
    n, events, expected = (numbers(part, c) for c in ("n", "observed", "expected"))
    compared = part["reason"].is_null().to_numpy() & (n > 0)
    size = np.where(compared, n, np.nan)
    rate = expected / size
    at = binom.ppf(_QUANTILE, size, rate) + 1
    # Where not even all of n would be enough, no count is one to be listed at.
    at = np.where(at <= size, at, np.nan)
    p = binom.sf(events - 1, size, rate)
    adjusted = benjamini_hochberg(p)
    return part.select(
        "kind",
        names.field("field_0").alias("supplier"),
        names.field("field_1").alias("lot"),
        "n",
        pl.col("observed").alias("events"),
        "expected",
        whole("flag_at", at),
        series("chance", binom.sf(at - 1, size, rate)),
        series("p_value", p),
        series("p_value_adjusted", adjusted),
        pl.Series("listed", (events >= at) & (adjusted < LEVEL), pl.Boolean),
    )
