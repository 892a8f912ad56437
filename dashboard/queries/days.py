"""Histograms of days: what turnaround is computed from, and how exactly it is known.

A site may tell weeks instead of days. A duration between two Mondays may be up to six
days shorter or longer, so that whoever asks `between` gets, beside the histogram as it
was `recorded`, the `shortest` and the `longest` that it may be.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from dashboard.filters import Filters
from dashboard.queries import disclosure
from dashboard.queries.asked import Asked
from dashboard.queries.batches import classes, conditions, disclosed, grouped, together
from dashboard.queries.disclosure import Scope, disclose, openly, scope
from dashboard.queries.pooled import pooled
from dashboard.queries.publishing import group_of
from dashboard.queries.remembered import remembered
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

WEEK: Final = 6
_FATES: Final = ("ended", "competing", "censored")
_LIVES: Final = ("demand", "batch", "release")


def durations(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("site", "step"),
    between: bool = False,
) -> pl.DataFrame:
    """Histograms of days: `ended`, `competing`, `censored` by group and day.

    Held back as a whole group, not day by day: a curve with holes would be read as a
    curve. The threshold applies to the group's number of batches. With `between` the
    column `known` tells the three histograms apart; without weeks there is but one.
    """
    asked = ("rollup_duration", _FATES, (*by,))
    if not between:
        return histogram(viewer, filters, *asked)
    return _between(viewer, filters, asked, _LIVES)


def laboratory_days(
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str] = ("laboratory", "parameter"),
    between: bool = False,
) -> pl.DataFrame:
    """Histograms of days from sample to report, by laboratory and parameter.

    `between` as in `durations`.
    """
    asked = ("rollup_laboratory", ("ended", "censored"), (*by,))
    if not between:
        return histogram(viewer, filters, *asked)
    return _between(viewer, filters, asked, ("result",))


def weekly_sites(viewer: Viewer, filters: Filters) -> list[str]:
    """The sites seen by name of whose dates some are known to the week only."""
    snapshot = current()
    named = scope(snapshot, viewer, filters).named
    return sorted(_weekly(snapshot, (*_LIVES, "result")) & {*named})


def awaiting_final(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches released provisionally without a final decision, by heading.

    `oldest` is the days since the first of their provisional releases; `due` all that
    were ever released provisionally. A site with none has the state zero. A pool has
    no oldest: that is one patient's wait.
    """
    snapshot = current()
    always = replace(filters, start=None, end=None)
    where, parameters = conditions(always)
    free, hidden = openly(snapshot, viewer, scope(snapshot, viewer, filters))
    found = snapshot.counts(
        "select r.site, cast(sum(r.waiting) as bigint) as waiting,"
        " min(case when r.waiting > 0 then r.provisional_release end) as since,"
        " cast(sum(r.provisional) as bigint) as provisional"
        f" from rollup_provisional as r{classes(filters)} where {where}"
        " group by r.site order by r.site",
        parameters,
    )
    answer = found.filter(pl.col("site").is_in(free.site)).select(
        *("site", "waiting"),
        oldest=(pl.lit(snapshot.as_of) - pl.col("since")).dt.total_days(),
        provisional="provisional",
        pooled_from=pl.lit(1),
    )
    counts = ("waiting",)
    mine = disclose(snapshot, viewer, answer, counts, ("oldest", "provisional"))
    if not hidden.site:
        return mine
    asked = Asked(always, "rollup_batch", ("awaiting_final",), ("site",))
    waits = pooled(snapshot, viewer, asked, hidden)
    due = pooled(snapshot, viewer, replace(asked, columns=("provisional",)), hidden)
    seen = due.join(waits.drop_nulls("awaiting_final"), on="site", how="semi")
    pools = waits.rename({"awaiting_final": "waiting"}).join(
        seen.select("site", "provisional"), on="site", how="left"
    )
    return pl.concat([mine, pools], how="diagonal_relaxed")


@remembered
def histogram(
    viewer: Viewer,
    filters: Filters,
    table: str,
    columns: tuple[str, ...],
    by: tuple[str, ...],
    rows: str | None = None,
) -> pl.DataFrame:
    """`columns` of a table of days, by `by` and day, whole groups held back.

    `rows` is where the days are, if not in the table itself. Of a pool, days are shared
    by several batches (`dashboard.analysis.microaggregation`).
    """
    snapshot = current()
    asked = Asked(filters, table, columns, by, days=True, counted=False, rows=rows)
    whole = scope(snapshot, viewer, filters, group_of(table))
    free, hidden = openly(snapshot, viewer, whole)
    if not hidden.site:
        return _openly(snapshot, viewer, asked, whole)
    if "site" not in by:
        network = Scope(whole.site, ("network",) * len(whole.site))
        return pooled(snapshot, viewer, asked, network)
    pools = pooled(snapshot, viewer, asked, hidden)
    if not free.site:
        return pools
    named = _openly(snapshot, viewer, asked, free)
    return pl.concat([named, pools.select(named.columns)], how="vertical_relaxed")


def _openly(
    snapshot: Snapshot, viewer: Viewer, asked: Asked, sites: Scope
) -> pl.DataFrame:
    """Histograms of sites that are counted as asked, under the lead's own rule."""
    keys = tuple(dict.fromkeys(("site", *asked.by)))
    if "site" in asked.by:
        days = grouped(snapshot, asked, sites).drop("pooled_from")
        sums = days.group_by(keys, maintain_order=True)
        groups = sums.agg(pl.col(c).sum() for c in asked.columns)
        groups = groups.with_columns(pooled_from=pl.lit(1))
    else:
        days = together(snapshot, asked, sites).with_columns(site=pl.lit("network"))
        groups = grouped(snapshot, replace(asked, days=False), sites)
    n = pl.sum_horizontal(asked.columns).alias("n")
    whole = groups.with_columns(n).drop(asked.columns)
    shown = disclosed(snapshot, viewer, whole, ("n",), asked.by).drop("n")
    hidden = pl.col("state") == disclosure.SUPPRESSED
    visible = days.select(*keys, "day", *asked.columns).join(
        shown.filter(~hidden), on=keys
    )
    marks = shown.filter(hidden).with_columns(
        pl.lit(None, pl.Int64).alias(c) for c in ("day", *asked.columns)
    )
    return pl.concat([visible, marks.select(visible.columns)], how="vertical_relaxed")


def _between(
    viewer: Viewer,
    filters: Filters,
    asked: tuple[str, tuple[str, ...], tuple[str, ...]],
    datasets: tuple[str, ...],
) -> pl.DataFrame:
    snapshot = current()
    table, columns, by = asked
    tables = {"recorded": table}
    if _weekly(snapshot, datasets) & {*scope(snapshot, viewer, filters).site}:
        tables |= _bounds(table, columns, datasets)
    return pl.concat(
        histogram(viewer, filters, table, columns, by, each).with_columns(
            pl.lit(known).alias("known")
        )
        for known, each in tables.items()
    )


def _weekly(snapshot: Snapshot, datasets: tuple[str, ...]) -> set[str]:
    """The sites that tell weeks; an older snapshot knows of none."""
    table = snapshot.counts(
        "select 1 from duckdb_tables()"
        " where database_name = 'snapshot' and table_name = 'coarse'",
        {},
    )
    if table.is_empty():
        return set()
    told = snapshot.counts(
        "select distinct site from coarse where list_contains($datasets, dataset)",
        {"datasets": [*datasets]},
    )
    return {*told["site"]}


def _bounds(
    table: str, columns: tuple[str, ...], datasets: tuple[str, ...]
) -> dict[str, str]:
    """The table with each duration of weeks as short, and as long, as it may be.

    Both ends of one that is over are Mondays; one that still runs began on a Monday or
    after it, and is watched until a day that is known.
    """
    told = ", ".join(f"'{dataset}'" for dataset in datasets)
    weeks = f"select distinct site from coarse where dataset in ({told})"
    source = f"{table} as t left join ({weeks}) as c on t.site = c.site"
    moved = f"case when c.site is null then 0 else {WEEK} end"
    over = ", ".join(f"0 as {c}" for c in columns if c != "censored")
    return {
        "shortest": f"(select t.* replace (greatest(0, t.day - {moved}) as day)"
        f" from {source})",
        "longest": f"(select t.* replace (t.day + {moved} as day, 0 as censored)"
        f" from {source} union all select t.* replace ({over}) from {table} as t)",
    }
