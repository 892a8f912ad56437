"""Orders and their attempts: one order is one patient, however many batches it takes.

An order belongs to the month, product and pathway of its first batch. Batches that
count in no rate, and those without an order, take no part.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import _sum
from dashboard.queries.days import histogram
from dashboard.viewer import Viewer

COUNTS: Final = ("orders", "with_product", "without_product", "still_open")
FIRSTS: Final = ("first_ended", "first_failed", "made_again", "saved")


def orders(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("attempts",)
) -> pl.DataFrame:
    """Orders by what came of them: with a product, closed without one, still open.

    `attempts` is the number of the last batch begun for the order.
    """
    return _sum(viewer, filters, "rollup_order", COUNTS, (*by,))


def first_attempts(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Orders whose first batch has ended, those in which it failed, and what followed.

    `made_again` began a second batch, `saved` have a product after all.
    """
    return _sum(viewer, filters, "rollup_order", FIRSTS, (*by,))


def attempts(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("attempt",)
) -> pl.DataFrame:
    """Batches of orders by their attempt: ended, those with a product, in process."""
    columns = ("ended", "product_made", "in_process")
    return _sum(viewer, filters, "rollup_attempt", columns, (*by,))


def order_days(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("first_attempt",)
) -> pl.DataFrame:
    """Days from order to infusion, as histograms, by whether the first batch failed.

    `first_attempt` is failed or gave (a product). `ended` are the infused, whichever
    batch it was; an order that closed otherwise competes; one still open is censored.
    """
    columns = ("ended", "competing", "censored")
    return histogram(viewer, filters, "rollup_order_days", columns, (*by,))
