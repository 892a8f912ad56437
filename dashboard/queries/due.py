"""The weeks that sites were due to report, and which of them are told of a pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import (
    FEWEST_POOLED,
    POOLS,
    SCOPE,
    SUPPRESSED,
    Scope,
    disclose,
)
from dashboard.queries.finest import PERIODS
from dashboard.queries.pooled import HELD_BACK
from dashboard.queries.snapshot import Snapshot, current
from dashboard.queries.weeks import BLOCK, Weekly, told_weeks, unhidden
from dashboard.viewer import Viewer

WEEKS = 52
RECENT = 12
_PERIOD_DAYS = {"week": 7, "month": 31, "quarter": 92, "year": 366}

# Which weeks are told of the headings that are not free, as `telling` says.
TOLD = (
    "told as (select unnest(cast($told_shown as varchar[])) as shown,"
    " unnest(cast($told_resource as varchar[])) as resource,"
    " unnest(cast($told_week as date[])) as week, unnest(cast($told_first as date[]))"
    " as first, unnest(cast($told_until as date[])) as until)"
)
FREE = "(cast($open as boolean) or list_contains($free, {heading}))"

# One row a site, resource and full week that its site was due to report.
DUE = (
    f"with {TOLD},"
    " seen as (select site, resource, min(week) as opened, max(week) as closed,"
    " max(case when used is not null and staffed is not null then week end) as spoke"
    " from capacity where week <= cast($last as date) group by all),"
    " due_week as (select s.site, s.shown, k.resource, k.spoke,"
    " cast(w.week as date) as week"
    f" from {SCOPE} as s join site as st on s.site = st.site"
    " join seen as k on s.site = k.site"
    " join (select unnest(generate_series(cast($first as timestamp),"
    " cast($last as timestamp), interval 7 day)) as week) as w"
    " on w.week >= k.opened and (st.stage <> 'closed' or w.week <= k.closed)"
    " where st.stage <> 'pre_gmp' and ($resource is null or k.resource = $resource)),"
    f" due as (select w.*, {FREE.format(heading='w.shown')}"
    " or coalesce(t.first >= cast($first as date) and t.until <= cast($last as date)"
    " and ($period is null or date_trunc($period, t.first)"
    " = date_trunc($period, t.until)), false) as told from due_week as w"
    " left join told as t on t.shown = w.shown and t.resource = w.resource"
    " and t.week = w.week)"
)
HEARD = "d.spoke >= cast($fresh as date)"
_STATED = "r.used is not null and r.staffed is not null"
KNOWN = f"d.told and {_STATED}"
# A viewer may subtract what it sees by name: the rest of a total has to be a pool.
POOLED = (
    "coalesce(nullif(count(distinct case when d.shown in"
    f" {tuple(POOLS)} then d.site end), 0),"
    f" {FEWEST_POOLED})"
)
COVERAGE = (
    f"count(*) filter ({KNOWN}) as reported, count(*) filter (d.told) as expected,"
    f" count(*) filter (not d.told and {_STATED}) as untold,"
    " count(distinct d.week) filter (d.told) as weeks,"
    " count(distinct d.site) as sites,"
    " count(distinct case when d.spoke is null or d.spoke < cast($fresh as date)"
    " then d.site end) as silent, max(d.spoke) as last_week,"
    " date_diff('day', max(d.spoke) + 6, cast($day as date)) as age,"
    f" {POOLED} as pooled_from"
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
    def place(self) -> str:
        """The heading that a row belongs to, as SQL."""
        return "'network'" if self.in_all else "d.shown"

    @property
    def period(self) -> str | None:
        """The period that they are summed by."""
        return next((word for word in self.by if word in PERIODS), None)


def telling(
    snapshot: Snapshot, viewer: Viewer, heads: Scope, asked: Asked
) -> dict[str, Any]:
    """As parameters: which headings are told every week, and which weeks all others."""
    free = unhidden(snapshot, viewer, heads) if asked.told else None
    told = pl.DataFrame(schema=BLOCK)
    if asked.told and free is not None and not asked.partly:
        told = told_weeks(snapshot, viewer, asked.told, heads, asked.in_all)
    return {
        "open": free is None,
        "free": [] if asked.in_all else free or [],
        "resource": asked.resource,
        **{f"told_{column}": told[column].to_list() for column in BLOCK},
    }


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
