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
    applies = pl.col("verdict") != "not_applicable"
    fails = pl.col("verdict") == "fail"
    none = pl.col("applies") == 0
    return (
        queries.rule_counts(viewer, filters)
        .group_by("rule")
        .agg(
            pl.col("numerator", "denominator").sum(),
            pl.col("threshold").first(),
            applies.sum().alias("applies"),
            (pl.col("verdict") == "pass").sum().alias("passes"),
            pl.col("site").filter(fails).sort().alias("sites"),
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
    failed = frame.filter(pl.col("sites").list.len() > 0)
    idle = frame.filter(pl.col("state") == "not_applicable").height
    apart = f"; {some(idle, 'rule')} had no row to look at" if idle else ""
    if failed.is_empty():
        of = some(frame.height - idle, "rule")
        return f"Every site passes each of {of} between datasets{apart}."
    where = failed["sites"].explode().n_unique()
    return (
        f"{failed.height} of {some(frame.height - idle, 'rule')} between datasets"
        f" {'is' if failed.height == 1 else 'are'} failed somewhere, at"
        f" {some(where, 'site')}{apart}. Fewer is better."
    )


def issues(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Each refused row, contradiction and odd decision: new, existing or resolved."""
    return queries.issues(viewer, filters)


def _issues_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOT_YOURS
    counts = dict(frame["status"].value_counts().iter_rows())
    return (
        f"{some(counts.get('new', 0), 'issue is', 'issues are')} new since the run"
        f" before, {counts.get('existing', 0)} existed already and"
        f" {counts.get('resolved', 0)} are resolved. Fewer is better, and resolved ones"
        " are the next step."
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
            Column("threshold", "May be broken by", "percent"),
            Column("passes", "Sites that pass", "count"),
            Column("sites", "Failed at", "sites"),
        ),
        note="Thresholds are those that `network.toml` says now. A site with no row for"
        " a rule neither passes nor fails it.",
    ),
    Card(
        "quality-issues",
        "New, existing, resolved",
        issues,
        _issues_said,
        columns=(
            Column("status", "Status", "words"),
            Column("site", "Site", "site"),
            Column("dataset", "Dataset", "words"),
            Column("rule", "Rule", "words"),
            Column("severity", "Severity"),
            Column("batch", "Batch"),
            Column("origin", "Where"),
            Column("ref", "Row"),
            Column("column", "Column"),
            Column("read", "Read"),
            Column("expected", "Expected"),
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
