"""One laboratory against the reference, specimen by specimen: Bland and Altman."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.analysis.paired import Agreement, agreement
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._assay_scores import NOBODY, trials
from dashboard.viewer import Viewer


def laboratories(viewer: Viewer, filters: Filters) -> list[str]:
    """The laboratories seen by name that took part in the chosen test."""
    return sorted({*trials(viewer, filters)["laboratory"]})


def about(viewer: Viewer, filters: Filters) -> str:
    """The laboratory in the address; else the one whose mean score is furthest off."""
    frame = trials(viewer, filters)
    asked = filters.extra.get("about", "")
    if asked in set(frame["laboratory"]):
        return asked
    off = frame.group_by("laboratory").agg(pl.col("score").mean().abs())
    ranked = off.drop_nulls().sort("score", "laboratory", descending=[True, False])
    return str(ranked["laboratory"][0]) if ranked.height else ""


def pairs(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a specimen: what the laboratory read beside what it holds."""
    chosen = pl.col("laboratory") == about(viewer, filters)
    return (
        trials(viewer, filters)
        .filter(chosen)
        .with_columns(
            ((pl.col("value") + pl.col("reference")) / 2).alias("x"),
            (pl.col("value") - pl.col("reference")).alias("difference"),
        )
    )


def _agreed(frame: pl.DataFrame) -> Agreement | None:
    if "difference" not in frame.columns:
        return None
    return agreement(frame["difference"].drop_nulls().to_numpy())


def _said(frame: pl.DataFrame) -> str:
    found = _agreed(frame)
    if frame.is_empty():
        return NOBODY
    who, unit = site_name(frame["laboratory"][0]), frame["unit"][0] or ""
    if found is None:
        return (
            f"{who} measured {some(frame.height, 'specimen')}: under three say nothing"
            " of how well it agrees. A difference of zero is best."
        )
    low, high = found.bias_interval
    return (
        f"{title(frame['parameter'][0])}: {who} reads {found.bias:+.2g} {unit} against"
        f" the reference (95 % interval {low:+.2g} to {high:+.2g}), and 95 % of its"
        f" single readings lie from {found.lower:+.2g} to {found.upper:+.2g} of it;"
        f" {some(found.n, 'specimen')}. Zero is best."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    found = _agreed(frame)
    if found is None:
        return figures.empty("Three specimens are needed.")
    unit = frame["unit"][0] or ""
    rows = frame.drop_nulls("difference").select(
        "x",
        pl.col("difference").alias("value"),
        pl.format(
            "{}<br>read {}, reference {}<br>difference {}",
            "at", pl.col("value").round(3), pl.col("reference").round(3),
            pl.col("difference").round(3),
        ).alias("hover"),
        "state",
        "reason",
    )  # fmt: skip
    lines = (
        ("bias", found.bias, found.bias_interval),
        ("upper limit", found.upper, found.upper_interval),
        ("lower limit", found.lower, found.lower_interval),
    )
    axes = (f"mean of reading and reference, {unit}", f"difference, {unit}")
    return figures.differences(rows, lines, axes)


CARD = Card(
    "assays-pairs",
    "One laboratory against the reference",
    pairs,
    _said,
    _drawn,
    (
        Column("laboratory", "Laboratory", "site"),
        Column("at", "Round"),
        Column("method", "Method"),
        Column("value", "Read", "number"),
        Column("reference", "Reference", "number"),
        Column("difference", "Difference", "number"),
        Column("unit", "Unit"),
    ),
    count=lambda f: f"n = {some(f.height, 'specimen')}",
    metric="ring_trial_score",
    note="Bland and Altman 1986: the line is the mean difference, dashed the limits"
    " within which 95 % of differences lie, shaded their exact 95 % intervals (Carkeet"
    " 2015). Points that fan out to one side would say that no one limit holds.",
    height=440,
)
