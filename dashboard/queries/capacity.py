"""What sites could make in a year, and what is still to come."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import disclose, scope
from dashboard.queries.network import members
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer


def nominal_use(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Nominal capacity of each named site and its starts in the last twelve months."""
    snapshot = current()
    named = scope(snapshot, viewer, filters, "capacity").named
    begun = snapshot.counts(
        "select site, cast(sum(n) as bigint) as started from rollup_start"
        " where week > cast($day as date) - interval 52 week group by site",
        {"day": snapshot.as_of},
    )
    making = members(snapshot).filter(
        pl.col("site").is_in(named), pl.col("kind") != "testing_laboratory"
    )
    answer = making.join(begun, on="site", how="left", maintain_order="left").select(
        *("site", "stage", "nominal_capacity"),
        started=pl.col("started").fill_null(0),
        pooled_from=pl.lit(1),
    )
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
