"""The batches behind a point: rows, for those who may see rows."""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import DATA, NOT_APPLICABLE, scope
from dashboard.queries.snapshot import Bound, Snapshot, current
from dashboard.viewer import Viewer, current_request

MOST_BATCHES = 50_000
_COUNTS_ONLY = "sends counts by stratum and no batches: none can be listed"
_COLUMNS = (
    "site, batch, product, pathway, trial, attempt, started, harvested, first_release,"
    " final_decision, infused, ended, outcome, ended_as, released_as, failure_stage,"
    " failure_category, no_product, out_of_spec, released_out_of_spec, late_failure,"
    " not_infused, any_failure"
)


def first_rows(
    snapshot: Snapshot, columns: str, these: str, parameters: Bound, most: int
) -> pl.DataFrame:
    """The first so many rows of a list: `these`, a table (alias `r`) and a condition.

    Each has its `place` in the list. That of the last is looked up first, since to put
    whole rows in order takes several times as long as to read those few.
    """
    places = snapshot.rows(
        f"select r.place from {these} order by r.place limit {most}", parameters
    )
    return snapshot.rows(
        f"select {columns} from {these} and r.place <= $last order by r.place",
        {**parameters, "last": places["place"].max()},
    )


def batches(viewer: Viewer, filters: Filters, flag: str | None = None) -> pl.DataFrame:
    """Batches by pseudonym, newest first: of all sites for the lead, else its own.

    `flag` keeps those for which a failure flag holds. At most MOST_BATCHES rows; a
    viewer who may see counts only gets none. A site that sends counts has one row that
    says why none of its batches is there.
    """
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
    flagged = f"r.{flag}" if flag in _COLUMNS.replace(",", " ").split() else "true"
    found = snapshot.rows(
        f"select {_COLUMNS} from (select r.* from fact_batch as r"
        " left join product as p on r.product = p.product"
        f" where r.counted and {period} and {flagged}"
        " and list_contains($named, r.site)) as r"
        f" order by started desc, site, batch limit {MOST_BATCHES}",
        {"named": list(allowed), **parameters},
    ).with_columns(pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason"))
    counting = [s for s in current_request().about.counts_only if s in allowed]
    unlisted = pl.DataFrame({"site": counting}, schema={"site": pl.String})
    why = unlisted.with_columns(
        pl.lit(NOT_APPLICABLE).alias("state"), pl.lit(_COUNTS_ONLY).alias("reason")
    )
    return pl.concat([found, why], how="diagonal")
