"""What the checks on readiness look at beyond milestones, criteria and reports."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, FEWEST_POOLED, scope
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer


def tests_run(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Which tests the sites seen by name ran: site, product, parameter, laboratory."""
    return _of_named(
        viewer, filters, "select distinct site, product, parameter, laboratory"
        " from rollup_laboratory",
    )  # fmt: skip


def products_made(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What the sites seen by name have begun: site, product, pathway."""
    return _of_named(
        viewer, filters, "select distinct site, product, pathway from rollup_batch"
    )


def usual_tests(viewer: Viewer) -> pl.DataFrame:
    """The tests that more than half of the members with a specification ask.

    One row a product and parameter, without a number. Of a product that fewer than five
    members specify, or a test that fewer ask, it would point at them: no row. What
    members ask is theirs, so only members and authorities get any.
    """
    snapshot = current()
    found = snapshot.rows(
        "with mine as (select distinct c.site, c.product, c.parameter"
        " from criterion as c join site as s on c.site = s.site"
        " where s.kind <> 'published' and c.status = 'release'"
        " and (c.valid_from is null or c.valid_from <= cast($day as date))"
        " and (c.valid_to is null or c.valid_to >= cast($day as date))),"
        " whole as (select product, count(distinct site) as sites from mine"
        " group by product)"
        " select m.product, m.parameter from mine as m join whole as w"
        " on m.product = w.product group by m.product, m.parameter, w.sites"
        " having count(*) >= $fewest and 2 * count(*) > w.sites order by all",
        {"day": snapshot.as_of, "fewest": FEWEST_POOLED},
    )
    reading = viewer.role in ("lead", "authority", "site")
    return found if reading else found.clear()


def _of_named(viewer: Viewer, filters: Filters, sql: str) -> pl.DataFrame:
    snapshot = current()
    named = scope(snapshot, viewer, filters, None).named
    return snapshot.rows(
        f"{sql} where list_contains($named, site) order by all", {"named": list(named)}
    ).with_columns(pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason"))
