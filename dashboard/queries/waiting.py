"""Who waits: queues that sites report week by week, and orders without a start."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import (
    POOLS,
    SCOPE,
    Scope,
    audience_rule,
    headed,
    parted,
    withheld,
)
from dashboard.queries.due import (
    COVERAGE,
    DUE,
    FREE,
    HEARD,
    KNOWN,
    RECENT,
    Asked,
    disclosed,
    telling,
    window,
)
from dashboard.queries.finest import PATIENTS
from dashboard.queries.pattern import pattern
from dashboard.queries.snapshot import Snapshot, current
from dashboard.queries.weeks import told_weeks
from dashboard.viewer import Viewer

# Of a pool silent sites are left in, as they are in its weeks: they would be what is
# left of those.
_CURRENT = f"(not {FREE.format(heading='d.shown')} or {HEARD})"


def queue(viewer: Viewer, filters: Filters, by: str = "site") -> pl.DataFrame:
    """Orders `waiting` in each site's last reported week, and its latest rate of use.

    `used` sums RECENT weeks up to the network's day, `heard` site-weeks being known.
    Silent sites add nothing: their queue of then is no queue of today. Of a pool it is
    the queue of the newest week that is told, as it is week by week, silent sites
    included. The waiting are
    patients, so both counts are held back together.
    """
    snapshot = current()
    recent = window(snapshot, Filters(), RECENT)
    heads = headed(snapshot, viewer, filters, (by,), "capacity")
    told = telling(snapshot, viewer, heads, Asked((by,), "slot", RECENT, "slots"))
    newest = _newest(snapshot, viewer, heads, recent)
    answer = snapshot.counts(
        f"{DUE}, newest as (select unnest(cast($newest_shown as varchar[])) as shown,"
        " unnest(cast($newest_week as date[])) as week),"
        " late as (select site, max(week) as week from capacity"
        " where resource = 'slot' and waiting is not null"
        " and week <= cast($last as date) group by site)"
        " select d.shown as site, cast(sum(case when d.week ="
        f" (case when {FREE.format(heading='d.shown')} then late.week"
        " else newest.week end)"
        f" and {_CURRENT} then r.waiting end) as bigint) as waiting,"
        f" cast(sum(case when {KNOWN} and {_CURRENT} then r.used end) as bigint)"
        f" as used, count(*) filter ({KNOWN} and {_CURRENT}) as heard,"
        f" {COVERAGE} from due as d"
        " left join capacity as r on r.site = d.site and r.week = d.week"
        " and r.resource = d.resource left join late on late.site = d.site"
        " left join newest on newest.shown = d.shown"
        " group by all order by all",
        {
            **heads.parameters,
            **recent,
            **told,
            "period": None,
            "newest_shown": [*newest],
            "newest_week": [*newest.values()],
        },
    )
    unknown = ~pl.lit(told["open"]) & ~pl.col("site").is_in([*told["free"], *newest])
    answer = answer.with_columns(pl.col("untold") + unknown)
    return disclosed(snapshot, viewer, answer, ("waiting", "used"))


def _newest(
    snapshot: Snapshot, viewer: Viewer, heads: Scope, recent: Mapping[str, Any]
) -> dict[str, date]:
    """The newest week whose queue is told, by heading; of those that are not free."""
    weeks = told_weeks(snapshot, viewer, "queue", heads, in_all=False).filter(
        pl.col("resource") == "slot",
        pl.col("week").is_between(recent["first"], recent["last"]),
    )
    return dict(weeks.group_by("shown").agg(pl.col("week").max()).sort("shown").rows())


def orders_waiting(viewer: Viewer, filters: Filters, by: str = "site") -> pl.DataFrame:
    """Orders without a start or a closing on the network's day, by site or region.

    `oldest` is the number of days that the oldest of them has waited.
    """
    snapshot = current()
    answer = snapshot.counts(
        "select s.shown as site, cast(sum(d.waiting) as bigint) as waiting,"
        " max(date_diff('day', d.ordered, cast($day as date))) as oldest,"
        " count(distinct d.site) as pooled_from"
        f" from order_waiting as d join {SCOPE} as s on d.site = s.site"
        " group by all order by all",
        {
            **headed(snapshot, viewer, filters, (by,), "capacity").parameters,
            "day": snapshot.as_of,
        },
    )
    # The oldest of a pool is one patient's wait.
    pool = pl.col("site").is_in([*POOLS])
    untold = pool & pl.lit(not _pool_is_safe(snapshot))
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


def _pool_is_safe(snapshot: Snapshot) -> bool:
    """Whether the waiting of all pooled sites are enough, also for who knows a part."""
    found = pattern(snapshot, "capacity")
    waiting = dict(
        snapshot.counts(
            "select site, cast(sum(waiting) as bigint) from order_waiting group by 1"
            " order by 1",
            {},
        ).iter_rows()
    )
    counts = np.array([[waiting.get(site, 0) for site in found.table.sites]], np.int64)
    return bool(found.rule(PATIENTS, whole=True).holds(counts).all())
