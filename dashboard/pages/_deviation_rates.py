"""Deviations for batches started, site by site: the rate beside the network's."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import funnel, intervals
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.rates import VERDICTS, all_sites, drawable, incomplete, plotted
from dashboard.viewer import Viewer

_POISSON = funnel.Scheme(law="poisson")


def per_batch(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: deviations opened for batches started, against Poisson limits."""
    everyone = all_sites(filters)
    opened = queries.deviations(viewer, everyone).rename({"opened": "events"})
    started = queries.counts(viewer, everyone, ("started",)).select(
        "site", pl.col("started").alias("n")
    )
    lacking = incomplete(viewer, everyone)
    counts = opened.join(started, on="site", how="left").join(
        lacking, on="site", how="left"
    )
    # None at all is a count like another: it stands against no comparison.
    stated = pl.when(pl.col("state") != "zero").then("reason")
    counts = counts.with_columns(pl.coalesce(stated, "why").alias("reason")).drop("why")
    judged = funnel.funnel(intervals.rates(counts), scheme=_POISSON)
    shown = pl.col("site").is_in(queries.headings(viewer, filters))
    return judged.filter(shown).with_columns(
        pl.col("flagged")
        .replace_strict(VERDICTS, default="not compared")
        .alias("verdict")
    )


def _per_batch_said(frame: pl.DataFrame) -> str:
    judged = frame.filter("compared")
    if judged.is_empty():
        return (
            "No site can be compared in this selection. Neither direction is good by"
            " itself."
        )
    away = judged.filter(pl.col("flagged").is_in(["high998", "low998"]))
    named = f": {site_names(away['site'].to_list())}" if away.height else ""
    centre = written(float(judged["centre"][0]), "number")
    return (
        f"The network opens {centre} deviations a batch;"
        f" {some(away.height, 'site')} of {judged.height} compared"
        f" {'lies' if away.height < 2 else 'lie'} outside the 99.8 % limits{named}."
        " Neither direction is good by itself: few may mean that few are written down."
    )


def _per_batch_drawn(frame: pl.DataFrame) -> go.Figure:
    judged = frame.filter("compared")
    if judged.is_empty():
        return figures.empty("No site can be compared in this selection.")
    centre, largest = float(judged["centre"][0]), int(judged["n"].max() or 1)  # type: ignore[arg-type]
    sizes = pl.DataFrame({"n": sorted({1 + i * largest // 60 for i in range(63)})})
    limits = drawable(funnel.curve(sizes, centre, _POISSON), centre)
    said = [
        f"<b>{site_name(r['site'])}</b><br>{r['events']} deviations for {r['n']}"
        f" batches<br>{r['verdict']}"
        for r in frame.to_dicts()
    ]
    marks = plotted(frame).with_columns(pl.Series("hover", said, pl.String))
    figure = figures.funnel(marks, limits, "batches", "deviations per batch")
    return figure.update_yaxes(tickformat=".2f").update_xaxes(title_text="batches")


_RATE = (
    Column("site", "Site", "site"),
    Column("events", "Deviations", "count"),
    Column("n", "Batches started", "count"),
    Column("rate", "Per batch", "number"),
    Column("lower", "95 % from", "number"),
    Column("upper", "to", "number"),
    Column("centre", "Network", "number"),
    Column("verdict", "Compared with the network"),
)
CARD = Card(
    "deviations-per-batch",
    "Deviations per batch",
    per_batch,
    _per_batch_said,
    _per_batch_drawn,
    _RATE,
    count=lambda f: some(int(f["events"].sum() or 0), "deviation"),
    metric="deviations_per_batch",
    note="Exact Poisson limits: a batch may have several deviations."
    " Deviations by the month in which they were opened, batches by that"
    " in which they were started.",
)
