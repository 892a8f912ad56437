"""Slots week by week: what was due to be reported, what was, and what it carried.

Sums take only weeks for which a site stated both what it could staff and what it used,
so that a ratio of two of them is about the same weeks; `reported` of `expected` says
how many of the weeks that were due those are. Pre-GMP centres are left out: their
capacity is still coming. Without a period, the last 52 full weeks. Of a pool it is all
about the weeks that are told of it (`dashboard.queries.weeks`).
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import classes, conditions
from dashboard.queries.disclosure import SUPPRESSED
from dashboard.queries.due import (
    KNOWN,
    STATED,
    WEEKS,
    Asked,
    count,
    reported,
    total,
    weeks_due,
)
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

_STAFFED = ("theoretical", "staffed")
_TAKEN = ("booked", "used")


def _whole(column: str) -> pl.Expr:
    """The sum over the weeks that are known; null where one of them lacks it."""
    lacking = (KNOWN & pl.col(column).is_null()).any()
    return pl.when(~lacking).then(total(column, KNOWN)).alias(column)


def slot_use(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site",),
    resource: str | None = "slot",
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Starts theoretical, staffed, booked and used, with the coverage of each group.

    `silent` of `sites` have not reported for longer than was agreed; `last_week` is
    the newest week of the group, `age` the days since its end. A group without `site`
    or `region` sums the whole network.
    """
    due = weeks_due(viewer, filters, Asked(by, resource, weeks, "slots"))
    sums = [_whole(column) for column in (*_STAFFED, *_TAKEN)]
    return due.disclosed(sums, ("used", "booked"), _STAFFED)


def slot_starts(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site",),
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Batches started (`starts`, of those that count) and staffed slots, same weeks.

    Filters of product and pathway choose batches only: a slot serves any of them. Of a
    pool, starts are told of all products together: a week of one would be few.
    """
    some = filters.product or filters.product_class or filters.pathway
    asked = Asked(by, "slot", weeks, "starts", partly=bool(some))
    due = weeks_due(viewer, filters, asked).beside(_begun(filters), ("site", "week"))
    none = pl.when(KNOWN).then(pl.col("starts").fill_null(0))
    counted = replace(due, weeks=due.weeks.with_columns(starts=none))
    sums = [*map(_whole, _STAFFED), total("starts", KNOWN)]
    return counted.disclosed(sums, ("starts",), _STAFFED)


def _begun(filters: Filters) -> pl.DataFrame:
    """Batches started that count, of the products asked for, by site and week."""
    where, parameters = conditions(replace(filters, start=None, end=None))
    return current().counts(
        "select r.site, r.week, cast(sum(r.n) as bigint) as starts"
        f" from rollup_start as r{classes(filters)}"
        f" where r.counted and {where} group by r.site, r.week",
        parameters,
    )


def slots_lost(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site", "cause"),
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Slots lost by cause, the contract's `reason`; groups without a loss have no row.

    A lost slot is nobody's treatment, so the count is never held back, but a pool of
    too few sites is: of those that could have lost one, not of those that did.
    """
    due = weeks_due(viewer, filters, Asked(by, "slot", weeks))
    lost = _losses(current())
    causes = due.weeks.join(lost.select("cause").unique(), how="cross")
    each = replace(due, weeks=causes).beside(
        lost, ("site", "resource", "week", "cause")
    )
    frame = each.disclosed([total("lost", pl.lit(True))], (), ("lost",))
    return frame.select("site", *each.asked.words, "lost", "state", "reason").filter(
        (pl.col("lost") > 0) | (pl.col("state") == SUPPRESSED)
    )


@kept
def _losses(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.rows(
        "select site, resource, week, reason as cause, lost from loss"
        " order by site, resource, week, reason"
    )


def queue_weekly(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site", "week"),
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Orders `waiting` in each week; none where a site that reported left it out."""
    due = weeks_due(viewer, filters, Asked(by, "slot", weeks, "queue"))
    left_out = pl.col("used").is_not_null() & pl.col("waiting").is_null()
    waiting = total("waiting", pl.col("told")).cast(pl.Int64)
    sums = pl.when(~left_out.any()).then(waiting).alias("waiting")
    return due.disclosed([sums], ("waiting",))


def narrowest(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """In how many weeks each resource alone could carry the fewest starts of a site.

    `narrowest` of `told`, the site-weeks for which two resources or more were stated;
    a week in which two carry the same counts for neither, and one in which none but one
    carries anything for nobody. Weeks are nobody's treatment.
    """
    due = weeks_due(viewer, filters, Asked((*by, "resource"), None, WEEKS))
    others = pl.col("resource") != "slot"
    each = replace(due, weeks=due.weeks.filter(others)).beside(
        _least(current()), ("site", "week")
    )
    told = KNOWN & (pl.col("second") > 0)
    here = told & (pl.col("least") == pl.col("resource"))
    alone = here & (pl.col("first") < pl.col("second"))
    sums = [count(told).alias("told"), count(alone).alias("narrowest")]
    return each.disclosed(sums, (), ("told", "narrowest"))


@kept
def _least(snapshot: Snapshot) -> pl.DataFrame:
    """Which resource but slots could carry the fewest starts of a week; the fewest two.

    `first` and `second` are the numbers of starts; where there is one resource only,
    `second` is null.
    """
    staffed = pl.col("staffed").sort()
    return (
        reported(snapshot)
        .filter(STATED, pl.col("resource") != "slot")
        .group_by("site", "week", maintain_order=True)
        .agg(
            least=pl.col("resource").sort_by("staffed").first(),
            first=staffed.first(),
            second=staffed.get(1, null_on_oob=True),
        )
    )
