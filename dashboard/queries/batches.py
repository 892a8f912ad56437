"""Counts of batches: what rates and throughput are computed from.

Every function gives counts, never ratios, one row a group, as `disclose` left them.
Groups are named in the contract's words; `site` is the heading under which the viewer
sees it. A period runs from the first day of its first month to the last of its last.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries import disclosure
from dashboard.queries.asked import Asked
from dashboard.queries.disclosure import (
    Scope,
    disclose,
    openly,
    scope,
    withheld,
)
from dashboard.queries.pooled import pooled
from dashboard.queries.publishing import group_of
from dashboard.queries.remembered import kept, remembered
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

GROUPS: Mapping[str, str] = {
    "site": "r.site",
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
    # A laboratory is a member too: by name to those who see its customer by name.
    "laboratory": "case when r.laboratory = '-' then r.site else r.laboratory end",
    "own": "r.own",
    "attempt": "r.attempt",
    "attempts": "r.attempts",
    "first_attempt": "r.first_attempt",
}

FILTERED: Mapping[str, str] = {
    "product": "r.product",
    "product_class": "p.product_class",
    "pathway": "r.pathway",
}


def _reports(snapshot: Snapshot, told: str) -> pl.DataFrame:
    """Every site, what it is, and whether the rollup `told` has anything of it."""
    return snapshot.rows(
        f"select site, kind, stage, site in (select site from {told}) as reports"
        " from site"
    )


@kept
def _reporting(snapshot: Snapshot) -> pl.DataFrame:
    return _reports(snapshot, "rollup_batch")


@kept
def _reporting_deviations(snapshot: Snapshot) -> pl.DataFrame:
    return _reports(snapshot, "rollup_deviation")


# What tells whether a site reports such things at all, where it is not its batches.
_TOLD: Mapping[str, tuple[Callable[[Snapshot], pl.DataFrame], str]] = dict.fromkeys(
    ("rollup_deviation", "rollup_deviation_batch"),
    (_reporting_deviations, "deviations"),
)


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
        frame = grouped(snapshot, asked, whole)
        return disclosed(snapshot, viewer, frame, asked.columns, asked.by)
    if "site" not in asked.by:
        network = Scope(whole.site, ("network",) * len(whole.site))
        return pooled(snapshot, viewer, asked, network)
    rows = pooled(snapshot, viewer, asked, hidden)
    if not free.site:
        return rows
    named = disclose(snapshot, viewer, grouped(snapshot, asked, free), asked.columns)
    return pl.concat([named, rows], how="diagonal_relaxed").sort(
        "site", *(b for b in asked.by if b != "site"), nulls_last=True
    )


def grouped(snapshot: Snapshot, asked: Asked, sites: Scope) -> pl.DataFrame:
    """The sums of a rollup by site, also where `by` does not name it, and by words.

    Of sites that are shown by name. All are read and these are answered, so that what
    one reader asked is known to the next.
    """
    mine = pl.col("site").is_in(sites.site)
    found = _sums(snapshot, asked, ("site", *asked.by), {})
    return found.filter(mine).with_columns(pooled_from=pl.lit(1))


def together(snapshot: Snapshot, asked: Asked, sites: Scope) -> pl.DataFrame:
    """The sums by words over all of these sites.

    Where days are told of single batches, that is a fraction of what `grouped` reads.
    """
    return _sums(snapshot, asked, asked.by, {"sites": list(sites.site)})


def _sums(
    snapshot: Snapshot,
    asked: Asked,
    by: Sequence[str],
    among: Mapping[str, list[str]],
) -> pl.DataFrame:
    words = dict.fromkeys((*by, *asked.day))
    groups = ", ".join(f"{GROUPS[word]} as {word}" for word in words)
    sums = ", ".join(f"cast(sum(r.{c}) as bigint) as {c}" for c in asked.columns)
    condition, parameters = conditions(asked.filters)
    counting = "r.counted" if asked.counted else "true"
    here = "true"
    if among:
        here = "r.site in (select unnest(cast($sites as varchar[])))"
    return snapshot.counts(
        f"select {groups}, {sums} from {asked.source} as r"
        f"{classes(asked.filters, asked.by)}"
        f" where {counting} and {here} and {condition} group by all order by all",
        {**parameters, **among},
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


def classes(filters: Filters, by: Sequence[str] = ()) -> str:
    """The product of alias `r` as `p`, as SQL, where its class is asked for."""
    asked = filters.product_class or "product_class" in by
    return " left join product as p on r.product = p.product" if asked else ""


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
    facts, things = _TOLD.get(table, (_reporting, "batches"))
    absent = {*every} - {*frame["site"]}
    if absent:
        sites = facts(snapshot).filter(pl.col("site").is_in(absent))
        missing = sites.select("site", *_why_empty(shown, things))
        frame = pl.concat([frame, missing], how="diagonal").sort("site")
    counts = [c for c, t in frame.schema.items() if t.is_integer()]
    none = pl.col("state") == disclosure.ZERO
    return frame.with_columns(
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
