"""Batches released provisionally: what settled them, after how long, and who waits.

A batch belongs to the month of its provisional release. What waits has waited until
the last day of which its site's releases speak.
"""

from collections.abc import Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import _sum
from dashboard.queries.days import histogram
from dashboard.queries.disclosure import SUPPRESSED, openly, scope
from dashboard.queries.pooled import HELD_BACK
from dashboard.queries.snapshot import current
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

    A month whose failures `certified` holds back is not told here either. Whoever sees
    a pool is told of no month: a pool is told by quarters and more, of which it cannot
    be said what is still to come.
    """
    columns = ("failed", "certified", "waiting")
    snapshot = current()
    _, hidden = openly(snapshot, viewer, scope(snapshot, viewer, filters))
    if hidden.site:
        return _untold(certified(viewer, filters, ("month",)), columns)
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


def _untold(months: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """A row a month that says that nothing is told of it."""
    none = [pl.lit(None, pl.Int64).alias(c) for c in ("day", *columns)]
    return months.select(
        "site",
        "month",
        *none,
        pl.lit(SUPPRESSED).alias("state"),
        pl.lit(HELD_BACK).alias("reason"),
    )
