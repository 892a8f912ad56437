"""Two-stage certification: what is overdue, what failed late, what is still to come."""

from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import chain, nowcast
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._parting import all_sites
from dashboard.viewer import Viewer

_DRAWN: Final = 24
_HIDDEN: Final = "What was released provisionally is not told in this selection."


def overdue(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Results outstanding by laboratory and parameter, and those out for too long.

    Overdue is what has taken longer than nine in ten results of that test take over
    the whole network: no site's laboratory sets its own measure.
    """
    usual = chain.percentiles(
        queries.laboratory_days(viewer, all_sites(filters), by=("parameter",)),
        ("parameter",),
    ).select("parameter", pl.col("q90").alias("due"))
    days = queries.laboratory_days(
        viewer, filters, by=("site", "laboratory", "own", "parameter")
    )
    waits = days.filter(pl.col("censored") > 0).join(usual, on="parameter", how="left")
    late = pl.col("day") > pl.col("due")
    return (
        waits.group_by("laboratory", "own", "parameter")
        .agg(
            pl.col("censored").sum().alias("outstanding"),
            pl.col("censored").filter(late).sum().alias("overdue"),
            pl.col("day").max().alias("oldest"),
            pl.col("due").first(),
        )
        .sort("laboratory", "own", "parameter", descending=[False, True, False])
        .with_columns(
            pl.when("own").then(pl.lit("own")).otherwise(pl.lit("third party"))
            .alias("whose"),
            pl.lit("data").alias("state"),
            pl.lit(None, pl.String).alias("reason"),
        )
    )  # fmt: skip


def _overdue_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No result is outstanding in this selection. Fewer is better."
    out, late = int(frame["outstanding"].sum()), int(frame["overdue"].sum())
    if not late:
        return (
            f"{some(out, 'result is', 'results are')} outstanding, none for longer than"
            " nine in ten of its kind take. Fewer is better."
        )
    worst = frame.sort("overdue", "oldest", descending=True).row(0, named=True)
    return (
        f"{some(out, 'result is', 'results are')} outstanding,"
        f" {written(late, 'count')} of them for longer than nine in ten of their kind"
        f" take: most often {written(worst['parameter'], 'parameter')} at"
        f" {site_name(worst['laboratory'])} ({worst['overdue']}, the oldest for"
        f" {worst['oldest']} days). Fewer is better."
    )


def _overdue_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty("No result is outstanding.")
    third = pl.format("{} (third party)", "laboratory")
    rows = frame.with_columns(
        pl.when("own").then("laboratory").otherwise(third).alias("row")
    )
    columns = rows.select("parameter").unique().sort("parameter")
    every = rows.select("row").unique(maintain_order=True).join(columns, how="cross")
    return figures.matrix(
        every.join(
            rows, on=["row", "parameter"], how="left", maintain_order="left"
        ).select(
            "row",
            pl.col("parameter").str.replace_all("_", " ").alias("column"),
            pl.col("overdue").cast(pl.Float64).alias("value"),
            pl.when(pl.col("outstanding").is_not_null())
            .then(pl.format("{} of {}", "overdue", "outstanding"))
            .otherwise(pl.lit(""))
            .alias("text"),
            pl.col("state").fill_null("zero"),
            "reason",
        )
    )


def late(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Provisional releases that failed in the end, by site, and who had been treated.

    `failed_before` of them were caught before the product was given.
    """
    frame = queries.certified(viewer, filters)
    return frame.with_columns(
        (pl.col("failed") - pl.col("failed_given")).alias("failed_before"),
        pl.sum_horizontal("failed", "certified").alias("settled"),
    ).sort("site")


def _late_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("failed")
    if not int(seen["settled"].sum() or 0):
        return _HIDDEN
    failed, settled = (int(seen[c].sum()) for c in ("failed", "settled"))
    given = int(seen["failed_given"].sum())
    share = written(failed / settled, "percent")
    return (
        f"Of {written(settled, 'count')} batches released provisionally and settled"
        f" since, {written(failed, 'count')} ({share}) failed a final result or were"
        f" rejected; {written(given, 'count')} of them had been given by then, which"
        " no recall reaches. Fewer is better."
    )


def _late_drawn(frame: pl.DataFrame) -> go.Figure:
    parts = {"already given": "failed_given", "caught before": "failed_before"}
    return figures.site_bars(
        pl.concat(
            frame.select(
                pl.col("site").alias("x"), pl.lit(words).alias("part"),
                pl.col(name).alias("count"), "state", "reason",
            )
            for words, name in parts.items()
        )
    )  # fmt: skip


def by_month(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Late failures by month of provisional release, recent months with their end."""
    days = queries.certification_days(viewer, filters)
    hidden = days.filter(pl.col("state") == "suppressed")
    seen = days.filter(pl.col("state") != "suppressed").drop_nulls("day")
    found = nowcast.expected(seen).with_columns(
        pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
    )
    marks = hidden.select("month", "state", "reason").unique()
    both = pl.concat([found, marks], how="diagonal_relaxed").sort("month")
    standing = pl.when(pl.col("waiting") > 0).then(pl.lit("provisional"))
    return both.with_columns(
        pl.col("month").alias("x"),
        pl.when(pl.col("state") == "data")
        .then(standing.otherwise(pl.lit("final")))
        .alias("standing"),
        pl.when(pl.col("state") == "data").then(pl.col("waiting").fill_null(0)),
        (pl.col("failed") + pl.col("certified")).alias("settled"),
    )


def _by_month_said(frame: pl.DataFrame) -> str:
    still = frame.filter(pl.col("standing") == "provisional")
    held = frame.filter(pl.col("state") == "suppressed").height
    if not frame["settled"].sum():
        return _HIDDEN
    if still.is_empty() and held:
        return f"Of the months that may be told all are final; {held} are held back."
    if still.is_empty():
        return "All months shown are final: nothing waits any more. Low is good."
    last = still.drop_nulls("final").sort("month").row(-1, named=True)
    sofar = "nothing is settled"
    if last["so_far"] is not None:
        sofar = (
            f"{written(last['so_far'], 'percent')} of {last['settled']} settled failed"
        )
    return (
        f"{some(still.height, 'month is', 'months are')} provisional, hollow: of the"
        f" last, {last['month']:%B %Y}, {sofar} so far;"
        f" {written(last['final'], 'percent')} of all {last['n']} is expected in the"
        f" end (95 %: {written(last['low'], 'percent')} to"
        f" {written(last['high'], 'percent')}). Low is good."
    )


def _by_month_drawn(frame: pl.DataFrame) -> go.Figure:
    percent = {c: (100 * pl.col(c)).round(1) for c in ("final", "low", "high")}
    told = pl.format(
        "<b>{}</b>, {}<br>{} failed, {} certified, {} waiting<br>expected {} % ({} to"
        " {} %)",
        pl.col("month").dt.strftime("%b %Y"), "standing", "failed", "certified",
        "waiting", percent["final"], percent["low"], percent["high"],
    )  # fmt: skip
    return figures.provisional(
        frame.with_columns(told.fill_null("").alias("hover")).tail(_DRAWN),
        "share that failed late",
    )


CARDS = (
    Card(
        "turnaround-late",
        "Failed after provisional release",
        late,
        _late_said,
        _late_drawn,
        (
            Column("site", "Site", "site"),
            Column("failed", "Failed late", "count"),
            Column("failed_given", "Already given", "count"),
            Column("settled", "Of settled", "count"),
            Column("waiting", "Awaiting", "count"),
        ),
        count=lambda f: f"n = {written(int(f['settled'].sum() or 0), 'count')} settled",
        metric="late_failure",
        note="A final result outside its limit, or a final rejection. By month of"
        " provisional release.",
        width="half",
        height=520,
    ),
    Card(
        "turnaround-provisional",
        "Late failures by month, as far as known",
        by_month,
        _by_month_said,
        _by_month_drawn,
        (
            Column("month", "Month", "date"),
            Column("standing", "Is"),
            Column("failed", "Failed late", "count"),
            Column("certified", "Certified", "count"),
            Column("waiting", "Awaiting", "count"),
            Column("so_far", "So far", "percent"),
            Column("final", "Expected in the end", "percent"),
            Column("low", "95 % from", "percent"),
            Column("high", "to", "percent"),
        ),
        metric="late_failure",
        note="A batch that waits has the chance to fail that batches of its age had"
        " (Aalen and Johansen 1978; as reporting delays, Kalbfleisch and Lawless 1991):"
        " delays are taken not to change. Failures and certificates take different"
        " times, so the share so far leans one way. The last 24 months are drawn.",
        width="half",
        height=520,
    ),
    Card(
        "turnaround-overdue",
        "Results overdue, by laboratory",
        overdue,
        _overdue_said,
        _overdue_drawn,
        (
            Column("laboratory", "Laboratory", "site"),
            Column("whose", "Whose"),
            Column("parameter", "Parameter", "parameter"),
            Column("overdue", "Overdue", "count"),
            Column("outstanding", "Of outstanding", "count"),
            Column("oldest", "Oldest, days", "count"),
            Column("due", "Nine in ten take, days", "count"),
        ),
        count=lambda f: (
            f"n = {written(int(f['outstanding'].sum() or 0), 'count')} outstanding"
        ),
        metric="results_outstanding",
        note="As of the network's day: a site that has fallen silent looks late too,"
        " and may be. Groups of so few results that a patient might be recognised are"
        " left out.",
    ),
)
