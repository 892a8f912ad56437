"""A question about the counts of a rollup, in words that blocks can be held against."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.finest import PERIODS, PLACES, TABLES, WEEKLY, Figure

LINES: Final = ("product", "pathway", "product_class")


@dataclass(frozen=True)
class Asked:
    """A question about counts of one rollup: which of them, of what, and by what.

    `days` takes the histogram of days along; `rows` is where its rows are, if not in
    the rollup itself. Of who asks, `named` are the sites seen by name under a threshold
    and `rule` is that threshold and what counts are rounded to.
    """

    filters: Filters
    table: str
    columns: tuple[str, ...]
    by: tuple[str, ...]
    counted: bool = True
    days: bool = False
    rows: str | None = None
    named: tuple[str, ...] = ()
    rule: tuple[int, int] = (0, 0)

    @property
    def source(self) -> str:
        """The table in which its rows are: what is told by week lies apart."""
        by_week = "week" in self.by and self.table in WEEKLY
        return self.rows or (WEEKLY[self.table] if by_week else self.table)

    @property
    def split(self) -> str | None:
        """The word whose values are told each for itself."""
        return TABLES[self.table].split

    @property
    def words(self) -> tuple[str, ...]:
        """The words of `by` that part a cell."""
        known = {*PLACES, *PERIODS, "laboratory", self.split}
        return tuple(word for word in self.by if word not in known)

    @property
    def group(self) -> tuple[str, ...] | None:
        """All the words by which those are told; None where they are not."""
        if not self.words:
            return ()
        if self.named:
            return None
        groups = TABLES[self.table].jointly
        return next((g for g in groups if {*self.words} <= {*g}), None)

    @property
    def day(self) -> tuple[str, ...]:
        """The word of a histogram's days, if it is one."""
        return ("day",) if self.days else ()

    @property
    def period(self) -> str | None:
        """The period that the answer is grouped by."""
        return next((word for word in self.by if word in PERIODS), None)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures that its columns belong to."""
        finest = TABLES[self.table]
        return tuple(dict.fromkeys(finest.figure(c) for c in self.columns))

    @property
    def lines(self) -> pl.Expr:
        """Whether a line is asked for."""
        wanted = pl.col("counted") if self.counted else pl.lit(True)
        for word in LINES:
            if values := self.filters.values(word):
                wanted &= pl.col(word).is_in([*values])
        return wanted

    def holds(self, since: date, until: date) -> bool:
        """Whether all days from `since` until before `until` are asked for."""
        start, end = self.filters.start, self.filters.end
        last = f"{until - timedelta(days=1):%Y-%m}"
        return (not start or f"{since:%Y-%m}" >= start) and (not end or last <= end)

    def meets(self, since: date, until: date) -> bool:
        """Whether any of these days is asked for."""
        start, end = self.filters.start, self.filters.end
        last = f"{until - timedelta(days=1):%Y-%m}"
        return (not start or last >= start) and (not end or f"{since:%Y-%m}" <= end)
