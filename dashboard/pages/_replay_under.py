"""One specification: what each site's batches come to under it, and by which tests."""

from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._replayed import (
    NOBODY,
    NOTHING,
    specifications,
    under,
    with_shares,
)
from dashboard.viewer import Viewer

_PARTS: Final = {
    "passed": "passes",
    "sole": "fails one test only",
    "shared": "fails several tests",
    "undetermined": "undetermined",
}


def under_one(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site and outcome under the chosen specification."""
    found = under(viewer, filters)
    if found is None:
        return NOTHING
    question, chosen = found
    product = str(question.subject.product)
    only = {chosen: specifications(question, filters)[chosen]}
    rows = with_shares(queries.replayed(viewer, filters, product, only))
    return rows.filter(pl.col("specification") == chosen).sort("site")


def _under_said(frame: pl.DataFrame) -> str:
    shown = frame.filter(pl.col("state").is_in(["data", "zero"]))
    if shown.is_empty():
        return NOBODY
    sums = shown.select(pl.col(*queries.REPLAY_COUNTS, "failed").sum()).row(
        0, named=True
    )
    n, worst = sums["n"], sums["failed"] + sums["undetermined"]
    return (
        f"Under the specification of {site_name(shown['specification'][0])},"
        f" {sums['failed']} of {some(n, 'tested batch', 'tested batches')} would fail,"
        f" {sums['sole']} of them by one test alone; {sums['undetermined']} lack a"
        f" result that would decide, so {written(sums['failed'] / n, 'percent')} to"
        f" {written(worst / n, 'percent')} fail."
    )


def _under_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    return figures.site_bars(
        pl.concat(
            frame.select(
                pl.Series("x", map(site_name, frame["site"]), pl.String),
                pl.lit(words).alias("part"),
                pl.col(part).alias("count"),
                "state",
                "reason",
            )
            for part, words in _PARTS.items()
        )
    )


def causes(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a requirement of the chosen specification: who fails it, who only it."""
    found = under(viewer, filters)
    if found is None:
        return _NO_CAUSE
    question, chosen = found
    product = str(question.subject.product)
    criteria = specifications(question, filters)[chosen]
    rows = queries.causes(viewer, filters, product, criteria)
    told = pl.col("state").is_in(["data", "zero"])
    return (
        rows.group_by("cause", maintain_order=True)
        .agg(
            pl.col("n", "failed", "sole").filter(told).sum(),
            (~told).sum().alias("hidden"),
        )
        .with_columns(
            (pl.col("failed") - pl.col("sole")).alias("shared"),
            pl.lit(chosen).alias("specification"),
            pl.lit("data").alias("state"),
            pl.lit(None, pl.String).alias("reason"),
        )
        .sort("failed", "cause", descending=[True, False])
    )


_NO_CAUSE: Final = pl.DataFrame(
    schema={
        "cause": pl.String,
        **dict.fromkeys(("n", "failed", "sole", "hidden", "shared"), pl.Int64),
        **dict.fromkeys(("specification", "state", "reason"), pl.String),
    }
)


def _causes_said(frame: pl.DataFrame) -> str:
    if frame.is_empty() or not frame["failed"].sum():
        return "No batch fails any requirement of this specification."
    first = frame.row(0, named=True)
    hidden = int(frame["hidden"].sum() or 0)
    left = f" {some(hidden, 'count is', 'counts are')} held back." if hidden else ""
    return (
        f"What the specification of {site_name(first['specification'])} is failed by:"
        f" most often {first['cause'].replace('_', ' ')} ({first['failed']} batches,"
        f" {first['sole']} by it alone). Only those that fail nothing else would pass"
        f" without it.{left}"
    )


def _causes_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.filter(pl.col("failed") > 0)
    if rows.is_empty():
        return figures.empty("No batch fails any requirement.")
    return figures.stacked_bars(
        pl.concat(
            rows.select(
                pl.col("cause").str.replace_all("_", " ").alias("x"),
                pl.lit(words).alias("part"),
                pl.col(part).alias("count"),
                "state",
                "reason",
            )
            for part, words in (("sole", "by it alone"), ("shared", "with others"))
        )
    )


def _tested(frame: pl.DataFrame) -> str:
    return written(int(frame["n"].to_list()[0]) if frame.height else 0, "count")


CARDS = (
    Card(
        "replay-under",
        "Under one specification",
        under_one,
        _under_said,
        _under_drawn,
        (
            Column("site", "Batches of", "site"),
            Column("n", "Batches", "count"),
            *(
                Column(part, words.capitalize(), "count")
                for part, words in _PARTS.items()
            ),
            Column("best", "Fail, at best", "percent"),
            Column("worst", "At worst", "percent"),
        ),
        metric="replay",
        height=540,
    ),
    Card(
        "replay-causes",
        "Which test decides",
        causes,
        _causes_said,
        _causes_drawn,
        (
            Column("cause", "Test", "parameter"),
            Column("failed", "Fail it", "count"),
            Column("sole", "By it alone", "count"),
            Column("shared", "With others", "count"),
            Column("n", "of n", "count"),
        ),
        count=lambda f: f"n = {_tested(f)} tested batches",
        metric="replay",
    ),
)
