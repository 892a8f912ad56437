"""Answers about pools and totals: sums of disclosed cells, whoever asks.

A block is told where a question holds all of it: all its quarters and all its lines. So
a narrower filter tells fewer of the same blocks and never a piece of one, and what is
said to be held back depends on the question and the pattern, not on the counts.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from dashboard.analysis.blocks import laid_out
from dashboard.analysis.microaggregation import microaggregated
from dashboard.filters import Filters
from dashboard.queries.asked import LINES, Asked
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
from dashboard.queries.pattern import Pattern, pattern
from dashboard.queries.publishing import group_of
from dashboard.queries.snapshot import Snapshot
from dashboard.viewer import Viewer

HELD_BACK: Final = (
    "too few batches or sites stand behind it here: a wider selection may show it"
)
_EVERY: Final = {"week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}


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
        return _grouped(pl.concat(parts, how="vertical_relaxed"), asked)

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
    words = asked.group or ()
    tolds = [Told(asked.table, figure, value, words) for figure in asked.figures]
    laid = _laid(found, asked, tolds)
    held = found.held(tolds)
    cells = _cells(found, tolds[0], asked).join(laid, on=["line", "quarter"])
    by = ["site", "block", *asked.words]
    text = {"site": pl.String, "shown": pl.String}
    shown = pl.DataFrame({"site": heads.site, "shown": heads.shown}, schema=text)
    sums = (
        cells.join(held, on=["line", "quarter", *words], how="anti")
        .join(shown, on="site")
        .drop("site")
        .rename({"shown": "site"})
        .group_by(*by, *asked.day, maintain_order=True)
        .agg(pl.col(c).sum() for c in asked.columns)
    )
    # Which words there are, is asked of all pooled sites: the same for every account.
    pools = cells.drop_nulls("place") if asked.words else laid
    groups = pools.select("strand", *asked.words).unique(maintain_order=True)
    some = ["block", *(word for word in asked.words if word in words)]
    partly = held.join(laid, on=["line", "quarter"]).select(some)
    rows = (
        met(found, laid, asked)
        .join(groups, on="strand", maintain_order="left")
        .join(
            partly.unique().with_columns(partly=pl.lit(True)),
            on=some, how="left", nulls_equal=True, maintain_order="left",
        )
        .join(shown.select(site="shown").unique(maintain_order=True), how="cross")
        .join(sums, on=by, how="left", nulls_equal=True, maintain_order="left")
    )  # fmt: skip
    safe = _safe(rows, found, asked)
    return safe.with_columns(pl.lit(value, pl.String).alias(asked.split or "value"))


def _laid(found: Pattern, asked: Asked, tolds: Sequence[Told]) -> pl.DataFrame:
    """Every cell's block, for who asks."""
    partition = found.blocks(tolds)
    if asked.named:
        partition = found.beside(tolds, asked.named, asked.rule[0])
    return laid_out(partition, found.table.lines.height, len(found.table.quarters))


def _cells(found: Pattern, told: Told, asked: Asked) -> pl.DataFrame:
    """The cells of all sites by the words asked for, and by those that tell them."""
    columns = {c: f"r.{c}" for c in asked.columns}
    words = tuple(dict.fromkeys((*told.words, *asked.words, *asked.day)))
    return found.table.cells(replace(told, words=words), columns, asked.rows)


def _named(snapshot: Snapshot, viewer: Viewer, asked: Asked) -> tuple[str, ...]:
    """The sites that the viewer sees by name under a threshold, whatever it filters."""
    whole = scope(snapshot, viewer, Filters(), group_of(asked.table))
    _, hidden = openly(snapshot, viewer, whole)
    return hidden.named


def met(found: Pattern, laid: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """The blocks that a question meets: their words, period, and whether it holds them.

    Where it asks by a word that the lines of a block do not share, there is a row for
    each, and none of them is told.
    """
    lines = found.table.lines.with_row_index("line").with_columns(
        asked.lines.alias("asked")
    )
    here = laid.join(lines, on="line", maintain_order="left")
    by = [word for word in LINES if word in asked.by]
    alike = [pl.col(word).n_unique() == 1 for word in by]
    whole = (
        here.group_by("block", maintain_order=True)
        .agg(
            pl.all_horizontal(pl.col("asked").all(), *alike).alias("whole"),
            pl.col("quarter").min().alias("first"),
            pl.col("quarter").max().alias("last"),
        )
        .with_columns(found.table.days("first", "last"))
    )
    days = whole.select("since", "until").unique().rows()
    holds = {each: asked.holds(*each) for each in days}
    met = pl.DataFrame(
        [(s, u, holds[s, u]) for s, u in days if asked.meets(s, u)],
        schema={"since": pl.Date, "until": pl.Date, "held": pl.Boolean},
        orient="row",
    )
    told = pl.col("whole") & pl.col("held") & (pl.col("strand") >= 0)
    return (
        here.filter("asked")
        .select("block", "strand", *by)
        .unique(maintain_order=True)
        .join(whole.drop("first", "last"), on="block", maintain_order="left")
        .join(met, on=["since", "until"], maintain_order="left")
        .with_columns(told.alias("told"))
        .drop("whole", "held")
    )


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
    every = _EVERY[period]
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
