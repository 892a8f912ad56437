"""What rows say against each other: decisions, rules between datasets, findings."""

import polars as pl

from dashboard import queries
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_names, some
from dashboard.viewer import Viewer

NOT_YOURS = "No row to list: there is none, or you may not read sites' own words."


def _findings_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOT_YOURS
    weighty = frame.filter(pl.col("severity") != "minor").height
    return (
        f"{some(frame.height, 'row contradicts', 'rows contradict')} another,"
        f" {weighty or 'none'} of them in more than a minor way. They are counted as"
        " sent; somebody at the site should look."
    )


def discordant(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Decisions that do not follow from the recorded results, batch by batch."""
    return queries.discordances(viewer, filters)


def discordant_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOT_YOURS
    errors = frame.filter(pl.col("severity") == "error")
    sites = errors["site"].unique().sort().to_list()
    where = f" at {site_names(sites)}" if sites else ""
    released = some(errors["batch"].n_unique(), "batch was", "batches were")
    return (
        f"{released[0].upper()}{released[1:]} released in specification although a"
        f" recorded result fails a release criterion{where}. Not one is expected."
    )


def checked(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each rule between datasets: rows that break it, of those it applies to, where."""
    broken = pl.col("numerator") > 0
    none = pl.col("denominator") == 0
    return (
        queries.rule_counts(viewer, filters)
        .group_by("rule")
        .agg(
            pl.col("numerator", "denominator").sum(),
            pl.col("site").filter(broken).sort().alias("sites"),
        )
        .sort("rule")
        .with_columns(
            pl.when(none)
            .then(pl.lit("not_applicable"))
            .otherwise(pl.lit("data"))
            .alias("state"),
            pl.when(none)
            .then(pl.lit("there is no row to apply it to"))
            .alias("reason"),
        )
    )


def _checked_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "You see no site by name, so no rule is checked here."
    broken = frame.filter(pl.col("numerator") > 0)
    if broken.is_empty():
        return f"No row breaks any of {some(frame.height, 'rule')} between datasets."
    where = broken["sites"].explode().n_unique()
    return (
        f"{broken.height} of {some(frame.height, 'rule')} between datasets"
        f" {'is' if broken.height == 1 else 'are'} broken somewhere, at"
        f" {some(where, 'site')}. Fewer is better."
    )


CARDS = (
    Card(
        "quality-discordance",
        "Decisions that do not follow from results",
        discordant,
        discordant_said,
        metric="discordance",
        columns=(
            Column("batch", "Batch"),
            Column("site", "Site", "site"),
            Column("column", "Test that fails", "parameter"),
            Column("read", "Decided", "words"),
            Column("expected", "Follows from the results", "words"),
            Column("severity", "Severity"),
        ),
    ),
    Card(
        "quality-checks",
        "Rules between datasets",
        checked,
        _checked_said,
        columns=(
            Column("rule", "Rule", "words"),
            Column("numerator", "Rows that break it", "count"),
            Column("denominator", "Of rows", "count"),
            Column("sites", "At", "sites"),
        ),
    ),
    Card(
        "quality-findings",
        "Rows that contradict",
        queries.findings,
        _findings_said,
        columns=(
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("batch", "Batch"),
            Column("rule", "Rule", "words"),
            Column("read", "Read"),
            Column("expected", "Expected"),
            Column("severity", "Severity"),
        ),
    ),
)
