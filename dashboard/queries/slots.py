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
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import SUPPRESSED, headed
from dashboard.queries.due import (
    COVERAGE,
    DUE,
    KNOWN,
    WEEKS,
    Asked,
    disclosed,
    telling,
    window,
)
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer

_GROUPS = {
    "site": "d.shown",
    "resource": "d.resource",
    "cause": "c.reason",
    "week": "d.week",
    "month": "cast(date_trunc('month', d.week) as date)",
    "quarter": "cast(date_trunc('quarter', d.week) as date)",
    "year": "cast(date_trunc('year', d.week) as date)",
}

_TAKEN = ("used", "booked")
_BESIDE = ("theoretical", "staffed", "lost")

_SUMS = ", ".join(
    f"case when bool_or({KNOWN} and r.{c} is null) then null"
    f" else sum(case when {KNOWN} then r.{c} end) end as {c}"
    for c in ("theoretical", "staffed", "booked", "used")
)


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
    asked = Asked(by, resource, weeks, "slots")
    return _weekly(viewer, filters, asked, _SUMS, "", _TAKEN)


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
    where, parameters = conditions(replace(filters, start=None, end=None))
    join = (
        " left join (select r.site, r.week, sum(r.n) as n from rollup_event as r"
        " left join product as p on r.product = p.product"
        f" where r.event = 'started' and r.counted and {where} group by all) as e"
        " on e.site = d.site and e.week = d.week"
    )
    starts = (
        f"cast(sum(case when {KNOWN} then coalesce(e.n, 0) end) as bigint) as starts"
    )
    some = filters.product or filters.product_class or filters.pathway
    asked = Asked(by, "slot", weeks, "starts", partly=bool(some))
    return _weekly(
        viewer, filters, asked, f"{_SUMS}, {starts}", join, ("starts",), parameters
    ).drop("used", "booked")


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
    join = (
        " cross join (select distinct reason from loss) as c left join loss as l"
        " on l.site = d.site and l.week = d.week and l.resource = d.resource"
        " and l.reason = c.reason"
    )
    asked = Asked(by, "slot", weeks)
    frame = _weekly(viewer, filters, asked, "sum(l.lost) as lost", join, ())
    groups = [b for b in by if b not in ("site", "region")]
    return frame.select("site", *groups, "lost", "state", "reason").filter(
        (pl.col("lost") > 0) | (pl.col("state") == SUPPRESSED)
    )


def queue_weekly(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site", "week"),
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Orders `waiting` in each week; none where a site that reported left it out."""
    told = "r.used is not null and r.waiting is null"
    sums = (
        f"case when bool_or({told}) then null else"
        " cast(sum(r.waiting) filter (d.told) as bigint) end as waiting"
    )
    asked = Asked(by, "slot", weeks, "queue")
    return _weekly(viewer, filters, asked, sums, "", ("waiting",))


def narrowest(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """In how many weeks each resource alone could carry the fewest starts of a site.

    `narrowest` of `told`, the site-weeks for which two resources or more were stated;
    a week in which two carry the same counts for neither, and one in which none but one
    carries anything for nobody. Weeks are nobody's treatment.
    """
    least = (
        " left join (select site, week, arg_min(resource, staffed) as resource,"
        " min(staffed, 2) as two from capacity where resource <> 'slot'"
        " and staffed is not null and used is not null group by all) as m"
        " on m.site = d.site and m.week = d.week and d.resource <> 'slot'"
    )
    told = f"{KNOWN} and m.two[2] > 0"
    sums = (
        f"count(*) filter ({told}) as told, count(*) filter ({told}"
        " and m.resource = d.resource and m.two[1] < m.two[2]) as narrowest"
    )
    asked = Asked((*by, "resource"), None, WEEKS)
    frame = _weekly(viewer, filters, asked, sums, least, ())
    return frame.filter(pl.col("resource") != "slot")


def _weekly(
    viewer: Viewer,
    filters: Filters,
    asked: Asked,
    sums: str,
    join: str,
    counts: tuple[str, ...],
    parameters: dict[str, object] | None = None,
) -> pl.DataFrame:
    snapshot = current()
    keys = [g for g in asked.by if g not in ("site", "region")]
    groups = [f"{asked.place} as site"]
    groups += [f"{_GROUPS[g]} as {g}" for g in keys]
    heads = headed(snapshot, viewer, filters, asked.by, "capacity")
    answer = snapshot.counts(
        f"{DUE} select {', '.join(groups)}, {sums}, {COVERAGE}"
        " from due as d left join capacity as r on r.site = d.site"
        f" and r.week = d.week and r.resource = d.resource{join}"
        " group by all order by all",
        {
            **heads.parameters,
            **window(snapshot, filters, asked.weeks),
            **telling(snapshot, viewer, heads, asked),
            **(parameters or {}),
            "period": asked.period,
        },
    )
    beside = [c for c in _BESIDE if c in answer.columns]
    return disclosed(snapshot, viewer, answer, counts, beside)
