"""What the simulation may know: the records it is made of, disclosed like any figure.

A simulation answers every question one asks it, so it must not know more than its
reader. Whoever sees a site by name has it as a site of the model; all others are one
pool, made of the pool's own disclosed counts, and no question can be put to a part of
it. What is held back takes no part.
"""

from datetime import date, timedelta

import polars as pl

from dashboard.analysis.microaggregation import microaggregated
from dashboard.filters import Filters
from dashboard.queries.batches import counts
from dashboard.queries.days import durations, laboratory_days
from dashboard.queries.disclosure import (
    POOLS,
    SCOPE,
    SUPPRESSED,
    audience_rule,
    disclose,
    openly,
    pooled_least,
    scope,
)
from dashboard.queries.network import authorisations, products, sites
from dashboard.queries.orders import first_attempts
from dashboard.queries.slots import slot_starts, slot_use
from dashboard.queries.snapshot import Snapshot, current
from dashboard.simulation.recorded import Recorded
from dashboard.viewer import Viewer

_WORKING = ("active", "onboarding")
_REST = "other"


def recorded(viewer: Viewer) -> Recorded:
    """The records of the whole network, as this viewer may see them.

    Volumes and days are of the last twelve full months, or four full quarters where
    there is a pool, slots of 52 full weeks, chances of all that was ever recorded,
    because they are rare.
    """
    day, year = current().as_of, last_year(viewer)
    working, left_out = _sites(viewer)
    here = working.select("site")
    use = slot_use(viewer, Filters(), by=("site", "week"))
    tested = _shown(laboratory_days(viewer, year, by=("site", "laboratory")))
    return Recorded(
        first=_first(day),
        sites=working,
        left_out=left_out,
        slots=use.join(here, on="site", how="semi").select(
            "site", "week", "theoretical", "staffed"
        ),
        made=_made(viewer, year).join(here, on="site", how="semi"),
        failed=_failed(viewer),
        again=_shown(first_attempts(viewer, Filters())).select(
            "site", failed="first_failed", again="made_again"
        ),
        steps=_steps(viewer, year),
        gap=_gap(viewer),
        demand=_demand(viewer, year),
        authorised=_authorised(viewer, day),
        laboratories=tested.select("site", "laboratory").unique(),
        products=products().select("product", "source", "gene_transfer"),
    )


def _shown(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("state") != SUPPRESSED)


def _first(as_of: date) -> date:
    """The Monday after the last full week."""
    day = as_of - timedelta(days=6)
    return day - timedelta(days=day.weekday() - 7)


def last_year(viewer: Viewer) -> Filters:
    """The last twelve full months of the network.

    Whoever is shown a pool has the last four full quarters: of a pool no less is told.
    """
    snapshot = current()
    first = snapshot.as_of.replace(day=1)
    _, hidden = openly(snapshot, viewer, scope(snapshot, viewer, Filters()))
    if hidden.site:
        first = first.replace(month=first.month - (first.month - 1) % 3)
    last = first - timedelta(days=1)
    return Filters(start=f"{first.year - 1}-{first.month:02}", end=f"{last:%Y-%m}")


def _sites(viewer: Viewer) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The headings that can be simulated, and why the others cannot."""
    use = slot_starts(viewer, Filters())
    facts = sites(viewer).select(
        "site", "kind", "stage", "latitude", "longitude", "region"
    )
    rows = facts.join(use, on="site", how="full", coalesce=True).sort("site")
    why = (
        pl.when(pl.col("kind") == "testing_laboratory")
        .then(pl.lit("a testing laboratory makes no batches"))
        .when(~pl.col("stage").is_in(_WORKING))
        .then(pl.format("its stage is {}", pl.col("stage").str.replace("_", "-")))
        .when(pl.col("state") == SUPPRESSED)
        .then("reason")
        .when(pl.col("starts").is_null() | (pl.col("reported").fill_null(0) == 0))
        .then(pl.lit("it reported no slots in the last 52 weeks"))
    )
    told = rows.with_columns(why.alias("reason"))
    known = told.filter(pl.col("reason").is_null()).select(
        "site", "latitude", "longitude", "region", "reported", "expected", "weeks",
        (pl.col("silent") == pl.col("sites")).alias("silent"),
        # Of a pool, weeks are those of all its sites together.
        (pl.col("starts") * pl.col("expected") / pl.col("reported") / pl.col("weeks"))
        .alias("starts"),
    )  # fmt: skip
    return known, told.drop_nulls("reason").select("site", "reason")


def _made(viewer: Viewer, year: Filters) -> pl.DataFrame:
    """Batches by heading and product; what is held back by product is `other`."""
    shown = _shown(counts(viewer, year, ("started",), by=("site", "product")))
    shown = shown.select("site", "product", "started")
    told = shown.group_by("site").agg(pl.col("started").sum().alias("told"))
    whole = _shown(counts(viewer, year, ("started",), by=("site",)))
    rest = whole.join(told, on="site", how="left").select(
        "site",
        pl.lit(_REST).alias("product"),
        (pl.col("started") - pl.col("told").fill_null(0)).alias("started"),
    )
    least, _ = audience_rule(current(), viewer)
    rest = rest.filter(pl.col("started") >= max(least, 1))
    both = pl.concat([shown.filter(pl.col("started") > 0), rest])
    return both.sort("site", "product")


def _failed(viewer: Viewer) -> pl.DataFrame:
    columns = ("no_product", "no_product_of")
    rows = _shown(counts(viewer, Filters(), columns, by=("site", "product")))
    return rows.select("site", "product", failed="no_product", ended="no_product_of")


def _steps(viewer: Viewer, year: Filters) -> tuple[pl.DataFrame, ...]:
    """Histograms of days, the closest to a site and product first."""
    always = Filters()
    asked = (
        (year, ("site", "product", "step")),
        (always, ("site", "product", "step")),
        (always, ("product", "step")),
        (always, ("site", "step")),
        (always, ("step",)),
    )
    return tuple(_shown(durations(viewer, filters, by=by)) for filters, by in asked)


def _gap(viewer: Viewer) -> pl.DataFrame:
    """Days from the start of a failed batch to that of the order's next one."""
    snapshot = current()
    answer = snapshot.rows(
        "select s.shown as site, cast(r.day as bigint) as day,"
        " cast(sum(r.n) as bigint) as n, count(distinct r.site) as pooled_from"
        f" from rollup_again as r join {SCOPE} as s on r.site = s.site"
        " group by all order by all",
        scope(snapshot, viewer, Filters()).parameters,
    )
    least = pooled_least(snapshot, "patients")
    whole = _whole(snapshot, viewer, answer, "n")
    pool = pl.col("site").is_in([*POOLS])
    shared = microaggregated(whole.filter(pool), ["site"], ["n"], least)
    return pl.concat([whole.filter(~pool), shared])


def _demand(viewer: Viewer, year: Filters) -> pl.DataFrame:
    """Orders of the year by named site, product and region of the treating centre.

    Of a pool not: what it has from one region is a few patients of one or two sites.
    """
    snapshot = current()
    answer = snapshot.rows(
        "select s.shown as site, r.product, r.region, cast(sum(r.n) as bigint)"
        " as orders, count(distinct r.site) as pooled_from"
        f" from rollup_demand as r join {SCOPE} as s on r.site = s.site"
        " where r.month between cast($start as date) and cast($end as date)"
        " group by all order by all",
        {
            **scope(snapshot, viewer, Filters()).parameters,
            "start": f"{year.start}-01",
            "end": f"{year.end}-01",
        },
    )
    shown = _shown(disclose(snapshot, viewer, answer, ("orders",)))
    named = ~pl.col("site").is_in([*POOLS]) & (pl.col("region") != "-")
    return shown.filter(named).select("site", "product", "region", "orders")


def _whole(
    snapshot: Snapshot, viewer: Viewer, days: pl.DataFrame, count: str
) -> pl.DataFrame:
    """A histogram by heading, held back as a whole or not at all."""
    sums = days.group_by("site", maintain_order=True).agg(
        pl.col(count).sum(), pl.col("pooled_from").max()
    )
    kept = _shown(disclose(snapshot, viewer, sums, (count,))).select("site")
    return days.drop("pooled_from").join(kept, on="site", how="semi")


def _authorised(viewer: Viewer, day: date) -> pl.DataFrame:
    """Which products each named site may make on this day.

    A licence to manufacture is the premises'; what counts is a permission for the
    product, or for all of them.
    """
    rows = authorisations(viewer, Filters())
    return rows.filter(
        pl.col("kind") != "manufacturing",
        pl.col("valid_from") <= day,
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= day),
    ).select("site", "product").unique().sort("site", "product")  # fmt: skip
