"""Slots week by week: what was due to be reported, what was, and what it carried.

Sums take only weeks for which a site stated both what it could staff and what it used,
so that a ratio of two of them is about the same weeks; `reported` of `expected` says
how many of the weeks that were due those are. Pre-GMP centres are left out: their
capacity is still coming. Without a period, the last 52 full weeks.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import (
    FEWEST_POOLED,
    POOLS,
    SCOPE,
    SUPPRESSED,
    audience_rule,
    disclose,
    headed,
    parted,
    withheld,
)
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

WEEKS = 52
RECENT = 12
_PERIOD_DAYS = {"week": 7, "month": 31, "quarter": 92, "year": 366}
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

# One row a site, resource and full week that its site was due to report.
_DUE = (
    "with seen as (select site, resource, min(week) as opened, max(week) as closed,"
    " max(case when used is not null and staffed is not null then week end) as spoke"
    " from capacity where week <= cast($last as date) group by all),"
    " due as (select s.site, s.shown, k.resource, k.spoke, cast(w.week as date) as week"
    f" from {SCOPE} as s join site as st on s.site = st.site"
    " join seen as k on s.site = k.site"
    " join (select unnest(generate_series(cast($first as timestamp),"
    " cast($last as timestamp), interval 7 day)) as week) as w"
    " on w.week >= k.opened and (st.stage <> 'closed' or w.week <= k.closed)"
    " where st.stage <> 'pre_gmp' and ($resource is null or k.resource = $resource))"
)
_HEARD = "d.spoke >= cast($fresh as date)"
_KNOWN = "r.used is not null and r.staffed is not null"
_SUMS = ", ".join(
    f"case when bool_or({_KNOWN} and r.{c} is null) then null"
    f" else sum(case when {_KNOWN} then r.{c} end) end as {c}"
    for c in ("theoretical", "staffed", "booked", "used")
)
# A viewer may subtract what it sees by name: the rest of a total has to be a pool.
POOLED = (
    "coalesce(nullif(count(distinct case when d.shown in"
    f" {tuple(POOLS)} then d.site end), 0),"
    f" {FEWEST_POOLED})"
)
_COVERAGE = (
    f"count(*) filter ({_KNOWN}) as reported, count(*) as expected,"
    " count(distinct d.week) as weeks, count(distinct d.site) as sites,"
    " count(distinct case when d.spoke is null or d.spoke < cast($fresh as date)"
    " then d.site end) as silent, max(d.spoke) as last_week,"
    " date_diff('day', max(d.spoke) + 6, cast($day as date)) as age,"
    f" {POOLED} as pooled_from"
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
    return _weekly(viewer, filters, (by, resource, weeks), _SUMS, "", _TAKEN)


def slot_starts(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site",),
    weeks: int = WEEKS,
) -> pl.DataFrame:
    """Batches started (`starts`, of those that count) and staffed slots, same weeks.

    Filters of product and pathway choose batches only: a slot serves any of them.
    """
    where, parameters = conditions(replace(filters, start=None, end=None))
    join = (
        " left join (select r.site, r.week, sum(r.n) as n from rollup_event as r"
        " left join product as p on r.product = p.product"
        f" where r.event = 'started' and r.counted and {where} group by all) as e"
        " on e.site = d.site and e.week = d.week"
    )
    starts = (
        f"cast(sum(case when {_KNOWN} then coalesce(e.n, 0) end) as bigint) as starts"
    )
    asked = (by, "slot", weeks)
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
    asked = (by, "slot", weeks)
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
        f"case when bool_or({told}) then null else cast(sum(r.waiting) as bigint) end"
        " as waiting"
    )
    return _weekly(viewer, filters, (by, "slot", weeks), sums, "", ("waiting",))


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
    told = f"{_KNOWN} and m.two[2] > 0"
    sums = (
        f"count(*) filter ({told}) as told, count(*) filter ({told}"
        " and m.resource = d.resource and m.two[1] < m.two[2]) as narrowest"
    )
    asked = ((*by, "resource"), None, WEEKS)
    frame = _weekly(viewer, filters, asked, sums, least, ())
    return frame.filter(pl.col("resource") != "slot")


def queue(viewer: Viewer, filters: Filters, by: str = "site") -> pl.DataFrame:
    """Orders `waiting` in each site's last reported week, and its latest rate of use.

    `used` sums RECENT weeks up to the network's day, `heard` site-weeks being known.
    Silent sites add nothing: their queue of then is no queue of today. The waiting are
    patients, so both counts are held back together.
    """
    snapshot = current()
    recent = window(snapshot, Filters(), RECENT)
    answer = snapshot.counts(
        f"{_DUE}, late as (select site, max(week) as week from capacity"
        " where resource = 'slot' and waiting is not null"
        " and week <= cast($last as date) group by site)"
        " select d.shown as site, cast(sum(case when d.week = late.week"
        f" and {_HEARD} then r.waiting end) as bigint) as waiting,"
        f" cast(sum(case when {_KNOWN} and {_HEARD} then r.used end) as bigint)"
        f" as used, count(*) filter ({_KNOWN} and {_HEARD}) as heard,"
        f" {_COVERAGE} from due as d"
        " left join capacity as r on r.site = d.site and r.week = d.week"
        " and r.resource = d.resource left join late on late.site = d.site"
        " group by all order by all",
        {
            **headed(snapshot, viewer, filters, (by,), "capacity").parameters,
            **recent,
            "resource": "slot",
        },
    )
    counts = ("waiting", "used")
    shown = disclose(snapshot, viewer, answer, counts)
    if by == "site" or audience_rule(snapshot, viewer)[0] <= 1:
        return shown
    over = parted(snapshot, viewer, queue(viewer, filters), (by,))
    return withheld(shown, over, ["site"], counts)


def _weekly(
    viewer: Viewer,
    filters: Filters,
    asked: tuple[Sequence[str], str | None, int],
    sums: str,
    join: str,
    counts: tuple[str, ...],
    parameters: dict[str, object] | None = None,
) -> pl.DataFrame:
    snapshot = current()
    by, resource, weeks = asked
    keys = [g for g in by if g not in ("site", "region")]
    place = "d.shown" if {"site", "region"} & {*by} else "'network'"
    groups = [f"{place} as site"]
    groups += [f"{_GROUPS[g]} as {g}" for g in keys]
    answer = snapshot.counts(
        f"{_DUE} select {', '.join(groups)}, {sums}, {_COVERAGE}"
        " from due as d left join capacity as r on r.site = d.site"
        f" and r.week = d.week and r.resource = d.resource{join}"
        " group by all order by all",
        {
            **headed(snapshot, viewer, filters, by, "capacity").parameters,
            **window(snapshot, filters, weeks),
            **(parameters or {}),
            "resource": resource,
        },
    )
    beside = [c for c in _BESIDE if c in answer.columns]
    shown = disclose(snapshot, viewer, answer, counts, beside)
    if "site" in by or audience_rule(snapshot, viewer)[0] <= 1:
        return shown
    one_by_one = (("site", *keys), resource, weeks)
    parts = _weekly(viewer, filters, one_by_one, sums, join, counts, parameters)
    over = parted(snapshot, viewer, parts, by)
    return withheld(shown, over, ["site", *keys], [*counts, *beside])


def window(snapshot: Snapshot, filters: Filters, weeks: int) -> dict[str, object]:
    """The first and last full week asked for, and since when silence is too long."""
    day = snapshot.as_of
    last = monday(day - timedelta(days=6))
    first = last - timedelta(weeks=weeks - 1)
    if filters.end:
        last = min(last, monday(_month_end(filters.end)))
    if filters.start or filters.end:
        start = date.fromisoformat(f"{filters.start or '1990-01'}-01")
        first = monday(start + timedelta(days=6))
    fresh = day - timedelta(days=_silence(snapshot) + 6)
    return {"first": first, "last": last, "fresh": fresh, "day": day}


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
