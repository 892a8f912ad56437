"""What arrived, what did not, and why: the morning's questions of a data manager.

Rejects and findings quote what a site wrote, so they are shown for a site's own rows
to that site, to the network's lead and to its data manager, and to nobody else.
"""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.agreed import thresholds
from dashboard.queries.disclosure import DATA, overseeing, scope
from dashboard.queries.listing import first_rows
from dashboard.queries.remembered import kept, remembered
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

_READERS = ("lead", "site")
MOST_ROWS = 5000
_THESE = "r.site in (select unnest(cast($named as varchar[])))"


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
    asked = {"dataset": dataset, "day": snapshot.as_of}
    period = ""
    if filters.start:
        period, asked["start"] = " and period >= $start", filters.start
    if filters.end:
        period, asked["end"] = f"{period} and period <= $end", filters.end
    agreed = snapshot.rules["reporting"].get("completeness", 0)
    found = snapshot.rows(
        "select site, count(*) as periods,"
        " cast(sum(expected_rows) as bigint) as expected,"
        " cast(sum(received_rows) as bigint) as received,"
        " case when sum(expected_rows) > 0"
        " then sum(least(received_rows, expected_rows)) / sum(expected_rows)"
        " else avg(case when received_rows > 0 then 1.0 else 0.0 end) end as share"
        " from report where dataset = $dataset and due <= cast($day as date)"
        f"{period} group by site order by site",
        asked,
    ).with_columns(threshold=pl.lit(agreed, pl.Float64))
    return _of_named(found, viewer, filters)


def counts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Records, rows read, good, repeated and rejected by named site and dataset."""
    return _of_named(_last_counts(current()), viewer, filters)


@kept
def _last_counts(snapshot: Snapshot) -> pl.DataFrame:
    """What the newest run counted of each site and dataset."""
    return snapshot.rows(
        "from count qualify run = max(run) over (partition by site, dataset)"
        " order by site, dataset"
    )


def rejects(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The rows that were refused, each with its rule, place and what was expected."""
    return _quoted("reject", viewer, filters, 'site, dataset, origin, "row"')


def findings(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What rows say against each other: accepted, but somebody should look.

    `origin` and `ref` are the place of the first of the `rows` that it is about.
    """
    return _placed("finding_placed", viewer, filters)


def discordances(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Decisions that do not follow from the batch's own recorded results."""
    return _placed("discordance_placed", viewer, filters)


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


def _placed(table: str, viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The first MOST_ROWS of a list, each with the place of the rows it is about."""
    named = {"named": _named(viewer, filters)}
    these = f"{table} as r where {_THESE}"
    found = first_rows(current(), "r.* exclude (place)", these, named, MOST_ROWS)
    return _to_readers(found, viewer)


def _quoted(table: str, viewer: Viewer, filters: Filters, order: str) -> pl.DataFrame:
    rows = _rows(table, viewer, filters, f"{order} limit {MOST_ROWS}")
    return _to_readers(rows, viewer)


def _to_readers(rows: pl.DataFrame, viewer: Viewer) -> pl.DataFrame:
    """Rows that quote sites; none for viewers who may not read them."""
    quoted = _stated(rows)
    return quoted if overseeing(viewer).role in _READERS else quoted.clear()


def _rows(table: str, viewer: Viewer, filters: Filters, order: str) -> pl.DataFrame:
    sql = f"select * from {table} as r where {_THESE} order by {order}"
    return _stated(current().rows(sql, {"named": _named(viewer, filters)}))


def _of_named(rows: pl.DataFrame, viewer: Viewer, filters: Filters) -> pl.DataFrame:
    return _stated(rows.filter(pl.col("site").is_in(_named(viewer, filters))))


def _named(viewer: Viewer, filters: Filters) -> list[str]:
    return [*scope(current(), overseeing(viewer), filters, None).named]


def _stated(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
    )
