"""The blocks that a question meets, and what each site adds to those that are told.

Of all that makes up an answer about pools this depends on the question and the pattern
alone: whoever asks, the same blocks are told, and only which sites are summed differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from dashboard.analysis.blocks import laid_out
from dashboard.queries.asked import LINES, Asked
from dashboard.queries.cells import Told
from dashboard.queries.pattern import Pattern


@dataclass(frozen=True)
class Blocks:
    """The blocks `met`, with their words, and `sums` by site, block, words and day."""

    met: pl.DataFrame
    sums: pl.DataFrame


def blocks_of(found: Pattern, asked: Asked, value: str | None) -> Blocks:
    """The blocks that a question about one value meets, as the pattern has them."""
    words = asked.group or ()
    tolds = [Told(asked.table, figure, value, words) for figure in asked.figures]
    laid = _laid(found, asked, tolds)
    held = found.held(tolds)
    cells = _cells(found, tolds[0], asked).join(laid, on=["line", "quarter"])
    sums = (
        cells.join(held, on=["line", "quarter", *words], how="anti")
        .group_by("site", "block", *asked.words, *asked.day, maintain_order=True)
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
    )  # fmt: skip
    return Blocks(rows, sums)


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
