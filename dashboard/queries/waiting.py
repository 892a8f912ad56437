"""Who waits: queues that sites report week by week, and orders without a start."""

from dataclasses import replace

import numpy as np
import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import (
    POOLS,
    Scope,
    audience_rule,
    headed,
    parted,
    withheld,
)
from dashboard.queries.due import (
    KNOWN,
    RECENT,
    Asked,
    Due,
    Span,
    count,
    disclosed,
    reported,
    total,
    weeks_due,
)
from dashboard.queries.finest import PATIENTS
from dashboard.queries.pattern import pattern
from dashboard.queries.snapshot import Snapshot, current
from dashboard.queries.weeks import told_weeks, unhidden
from dashboard.viewer import Viewer


def queue(viewer: Viewer, filters: Filters, by: str = "site") -> pl.DataFrame:
    """Orders `waiting` in each site's last reported week, and its latest rate of use.

    `used` sums RECENT weeks up to the network's day, `heard` site-weeks being known.
    Silent sites add nothing: their queue of then is no queue of today. Of a pool it is
    the queue of the newest week that is told, as it is week by week, silent sites
    included. The waiting are
    patients, so both counts are held back together.
    """
    snapshot = current()
    heads = headed(snapshot, viewer, filters, (by,), "capacity")
    due = _recent(viewer, filters, Asked((by,), "slot", RECENT, "slots"))
    newest = _newest(snapshot, viewer, heads, due.span)
    each = due.beside(_late(snapshot, due.span), ("site",)).beside(newest, ("shown",))
    # Of a pool silent sites are left in, as they are in its weeks: they would be what
    # is left of those.
    speaking = ~pl.col("free") | due.span.heard.fill_null(False)
    last = pl.when("free").then("late").otherwise("newest")
    known = KNOWN & speaking
    answer = each.summed(
        total("waiting", speaking & (pl.col("week") == last)).cast(pl.Int64),
        total("used", known).cast(pl.Int64),
        count(known).alias("heard"),
        (~pl.col("free").any() & pl.col("newest").is_null().all()).alias("unknown"),
    )
    untold = pl.col("untold") + pl.col("unknown").cast(pl.Int64)
    marked = answer.with_columns(untold=untold).drop("unknown")
    return disclosed(snapshot, viewer, marked, ("waiting", "used"))


def _recent(viewer: Viewer, filters: Filters, asked: Asked) -> Due:
    """The last weeks up to the network's day, whatever the period of the filters."""
    return weeks_due(viewer, replace(filters, start=None, end=None), asked)


def _late(snapshot: Snapshot, span: Span) -> pl.DataFrame:
    """By site the last week of which it stated how many wait for a slot: `late`."""
    stated = reported(snapshot).filter(
        pl.col("waiting").is_not_null(), pl.col("week") <= span.last, resource="slot"
    )
    return stated.group_by("site").agg(late=pl.col("week").max())


def _newest(
    snapshot: Snapshot, viewer: Viewer, heads: Scope, span: Span
) -> pl.DataFrame:
    """The newest week whose queue is told, by heading; of those that are not free."""
    if unhidden(snapshot, viewer, heads) is None:
        return pl.DataFrame(schema={"shown": pl.String, "newest": pl.Date})
    weeks = told_weeks(snapshot, viewer, "queue", heads, in_all=False).filter(
        pl.col("resource") == "slot",
        pl.col("week").is_between(span.first, span.last),
    )
    return weeks.group_by("shown").agg(newest=pl.col("week").max())


def orders_waiting(viewer: Viewer, filters: Filters, by: str = "site") -> pl.DataFrame:
    """Orders without a start or a closing on the network's day, by site or region.

    `oldest` is the number of days that the oldest of them has waited.
    """
    snapshot = current()
    waiting = _waiting(snapshot)
    answer = (
        headed(snapshot, viewer, filters, (by,), "capacity")
        .frame.join(waiting, on="site")
        .group_by(pl.col("shown").alias("site"))
        .agg(
            pl.col("waiting").sum(),
            oldest=(pl.lit(snapshot.as_of) - pl.col("first").min()).dt.total_days(),
            pooled_from=pl.col("site").n_unique(),
        )
        .sort("site")
    )
    # The oldest of a pool is one patient's wait.
    pool = pl.col("site").is_in([*POOLS])
    untold = pool & pl.lit(not _pool_is_safe(snapshot, waiting))
    answer = answer.with_columns(
        pl.when(~untold).then("waiting").alias("waiting"),
        pl.when(~pool).then("oldest").alias("oldest"),
        untold.cast(pl.Int64).alias("untold"),
    )
    shown = disclosed(snapshot, viewer, answer, ("waiting",), ("oldest",))
    if by == "site" or audience_rule(snapshot, viewer)[0] <= 1:
        return shown
    over = parted(snapshot, viewer, orders_waiting(viewer, filters), (by,))
    return withheld(shown, over, ["site"], ("waiting", "oldest"))


def _waiting(snapshot: Snapshot) -> pl.DataFrame:
    """By site, how many wait, and since which day the first of them does."""
    return snapshot.counts(
        "select site, cast(sum(waiting) as bigint) as waiting, min(ordered) as first"
        " from order_waiting group by site order by site",
        {},
    )


def _pool_is_safe(snapshot: Snapshot, waiting: pl.DataFrame) -> bool:
    """Whether the waiting of all pooled sites are enough, also for who knows a part."""
    found = pattern(snapshot, "capacity")
    known = dict(waiting.select("site", "waiting").iter_rows())
    counts = np.array([[known.get(site, 0) for site in found.table.sites]], np.int64)
    return bool(found.rule(PATIENTS, whole=True).holds(counts).all())
