"""Cells of a matrix in a fixed order of rows and columns, none missing."""

import polars as pl


def grid(
    frame: pl.DataFrame, row: str, column: str, value: str, shade: str | None = None
) -> pl.DataFrame:
    """row, column, value, text, state, reason: every row by every column.

    Rows and columns keep the order in which `frame` has them, except that rows are
    alphabetical: sites are never ranked. `text` is the value as a whole number;
    `shade` names the column that gives the colour, the value itself by default. A pair
    that the frame has not is a blank zero.
    """
    rows = frame.select(pl.col(row).alias("row")).unique().sort("row")
    columns = frame.select(pl.col(column).alias("column")).unique(maintain_order=True)
    cells = frame.select(
        pl.col(row).alias("row"),
        pl.col(column).alias("column"),
        pl.col(shade or value).cast(pl.Float64).alias("value"),
        pl.col(value).round().cast(pl.Int64).cast(pl.String).alias("text"),
        "state",
        "reason",
    )
    every = rows.join(columns, how="cross")
    joined = every.join(cells, on=["row", "column"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("state").fill_null("zero"))
