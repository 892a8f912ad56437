"""Data quality: what arrived, what did not, and why."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

_MONTHS_SHOWN = 12
_NOT_YOURS = "No row to list: there is none, or you may not read sites' own words."


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
    silent = frame.filter(pl.col("months_received") == 0)["site"].n_unique()
    return (
        f"{whole} of {frame.height} site datasets are complete;"
        f" {silent or 'no'} site{'s have' if silent != 1 else ' has'} a dataset of"
        " which nothing came. Darker is better; the last twelve months unless a period"
        " is chosen."
    )


def _arrived_drawn(frame: pl.DataFrame) -> go.Figure:
    words = pl.format("{} %", (100 * pl.col("share")).floor().cast(pl.Int64))
    cells = frame.select(
        pl.col("site").alias("row"),
        pl.col("dataset").alias("column"),
        pl.when(pl.col("state") == "data").then("share").alias("value"),
        pl.when(pl.col("state") == "data").then(words).alias("text"),
        "state",
        "reason",
    )
    return figures.matrix(cells.sort("row", "column"))


def _late_said(frame: pl.DataFrame) -> str:
    rows = frame.drop_nulls("received_at")
    if rows.is_empty():
        return (
            "No month has fallen due since the network first asked its sites, so"
            " nothing can be on time or late yet."
        )
    late = rows.filter(pl.col("received_at").dt.date() > pl.col("due")).height
    return f"{late} of {rows.height} reports came after their due day. Fewer is better."


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
        f"{int(frame['rows'].sum())} refusals under {frame['rule'].n_unique()} rules at"
        f" {frame['site'].n_unique()} sites. Fewer is better; a row that breaks two"
        " rules stands under both."
    )


def _rows_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_YOURS
    return (
        f"{frame.height} refusals with the place where each was read, what was read"
        " (its shape where it may identify somebody) and what was expected."
    )


def _findings_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_YOURS
    weighty = frame.filter(pl.col("severity") != "minor").height
    return (
        f"{frame.height} things contradict another row, {weighty} of them more than"
        " minor. They are counted as sent; somebody at the site should look."
    )


def discordant(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Decisions that do not follow from the recorded results, batch by batch."""
    return queries.discordances(viewer, filters)


def _discordant_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return _NOT_YOURS
    errors = frame.filter(pl.col("severity") == "error")
    sites = errors["site"].unique().sort().to_list()
    where = f" at {', '.join(sites)}" if sites else ""
    return (
        f"{errors['batch'].n_unique()} batches were released in specification although"
        f" a recorded result fails a release criterion{where}. None is expected."
    )


def checked(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each cross-dataset rule by site: rows that break it, of rows it applies to."""
    return queries.rule_counts(viewer, filters).with_columns(
        pl.when(pl.col("denominator") == 0)
        .then(pl.lit("not_applicable"))
        .otherwise("state")
        .alias("state"),
        pl.when(pl.col("denominator") == 0)
        .then(pl.lit("there is no row to apply it to"))
        .otherwise("reason")
        .alias("reason"),
    )


def _checked_said(frame: pl.DataFrame) -> str:
    broken = frame.filter(pl.col("numerator") > 0)
    return (
        f"{broken['rule'].n_unique()} of {frame['rule'].n_unique()} rules between"
        f" datasets are broken somewhere, at {broken['site'].n_unique()} sites."
    )


def counted(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The last pull of each dataset: records, rows read, good, repeated, rejected."""
    return queries.row_counts(viewer, filters)


def _counted_said(frame: pl.DataFrame) -> str:
    read, good, bad = (int(frame[c].sum()) for c in ("read", "good", "rejected"))
    return (
        f"{read} rows were read: {good} good and {bad} rejected, and none is"
        " unaccounted for."
    )


def runs(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """Every run that made this network's data."""
    return queries.runs().with_columns(
        pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
    )


def _runs_said(frame: pl.DataFrame) -> str:
    return (
        f"{frame.height} run(s) so far, the newest first;"
        " “partial” means that a site did not answer."
    )


def _silent_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "Every source answered when it was last asked."
    return (
        f"{frame['site'].n_unique()} sites did not answer when last asked, for the"
        " reason given; what is known of them stays."
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
    ),
    Card("quality-silent", "Who did not answer", queries.source_errors, _silent_said),
    Card(
        "quality-late",
        "On time",
        late,
        _late_said,
        metric="timeliness",
        columns=(
            Column("site", "Site"),
            Column("dataset", "Dataset"),
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
        columns=(
            Column("site", "Site"),
            Column("dataset", "Dataset"),
            Column("rule", "Rule"),
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
            Column("site", "Site"),
            Column("dataset", "Dataset"),
            *_PLACE,
            Column("rule", "Rule"),
            Column("read", "Read"),
            Column("expected", "Expected"),
        ),
    ),
    Card(
        "quality-discordance",
        "Decisions that do not follow from results",
        discordant,
        _discordant_said,
        metric="discordance",
    ),
    Card("quality-checks", "Rules between datasets", checked, _checked_said),
    Card("quality-findings", "Rows that contradict", queries.findings, _findings_said),
    Card("quality-counts", "Rows in, rows out", counted, _counted_said),
    Card("quality-runs", "Runs", runs, _runs_said),
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
