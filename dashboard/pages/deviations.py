"""Deviations: how many, how soon closed, what goes with them, what is overdue."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import survival
from dashboard.analysis.difference import differences
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.pages import _actions, _deviation_rates
from dashboard.rates import all_sites
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

_CLOSING = {"deviation": "deviation closed", "action": "corrective action closed"}


def closing(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Median and 90th percentile of days to close, by grade, open ones censored."""
    days = queries.deviation_days(viewer, filters)
    hidden = days.filter(pl.col("day").is_null())
    seen = days.filter(pl.col("day").is_not_null()).with_columns(
        pl.lit(0, pl.Int64).alias("competing")
    )
    found = survival.durations(seen, ("closing", "grade"))
    whole = pl.concat(
        [found, hidden.select("closing", "grade", "state", "reason")], how="diagonal"
    )
    names = pl.col("closing").replace_strict(_CLOSING)
    return whole.with_columns(pl.format("{}: {}", "grade", names).alias("label")).sort(
        "closing", "grade", descending=[True, False]
    )


def _closing_said(frame: pl.DataFrame) -> str:
    grave = frame.filter(
        pl.col("q50").is_not_null(), pl.col("closing") == "action"
    ).sort("grade")
    if grave.is_empty():
        return "No time to close can be told in this selection; shorter is better."
    told = "; ".join(
        f"{row['grade']} {row['q50']} days ({_limits(row)}), n = {row['n']}"
        for row in grave.iter_rows(named=True)
    )
    return (
        "Half of the corrective actions are closed within, by the grade of their"
        f" deviation: {told}. Those still open are censored, not left out. Shorter is"
        " better."
    )


def _limits(row: dict[str, object]) -> str:
    high = row["q50_upper"]
    return f"95 % interval {row['q50_lower']} to {'open' if high is None else high}"


def _closing_drawn(frame: pl.DataFrame) -> go.Figure:
    return figures.percentiles(frame, "days since the deviation was opened")


def beside_failures(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Of failed batches and of the others, how many had a deviation; the difference.

    The network as a whole first, then site by site.
    """
    whole = queries.deviation_batches(viewer, all_sites(filters), by=())
    sites = queries.deviation_batches(viewer, filters)
    counts = pl.concat(
        [whole.with_columns(pl.lit("network").alias("site")), sites.sort("site")],
        how="diagonal",
    ).unique("site", keep="first", maintain_order=True)
    return differences(
        counts.rename(
            {
                "failed_marked": "events",
                "failed": "n",
                "sound_marked": "other_events",
                "sound": "other_n",
            }
        )
    )


def _beside_failures_said(frame: pl.DataFrame) -> str:
    row = frame.row(0, named=True) if frame.height else {"difference": None}
    if row["difference"] is None:
        return "No comparison can be made in this selection. No direction is good."
    low, high = (written(row[c], "percent") for c in ("lower", "upper"))
    return (
        f"{written(row['rate'], 'percent')} of {written(row['n'], 'count')} failed"
        f" batches had a deviation, and {written(row['other_rate'], 'percent')} of"
        f" {written(row['other_n'], 'count')} others: a difference of"
        f" {written(row['difference'], 'percent')} (95 % interval {low} to {high})."
        " They go together; this does not say which made which, since a failure is"
        " itself written down as a deviation. No direction is good by itself."
    )


def _beside_failures_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.drop_nulls("difference")
    if rows.is_empty():
        return figures.empty("No comparison can be made in this selection.")
    drawn = rows.select(
        pl.Series("label", map(site_name, rows["site"]), pl.String),
        pl.col("difference").alias("value"),
        pl.col("lower").alias("low"),
        pl.col("upper").alias("high"),
        "state",
        "reason",
    )
    axis = "failed less others, share with a deviation, 95 % interval"
    return figures.caterpillar(drawn, axis, percent=True, centre=0.0)


def root_causes(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Deviations by root cause, over the sites asked for, the most frequent first."""
    frame = queries.deviations(viewer, filters, by=("root_cause",))
    return frame.select(
        pl.col("root_cause").str.replace_all("_", " ").alias("label"),
        pl.col("opened").alias("count"),
        "state",
        "reason",
    ).sort("count", "label", descending=[True, False], nulls_last=True)


def _root_causes_said(frame: pl.DataFrame) -> str:
    total = int(frame["count"].sum() or 0)
    if not total:
        return "No deviation to show in this selection, or its counts are hidden."
    top = frame.row(0, named=True)
    return (
        f"Of {some(total, 'deviation')}, {top['count']} ({_of(top['count'], total)})"
        f" go back to: {words(top['label'])}. Fewer are better, if all are written"
        " down."
    )


def _of(count: int, total: int) -> str:
    return written(count / total, "percent")


_BESIDE = (
    Column("site", "Site", "site"),
    Column("events", "Failed, with one", "count"),
    Column("n", "Failed", "count"),
    Column("rate", "Share", "percent"),
    Column("other_events", "Others, with one", "count"),
    Column("other_n", "Others", "count"),
    Column("other_rate", "Share", "percent"),
    Column("difference", "Difference", "percent"),
    Column("lower", "95 % from", "percent"),
    Column("upper", "to", "percent"),
)
_DAYS = (
    Column("label", "What is closed"),
    Column("n", "Opened", "count"),
    Column("ended", "Closed", "count"),
    Column("censored", "Still open", "count"),
    *(Column(f"{q}{end}", f"{title}{'' if not end else f', 95 % {side}'}", "days")
      for q, title in (("q50", "Median"), ("q90", "90th percentile"))
      for end, side in (("", ""), ("_lower", "from"), ("_upper", "to"))),
)  # fmt: skip

register(
    __name__,
    Page(
        "/deviations",
        "Deviations",
        "What went off course, was it put right in time, and what goes with it?",
        order=48,
        shown=("from", "to", "product", "pathway", "region", "site"),
        cards=(
            *_actions.CARDS,
            _deviation_rates.CARD,
            Card(
                "deviation-closing",
                "Time to close",
                closing,
                _closing_said,
                _closing_drawn,
                _DAYS,
                count=lambda f: some(int(f["n"].sum() or 0), "closing"),
                metric="deviation_closing",
                note="Kaplan and Meier; an open one is censored on the last day of its"
                " site's news.",
                width="half",
            ),
            Card(
                "deviation-causes",
                "Root causes",
                root_causes,
                _root_causes_said,
                lambda frame: figures.pareto(frame, "deviations"),
                (
                    Column("label", "Root cause"),
                    Column("count", "Deviations", "count"),
                ),
                count=lambda f: some(int(f["count"].sum() or 0), "deviation"),
                metric="root_cause",
                width="half",
            ),
            Card(
                "deviation-failures",
                "Deviations and failures",
                beside_failures,
                _beside_failures_said,
                _beside_failures_drawn,
                _BESIDE,
                count=lambda f: (
                    some(
                        int(f["n"][0] or 0) + int(f["other_n"][0] or 0),
                        "batch",
                        "batches",
                    )
                    if f.height
                    else ""
                ),
                metric="deviation_of_failed",
                note="Newcombe's interval of a difference (method 10). Only sites that"
                " report deviations.",
            ),
            _actions.LIST,
        ),
    ),
)
