"""What a failed first batch costs: the days until the infusion, and orders without."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import chain, survival, waiting
from dashboard.analysis.cells import HIDDEN
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.viewer import Viewer

HORIZON = 180
FEWEST = 10
GROUPS = {
    "gave": "first batch gave a product",
    "failed": "first batch failed",
}


def curve(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The share of orders infused by each day, by what became of the first batch."""
    days = queries.order_days(viewer, filters, by=("first_attempt",))
    named = days.with_columns(pl.col("first_attempt").replace_strict(GROUPS))
    return chain.curves(named, "first_attempt", [*GROUPS.values()])


def _curve_said(frame: pl.DataFrame) -> str:
    at = frame.filter(pl.col("value") >= 0.25).group_by("series", maintain_order=True)
    days = dict(at.agg(pl.col("x").min()).rows())
    gave, failed = (days.get(name) for name in GROUPS.values())
    if gave is None:
        return "No comparison can be drawn in this selection, or its counts are hidden."
    later = "never yet" if failed is None else f"by day {failed}"
    return (
        f"A quarter of the orders are infused by day {gave} where the first batch gave"
        f" a product, and {later} where it failed. Earlier and higher is better."
    )


def cost(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The two groups of orders, and the days that a failed first batch costs."""
    days = queries.order_days(viewer, filters, by=("first_attempt",))
    seen = days.filter(~pl.col("state").is_in(HIDDEN))
    quarters = survival.durations(seen, ("first_attempt",), (0.25,))
    told = waiting.waited(seen, ("first_attempt",), HORIZON).join(
        quarters.select("first_attempt", "q25", "q25_lower", "q25_upper"),
        on="first_attempt",
    )
    hidden = days.filter(pl.col("state").is_in(HIDDEN))
    marks = hidden.select("first_attempt", "state", "reason").unique()
    both = pl.concat([told, marks], how="diagonal").sort(
        "first_attempt", descending=True
    )
    named = both.with_columns(
        pl.col("first_attempt").replace_strict(GROUPS).alias("label")
    )
    return pl.concat([named, _difference(both)], how="diagonal").drop("first_attempt")


def _difference(both: pl.DataFrame) -> pl.DataFrame:
    """One row: the days lost, with their interval; none where a group has no mean."""
    known = both.drop_nulls("mean")
    if known.height < len(GROUPS):
        return both.clear().with_columns(pl.lit("").alias("label"))
    means = {
        f"{name}_{c}": [known.filter(first_attempt=name)[c][0]]
        for name in GROUPS
        for c in ("mean", "se")
    }
    lost = waiting.lost(pl.DataFrame(means), "gave", "failed")
    return lost.select(
        pl.lit("days lost by a failed first batch").alias("label"),
        pl.col("days").alias("mean"),
        "lower", "upper",
        pl.lit("data").alias("state"),
    )  # fmt: skip


def _cost_said(frame: pl.DataFrame) -> str:
    told = frame.filter(pl.col("label").str.starts_with("days lost"))
    if told.is_empty():
        return "The days lost cannot be told in this selection; fewer are better."
    row = told.row(0, named=True)
    n = int(frame["n"].sum() or 0)
    return (
        f"A failed first batch costs {row['mean']:.0f} of the first {HORIZON} days"
        f" after the order (95 % interval {row['lower']:.0f} to {row['upper']:.0f},"
        f" {some(n, 'order')}): the patient is infused later, or not at all. Fewer"
        " are better."
    )


def by_site(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each site's orders after a failed first batch, and the days that it cost."""
    counts = queries.first_attempts(viewer, filters, by=("site",))
    days = queries.order_days(viewer, filters, by=("site", "first_attempt"))
    seen = days.filter(~pl.col("state").is_in(HIDDEN))
    groups = waiting.waited(seen, ("site", "first_attempt"), HORIZON)
    wide = counts.select("site")
    for name in GROUPS:
        mine = groups.filter(first_attempt=name).select(
            "site",
            *(pl.col(c).alias(f"{name}_{c}") for c in ("n", "mean", "se")),
        )
        wide = wide.join(mine, on="site", how="left", maintain_order="left")
    lost = waiting.lost(wide, "gave", "failed").drop(
        f"{name}_{c}" for name in GROUPS for c in ("mean", "se")
    )
    return _enough(counts.join(lost, on="site", how="left", maintain_order="left"))


def _enough(frame: pl.DataFrame) -> pl.DataFrame:
    """Days lost only where both groups are large enough to say anything."""
    sizes = [pl.col(f"{name}_n").fill_null(0) for name in GROUPS]
    few = pl.any_horizontal(size < FEWEST for size in sizes)
    shown = pl.col("state") == "data"
    why = (
        pl.when(shown & few)
        .then(pl.lit(f"fewer than {FEWEST} orders on one side: no comparison"))
        .when(shown & pl.col("days").is_null())
        .then(pl.lit(f"not followed for {HORIZON} days"))
    )
    return frame.with_columns(
        *(pl.when(~few).then(pl.col(c)).alias(c) for c in ("days", "lower", "upper")),
        pl.coalesce("reason", why).alias("reason"),
    ).with_columns(
        pl.when(shown & pl.col("days").is_null())
        .then(pl.lit("not_applicable"))
        .otherwise("state")
        .alias("state")
    ).drop(f"{name}_n" for name in GROUPS).sort("site")  # fmt: skip


def _by_site_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("days")
    if seen.is_empty():
        return (
            f"No site has {FEWEST} orders on either side of the comparison. Fewer days"
            " lost are better."
        )
    named = seen.filter(~pl.col("site").is_in([*queries.POOLS]))
    if named.is_empty():
        row = seen.row(0, named=True)
        return (
            f"A failed first batch costs {row['days']:.0f} days (95 % interval"
            f" {row['lower']:.0f} to {row['upper']:.0f}). No site is shown to you by"
            " name. Fewer days lost are better."
        )
    apart = named.filter(pl.col("lower") > 0).height
    return (
        f"At {apart} of {some(named.height, 'site')} with enough orders the whole 95 %"
        " interval lies above no day lost. Intervals that overlap say nothing about"
        " which site is quicker to make again. Fewer days lost are better."
    )


def _by_site_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.Series("label", [site_name(s) for s in frame["site"]], pl.String),
        pl.col("days").alias("value"),
        pl.col("lower").alias("low"),
        pl.col("upper").alias("high"),
        "state", "reason",
    )  # fmt: skip
    return figures.caterpillar(rows, "days lost")


CARDS = (
    Card(
        "remanufacture-curve",
        "From order to infusion, after a failed first batch and otherwise",
        curve,
        _curve_said,
        lambda f: figures.steps(f, "days after the order", "share infused"),
        (
            Column("series", "Orders whose"),
            Column("x", "Day", "count"),
            Column("value", "Infused", "percent"),
            Column("low", "95 % from", "percent"),
            Column("high", "to", "percent"),
        ),
        count=lambda f: some(f["series"].n_unique(), "curve"),
        metric="ordered_infused",
        note="Aalen-Johansen: an order that is closed without an infusion can"
        " have none any more, one still open is censored. Which group an order"
        " is in is known only once its first batch has ended; others are left"
        " out.",
        height=420,
    ),
    Card(
        "remanufacture-cost",
        "The days that a failed first batch costs",
        cost,
        _cost_said,
        columns=(
            Column("label", "Orders whose"),
            Column("n", "n", "count"),
            Column("mean", "Days waited, mean", "number"),
            Column("lower", "95 % from", "number"),
            Column("upper", "to", "number"),
            Column("share", f"Infused by day {HORIZON}", "percent"),
            Column("share_lower", "95 % from", "percent"),
            Column("share_upper", "to", "percent"),
            Column("q25", "A quarter by day", "count"),
            Column("q25_lower", "95 % from", "count"),
            Column("q25_upper", "to", "count"),
        ),
        count=lambda f: some(int(f["n"].sum() or 0), "order"),
        metric="ordered_infused",
        note=f"Days waited count at most {HORIZON}, also for those who are"
        " never infused: the area above the curve. Intervals by the jackknife."
        " A quarter, because fewer than half are infused at all after a failed"
        " first batch.",
    ),
    Card(
        "remanufacture-sites",
        "After a failed first batch, by site",
        by_site,
        _by_site_said,
        _by_site_drawn,
        (
            Column("site", "Site", "site"),
            Column("first_ended", "First batches ended", "count"),
            Column("first_failed", "Failed", "count"),
            Column("made_again", "Made again", "count"),
            Column("saved", "Product in the end", "count"),
            Column("days", "Days lost", "number"),
            Column("lower", "95 % from", "number"),
            Column("upper", "to", "number"),
        ),
        count=lambda f: some(
            int(f["first_failed"].sum() or 0),
            "failed first batch",
            "failed first batches",
        ),
        metric="ordered_infused",
        note="Sites in alphabetical order. Whom a failed batch keeps from being"
        " treated depends on the patient and the product as well as on the"
        " site.",
    ),
)
