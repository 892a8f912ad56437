"""Where capacity is lost: slots by reason, and the resource that holds a site back."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import capacity
from dashboard.analysis.funnel import funnel
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.pages._place import COVERAGE, PLACE, place
from dashboard.viewer import Viewer

_STAFF = "staff"
_SHOWN = 6


def lost(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Slots lost by site and cause, with each cause's share of theoretical slots.

    `verdict` compares the share with the network's by the exact count rule. A silent
    site has no current figure.
    """
    by = place(filters)
    use = queries.slot_use(viewer, filters, by=(by,))
    if not filters.end:
        use = capacity.fresh(use)
    causes = queries.slots_lost(viewer, filters, by=(by, "cause")).filter(
        pl.col("state") != "suppressed"
    )
    base = use.select(
        "site", "theoretical", "reported", "expected", "last_week", "age",
        pl.col("state").replace("zero", "data"), "reason",
    ).filter(pl.col("state") != "suppressed")  # fmt: skip
    names = causes.select("cause").unique().sort("cause")
    rows = base.join(names, how="cross").join(
        causes.select("site", "cause", "lost"), on=["site", "cause"], how="left"
    )
    known = pl.col("state") == "data"
    rows = rows.with_columns(pl.when(known).then(pl.col("lost").fill_null(0.0)))
    judged = [_judged(rows.filter(pl.col("cause") == c)) for c in names["cause"]]
    whole = pl.concat(judged) if judged else _judged(rows.clear())
    return whole.sort("site", "cause")


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """One cause: which sites lose more of their slots to it than chance explains."""
    asked = rows.with_columns(
        pl.col("lost").alias("events"), pl.col("theoretical").alias("n")
    )
    found = funnel(asked)
    return found.select(
        "site", "cause", "lost", "theoretical", pl.col("rate").alias("share"),
        pl.col("centre").cast(pl.Float64), pl.col("flagged").cast(pl.String),
        "reported", "expected", "last_week", "age",
        pl.when(pl.col("state") == "zero").then(pl.lit("data")).otherwise("state")
        .alias("state"),
        "reason",
    )  # fmt: skip


def _lost_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("lost")
    if seen.is_empty():
        return "No lost slot was reported in this selection; fewer is better."
    total = seen.group_by("cause").agg(pl.col("lost").sum()).sort("lost", "cause")
    top = total.row(-1, named=True)
    staff = seen.filter(
        pl.col("cause") == _STAFF, pl.col("flagged") == "high998"
    ).sort("site")  # fmt: skip
    words = "No site loses more to a lack of staff than chance explains."
    if staff.height:
        each = [
            f"{r['site']} ({r['share']:.0%} of {r['theoretical']:.0f} slots)"
            for r in staff.to_dicts()
        ]
        words = (
            f"To a lack of staff {' and '.join(each)} lost more than chance explains:"
            f" above the 99.8 % limit around the network's {staff['centre'][0]:.1%}."
        )
    return (
        f"{written(float(seen['lost'].sum()), 'count')} slots were lost, most to"
        f" {_words(top['cause'])} ({written(top['lost'], 'count')}). {words} Fewer is"
        " better."
    )


def _words(cause: object) -> str:
    return str(cause).replace("_", " ")


def _lost_drawn(frame: pl.DataFrame) -> go.Figure:
    totals = frame.group_by("cause").agg(pl.col("lost").sum())
    order = totals.sort("lost", "cause", descending=[True, False])["cause"].to_list()
    places = {cause: i for i, cause in enumerate(order)}
    few = pl.col("cause").is_in(order[:_SHOWN])
    parts = frame.with_columns(
        pl.when(few)
        .then(pl.col("cause").str.replace_all("_", " "))
        .otherwise(pl.lit("all others"))
        .alias("part"),
        pl.col("cause").replace_strict(places, default=None).alias("place"),
    )
    rows = parts.sort("place", "site").group_by(
        "part", "site", "state", "reason", maintain_order=True
    ).agg(pl.col("lost").sum()).select(
        pl.col("site").alias("x"), "part",
        pl.col("lost").alias("count"), "state", "reason",
    )  # fmt: skip
    return figures.site_bars(rows, "slots lost")


def resources(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What each resource of a site could carry, and which one holds the site back."""
    use = queries.slot_use(viewer, filters, by=("site", "resource"), resource=None)
    if not filters.end:
        use = capacity.fresh(use)
    pools = pl.col("site").is_in([*queries.POOLS])
    use = use.filter(pl.col("resource") != "slot", ~pools)
    narrow = capacity.bottlenecks(use).rename({"resource": "tightest"})
    columns = ("site", "tightest", "stands_out", "carries", "next_carries")
    told = queries.narrowest(viewer, filters)
    told = told if filters.end else capacity.fresh(told)
    often = capacity.surely(told).select(
        "site", "resource", "narrowest", "told", "often", "often_lower", "often_upper"
    )
    binds = (pl.col("often_lower") > 0.5).fill_null(False)
    return (
        use.join(narrow.select(columns), on="site", how="left")
        .join(often, on=["site", "resource"], how="left")
        .sort("site", "resource")
        .with_columns(
            (pl.col("stands_out") & (pl.col("resource") == pl.col("tightest")) & binds)
            .fill_null(False)
            .alias("bottleneck"),
            pl.col("resource").str.replace_all("_", " "),
        )
    )


def _resources_said(frame: pl.DataFrame) -> str:
    if frame.drop_nulls("staffed").is_empty():
        return "No resource's capacity can be shown in this selection."
    found = frame.filter("bottleneck")
    sites = frame["site"].n_unique()
    if found.is_empty():
        return (
            "No single resource stands out as the bottleneck of the sites shown"
            f" ({sites}): the two narrowest carry about the same. More is better."
        )
    each = [
        f"{r['site']}: {r['resource']}, which could carry {r['carries']:.0f} starts"
        f" against {r['next_carries']:.0f} of the next resource and was alone the"
        f" narrowest in {r['narrowest']} of {r['told']} weeks (95 % interval"
        f" {r['often_lower']:.0%} to {r['often_upper']:.0%})"
        for r in found.to_dicts()
    ]
    others = sites - found["site"].n_unique()
    rest = f" At the other {others} of {sites} sites none stands out." if others else ""
    return f"One resource holds back {'; '.join(each)}.{rest} More is better."


def _resources_drawn(frame: pl.DataFrame) -> go.Figure:
    mark = pl.when("bottleneck").then(pl.lit(" ▲")).otherwise(pl.lit(""))
    most = pl.col("theoretical").max().over("site")
    figure = figures.matrix(
        frame.select(
            pl.col("site").alias("row"), pl.col("resource").alias("column"),
            (pl.col("staffed") / most).alias("value"),
            pl.format("{}{}", pl.col("staffed").cast(pl.Int64), mark).alias("text"),
            "state", "reason",
        )
    )  # fmt: skip
    return figure.update_layout(meta={"min_width": 480})


CARDS = (
    Card(
        "capacity-lost",
        "Slots lost, by reason",
        lost,
        _lost_said,
        _lost_drawn,
        (
            PLACE,
            Column("cause", "Reason"),
            Column("lost", "Lost", "count"),
            Column("theoretical", "Theoretical slots", "count"),
            Column("share", "Share", "percent"),
            Column("centre", "Network", "percent"),
            *COVERAGE,
        ),
        count=lambda f: (
            f"n = {written(float(f['lost'].sum() or 0), 'count')} slots lost"
        ),
        metric="lost",
        height=440,
    ),
    Card(
        "capacity-bottleneck",
        "The bottleneck of each site",
        resources,
        _resources_said,
        _resources_drawn,
        (
            Column("site", "Site", "site"),
            Column("resource", "Resource"),
            Column("theoretical", "Theoretical", "count"),
            Column("staffed", "Could carry", "count"),
            Column("used", "Used", "count"),
            Column("narrowest", "Weeks alone the narrowest", "count"),
            Column("told", "of", "count"),
            Column("often", "Share", "percent"),
            Column("often_lower", "95 % from", "percent"),
            Column("often_upper", "to", "percent"),
            Column("bottleneck", "Bottleneck"),
            *COVERAGE,
        ),
        count=lambda f: (
            f"n = {written(int(f['reported'].sum() or 0), 'count')} resource-weeks"
        ),
        metric="staffing",
        note="Batch starts that each resource, staffed as it was, could have carried;"
        " ▲ marks one that carries less than nine tenths of the next and that was,"
        " surely (95 %), alone the narrowest in more than half of the weeks. A week in"
        " which nothing could be started counts for none. Darker is nearer to what was"
        " theoretically there.",
    ),
)
