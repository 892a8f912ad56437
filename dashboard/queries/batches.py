"""Counts of batches: what rates and throughput are computed from.

Every function gives counts, never ratios, one row a group, as `disclose` left them.
Groups are named in the contract's words; `site` is the heading under which the viewer
sees it. A period runs from the first day of its first month to the last of its last.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries import disclosure
from dashboard.queries.asked import Asked
from dashboard.queries.disclosure import (
    SCOPE,
    Scope,
    disclose,
    openly,
    scope,
    withheld,
)
from dashboard.queries.pooled import pooled
from dashboard.queries.publishing import group_of
from dashboard.queries.remembered import remembered
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

GROUPS: Mapping[str, str] = {
    "site": "s.shown",
    "product": "r.product",
    "product_class": "p.product_class",
    "pathway": "r.pathway",
    "trial": "r.trial",
    "process": "r.process",
    "starting_material": "r.starting_material",
    "week": "r.week",
    "month": "r.month",
    "quarter": "cast(date_trunc('quarter', r.month) as date)",
    "year": "cast(date_trunc('year', r.month) as date)",
    "event": "r.event",
    "stage": "r.stage",
    "category": "r.category",
    "parameter": "r.parameter",
    "step": "r.step",
    "grade": "r.grade",
    "root_cause": "r.root_cause",
    "closing": "r.closing",
    "day": "r.day",
    # A laboratory is a member too: by name only to those who see it or its customer.
    "laboratory": "case when r.laboratory = '-' then s.shown"
    " when s.shown = r.site or list_contains($shown, r.laboratory) then r.laboratory"
    " else s.shown end",
    "own": "r.own",
    "attempt": "r.attempt",
    "attempts": "r.attempts",
    "first_attempt": "r.first_attempt",
}

_BEHIND = re.compile(r"r\.(\w+)")
# What tells whether a site reports such things at all, where it is not its batches.
_TOLD: Mapping[str, tuple[str, str]] = dict.fromkeys(
    ("rollup_deviation", "rollup_deviation_batch"), ("rollup_deviation", "deviations")
)

FILTERED: Mapping[str, str] = {
    "product": "r.product",
    "product_class": "p.product_class",
    "pathway": "r.pathway",
}


def counts(
    viewer: Viewer,
    filters: Filters,
    columns: Sequence[str],
    by: Sequence[str] = ("site",),
    counted: bool = True,
) -> pl.DataFrame:
    """Batches by week of start: `columns` of the rollup, summed over `by`.

    `counted` leaves out validation and engineering runs and pre-GMP centres, as every
    rate does.
    """
    return _sum(viewer, filters, "rollup_batch", (*columns,), (*by,), counted)


def events(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site", "event"),
    counted: bool = True,
) -> pl.DataFrame:
    """Batches started, harvested, released, infused and failed, by when it happened."""
    columns = ("n", "cells", "doses")
    return _sum(viewer, filters, "rollup_event", columns, (*by,), counted)


def failures(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site", "stage", "category")
) -> pl.DataFrame:
    """Batches that gave no product, by the stage and category of their failure."""
    return _sum(viewer, filters, "rollup_failure", ("n",), (*by,))


def parameters(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site", "parameter")
) -> pl.DataFrame:
    """Release criteria judged, failed and undetermined, by parameter."""
    columns = ("judged", "failed", "undetermined")
    return _sum(viewer, filters, "rollup_parameter", columns, (*by,))


@remembered
def _sum(
    viewer: Viewer,
    filters: Filters,
    table: str,
    columns: tuple[str, ...],
    by: tuple[str, ...],
    counted: bool = False,
) -> pl.DataFrame:
    snapshot = current()
    shown = answered(snapshot, viewer, Asked(filters, table, columns, by, counted))
    if by == ("site",):
        shown = _every_site(snapshot, viewer, filters, shown, table)
    return shown


def answered(snapshot: Snapshot, viewer: Viewer, asked: Asked) -> pl.DataFrame:
    """Groups as the viewer may see them; over all headings where `by` has no site.

    Sites of which a viewer may see every count are counted as asked; pools, and a total
    that a pool is part of, are sums of disclosed cells.
    """
    whole = scope(snapshot, viewer, asked.filters, group_of(asked.table))
    free, hidden = openly(snapshot, viewer, whole)
    if not hidden.site:
        frame = grouped(snapshot, viewer, asked)
        return disclosed(snapshot, viewer, frame, asked.columns, asked.by)
    if "site" not in asked.by:
        network = Scope(whole.site, ("network",) * len(whole.site))
        return pooled(snapshot, viewer, asked, network)
    rows = pooled(snapshot, viewer, asked, hidden)
    if not free.site:
        return rows
    named = disclose(
        snapshot, viewer, grouped(snapshot, viewer, asked, free), asked.columns
    )
    return pl.concat([named, rows], how="diagonal_relaxed").sort(
        "site", *(b for b in asked.by if b != "site"), nulls_last=True
    )


def grouped(
    snapshot: Snapshot,
    viewer: Viewer,
    asked: Asked,
    sites: Scope | None = None,
) -> pl.DataFrame:
    """The sums of a rollup by heading, also where `by` does not name the site.

    Summed by site and the columns behind the groups first, which are few; only those
    are laid out under headings. `sites` are those of the viewer's scope to be counted.
    Where each is its own heading, all are read, and these are answered.
    """
    whole = sites or scope(snapshot, viewer, asked.filters, group_of(asked.table))
    if whole.shown != whole.site or "laboratory" in asked.by:
        return _laid_out(snapshot, asked, whole)
    every = tuple(site for site, _ in snapshot.members)
    found = _laid_out(snapshot, asked, Scope(every, every))
    return found.filter(pl.col("site").is_in(whole.site))


def _laid_out(snapshot: Snapshot, asked: Asked, whole: Scope) -> pl.DataFrame:
    by = (*asked.by, *asked.day)
    grouped = tuple(dict.fromkeys(("site", *by)))
    groups = ", ".join(f"{GROUPS[g]} as {g}" for g in grouped)
    sums = ", ".join(f"cast(sum(r.{c}) as bigint) as {c}" for c in asked.columns)
    condition, parameters = conditions(asked.filters)
    where = "r.counted" if asked.counted else "true"
    behind = dict.fromkeys(("site", "product", *_BEHIND.findall(groups)))
    kept = ", ".join(f"r.{c}" for c in behind)
    return snapshot.counts(
        f"with r as (select {kept}, {sums} from {asked.rows or asked.table} as r"
        " left join product as p on r.product = p.product"
        f" where {where} and {condition} group by all)"
        f" select {groups}, {sums}, count(distinct r.site) as pooled_from"
        f" from r join {SCOPE} as s on r.site = s.site"
        " left join product as p on r.product = p.product"
        " group by all order by all",
        {**whole.parameters, **parameters},
    )


def disclosed(
    snapshot: Snapshot,
    viewer: Viewer,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    by: tuple[str, ...],
) -> pl.DataFrame:
    """Groups as the viewer may see them, over all headings where `by` has no site.

    A total is held back where a viewer could subtract what it sees from it: when one
    heading alone is held back, or the pool is.
    """
    shown = disclose(snapshot, viewer, frame, columns)
    if "site" in by:
        return shown
    pool = pl.col("site").is_in([*disclosure.POOLS])
    parts = shown.with_columns(pool=pool, site=pl.lit("network"))
    totals = disclose(snapshot, viewer, summed(frame, columns, by), columns)
    return withheld(totals, parts, ["site", *by], columns)


def summed(
    frame: pl.DataFrame, columns: tuple[str, ...], by: tuple[str, ...]
) -> pl.DataFrame:
    """Groups over all headings; how many sites stand behind each was judged before."""
    return (
        frame.with_columns(pl.lit("network").alias("site"))
        .group_by("site", *by, maintain_order=True)
        .agg(pl.col(c).sum() for c in columns)
        .with_columns(pl.lit(disclosure.FEWEST_POOLED).alias("pooled_from"))
    )


def conditions(filters: Filters) -> tuple[str, dict[str, object]]:
    """The filters as SQL over alias `r` (and `p`, the product), with parameters."""
    found: list[str] = ["true"]
    parameters: dict[str, object] = {}
    if filters.start:
        found.append("r.month >= cast($start as date)")
        parameters["start"] = f"{filters.start}-01"
    if filters.end:
        found.append("r.month <= cast($end as date)")
        parameters["end"] = f"{filters.end}-01"
    for key, column in FILTERED.items():
        if filters.values(key):
            found.append(f"list_contains(${key}, {column})")
            parameters[key] = list(filters.values(key))
    return " and ".join(found), parameters


def _every_site(
    snapshot: Snapshot,
    viewer: Viewer,
    filters: Filters,
    frame: pl.DataFrame,
    table: str,
) -> pl.DataFrame:
    """`frame` with a row for each named site, also where there is nothing to count."""
    every = scope(snapshot, viewer, filters, None).named
    shown = scope(snapshot, viewer, filters, group_of(table)).named
    told, things = _TOLD.get(table, ("rollup_batch", "batches"))
    facts = snapshot.counts(
        f"select site, kind, stage, exists(select 1 from {told} as r"
        " where r.site = site.site) as reports from site",
        {},
    )
    absent = pl.col("site").is_in(every) & ~pl.col("site").is_in(
        frame["site"].to_list()
    )
    missing = facts.filter(absent).select("site", *_why_empty(shown, things))
    counts = [c for c, t in frame.schema.items() if t.is_integer()]
    none = pl.col("state") == disclosure.ZERO
    whole = pl.concat([frame, missing], how="diagonal").sort("site")
    return whole.with_columns(
        pl.when(none).then(pl.col(c).fill_null(0)).otherwise(c).alias(c) for c in counts
    )


def _why_empty(shown: Sequence[str], things: str) -> tuple[pl.Expr, pl.Expr]:
    """The state and the reason of a site without a count, by what it is and reports."""
    laboratory = pl.col("kind") == "testing_laboratory"
    pre_gmp, kept_back = pl.col("stage") == "pre_gmp", ~pl.col("site").is_in(shown)
    state = (
        pl.when(laboratory | pre_gmp)
        .then(pl.lit(disclosure.NOT_APPLICABLE))
        .when(kept_back)
        .then(pl.lit(disclosure.SUPPRESSED))
        .when(~pl.col("reports"))
        .then(pl.lit(disclosure.NOT_REPORTED))
        .otherwise(pl.lit(disclosure.ZERO))
    )
    reason = (
        pl.when(laboratory)
        .then(pl.lit("a testing laboratory makes no batches"))
        .when(pre_gmp)
        .then(pl.lit("pre-GMP: its runs count in no rate yet"))
        .when(kept_back)
        .then(pl.lit(disclosure.WITHHELD))
        .when(~pl.col("reports"))
        .then(pl.lit(f"no {things} were ever reported"))
        .otherwise(pl.lit(f"no {things} in this selection"))
    )
    return state.alias("state"), reason.alias("reason")
