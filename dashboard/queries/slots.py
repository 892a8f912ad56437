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
    disclose,
    scope,
)
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

WEEKS = 52
RECENT = 12
_PERIOD_DAYS = {"week": 7, "month": 31, "quarter": 92, "year": 366}
_GROUPS = {
    "site": "d.shown",
    "resource": "d.resource",
    "cause": "l.reason",
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
_POOLED = (
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
    f" {_POOLED} as pooled_from"
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
    sums the whole network.
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
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site", "cause")
) -> pl.DataFrame:
    """Slots lost by cause, the contract's `reason`; groups without a loss have no row.

    A lost slot is nobody's treatment, so the count is never held back, but a pool of
    too few sites is.
    """
    join = " join loss as l on l.site = d.site and l.week = d.week"
    join += " and l.resource = d.resource"
    asked = (by, "slot", WEEKS)
    frame = _weekly(viewer, filters, asked, "sum(l.lost) as lost", join, ())
    groups = [b for b in by if b != "site"]
    return frame.select("site", *groups, "lost", "state", "reason")


def slots_ahead(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Slots staffed and booked from the network's week on, for RECENT weeks.

    `reported` counts the site-weeks with a booking figure, `expected` those asked for.
    """
    snapshot = current()
    first = _monday(snapshot.as_of)
    place = "d.shown" if "site" in by else "'network'"
    groups = ", ".join(f"{_GROUPS[g]} as {g}" for g in by if g != "site")
    answer = snapshot.rows(
        "with due as (select s.site, s.shown, cast(w.week as date) as week"
        f" from {SCOPE} as s join site as st on s.site = st.site,"
        " (select unnest(generate_series(cast($first as timestamp),"
        " cast($last as timestamp), interval 7 day)) as week) as w"
        " where st.stage not in ('pre_gmp', 'closed')"
        " and st.kind <> 'testing_laboratory')"
        f" select {place} as site{', ' * bool(groups)}{groups},"
        " sum(case when r.booked is not null then r.staffed end) as staffed,"
        " sum(r.booked) as booked, count(r.booked) as reported,"
        f" count(*) as expected, {_POOLED} as pooled_from"
        " from due as d left join capacity as r on r.site = d.site"
        " and r.week = d.week and r.resource = 'slot' group by all order by all",
        {
            **scope(snapshot, viewer, filters).parameters,
            "first": first,
            "last": first + timedelta(weeks=RECENT - 1),
        },
    )
    return disclose(snapshot, viewer, answer, ("booked",), ("staffed",))


def queue(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Orders `waiting` in each site's last reported week, and its latest rate of use.

    `used` sums RECENT weeks up to the network's day, `heard` site-weeks being known.
    Silent sites add nothing: their queue of then is no queue of today. The waiting are
    patients, so both counts are held back together.
    """
    snapshot = current()
    window = _window(snapshot, Filters(), RECENT)
    answer = snapshot.rows(
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
        {**scope(snapshot, viewer, filters).parameters, **window, "resource": "slot"},
    )
    return disclose(snapshot, viewer, answer, ("waiting", "used"))


def awaiting_final(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches released provisionally without a final decision, by heading.

    `oldest` is the days since the first of their provisional releases; `due` all that
    were ever released provisionally. A site with none has the state zero.
    """
    snapshot = current()
    where, parameters = conditions(replace(filters, start=None, end=None))
    answer = snapshot.rows(
        "select s.shown as site, cast(sum(r.waiting) as bigint) as waiting,"
        " max(case when r.waiting > 0 then date_diff('day',"
        " r.provisional_release, cast($day as date)) end) as oldest,"
        " cast(sum(r.provisional) as bigint) as provisional,"
        " count(distinct r.site) as pooled_from"
        f" from rollup_provisional as r join {SCOPE} as s on r.site = s.site"
        f" left join product as p on r.product = p.product where {where}"
        " group by all order by all",
        {
            **scope(snapshot, viewer, filters).parameters,
            **parameters,
            "day": snapshot.as_of,
        },
    )
    return disclose(snapshot, viewer, answer, ("waiting",), ("oldest", "provisional"))


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
    place = "d.shown" if "site" in by else "'network'"
    groups = [f"{place} as site"]
    groups += [f"{_GROUPS[g]} as {g}" for g in by if g != "site"]
    answer = snapshot.rows(
        f"{_DUE} select {', '.join(groups)}, {sums}, {_COVERAGE}"
        " from due as d left join capacity as r on r.site = d.site"
        f" and r.week = d.week and r.resource = d.resource{join}"
        " group by all order by all",
        {
            **scope(snapshot, viewer, filters).parameters,
            **_window(snapshot, filters, weeks),
            **(parameters or {}),
            "resource": resource,
        },
    )
    beside = [c for c in _BESIDE if c in answer.columns]
    return disclose(snapshot, viewer, answer, counts, beside)


def _window(snapshot: Snapshot, filters: Filters, weeks: int) -> dict[str, object]:
    """The first and last full week asked for, and since when silence is too long."""
    day = snapshot.as_of
    last = _monday(day - timedelta(days=6))
    first = last - timedelta(weeks=weeks - 1)
    if filters.end:
        last = min(last, _monday(_month_end(filters.end)))
    if filters.start or filters.end:
        start = date.fromisoformat(f"{filters.start or '1990-01'}-01")
        first = _monday(start + timedelta(days=6))
    rule = snapshot.rules["reporting"]
    agreed = _PERIOD_DAYS[str(rule.get("period", "month"))] + int(
        str(rule.get("days", 14))
    )
    fresh = day - timedelta(days=agreed + 6)
    return {"first": first, "last": last, "fresh": fresh, "day": day}


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month_end(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def agreed_completeness() -> float:
    """The share of reports below which the network agreed to show no figure."""
    return float(str(current().rules["reporting"].get("completeness", 0)))
