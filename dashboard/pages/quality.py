"""Data quality: what arrived, what did not, and why."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, site_names, some
from dashboard.pages import _checks, _pulls
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

_MONTHS_SHOWN = 12


def arrived(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site and dataset: the share of its expected rows that came, and when.

    Over the months asked for, by default the last twelve that are due. `on_time` is
    the share of the months with a known arrival that came by their due day.
    """
    reports = _due(viewer, filters)
    known = pl.col("received_at").is_not_null()
    on_time = known & (pl.col("received_at").dt.date() <= pl.col("due"))
    came = pl.col("received_rows") > 0
    declared = pl.col("expected_rows").is_not_null()
    frame = reports.group_by("site", "dataset", maintain_order=True).agg(
        pl.len().alias("months"),
        came.sum().alias("months_received"),
        pl.col("expected_rows").sum().alias("expected"),
        pl.col("received_rows").filter(declared).sum().alias("received"),
        pl.min_horizontal("received_rows", "expected_rows").sum().alias("_counted"),
        known.sum().alias("arrivals"),
        on_time.sum().alias("on_time"),
        pl.col("period").filter(came).max().alias("last_period"),
    )
    by_rows = pl.col("_counted") / pl.col("expected")
    return frame.with_columns(
        pl.when(pl.col("expected") > 0)
        .then(by_rows)
        .otherwise(pl.col("months_received") / pl.col("months"))
        .alias("share"),
        pl.when(pl.col("months_received") == 0)
        .then(pl.lit("not_reported"))
        .otherwise(pl.lit("data"))
        .alias("state"),
        pl.when(pl.col("months_received") == 0)
        .then(pl.lit("nothing came in these months"))
        .alias("reason"),
    ).drop("_counted")


def _due(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    reports = queries.reports(viewer, filters)
    if filters.start:
        reports = reports.filter(pl.col("period") >= filters.start)
    if filters.end:
        reports = reports.filter(pl.col("period") <= filters.end)
    if not filters.start:
        last = reports["period"].unique().sort().tail(_MONTHS_SHOWN)
        reports = reports.filter(pl.col("period").is_in(last.to_list()))
    return reports


def _arrived_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No report was due in this selection."
    whole = frame.filter(pl.col("share") >= 1).height
    silent = frame.filter(_silent(), pl.col("dataset") == "batch")["site"].to_list()
    news = (
        f"no batch of the latest month due came from {site_names(silent)}"
        if silent
        else "batches of the latest month due came from every site"
    )
    return (
        f"{whole} of {some(frame.height, 'site dataset')} are complete by the sites'"
        f" own counts; {news}. Darker is better."
    )


def _silent() -> pl.Expr:
    """Whether nothing came of the latest month that any dataset reached."""
    return pl.col("last_period").fill_null("") < pl.col("last_period").max()


def _arrived_drawn(frame: pl.DataFrame) -> go.Figure:
    whole = (100 * pl.col("share")).floor().cast(pl.Int64)
    words = pl.format(
        "{} %{}", whole, pl.when(_silent()).then(pl.lit(" ○")).otherwise(pl.lit(""))
    )
    cells = frame.select(
        pl.Series("row", [site_name(site) for site in frame["site"]], pl.String),
        pl.col("dataset").alias("column"),
        pl.when(pl.col("state") == "data").then("share").alias("value"),
        pl.when(pl.col("state") == "data").then(words).alias("text"),
        "state",
        "reason",
    )
    return figures.matrix(cells.sort("row", "column"))


def _late_said(frame: pl.DataFrame) -> str:
    rows = frame.drop_nulls("received_at")
    empty = (
        f" {some(frame.height - rows.height, 'due month is', 'due months are')} empty:"
        " nothing came and no count was declared, so nothing may have happened."
        if frame.height > rows.height
        else ""
    )
    if rows.is_empty():
        return (
            "No month has fallen due since the network first asked its sites, so"
            f" nothing can be on time or late yet.{empty}"
        )
    late = rows.filter(pl.col("received_at").dt.date() > pl.col("due")).height
    return (
        f"{late} of {some(rows.height, 'report')} came after the due day. Fewer is"
        f" better.{empty}"
    )


def late(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each report that was due since the network began to ask: when it came."""
    return _due(viewer, filters).filter(
        pl.col("received_at").is_not_null() | (pl.col("received_rows") == 0)
    )


def refused(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Rows refused by site, dataset and rule: how many, of how many that were read."""
    rows = queries.rejects(viewer, filters)
    read = queries.row_counts(viewer, filters).select("site", "dataset", "read")
    counted = rows.group_by("site", "dataset", "rule").agg(
        pl.struct("origin", "ref", "row").n_unique().alias("rows"),
        pl.col("expected").first(),
    )
    return (
        counted.join(read.rename({"read": "n"}), on=["site", "dataset"], how="left")
        .with_columns(
            (pl.col("rows") / pl.col("n")).alias("share"),
            pl.lit("data").alias("state"),
            pl.lit(None, pl.String).alias("reason"),
        )
        .sort("site", "dataset", "rule")
    )


def _refused_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No row is refused at the moment, or you may not read sites' rows."
    return (
        f"{some(int(frame['rows'].sum()), 'refusal')} under"
        f" {some(frame['rule'].n_unique(), 'rule')} at"
        f" {some(frame['site'].n_unique(), 'site')}. Fewer is better; a row that breaks"
        " two rules stands under both."
    )


def _rows_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _checks.NOT_YOURS
    return (
        f"{some(frame.height, 'refusal')} with the place where each was read, what was"
        " read (its shape where it may identify somebody) and what was expected."
    )


_PLACE = (Column("origin", "Where"), Column("ref", "Row"), Column("column", "Column"))
_CARDS = (
    Card(
        "quality-completeness",
        "What arrived",
        arrived,
        _arrived_said,
        _arrived_drawn,
        metric="completeness",
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("share", "Complete", "percent"),
            Column("expected", "Rows declared", "count"),
            Column("received", "Rows received", "count"),
            Column("months_received", "Months with rows", "count"),
            Column("months", "Months due", "count"),
            Column("arrivals", "Arrivals known", "count"),
            Column("on_time", "On time", "count"),
            Column("last_period", "Last month with rows"),
        ),
        note="The last twelve months that are due, unless a period is chosen. ○ marks a"
        " dataset of which nothing came for the latest month due.",
    ),
    _pulls.SILENT,
    Card(
        "quality-late",
        "On time",
        late,
        _late_said,
        metric="timeliness",
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("period", "Month"),
            Column("due", "Due", "date"),
            Column("received_at", "Received", "date"),
            Column("expected_rows", "Expected", "count"),
            Column("received_rows", "Came", "count"),
        ),
    ),
    Card(
        "quality-rules",
        "Refused rows by rule",
        refused,
        _refused_said,
        metric="validity",
        count=lambda f: some(int(f["rows"].sum() or 0), "refusal"),
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("rule", "Rule", "words"),
            Column("rows", "Rows", "count"),
            Column("n", "Of rows read", "count"),
            Column("share", "Share", "percent"),
            Column("expected", "Expected"),
        ),
    ),
    Card(
        "quality-rejects",
        "The refused rows",
        queries.rejects,
        _rows_said,
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            *_PLACE,
            Column("rule", "Rule", "words"),
            Column("read", "Read"),
            Column("expected", "Expected"),
        ),
    ),
    *_checks.CARDS,
    *_pulls.CARDS,
)

register(
    __name__,
    Page(
        "/quality",
        "Data quality",
        "What did not arrive this morning and why, and which rows were refused.",
        order=70,
        cards=_CARDS,
        shown=("from", "to", "region", "site"),
    ),
)
