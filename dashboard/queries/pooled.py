"""Answers about pools and totals: sums of disclosed cells, whoever asks.

A block is told where a question holds all of it: all its quarters and all its lines. So
a narrower filter tells fewer of the same blocks and never a piece of one, and what is
said to be held back depends on the question and the pattern, not on the counts.
"""

from dataclasses import replace
from typing import Final

import polars as pl

from dashboard.analysis.blocks import laid_out
from dashboard.analysis.microaggregation import microaggregated
from dashboard.filters import Filters
from dashboard.queries.asked import Asked
from dashboard.queries.cells import Told
from dashboard.queries.disclosure import (
    DATA,
    SUPPRESSED,
    ZERO,
    Scope,
    audience_rule,
    openly,
    rounded,
    scope,
)
from dashboard.queries.met import blocks_of, met
from dashboard.queries.pattern import Pattern, pattern
from dashboard.queries.publishing import group_of
from dashboard.queries.snapshot import Snapshot
from dashboard.viewer import Viewer

HELD_BACK: Final = (
    "too few batches or sites stand behind it here: a wider selection may show it"
)
EVERY: Final = {"week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}


def pooled(
    snapshot: Snapshot,
    viewer: Viewer,
    asked: Asked,
    heads: Scope,
) -> pl.DataFrame:
    """The headings of a scope (`heads`), each the sum of its sites' disclosed cells.

    One row a group with the columns of `by`, counts, state and reason. Where it is
    grouped by a period, a block's counts stand in the first period that it holds, its
    other periods are held back, and `until` is the first day after it.
    """
    asked = replace(
        asked,
        # A page's own options change no count.
        filters=within(snapshot, asked.filters.shared),
        named=_named(snapshot, viewer, asked),
        rule=audience_rule(snapshot, viewer),
    )
    found = pattern(snapshot, group_of(asked.table))

    def answer() -> pl.DataFrame:
        values = found.table.values(asked.table) if asked.split else [None]
        parts = [_of_value(found, asked, heads, value) for value in values]
        nothing = [] if parts else [_of_value(found, asked, heads, None).clear()]
        return _grouped(pl.concat(parts + nothing, how="vertical_relaxed"), asked)

    return found.remembered((heads, asked), answer).clone()


def told_cells(snapshot: Snapshot, asked: Asked) -> pl.DataFrame:
    """The cells that are told of a pool: product, pathway and the quarter it begins.

    For questions that are asked of single batches, of which only whole blocks may go
    into a count.
    """
    found = pattern(snapshot, group_of(asked.table))
    asked = replace(asked, filters=within(snapshot, asked.filters))
    table = found.table
    partition = found.blocks([Told(asked.table, figure) for figure in asked.figures])
    laid = laid_out(partition, table.lines.height, len(table.quarters))
    told = met(found, laid, asked).filter("told").select("block")
    begins = pl.DataFrame({"begins": table.quarters}).with_row_index("quarter")
    lines = table.lines.select("product", "pathway").with_row_index("line")
    cells = laid.join(told, on="block", how="semi")
    return (
        cells.join(lines, on="line")
        .join(begins, on="quarter")
        .select("product", "pathway", "begins")
        .unique()
    )


def within(snapshot: Snapshot, filters: Filters) -> Filters:
    """The filters, of no month before the first that who asks is shown."""
    start = max(filters.start or "", snapshot.since)
    return replace(filters, start=start or None)


def _of_value(
    found: Pattern, asked: Asked, heads: Scope, value: str | None
) -> pl.DataFrame:
    """By heading, block and words: the counts of those blocks that are told."""
    blocks = found.met.answer((asked, value), lambda: blocks_of(found, asked, value))
    by = ["site", "block", *asked.words]
    shown = heads.frame
    sums = (
        blocks.sums.join(shown, on="site", maintain_order="left")
        .drop("site")
        .rename({"shown": "site"})
        .group_by(*by, *asked.day, maintain_order=True)
        .agg(pl.col(c).sum() for c in asked.columns)
    )
    headings = shown.select(site="shown").unique(maintain_order=True)
    rows = blocks.met.join(headings, how="cross").join(
        sums, on=by, how="left", nulls_equal=True, maintain_order="left"
    )
    safe = _safe(rows, found, asked)
    return safe.with_columns(pl.lit(value, pl.String).alias(asked.split or "value"))


def _named(snapshot: Snapshot, viewer: Viewer, asked: Asked) -> tuple[str, ...]:
    """The sites that the viewer sees by name under a threshold, whatever it filters."""
    whole = scope(snapshot, viewer, Filters(), group_of(asked.table))
    _, hidden = openly(snapshot, viewer, whole)
    return hidden.named


def _safe(rows: pl.DataFrame, found: Pattern, asked: Asked) -> pl.DataFrame:
    """Counts of blocks that are told, rounded; null for all others."""
    if asked.group is None:
        rows = rows.with_columns(told=pl.lit(False))
    if asked.days:
        by = ["site", "block", *asked.words]
        days = rows.filter("told", pl.col("day").is_not_null())
        shared = microaggregated(
            days.select(*by, "day", *asked.columns),
            by,
            asked.columns,
            found.least(asked.figures),
        )
        whole = rows.drop("day", *asked.columns).unique(maintain_order=True)
        return whole.join(
            shared, on=by, how="left", nulls_equal=True, maintain_order="left"
        )
    _, rounding = asked.rule
    return rows.with_columns(
        pl.when("told").then(rounded(c, rounding).fill_null(0)).alias(c)
        for c in asked.columns
    )


def _grouped(rows: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Blocks summed to the groups asked for, with the state of each."""
    if asked.period:
        rows = _by_period(rows, asked.period, asked.columns)
    if "laboratory" in asked.by:
        rows = rows.with_columns(pl.col("site").alias("laboratory"))
    keys = [*dict.fromkeys(("site", *asked.by))]
    if asked.days:
        return _of_days(rows, asked, keys)
    told = pl.col("told").any()
    sums = rows.group_by(keys, maintain_order=True).agg(
        *(pl.when(told).then(pl.col(c).sum()).alias(c) for c in asked.columns),
        told.alias("told"),
        (pl.col("told") & pl.col("partly").is_null()).all().alias("whole"),
        *([pl.col("until").max()] if asked.period else []),
    )
    nothing = pl.col("told") & pl.all_horizontal(pl.col(c) == 0 for c in asked.columns)
    # Nothing in what is told is no zero while something is not told.
    sums = sums.with_columns(told=pl.col("told") & (~nothing | pl.col("whole")))
    sums = sums.with_columns(
        pl.when("told").then(pl.col(c)).alias(c) for c in asked.columns
    )
    kept = sums if keys == ["site"] else sums.filter(~(nothing & pl.col("whole")))
    return _stated(kept.drop("whole"), nothing).sort(keys, nulls_last=True)


def _of_days(rows: pl.DataFrame, asked: Asked, keys: list[str]) -> pl.DataFrame:
    """Histograms: a group of which nothing is told has one row that says so."""
    told = rows.filter("told", pl.col("day").is_not_null())
    days = told.group_by(*keys, "day", maintain_order=True).agg(
        pl.col(c).sum() for c in asked.columns
    )
    hidden = rows.filter(~pl.col("told") | pl.col("partly").fill_null(False))
    none = hidden.join(days, on=keys, how="anti", nulls_equal=True)
    both = pl.concat(
        [days, none.select(keys).unique(maintain_order=True)], how="diagonal"
    )
    day = pl.col("day")
    marked = both.with_columns(day.cast(pl.Int64), told=day.is_not_null())
    return (
        _stated(marked, pl.lit(False))
        .select(*keys, "day", *asked.columns, "state", "reason")
        .sort(*keys, "day", nulls_last=True)
    )


def _stated(rows: pl.DataFrame, nothing: pl.Expr) -> pl.DataFrame:
    return rows.with_columns(
        pl.when(~pl.col("told"))
        .then(pl.lit(SUPPRESSED))
        .when(nothing)
        .then(pl.lit(ZERO))
        .otherwise(pl.lit(DATA))
        .alias("state"),
        pl.when(~pl.col("told")).then(pl.lit(HELD_BACK)).alias("reason"),
    ).drop("told")


def _by_period(
    rows: pl.DataFrame, period: str, counts: tuple[str, ...]
) -> pl.DataFrame:
    """A row for every period of each block: only the first has its counts."""
    every = EVERY[period]
    first = pl.col("since").dt.truncate(every)
    last = pl.col("until").dt.offset_by("-1d").dt.truncate(every)
    spread = rows.with_columns(
        pl.date_ranges(first, last, every).alias(period), first.alias("first")
    ).explode(period)
    here = pl.col(period) == pl.col("first")
    return spread.with_columns(
        (pl.col("told") & here).alias("told"),
        *(pl.when(here).then(pl.col(c)).alias(c) for c in counts),
    ).drop("first")
