"""Which limits cost nothing that a stricter one would not cost too."""

import polars as pl


def frontier(limits: pl.DataFrame, stricter_up: bool) -> pl.DataFrame:
    """`limits` from the loosest to the strictest, each with whether it is `efficient`.

    `limits`: limit and failed, one row a limit. A limit is in the Pareto set when no
    other is stricter and fails no more batches: whoever would ask for anything else
    could ask for more at the same price.
    """
    rows = limits.sort("limit", descending=not stricter_up)
    cheapest_from_here = pl.col("failed").reverse().cum_min().reverse()
    next_stricter = cheapest_from_here.shift(-1)
    return rows.with_columns(
        (next_stricter.is_null() | (pl.col("failed") < next_stricter)).alias(
            "efficient"
        )
    )
