"""Starts per staffed slot: sites of every size on one scale, and where it moves."""

from dataclasses import replace

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.trend import Trend, per_exposure, trend
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.viewer import Viewer


def _all_years(filters: Filters) -> Filters:
    return replace(filters, start=filters.start or "1990-01")


def per_slot(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Starts per staffed slot by site over the weeks it reported, with its trend."""
    asked = _all_years(filters)
    rates = per_exposure(
        queries.slot_starts(viewer, asked).rename(
            {"starts": "events", "staffed": "exposure"}
        )
    )
    quarters = queries.slot_starts(viewer, asked, by=("site", "quarter"))
    moves = [
        {"site": site, **_trend(quarters.filter(pl.col("site") == site))}
        for site in rates["site"]
    ]
    columns = ["change", "change_lower", "change_upper"]
    found = pl.DataFrame(moves, schema={"site": pl.String}
                         | dict.fromkeys(columns, pl.Float64))  # fmt: skip
    whole = queries.slot_starts(viewer, replace(asked, site=(), region=()), by=())
    centre = per_exposure(whole.rename({"starts": "events", "staffed": "exposure"}))
    return rates.with_columns(
        pl.lit(centre["rate"].max(), pl.Float64).alias("centre")
    ).select(
        "site", "events", "exposure", "rate", "lower", "upper", "centre", "reported",
        "expected", "state", "reason",
    ).join(found, on="site", how="left")  # fmt: skip


def _trend(quarters: pl.DataFrame) -> dict[str, float | None]:
    """The change a year; none where a hidden quarter would bend it."""
    found = yearly(quarters)
    ends = ("factor", "lower", "upper")
    names = ("change", "change_lower", "change_upper")
    values = [getattr(found, end) for end in ends]
    return {n: None if v is None else v - 1 for n, v in zip(names, values, strict=True)}


def yearly(quarters: pl.DataFrame) -> Trend:
    """The yearly factor of starts per slot, from quarters of starts and slots."""
    if (quarters["state"] == "suppressed").any():
        return Trend(quarters.height, reason="some of its quarters are hidden")
    years = pl.col("quarter").dt.year() + (pl.col("quarter").dt.month() - 1) / 12
    frame = quarters.select(
        years.alias("year"), pl.col("starts").alias("events"),
        pl.col("staffed").alias("exposure"), "state", "reason",
    )  # fmt: skip
    return trend(frame, "year")


def _per_slot_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("rate")
    if seen.is_empty():
        return "No site has both starts and staffed slots to show in this selection."
    centre = float(seen["centre"].fill_null(0)[0])
    away = seen.filter((pl.col("lower") > centre) | (pl.col("upper") < centre)).height
    return (
        f"{written(int(seen['events'].sum()), 'count')} starts in"
        f" {written(int(seen['exposure'].sum()), 'count')} staffed slots. The network's"
        f" {written(centre, 'number')} starts per slot, the dashed line, lies outside"
        f" {away} of {seen.height} exact 95 % intervals. Neither direction is good: low"
        " leaves people idle, near 1 makes patients wait."
    )


def _per_slot_drawn(frame: pl.DataFrame) -> go.Figure:
    centre = frame["centre"].max() if frame.height else None
    rows = frame.select(
        pl.col("site").alias("label"), pl.col("rate").alias("value"),
        pl.col("lower").alias("low"), pl.col("upper").alias("high"),
        "state", "reason",
    )  # fmt: skip
    return figures.caterpillar(rows, "starts per staffed slot", centre=centre)  # type: ignore[arg-type]


def slot_trend(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Starts per staffed slot of the whole network by quarter, with the trend."""
    asked = replace(_all_years(filters), site=(), region=())
    quarters = queries.slot_starts(viewer, asked, by=("quarter",))
    found = yearly(quarters)
    rates = per_exposure(quarters.rename({"starts": "events", "staffed": "exposure"}))
    return rates.select(
        pl.col("quarter").alias("x"), "events", "exposure", "rate", "lower", "upper",
        "reported", "expected", "state", "reason",
        pl.lit(found.factor).alias("factor"), pl.lit(found.lower).alias("factor_lower"),
        pl.lit(found.upper).alias("factor_upper"),
        pl.lit(found.dispersion).alias("dispersion"), pl.lit(found.reason).alias("why"),
    )  # fmt: skip


def _slot_trend_said(frame: pl.DataFrame) -> str:
    if frame.is_empty() or frame["factor"][0] is None:
        why = frame["why"][0] if frame.height else "nothing was reported"
        return f"No trend can be told in this selection: {why}."
    row = frame.row(0, named=True)
    change = [100 * (row[c] - 1) for c in ("factor", "factor_lower", "factor_upper")]
    words = "no clear trend"
    if change[1] > 0 or change[2] < 0:
        words = "a rise" if change[1] > 0 else "a fall"
    return (
        f"Starts per staffed slot of the network: {words}, {change[0]:+.1f} % a year"
        f" (95 % interval {change[1]:+.1f} to {change[2]:+.1f} %), from"
        f" {written(int(frame['events'].sum()), 'count')} starts in {frame.height}"
        " quarters. Neither direction is good by itself."
    )


def _slot_trend_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        "x", pl.col("rate").alias("value"), pl.col("lower").alias("low"),
        pl.col("upper").alias("high"), "state", "reason",
    )  # fmt: skip
    return figures.series(rows, "starts per staffed slot", limits="95 % interval")


CARDS = (
    Card(
        "starts-per-slot",
        "Starts per staffed slot, by site",
        per_slot,
        _per_slot_said,
        _per_slot_drawn,
        (
            Column("site", "Site", "site"),
            Column("events", "Starts", "count"),
            Column("exposure", "Staffed slots", "count"),
            Column("rate", "Starts per slot", "number"),
            Column("lower", "95 % from", "number"),
            Column("upper", "to", "number"),
            Column("change", "Change a year", "percent"),
            Column("change_lower", "95 % from", "percent"),
            Column("change_upper", "to", "percent"),
            Column("reported", "Weeks reported", "count"),
            Column("expected", "of", "count"),
        ),
        count=lambda f: f"n = {written(int(f['events'].sum() or 0), 'count')} starts",
        metric="starts_per_slot",
        note="Exact Poisson limits. Only weeks for which the site reported its slots"
        " count, in both numbers; validation and engineering runs do not. A filter of"
        " product or pathway chooses batches; the slots stay those of all products.",
        width="half",
    ),
    Card(
        "starts-per-slot-trend",
        "Starts per staffed slot, over time",
        slot_trend,
        _slot_trend_said,
        _slot_trend_drawn,
        (
            Column("x", "Quarter from", "date"),
            Column("events", "Starts", "count"),
            Column("exposure", "Staffed slots", "count"),
            Column("rate", "Starts per slot", "number"),
            Column("lower", "95 % from", "number"),
            Column("upper", "to", "number"),
            Column("reported", "Site-weeks reported", "count"),
            Column("expected", "of", "count"),
        ),
        count=lambda f: f"n = {written(int(f['events'].sum() or 0), 'count')} starts",
        metric="starts_per_slot",
        note="All sites the viewer may see, whichever are chosen; a Poisson regression"
        " on time with the slots as exposure. The running quarter holds its full weeks"
        " only.",
        width="half",
    ),
)
