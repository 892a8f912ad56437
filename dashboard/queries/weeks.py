"""On which weeks slots and queues of a pool are told: the pattern, week by week.

Slots have no products and are told by the week, so their cells are a site, a resource
and a week. Weeks that stay small are joined into blocks, as quarters of batches are
(`dashboard.analysis.blocks`), whoever asks: a period takes the blocks that lie in it as
a whole. A queue is no flow and its weeks are never summed, so each is told or is not.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal

import numpy as np
import polars as pl

from dashboard.analysis.blocks import (
    Partition,
    Strand,
    Test,
    coarsened,
    common,
    finest,
)
from dashboard.analysis.small_counts import Counts, Rule
from dashboard.filters import Filters
from dashboard.queries.disclosure import POOLS, Scope, audience_rule, openly, scope
from dashboard.queries.finest import PATIENTS
from dashboard.queries.pattern import Pattern, pattern
from dashboard.queries.snapshot import Snapshot
from dashboard.viewer import Viewer

Weekly = Literal["slots", "starts", "queue", "bookings"]

# What is looked at of each: some need sites enough, the others are no small count.
_TESTED: Final[Mapping[Weekly, Mapping[str, bool]]] = {
    "slots": {"used": True, "booked": False},
    # What a site started in weeks of which it reported no slots is a count, too: all
    # that it started is told elsewhere.
    "starts": {"used": True, "booked": False, "starts": True, "unreported": False},
    "queue": {"waiting": True},
    "bookings": {"ahead": True},
}
# The weeks of a pool, and those of a sum over several headings.
_POOL, _SUMMED = "", "+"
_FLOWS: Final = ("slots", "starts")
BLOCK: Final = {
    "shown": pl.String, "resource": pl.String,
    "week": pl.Date, "first": pl.Date, "until": pl.Date,
}  # fmt: skip
_CELLS: Final = (
    "with begun as (select site, week, sum(n) as n from rollup_start"
    " where counted group by all)"
    " select c.site, c.resource, c.week,"
    " case when c.staffed is not null then c.used end as used,"
    " case when c.staffed is not null and c.used is not null then c.booked end"
    " as booked, c.waiting, c.booked as ahead,"
    " case when c.staffed is not null and c.used is not null then b.n end as starts,"
    " case when c.staffed is null or c.used is null then b.n end as unreported"
    " from capacity as c join site as s on c.site = s.site"
    " left join begun as b on b.site = c.site and b.week = c.week"
    " and c.resource = 'slot' where s.stage <> 'pre_gmp'"
    " and $ahead = (c.week > date_trunc('week', cast($day as date) - interval 6 day))"
    " order by c.resource, c.week, c.site"
)


def unhidden(snapshot: Snapshot, viewer: Viewer, heads: Scope) -> list[str] | None:
    """The headings of which every count may be told; None where all of them are."""
    whole = scope(snapshot, viewer, Filters(), "capacity")
    free, hidden = openly(snapshot, viewer, whole)
    if not hidden.site:
        return None
    places = {*free.site}
    pairs = zip(heads.site, heads.shown, strict=True)
    return [*dict.fromkeys(h for s, h in pairs if s in places and h not in POOLS)]


def told_weeks(
    snapshot: Snapshot, viewer: Viewer, figure: Weekly, heads: Scope, in_all: bool
) -> pl.DataFrame:
    """Every week that is told of a heading: shown, resource, week, `first`, `until`.

    `first` and `until` are the first and the last week of its block. A pool is made of
    the sites that publish capacity to all and told on the same blocks to everybody; a
    site seen by name under a threshold has its own. What is summed of several, a region
    or (`in_all`) everything, is told on blocks that are whole blocks of each.
    """
    found = pattern(snapshot, "capacity")
    whole = scope(snapshot, viewer, Filters(), "capacity")
    _, hidden = openly(snapshot, viewer, whole)
    least, _ = audience_rule(snapshot, viewer)
    question = "weeks", figure, hidden.named, least if hidden.named else 0
    each = found.remembered(
        question, lambda: _Weeks(found, figure).told(hidden.named, least)
    )
    summed = {h: _SUMMED for h in heads.shown if in_all or h not in hidden.named}
    pools = {} if in_all else {h: _POOL for h in heads.shown if h in POOLS}
    headings = {h: h for h in heads.shown} | summed | pools
    keys = pl.DataFrame({"shown": [*headings], "key": [*headings.values()]},
                        schema={"shown": pl.String, "key": pl.String})  # fmt: skip
    since = date.fromisoformat(f"{snapshot.since or '0001-01'}-01")
    seen = each.filter(pl.col("first") >= since)
    return keys.join(seen, on="key", maintain_order="left").select(*BLOCK)


class _Weeks:
    """The cells of slots: counts by resource, week and site."""

    def __init__(self, found: Pattern, figure: Weekly) -> None:
        self._found, self._figure = found, figure
        snapshot = found.table.snapshot
        ahead = figure == "bookings"
        self._rows = snapshot.rows(_CELLS, {"day": snapshot.as_of, "ahead": ahead})
        self._resources = self._rows["resource"].unique().sort()
        self._weeks = self._rows["week"].unique().sort()

    def told(self, named: Sequence[str], least: int) -> pl.DataFrame:
        """The weeks of a pool, of each of these sites, and of their sum: `key`."""
        rule = Rule(least, np.zeros((0, 1), np.bool_))
        each = {_POOL: self._blocks(self._tests(self._found.table.sites))}
        for site in named:
            each[site] = self._blocks(self._tests([site], rule))
        if self._figure in _FLOWS:
            each[_SUMMED] = common(each.values())
        rows = [self._laid_out(p).select(pl.lit(k).alias("key"), pl.all())
                for k, p in each.items()]  # fmt: skip
        if self._figure not in _FLOWS:
            rows.append(_everywhere(rows))
        return pl.concat(rows)

    def _blocks(self, tests: Sequence[Test]) -> Partition:
        if self._figure in _FLOWS:
            every = finest(len(self._resources), len(self._weeks))
            return coarsened(every, tests, ())
        safe = np.all([rule.holds(counts) for counts, rule in tests], axis=0)
        return tuple(
            Strand((line,), (week, week + 1)) for line, week in np.argwhere(safe)
        )

    def _tests(self, sites: Sequence[str], rule: Rule | None = None) -> list[Test]:
        return [
            (self._dense(column, sites), rule or self._found.rule(PATIENTS, whole))
            for column, whole in _TESTED[self._figure].items()
        ]

    def _dense(self, column: str, sites: Sequence[str]) -> Counts:
        shape = len(self._resources), len(self._weeks), len(sites)
        counts = np.zeros(shape, np.int64)
        rows = self._rows.filter(pl.col("site").is_in([*sites]))
        at = (
            _placed(rows["resource"], self._resources),
            _placed(rows["week"], self._weeks),
            _placed(rows["site"], pl.Series(sites, dtype=pl.String)),
        )
        np.add.at(counts, at, rows[column].fill_null(0).cast(pl.Int64).to_numpy())
        return counts

    def _laid_out(self, partition: Partition) -> pl.DataFrame:
        resources, weeks = self._resources.to_list(), self._weeks.to_list()
        rows = [
            (resources[line], weeks[week], weeks[since], weeks[until - 1])
            for strand in partition
            for since, until in strand.blocks
            for line in strand.lines
            for week in range(since, until)
        ]
        schema = {name: BLOCK[name] for name in ("resource", "week", "first", "until")}
        return pl.DataFrame(rows, schema=schema, orient="row")


def _everywhere(each: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The weeks that are told of all."""
    block = ["resource", "week", "first", "until"]
    rows = pl.concat(each).group_by(block, maintain_order=True).len()
    told = rows.filter(pl.col("len") == len(each))
    return told.select(pl.lit(_SUMMED).alias("key"), *block)


def _placed(values: pl.Series, among: pl.Series) -> Counts:
    """The place of each value among all that there are."""
    places = {value: place for place, value in enumerate(among)}
    return np.array([places[value] for value in values], np.int64)
