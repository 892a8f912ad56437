"""Re-manufacture: success within an order, its number of attempts, the time lost."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import intervals
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.pages import _days_lost
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

_FATES = {
    "with_product": "has a product",
    "without_product": "closed without one",
    "still_open": "still open",
}
_SHARE = (
    Column("rate", "Success", "percent"),
    Column("lower", "95 % from", "percent"),
    Column("upper", "to", "percent"),
)


def by_attempts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Orders by the number of batches begun for them, and what came of them."""
    frame = queries.orders(viewer, filters, by=("attempts",)).sort("attempts")
    return frame.with_columns(_attempts(pl.col("attempts")).alias("label"))


def _attempts(number: pl.Expr) -> pl.Expr:
    several = pl.format("{} attempts", number)
    return pl.when(number == 1).then(pl.lit("1 attempt")).otherwise(several)


def _by_attempts_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("orders")
    total = int(seen["orders"].sum() or 0)
    if not total:
        return "No order can be counted in this selection, or its counts are hidden."
    if seen.height < frame.height:
        return (
            f"{some(total, 'order')} can be shown by their number of batches; the"
            " other counts are held back, so no share is told. Fewer attempts are"
            " better."
        )
    more = int(seen.filter(pl.col("attempts") > 1)["orders"].sum() or 0)
    return (
        f"Of {some(total, 'order')}, {more} ({written(more / total, 'percent')}) took"
        " more than one batch. Fewer attempts are better, unless a lost batch is left"
        " without a second one."
    )


def _by_attempts_drawn(frame: pl.DataFrame) -> go.Figure:
    parts = frame.unpivot(
        [*_FATES], index=["label", "state", "reason"], variable_name="part",
        value_name="count",
    ).with_columns(pl.col("part").replace_strict(_FATES))  # fmt: skip
    return figures.stacked_bars(parts.rename({"label": "x"}), "orders")


def success(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Share of batches with a product by attempt, and of orders; exact intervals."""
    batches = queries.attempts(viewer, filters, by=("attempt",)).sort("attempt")
    rows = batches.select(
        pl.format("attempt {}", "attempt").alias("label"),
        pl.col("product_made").alias("events"),
        pl.col("ended").alias("n"),
        "in_process", "state", "reason",
    )  # fmt: skip
    whole = queries.orders(viewer, filters, by=()).select(
        pl.lit("the whole order").alias("label"),
        pl.col("with_product").alias("events"),
        (pl.col("with_product") + pl.col("without_product")).alias("n"),
        pl.col("still_open").alias("in_process"),
        "state", "reason",
    )  # fmt: skip
    return intervals.proportions(pl.concat([rows, whole], how="vertical_relaxed"))


def _success_said(frame: pl.DataFrame) -> str:
    told = {row["label"]: row for row in frame.drop_nulls("rate").to_dicts()}
    whole, first = told.get("the whole order"), told.get("attempt 1")
    if whole is None or first is None:
        return "No order has come to an end in this selection, or counts are hidden."
    second = told.get("attempt 2")
    again = f", of second ones {_share(second)}" if second else ""
    return (
        f"{_share(first)} of first attempts gave a product{again};"
        f" {_share(whole)} of orders got one in the end. Higher is better."
    )


def _share(row: dict[str, object]) -> str:
    return (
        f"{written(row['rate'], 'percent')} ({written(row['events'], 'count')} of"
        f" {written(row['n'], 'count')})"
    )


def _success_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.rename({"rate": "value", "lower": "low", "upper": "high"})
    return figures.caterpillar(rows, "share with a product", percent=True)


register(
    __name__,
    Page(
        "/re-manufacture",
        "Re-manufacture",
        "When a batch fails: is it made again, does the order get its product, and"
        " how many days does the patient lose?",
        order=38,
        shown=("from", "to", "product", "product_class", "pathway", "region", "site"),
        cards=(
            Card(
                "remanufacture-orders",
                "How many attempts an order takes",
                by_attempts,
                _by_attempts_said,
                _by_attempts_drawn,
                (
                    Column("label", "Batches begun"),
                    Column("orders", "Orders", "count"),
                    Column("with_product", "Have a product", "count"),
                    Column("without_product", "Closed without one", "count"),
                    Column("still_open", "Still open", "count"),
                ),
                count=lambda f: some(int(f["orders"].sum() or 0), "order"),
                metric="order_success",
                width="half",
            ),
            Card(
                "remanufacture-success",
                "Success by attempt",
                success,
                _success_said,
                _success_drawn,
                (
                    Column("label", "Of"),
                    Column("events", "With a product", "count"),
                    Column("n", "Ended", "count"),
                    *_SHARE,
                    Column("in_process", "Still running", "count"),
                ),
                count=lambda f: some(
                    int(f.filter(pl.col("label") == "the whole order")["n"].sum() or 0),
                    "order",
                ),
                metric="first_pass_success",
                width="half",
            ),
            *_days_lost.CARDS,
        ),
    ),
)  # fmt: skip
