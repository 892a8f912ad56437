"""The weeks to come: slots that are staffed and booked, and for whom that is known."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import SCOPE, headed
from dashboard.queries.due import (
    FREE,
    POOLED,
    RECENT,
    TOLD,
    Asked,
    disclosed,
    monday,
    telling,
    window,
)
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer

# One row a site and week to come, with the newest week that the site told all of.
_DUE = (
    f"with {TOLD}, due as (select s.site, s.shown, cast(w.week as date) as week,"
    f" {FREE.format(heading='s.shown')} or exists (from told as t where"
    " t.shown = s.shown and t.resource = 'slot' and t.week = w.week) as told"
    f" from {SCOPE} as s join site as st on s.site = st.site,"
    " (select unnest(generate_series(cast($first as timestamp),"
    " cast($last as timestamp), interval 7 day)) as week) as w"
    " where st.stage not in ('pre_gmp', 'closed')"
    " and st.kind <> 'testing_laboratory'),"
    " known as (select site, max(week) as spoke from capacity"
    " where resource = 'slot' and used is not null and staffed is not null"
    " and week < cast($first as date) group by site)"
)
_HEARD = "case when d.told and k.spoke >= cast($fresh as date) then"


def slots_ahead(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Slots staffed and booked from the network's week on, for RECENT weeks.

    `reported` counts the site-weeks with a booking figure, `expected` those asked for.
    What a site booked before it fell silent says nothing of today and is left out;
    `silent` of `sites` are so. `last_week` is the newest week that a site has told all
    of, `age` the days since its end.
    """
    snapshot = current()
    first = monday(snapshot.as_of)
    week = ", d.week" if "week" in by else ""
    booked = f"{_HEARD} r.booked end"
    heads = headed(snapshot, viewer, filters, by, "capacity")
    asked = Asked(by, "slot", RECENT, "bookings")
    answer = snapshot.rows(
        f"{_DUE} select {asked.place} as site{week},"
        f" sum(case when {booked} is not null then r.staffed end) as staffed,"
        f" sum({booked}) as booked, count({booked}) as reported,"
        " count(*) filter (d.told) as expected, count(distinct d.site) as sites,"
        " count(*) filter (not d.told and r.booked is not null) as untold,"
        " count(distinct case when k.spoke is null or k.spoke < cast($fresh as date)"
        " then d.site end) as silent, max(k.spoke) as last_week,"
        " date_diff('day', max(k.spoke) + 6, cast($day as date)) as age,"
        f" {POOLED} as pooled_from"
        " from due as d left join known as k on k.site = d.site"
        " left join capacity as r on r.site = d.site"
        " and r.week = d.week and r.resource = $resource group by all order by all",
        {
            **heads.parameters,
            **telling(snapshot, viewer, heads, asked),
            **window(snapshot, Filters(), RECENT),
            "first": first,
            "last": first + timedelta(weeks=RECENT - 1),
        },
    )
    return disclosed(snapshot, viewer, answer, ("booked",), ("staffed",))
