"""The cells of which all that is told of a pool is made, of any rollup.

A cell is a site, a line and a quarter; lines and quarters are numbered, the same for
all rollups, so that figures of different rollups are told on blocks that fit together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from dashboard.analysis.small_counts import Counts
from dashboard.queries.finest import TABLES, Figure
from dashboard.queries.memory import Memory
from dashboard.queries.snapshot import Snapshot

_LINE: Final = ("product", "pathway", "counted")
# Rollups that say nothing of it hold lines that count, but for these pathways.
_COUNTED: Final = "r.pathway not in ('validation', 'engineering')"
# Readings that one page asks for again and again, and the next reader's page too.
_REMEMBERED: Final = 256
_SAYING: Final = ("rollup_batch", "rollup_event", "rollup_deviation")


@dataclass(frozen=True)
class Told:
    """A figure of a rollup: of one value of what splits it, and told by which words."""

    table: str
    figure: Figure
    value: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Finest:
    """A reading of a rollup by cell, by what it is split by, and by words."""

    table: str
    split: str | None
    words: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    rows: str | None

    @property
    def sql(self) -> str:
        """One row a site, line, quarter, value and words, with the sums of columns."""
        split = (self.split,) if self.split else ()
        words = "".join(f"r.{word}, " for word in (*self.words, *split))
        sums = ", ".join(
            f"cast(coalesce(sum({sql}), 0) as bigint) as {name}"
            for name, sql in self.columns
        )
        return (
            f"select r.site, r.product, r.pathway, {counted(self.table)} as counted,"
            " cast(date_trunc('quarter', r.month) as date) as begins,"
            f" {words}{sums} from {self.rows or self.table} as r"
            " group by all order by all"
        )


@dataclass(frozen=True)
class Cells:
    """The cells of a snapshot; `sites` are those that are in a pool."""

    snapshot: Snapshot
    sites: tuple[str, ...]

    @cached_property
    def tables(self) -> list[str]:
        """The rollups that this snapshot has: an older one may lack some."""
        known = self.snapshot.rows(
            "select table_name from duckdb_tables() where database_name = 'snapshot'"
        )
        return [table for table in TABLES if table in {*known["table_name"]}]

    @cached_property
    def lines(self) -> pl.DataFrame:
        """Every line of any rollup, in order: product, pathway, counted, its class."""
        each = " union ".join(
            f"select r.product, r.pathway, {counted(table)} as counted"
            f" from {table} as r"
            for table in self.tables
        )
        return self.snapshot.rows(
            f"select l.*, coalesce(p.product_class, '-') as product_class from ({each})"
            " as l left join product as p on l.product = p.product"
            " order by l.counted desc, l.product, l.pathway"
        )

    @cached_property
    def quarters(self) -> pl.Series:
        """The first days of all quarters of which any rollup speaks."""
        first, last = self.months
        span = pl.date_range(_quarter(first), last, "1q", eager=True)
        return span.alias("quarter")

    @cached_property
    def months(self) -> tuple[date, date]:
        """The first and the last month of which any rollup speaks."""
        each = " union all ".join(f"select month from {table}" for table in self.tables)
        first, last = self.snapshot.rows(
            f"select min(month), max(month) from ({each})"
        ).row(0)
        today = self.snapshot.as_of.replace(day=1)
        return first or today, last or today

    def values(self, table: str) -> list[str]:
        """The values of which each is told for itself."""
        split = TABLES[table].split
        rows = self.snapshot.counts(
            f"select distinct {split} as value from {table} order by 1", {}
        )
        return list(rows["value"])

    def days(self, first: str, last: str) -> list[pl.Expr]:
        """The first day of quarter `first`, and the day after the end of `last`.

        What is before the first month and after the last month of all is nobody's.
        """
        begun, ended = self.months
        starts = self.quarters.to_list()
        since = {i: max(day, begun) for i, day in enumerate(starts)}
        after = {
            i: min(_later(day, 3), _later(ended, 1)) for i, day in enumerate(starts)
        }
        return [
            pl.col(first).replace_strict(since, return_dtype=pl.Date).alias("since"),
            pl.col(last).replace_strict(after, return_dtype=pl.Date).alias("until"),
        ]

    def dense(self, cells: pl.DataFrame, column: str) -> Counts:
        """A column of cells by line, quarter and site that publishes to all."""
        shape = self.lines.height, len(self.quarters), len(self.sites)
        counts = np.zeros(shape, np.int64)
        cells = cells.drop_nulls("place")
        at = cells.select("line", "quarter", "place").to_numpy().T
        np.add.at(counts, tuple(at), cells[column].to_numpy())
        return counts

    def cells(
        self, told: Told, columns: Mapping[str, str], rows: str | None = None
    ) -> pl.DataFrame:
        """The finest table of a rollup: line, quarter, place, site, words, columns.

        `place` is where a site is among those that publish to all, null elsewhere.
        `rows` is where they are, if not in the rollup itself.
        """
        split = TABLES[told.table].split if told.value is not None else None
        asked = _Finest(told.table, split, told.words, tuple(columns.items()), rows)
        found = self._readings.answer(asked, lambda: self._read(asked))
        return found[told.value] if told.value in found else found[None].clear()

    @cached_property
    def _readings(self) -> Memory[Mapping[str | None, pl.DataFrame]]:
        return Memory(_REMEMBERED)

    def _read(self, asked: _Finest) -> Mapping[str | None, pl.DataFrame]:
        """The cells of each value, and of all of them under None.

        Each value is told for itself, and all are soon asked for: one reading for all.
        """
        whole = self._placed(self.snapshot.rows(asked.sql)).drop(*_LINE, "begins")
        if asked.split is None:
            return {None: whole}
        parts = whole.partition_by(asked.split, as_dict=True, include_key=False)
        by_value = {value: part for (value,), part in parts.items()}
        return by_value | {None: whole.drop(asked.split)}

    def _placed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with a line's words, `site`, `begins`, and their places in counts."""
        line = self.lines.select(*_LINE).with_row_index("line")
        sites = pl.DataFrame({"site": self.sites}, schema={"site": pl.String})
        place = sites.with_row_index("place")
        quarter = pl.DataFrame({"begins": self.quarters}).with_row_index("quarter")
        return (
            frame.join(line, on=[*_LINE], nulls_equal=True, maintain_order="left")
            .join(place, on="site", how="left", maintain_order="left")
            .join(quarter, on="begins", maintain_order="left")
        )


def counted(table: str) -> str:
    """Whether a row of a rollup counts in rates, as SQL."""
    return "r.counted" if table in _SAYING else _COUNTED


def _later(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _quarter(day: date) -> date:
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)
