"""Months, quarters and years: none left out, and none shown as over while it runs."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

EVERY: Mapping[str, str] = {
    "week": "1w",
    "month": "1mo",
    "quarter": "1q",
    "year": "1y",
}


def titled(day: date, period: str) -> str:
    """The words for the period that begins on `day`: Oct 2026, Q4 2026, 2026."""
    if period == "quarter":
        return f"Q{(day.month + 2) // 3} {day.year}"
    forms = {"week": "week of %-d %b %Y", "month": "%b %Y", "year": "%Y"}
    return day.strftime(forms[period])


def running(period: str, today: date) -> date:
    """The first day of the period in which `today` lies: it is not over yet."""
    if period == "week":
        return today - timedelta(days=today.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    return date(today.year, (today.month - 1) // months * months + 1, 1)


def filled(
    frame: pl.DataFrame, period: str, by: Sequence[str], counts: Sequence[str]
) -> pl.DataFrame:
    """The frame with a row for every period of every group between first and last.

    `frame` has the period's first day as `x`, the columns of `by`, `counts`, state and
    reason. A period without a row had no event, which is a zero, not a gap.
    """
    if frame.is_empty():
        return frame
    days = frame.select(
        pl.date_range(pl.col("x").min(), pl.col("x").max(), EVERY[period])
    )
    grid = frame.select(by).unique(maintain_order=True).join(days, how="cross")
    joined = grid.join(frame, on=[*by, "x"], how="left", maintain_order="left")
    absent = pl.col("state").is_null()
    return joined.with_columns(
        *(pl.when(absent).then(0).otherwise(pl.col(c)).alias(c) for c in counts),
        pl.col("state").fill_null("zero"),
    )
