"""Batches one by one in the order in which they ended, for those who may see rows."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import scope
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

FLAGS = (
    "no_product",
    "out_of_spec",
    "released_out_of_spec",
    "late_failure",
    "not_infused",
    "any_failure",
)


def sequence(viewer: Viewer, filters: Filters, flag: str) -> pl.DataFrame:
    """site, date, failed, strata: each counted batch for which `flag` can be told.

    The strata are product, pathway, starting material and process. In order of date.

    The lead gets all sites that the filters ask for, a site its own, everybody else
    no row: dates of single batches are not disclosed. A batch's date is the day it
    was closed, since only then is its outcome known.
    """
    if flag not in FLAGS:
        raise ValueError(f"“{flag}” is no failure flag. Use one of {', '.join(FLAGS)}.")
    snapshot = current()
    named = scope(snapshot, viewer, filters).named
    allowed = {
        "lead": named,
        "site": tuple(s for s in named if s == viewer.site),
    }.get(viewer.role, ())
    condition, parameters = conditions(filters)
    period = condition.replace(
        "r.month", "cast(date_trunc('month', r.started) as date)"
    )
    return snapshot.rows(
        "select r.site, coalesce(r.closed, r.final_decision, r.first_release,"
        f" r.started) as date, r.{flag} as failed,"
        " r.product, r.pathway, r.starting_material, r.process"
        " from fact_batch as r left join product as p on r.product = p.product"
        f" where r.counted and r.started is not null and r.{flag} is not null"
        f" and {period} and list_contains($named, r.site)"
        " order by r.site, date, r.started, r.batch",
        {"named": list(allowed), **parameters},
    )


def silent_months(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """site, month: the months for which a named site owed batches and sent none.

    None arrived although the site declared some, or the month lies past the last day
    that the site's own rows speak of. A month in which it made none is not silent.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters).named
    return _silent(snapshot).filter(pl.col("site").is_in(named))


@kept
def _silent(snapshot: Snapshot) -> pl.DataFrame:
    """The silent months of every site."""
    return snapshot.rows(
        "select r.site, cast(r.period || '-01' as date) as month"
        " from report as r left join (select site, max(last_day) as last_day"
        " from freshness group by site) as f on r.site = f.site"
        " where r.dataset = 'batch' and r.due <= cast($day as date)"
        " and coalesce(r.received_rows, 0) = 0"
        " and (r.expected_rows > 0 or f.last_day is null"
        " or f.last_day < cast(r.period || '-01' as date))"
        " order by r.site, month",
        {"day": snapshot.as_of},
    )
