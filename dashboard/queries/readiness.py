"""What the checks on readiness look at beyond milestones, criteria and reports."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.criteria import specified
from dashboard.queries.disclosure import DATA, FEWEST_POOLED, scope
from dashboard.queries.network import lines
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer


def tests_run(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Which tests the sites seen by name ran: site, product, parameter, laboratory."""
    return _of_named(viewer, filters, _tests(current()))


@kept
def _tests(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.rows(
        "select distinct site, product, parameter, laboratory from rollup_laboratory"
        " order by all"
    )


def products_made(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What the sites seen by name have begun: site, product, pathway."""
    return _of_named(viewer, filters, lines(current()))


def usual_tests(viewer: Viewer) -> pl.DataFrame:
    """The tests that more than half of the members with a specification ask.

    One row a product and parameter, without a number. Of a product that fewer than five
    members specify, or a test that fewer ask, it would point at them: no row. What
    members ask is theirs, so only members and authorities get any.
    """
    mine = (
        specified(current())
        .filter(pl.col("kind") != "published", pl.col("current"), status="release")
        .select("site", "product", "parameter")
        .unique()
    )
    asking = pl.len() >= FEWEST_POOLED, 2 * pl.len() > pl.col("sites").first()
    found = (
        mine.with_columns(sites=pl.col("site").n_unique().over("product"))
        .group_by("product", "parameter")
        .agg(usual=pl.all_horizontal(asking))
        .filter("usual")
        .select("product", "parameter")
        .sort("product", "parameter")
    )
    reading = viewer.role in ("lead", "authority", "site")
    return found if reading else found.clear()


def _of_named(viewer: Viewer, filters: Filters, rows: pl.DataFrame) -> pl.DataFrame:
    named = scope(current(), viewer, filters, None).named
    return rows.filter(pl.col("site").is_in(named)).with_columns(
        pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
    )
