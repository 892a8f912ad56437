"""What arrived, what did not, and why: the morning's questions of a data manager.

Rejects and findings quote what a site wrote, so they are shown for a site's own rows
to that site, to the network's lead and to its data manager, and to nobody else.
"""

from collections.abc import Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.agreed import thresholds
from dashboard.queries.disclosure import DATA, overseeing, scope
from dashboard.queries.remembered import remembered
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

_READERS = ("lead", "site")
MOST_ROWS = 5000


def reports(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a named site, dataset and period: due, received, expected, on time.

    `received_rows` against `expected_rows`, which is null where the site declared
    none.
    """
    return _rows("report", viewer, filters, "site, dataset, period")


@remembered
def completeness(
    viewer: Viewer, filters: Filters, dataset: str = "batch"
) -> pl.DataFrame:
    """The share of its rows of `dataset` that each named site has sent, by its count.

    `share` is received / expected over the periods that are due, or, where the site
    declared no counts, the share of those periods in which anything came;
    `threshold` is the share below which the network compares nobody.
    """
    snapshot = current()
    agreed = snapshot.rules["reporting"].get("completeness", 0)
    return _of_named(
        snapshot,
        viewer,
        filters,
        "select site, count(*) as periods,"
        " cast(sum(expected_rows) as bigint) as expected,"
        " cast(sum(received_rows) as bigint) as received,"
        " case when sum(expected_rows) > 0"
        " then sum(least(received_rows, expected_rows)) / sum(expected_rows)"
        " else avg(case when received_rows > 0 then 1.0 else 0.0 end) end as share,"
        " cast($agreed as double) as threshold"
        " from report where list_contains($named, site) and dataset = $dataset"
        " and due <= cast($day as date)"
        " and ($start is null or period >= $start)"
        " and ($end is null or period <= $end) group by site order by site",
        agreed=agreed,
        dataset=dataset,
        day=snapshot.as_of,
        start=filters.start,
        end=filters.end,
    )


def counts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Records, rows read, good, repeated and rejected by named site and dataset."""
    snapshot = current()
    return _of_named(
        snapshot,
        viewer,
        filters,
        "select * from count as r where run = (select max(run) from count as c"
        " where c.site = r.site and c.dataset = r.dataset)"
        " and list_contains($named, site) order by site, dataset",
    )


def rejects(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The rows that were refused, each with its rule, place and what was expected."""
    return _quoted("reject", viewer, filters, 'site, dataset, origin, "row"')


def findings(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What rows say against each other: accepted, but somebody should look.

    `origin` and `ref` are the place of the first of the `rows` that it is about.
    """
    order = "rule, site, dataset, batch"
    return _quoted(_placed("finding", "f.key"), viewer, filters, order)


def discordances(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Decisions that do not follow from the batch's own recorded results."""
    return _quoted(_placed("discordance", "f.batch"), viewer, filters, "site, batch")


def rule_counts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Numerator and denominator of every cross-dataset rule by named site.

    `verdict` is by the `threshold` agreed today: pass, fail, or not_applicable where
    there was no row to look at.
    """
    agreed = thresholds()
    share = pl.col("numerator") / pl.col("denominator")
    threshold = pl.col("rule").replace_strict(
        dict(agreed), default=0.0, return_dtype=pl.Float64
    )
    return _rows("rule_count", viewer, filters, "rule, site").with_columns(
        threshold=threshold,
        verdict=pl.when(pl.col("denominator") == 0)
        .then(pl.lit("not_applicable"))
        .when(share > threshold)
        .then(pl.lit("fail"))
        .otherwise(pl.lit("pass")),
    )


def runs() -> pl.DataFrame:
    """The runs that made this network's data, newest first."""
    return current().rows("from run order by run desc")


def source_errors(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Sources that did not answer in the last run, with what they said."""
    return _quoted("source_error", viewer, filters, "site, source")


def _placed(table: str, key: str) -> str:
    """A table of findings with the place of the rows that each is about."""
    return (
        f"(select f.*, p.origin, p.ref, p.rows from {table} as f "
        "left join finding_place as p on p.rule = f.rule and p.site = f.site "
        f"and p.dataset = f.dataset and p.key = {key})"
    )


def _quoted(table: str, viewer: Viewer, filters: Filters, order: str) -> pl.DataFrame:
    """At most MOST_ROWS that quote sites; none for viewers who may not read them."""
    rows = _rows(table, viewer, filters, order)
    reader = overseeing(viewer).role in _READERS
    return rows.head(MOST_ROWS) if reader else rows.clear()


def _rows(table: str, viewer: Viewer, filters: Filters, order: str) -> pl.DataFrame:
    return _of_named(
        current(),
        viewer,
        filters,
        f"select * from {table} where list_contains($named, site) order by {order}",
    )


def _of_named(
    snapshot: Snapshot, viewer: Viewer, filters: Filters, sql: str, **bound: object
) -> pl.DataFrame:
    named: Sequence[str] = scope(snapshot, overseeing(viewer), filters, None).named
    return snapshot.rows(sql, {"named": list(named), **bound}).with_columns(
        pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
    )
