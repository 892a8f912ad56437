"""Batches released provisionally: what settled them, after how long, and who waits.

A batch belongs to the month of its provisional release. What waits has waited until
the last day of which its site's releases speak.
"""

from collections.abc import Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import _sum
from dashboard.queries.days import histogram
from dashboard.viewer import Viewer


def certified(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Provisional releases that failed late, were certified, or wait.

    `failed_given` of the failed had been infused before it was known.
    """
    columns = ("failed", "failed_given", "certified", "waiting")
    return _sum(viewer, filters, "rollup_certification", columns, (*by,))


def certification_days(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The same by month and by days to what settled them, or waited so far.

    A month whose failures `certified` holds back is not told here either.
    """
    columns = ("failed", "certified", "waiting")
    days = histogram(viewer, filters, "rollup_certification", columns, ("month",))
    shown = certified(viewer, filters, ("month",)).select(
        "month", pl.col("state").alias("told"), pl.col("reason").alias("why")
    )
    both = days.join(shown, on="month", how="left")
    held = pl.col("told") == "suppressed"
    return (
        both.with_columns(
            *(pl.when(~held).then(pl.col(c)).alias(c) for c in ("day", *columns)),
            pl.when(held).then("told").otherwise("state").alias("state"),
            pl.when(held).then("why").otherwise("reason").alias("reason"),
        )
        .drop("told", "why")
        .unique(maintain_order=True)
    )
