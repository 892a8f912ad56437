"""What sites could make in a year, and what is still to come."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import disclose, scope
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer


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


def slots_to_come(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Slots a week that each named pre-GMP centre plans, and its last report's week."""
    snapshot = current()
    return snapshot.counts(
        "select r.site, sum(r.theoretical) / count(*) as theoretical,"
        " max(case when r.used is not null then r.week end) as last_week"
        " from capacity as r join site as st on r.site = st.site"
        " where st.stage = 'pre_gmp' and r.resource = 'slot'"
        " and list_contains($named, r.site) group by all order by all",
        {"named": list(scope(snapshot, viewer, filters, "capacity").named)},
    )
