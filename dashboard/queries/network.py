"""The network itself: its sites, its products, its day, and what filters may choose."""

from functools import lru_cache
from pathlib import Path

import polars as pl

from dashboard.filters import Filters
from dashboard.queries import disclosure
from dashboard.queries.disclosure import POOLS, heading, overseeing, scope
from dashboard.queries.publishing import unseen
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import (
    NoSnapshotError,
    OtherVersionError,
    Snapshot,
    current,
    seen_by,
)
from dashboard.viewer import About, Choices, Viewer


def about(folder: Path, viewer: Viewer) -> About:
    """The facts of the snapshot in `folder` for the header, footer and filters.

    While nothing was published, the empty `About`: pages then say so, and why not if
    another version published. Asked at every request, so it is remembered for each
    snapshot and viewer.
    """
    try:
        snapshot = current(folder)
    except OtherVersionError as error:
        return About(unreadable=str(error))
    except NoSnapshotError:
        return About()
    return _about(seen_by(snapshot, viewer), viewer)


@lru_cache(maxsize=128)
def _about(snapshot: Snapshot, viewer: Viewer) -> About:
    choices = _choices(snapshot, viewer)
    named = {site for site, _ in choices.site}
    return About(
        name=snapshot.meta["network"],
        as_of=snapshot.as_of,
        built=snapshot.built,
        snapshot=snapshot.path.stem,
        viewers=_viewers(snapshot),
        choices=choices,
        counts_only=tuple(sorted(named & _counting(snapshot))),
        unseen=unseen(snapshot, viewer),
    )


def _counting(snapshot: Snapshot) -> set[str]:
    """The sites that send counts and no batches; an older snapshot knows of none."""
    tables = snapshot.counts(
        "select 1 from duckdb_tables()"
        " where database_name = 'snapshot' and table_name = 'stratum'",
        {},
    )
    if tables.is_empty():
        return set()
    return set(snapshot.counts("select distinct site from stratum", {})["site"])


def sites(viewer: Viewer, filters: Filters | None = None) -> pl.DataFrame:
    """The contract's `site` rows of the sites that the viewer sees by name.

    `last_day` is the last day that the site's own rows speak of, `age` its distance
    from the network's day in days.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters or Filters(), None).named
    return members(snapshot).filter(pl.col("site").is_in(named))


@kept
def members(snapshot: Snapshot) -> pl.DataFrame:
    """Every site of the network, and how old its news is, in the order of the slugs."""
    age = (pl.lit(snapshot.as_of) - pl.col("last_day")).dt.total_days()
    return snapshot.rows(
        "select s.*, f.last_day from site as s left join (select site,"
        " max(last_day) as last_day from freshness group by site) as f"
        " on s.site = f.site order by s.site"
    ).with_columns(age=age)


@kept
def lines(snapshot: Snapshot) -> pl.DataFrame:
    """What sites have begun at all: site, product and pathway."""
    return snapshot.rows(
        "select distinct site, product, pathway from rollup_batch order by all"
    )


def region_of(viewer: Viewer) -> str:
    """The region of the viewer's own site; blank without one."""
    own = [region for site, region in current().members if site == viewer.site]
    return own[0] if own and own[0] != "-" else ""


def headings(viewer: Viewer, filters: Filters) -> list[str]:
    """The sites and pools that these filters show, in the words of `site` columns."""
    return list(dict.fromkeys(scope(current(), viewer, filters, None).shown))


def milestones(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Milestones of the sites seen by name, oldest first."""
    return _of_named("milestone", "date", viewer, filters)


def authorisations(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Authorisations of the sites seen by name, oldest first."""
    return _of_named("authorisation", "valid_from", viewer, filters)


def products() -> pl.DataFrame:
    """The network's products; the same for every viewer."""
    return _made(current())


@kept
def _made(snapshot: Snapshot) -> pl.DataFrame:
    made = pl.col("product").is_in(lines(snapshot)["product"].unique().implode())
    return snapshot.rows("from product order by product").filter(made)


def cohorts() -> pl.DataFrame:
    """Published cohorts with their own denominators; never members of the network."""
    return current().rows("from cohort")


def _of_named(table: str, order: str, viewer: Viewer, filters: Filters) -> pl.DataFrame:
    snapshot = current()
    named = scope(snapshot, viewer, filters, None).named
    return snapshot.rows(
        f"select * from {table} where list_contains($named, site)"
        f' order by "{order}", site',
        {"named": list(named)},
    ).with_columns(
        pl.lit(disclosure.DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
    )


def _viewers(snapshot: Snapshot) -> tuple[Viewer, ...]:
    """The fixed viewers of a network without sign-in: one of each kind and scope."""
    members = snapshot.counts(
        "select site, region from site where kind <> 'published' order by site", {}
    )
    regions = sorted(set(members["region"].drop_nulls()) - {"-"})
    return (
        Viewer("lead"),
        *(Viewer("authority", region=region) for region in regions),
        *(Viewer("site", site=site) for site in members["site"]),
        Viewer("data_manager"),
        Viewer("auditor"),
        Viewer("public"),
    )


def _choices(snapshot: Snapshot, viewer: Viewer) -> Choices:
    def rows(sql: str) -> pl.DataFrame:
        return snapshot.counts(sql, {})

    months = rows(
        "select distinct strftime(month, '%Y-%m') as month from rollup_batch"
        " order by month"
    )
    product = rows(
        "select product, title, product_class from product as p where exists("
        "select 1 from rollup_batch as r where r.product = p.product) order by title"
    )
    pathways = rows("select distinct pathway from rollup_batch order by pathway")
    named = [
        (site, name, region)
        for site, name, region in rows(
            "select site, name, coalesce(region, '-') from site"
            " where kind <> 'published' order by site"
        ).iter_rows()
        if heading(overseeing(viewer), site, region) not in POOLS
    ]
    return Choices(
        months=tuple(months["month"]),
        product=tuple(zip(product["product"], product["title"], strict=True)),
        product_class=_titled(product["product_class"]),
        pathway=_titled(pathways["pathway"]),
        region=tuple((r, r) for r in sorted({r for *_, r in named} - {"-"})),
        site=tuple((site, name) for site, name, _ in named),
    )


def _titled(words: pl.Series) -> tuple[tuple[str, str], ...]:
    """Vocabulary words with the words a reader sees: `car_t` → “car t”."""
    return tuple((w, str(w).replace("_", " ")) for w in words.unique().sort())
