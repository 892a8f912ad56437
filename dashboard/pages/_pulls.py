"""The pulls themselves: who answered, which rows went in and out, every run."""

import polars as pl

from dashboard import queries
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.viewer import Viewer


def counted(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The last pull of each dataset: records, rows read, good, repeated, rejected."""
    return queries.row_counts(viewer, filters)


def _counted_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "You see no site by name, so no row is counted here."
    read, good, bad = (
        written(int(frame[c].sum()), "count") for c in ("read", "good", "rejected")
    )
    return (
        f"{read} rows were read at the last pull of each dataset: {good} good and {bad}"
        " rejected, and each row is accounted for."
    )


def runs(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """Every run that made this network's data."""
    return (
        queries.runs()
        .rename({"state": "outcome"})
        .with_columns(
            pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
        )
    )


def _runs_said(frame: pl.DataFrame) -> str:
    return (
        f"{some(frame.height, 'run')} so far, the newest first; “partial” means that a"
        " site did not answer."
    )


def _silent_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "Every source answered when it was last asked."
    return (
        f"{some(frame['site'].n_unique(), 'site')} did not answer when last asked, for"
        " the reason given; what is known of them stays."
    )


SILENT = Card(
    "quality-silent",
    "Who did not answer",
    queries.source_errors,
    _silent_said,
    columns=(
        Column("site", "Site", "site"),
        Column("source", "Source"),
        Column("message", "What it said"),
    ),
)
CARDS = (
    Card(
        "quality-counts",
        "Rows in, rows out",
        counted,
        _counted_said,
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("records", "Records", "count"),
            Column("read", "Rows read", "count"),
            Column("good", "Good", "count"),
            Column("repeated", "Repeated", "count"),
            Column("rejected", "Rejected", "count"),
            Column("arrived_at", "Arrived", "date"),
        ),
    ),
    Card(
        "quality-runs",
        "Runs",
        runs,
        _runs_said,
        columns=(
            Column("run", "Run", "count"),
            Column("started_at", "Began", "date"),
            Column("finished_at", "Ended", "date"),
            Column("outcome", "Outcome", "words"),
        ),
    ),
)
