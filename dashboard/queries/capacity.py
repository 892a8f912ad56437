"""Capacity, losses and orders: batch starts that resources could carry, and did."""

from collections.abc import Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import (
    POOLS,
    SCOPE,
    audience_rule,
    disclose,
    headed,
    parted,
    scope,
    withheld,
)
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer

FIGURES = ("theoretical", "staffed", "booked", "used", "waiting")

_PERIODS = {
    "week": "r.week",
    "month": "cast(date_trunc('month', r.week) as date)",
    "quarter": "cast(date_trunc('quarter', r.week) as date)",
    "year": "cast(date_trunc('year', r.week) as date)",
}
_GROUPS = {
    "site": "s.shown",
    "resource": "r.resource",
    "reason": "r.reason",
    "stage": "st.stage",
    **_PERIODS,
}


def capacity(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site", "resource", "week")
) -> pl.DataFrame:
    """Batch starts theoretical, staffed, booked, used and waiting, summed over `by`.

    A sum over weeks of `waiting` has no meaning: take it by week. `reported` counts
    the site-weeks with a report of use, `weeks` those asked for; `last_week` is the
    last one with a report.
    """
    sums = ", ".join(f"sum(r.{c}) as {c}" for c in FIGURES)
    extra = (
        "count(r.used) as reported, count(*) as weeks,"
        " max(case when r.used is not null then r.week end) as last_week"
    )
    taken, beside = ("booked", "used", "waiting"), ("theoretical", "staffed")
    return _flow(viewer, filters, "capacity", f"{sums}, {extra}", by, (taken, beside))


def losses(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site", "reason")
) -> pl.DataFrame:
    """Batch starts lost, by reason."""
    return _flow(viewer, filters, "loss", "sum(r.lost) as lost", by, ((), ("lost",)))


def _flow(
    viewer: Viewer,
    filters: Filters,
    table: str,
    sums: str,
    by: Sequence[str],
    figures: tuple[Sequence[str], Sequence[str]],
) -> pl.DataFrame:
    """Slots are no patients: only starts taken and orders may be too few to show."""
    snapshot = current()
    grouped = tuple(dict.fromkeys(("site", *by)))
    groups = ", ".join(f"{_GROUPS[g]} as {g}" for g in grouped)
    answer = snapshot.counts(
        f"select {groups}, {sums}, count(distinct r.site) as pooled_from"
        f" from {table} as r join {SCOPE} as s on r.site = s.site"
        " join site as st on r.site = st.site"
        " where ($start is null or r.week >= cast($start as date))"
        " and ($end is null or r.week < cast($end as date) + interval 1 month)"
        " group by all order by all",
        {
            **scope(snapshot, viewer, filters, "capacity").parameters,
            "start": filters.start and f"{filters.start}-01",
            "end": filters.end and f"{filters.end}-01",
        },
    )
    return disclose(snapshot, viewer, answer, *figures)


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
    shown = disclose(snapshot, viewer, answer, ("waiting",), ("oldest",))
    # The oldest of a pool is one patient's wait.
    pool = pl.col("site").is_in([*POOLS])
    shown = shown.with_columns(pl.when(~pool).then("oldest").alias("oldest"))
    if by == "site" or audience_rule(snapshot, viewer)[0] <= 1:
        return shown
    over = parted(snapshot, viewer, orders_waiting(viewer, filters), (by,))
    return withheld(shown, over, ["site"], ("waiting", "oldest"))


def nominal_use(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Nominal capacity of each named site and its starts in the last twelve months."""
    snapshot = current()
    answer = snapshot.counts(
        "select st.site, st.stage, st.nominal_capacity, coalesce(sum(r.started), 0)"
        " as started, 1 as pooled_from from site as st"
        " left join rollup_batch as r on r.site = st.site"
        " and r.week > cast($day as date) - interval 52 week"
        " where list_contains($named, st.site) and st.kind <> 'testing_laboratory'"
        " group by all order by st.site",
        {
            "named": list(scope(snapshot, viewer, filters, "capacity").named),
            "day": snapshot.as_of,
        },
    ).with_columns(pl.col("started").cast(pl.Int64))
    return disclose(snapshot, viewer, answer, ("started",))
