"""The weeks that sites were due to report, and which of them are told of a pool.

All that sites said of their weeks is as small as the network, whatever it makes, so it
is read once from each snapshot and counted here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import (
    FEWEST_POOLED,
    POOLS,
    SUPPRESSED,
    Scope,
    disclose,
    headed,
)
from dashboard.queries.finest import PERIODS
from dashboard.queries.pooled import EVERY, HELD_BACK
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.queries.weeks import BLOCK, Weekly, told_weeks, unhidden
from dashboard.viewer import Viewer

WEEKS = 52
RECENT = 12
# From the Monday that names a week to its last day.
WEEKDAYS: Final = 6
_PERIOD_DAYS = {"week": 7, "month": 31, "quarter": 92, "year": 366}
_WEEK: Final = ("site", "resource", "week")

STATED: Final = pl.col("used").is_not_null() & pl.col("staffed").is_not_null()
KNOWN: Final = pl.col("told") & STATED
# A viewer may subtract what it sees by name: the rest of a total has to be a pool.
POOLED: Final = (
    pl.when(pl.col("shown").is_in([*POOLS]).any())
    .then(pl.col("site").filter(pl.col("shown").is_in([*POOLS])).n_unique())
    .otherwise(FEWEST_POOLED)
    .alias("pooled_from")
)


@dataclass(frozen=True)
class Asked:
    """By what slots are summed, of which resource, and as what a pool is told them.

    What is nobody's treatment is told of every week (`told` None); what is asked of
    some products only (`partly`) of none.
    """

    by: Sequence[str]
    resource: str | None
    weeks: int
    told: Weekly | None = None
    partly: bool = False

    @property
    def in_all(self) -> bool:
        """Whether all headings are summed to one."""
        return not {"site", "region"} & {*self.by}

    @property
    def words(self) -> tuple[str, ...]:
        """What they are summed by beside the heading."""
        return tuple(word for word in self.by if word not in ("site", "region"))

    @property
    def period(self) -> str | None:
        """The period that they are summed by."""
        return next((word for word in self.by if word in PERIODS), None)


@dataclass(frozen=True)
class Span:
    """The first and last full week asked for, and since when silence is too long."""

    first: date
    last: date
    fresh: date
    day: date

    def since(self, week: object) -> pl.DataFrame:
        """The Monday of each of these weeks that does not lie before a first one."""
        first = max(self.first, week) if isinstance(week, date) else self.first
        mondays = pl.date_range(first, self.last, "1w", eager=True)
        return pl.DataFrame({"week": mondays}, schema={"week": pl.Date})

    @property
    def heard(self) -> pl.Expr:
        """Whether the site of a row spoke lately enough."""
        return pl.col("spoke") >= self.fresh

    @property
    def silence(self) -> tuple[pl.Expr, ...]:
        """How many sites are silent, the newest week told of, and its age in days."""
        spoke = pl.col("spoke").max()
        silent = pl.col("site").filter(~self.heard.fill_null(False)).n_unique()
        age = (pl.lit(self.day) - spoke).dt.total_days() - WEEKDAYS
        return (
            silent.cast(pl.Int64).alias("silent"),
            spoke.alias("last_week"),
            age.alias("age"),
        )


@dataclass(frozen=True)
class Telling:
    """Which headings are told every week (None: all), and which weeks all others."""

    free: list[str] | None
    weeks: pl.DataFrame

    def within(self, span: Span, period: str | None) -> "Telling":
        """Of these the weeks of blocks that lie in a span, and in one period of it."""
        first, until = pl.col("first"), pl.col("until")
        inside = (first >= span.first) & (until <= span.last)
        if period:
            every = EVERY[period]
            inside &= first.dt.truncate(every) == until.dt.truncate(every)
        return replace(self, weeks=self.weeks.filter(inside))

    def marked(self, due: pl.DataFrame) -> pl.DataFrame:
        """The weeks due, with the headings that are `free` and the weeks `told`."""
        if self.free is None:
            return due.with_columns(free=pl.lit(True), told=pl.lit(True))
        on = [word for word in ("shown", "resource", "week") if word in due.columns]
        told = self.weeks.select(on).with_columns(told=pl.lit(True))
        free = pl.col("shown").is_in(self.free)
        return due.join(told, on=on, how="left", maintain_order="left").with_columns(
            free=free, told=free | pl.col("told").fill_null(False)
        )


@dataclass(frozen=True)
class Due:
    """One row a site, resource and full week that its site was due to report.

    Under the heading `shown`, with what was reported of it, if anything; the week that
    the site `spoke` of last; and whether the week is `told` of the heading.
    """

    snapshot: Snapshot
    viewer: Viewer
    asked: Asked
    span: Span
    weeks: pl.DataFrame

    def beside(self, more: pl.DataFrame, on: Sequence[str]) -> "Due":
        """The same with columns of `more`, where it says anything of a row."""
        both = self.weeks.join(more, on=[*on], how="left", maintain_order="left")
        return replace(self, weeks=both)

    def summed(self, *sums: pl.Expr) -> pl.DataFrame:
        """`sums` by what was asked for, beside how much of it was reported."""
        words = [
            pl.col("week").dt.truncate(EVERY[word]).alias(word)
            if word in PERIODS
            else pl.col(word)
            for word in self.asked.words
        ]
        place = pl.lit("network") if self.asked.in_all else pl.col("shown")
        return (
            self.weeks.group_by(place.alias("site"), *words)
            .agg(*sums, *self._coverage())
            .sort("site", *self.asked.words, nulls_last=True)
        )

    def _coverage(self) -> tuple[pl.Expr, ...]:
        told = pl.col("told")
        return (
            count(KNOWN).alias("reported"),
            count(told).alias("expected"),
            count(~told & STATED).alias("untold"),
            pl.col("week").filter(told).n_unique().cast(pl.Int64).alias("weeks"),
            pl.col("site").n_unique().cast(pl.Int64).alias("sites"),
            *self.span.silence,
            POOLED,
        )

    def disclosed(
        self,
        sums: Sequence[pl.Expr],
        counts: Sequence[str],
        beside: Sequence[str] = (),
    ) -> pl.DataFrame:
        """What may be shown of `sums`, of which `counts` are somebody's treatment."""
        answer = self.summed(*sums)
        return disclosed(self.snapshot, self.viewer, answer, counts, beside)


def weeks_due(viewer: Viewer, filters: Filters, asked: Asked) -> Due:
    """The weeks that the sites of these filters were due to report.

    From the first week that a site reported at all, and of a closed one until its last.
    """
    snapshot = current()
    heads = headed(snapshot, viewer, filters, asked.by, "capacity")
    span = window(snapshot, filters, asked.weeks)
    said = reported(snapshot).filter(pl.col("week") <= span.last)
    if asked.resource:
        said = said.filter(pl.col("resource") == asked.resource)
    open_then = (pl.col("stage") != "closed") | (pl.col("week") <= pl.col("closed"))
    due = (
        heads.frame.join(_lives(said), on="site", maintain_order="left")
        .join(span.since(said["week"].min()), how="cross")
        .filter(pl.col("week") >= pl.col("opened"), open_then)
        .join(said.drop("stage"), on=[*_WEEK], how="left", maintain_order="left")
    )
    told = telling(snapshot, viewer, heads, asked).within(span, asked.period)
    return Due(snapshot, viewer, asked, span, told.marked(due))


@kept
def reported(snapshot: Snapshot) -> pl.DataFrame:
    """All that sites said of their weeks, but for pre-GMP centres."""
    return snapshot.rows(
        "select c.*, s.stage from capacity as c join site as s on c.site = s.site"
        " where s.stage <> 'pre_gmp' order by c.site, c.resource, c.week"
    )


def _lives(said: pl.DataFrame) -> pl.DataFrame:
    """Between which weeks a site reported a resource, and when it spoke of it last."""
    week = pl.col("week")
    return said.group_by("site", "resource", "stage", maintain_order=True).agg(
        opened=week.min(), closed=week.max(), spoke=week.filter(STATED).max()
    )


def count(where: pl.Expr) -> pl.Expr:
    """Of how many rows something holds."""
    return where.sum().cast(pl.Int64)


def total(column: str, where: pl.Expr) -> pl.Expr:
    """The sum of a column where something holds; null where nothing is stated there."""
    there = pl.col(column).filter(where)
    return pl.when(there.count() > 0).then(there.sum()).alias(column)


def telling(snapshot: Snapshot, viewer: Viewer, heads: Scope, asked: Asked) -> Telling:
    """Which headings are told every week, and which weeks are told of all others."""
    free = unhidden(snapshot, viewer, heads) if asked.told else None
    told = pl.DataFrame(schema=BLOCK)
    if asked.told and free is not None and not asked.partly:
        told = told_weeks(snapshot, viewer, asked.told, heads, asked.in_all)
    if free is not None and asked.in_all:
        free = []
    return Telling(free, told)


def disclosed(
    snapshot: Snapshot,
    viewer: Viewer,
    answer: pl.DataFrame,
    counts: Sequence[str],
    beside: Sequence[str] = (),
) -> pl.DataFrame:
    """What may be shown of the answer; what was reported and is not told, says so."""
    shown = disclose(snapshot, viewer, answer, counts, beside)
    nothing = pl.col(counts[0]).is_null() if counts else pl.lit(False)
    untold = (pl.col("untold") > 0) & nothing
    return shown.with_columns(
        *(pl.when(~untold).then(pl.col(c)).alias(c) for c in (*counts, *beside)),
        pl.when(untold).then(pl.lit(SUPPRESSED)).otherwise("state").alias("state"),
        pl.when(untold).then(pl.lit(HELD_BACK)).otherwise("reason").alias("reason"),
    ).drop("untold")


def window(snapshot: Snapshot, filters: Filters, weeks: int) -> Span:
    """The first and last full week asked for, and since when silence is too long."""
    day = snapshot.as_of
    last = monday(day - timedelta(days=WEEKDAYS))
    first = last - timedelta(weeks=weeks - 1)
    if filters.end:
        last = min(last, monday(_month_end(filters.end)))
    if filters.start or filters.end:
        start = date.fromisoformat(f"{filters.start or '1990-01'}-01")
        first = monday(start + timedelta(days=WEEKDAYS))
    fresh = day - timedelta(days=_silence(snapshot) + WEEKDAYS)
    return Span(first, last, fresh, day)


def _silence(snapshot: Snapshot) -> int:
    rule = snapshot.rules["reporting"]
    period = _PERIOD_DAYS[str(rule.get("period", "month"))]
    return period + int(str(rule.get("days", 14)))


def agreed_silence() -> int:
    """The days after which a site that said nothing has no current figure."""
    return _silence(current())


def monday(day: date) -> date:
    """The Monday of the day's week."""
    return day - timedelta(days=day.weekday())


def _month_end(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def agreed_completeness() -> float:
    """The share of reports below which the network agreed to show no figure."""
    return float(str(current().rules["reporting"].get("completeness", 0)))
