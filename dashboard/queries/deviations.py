"""Deviations and the corrective actions that came of them, in counts and one by one.

Counts follow the month in which a deviation was opened. What is open or overdue is so
as of the last day of the site's own news, and never known later than that.
"""

from collections.abc import Sequence

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import _sum, classes, conditions
from dashboard.queries.days import histogram
from dashboard.queries.disclosure import DATA, scope
from dashboard.queries.listing import first_rows
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer

ACTIONS = ("actions_open", "actions_due", "actions_overdue")
MOST_ACTIONS = 5000


def deviations(
    viewer: Viewer,
    filters: Filters,
    columns: Sequence[str] = ("opened",),
    by: Sequence[str] = ("site",),
) -> pl.DataFrame:
    """Deviations opened, still open, and their actions: `columns` of the rollup."""
    return _sum(viewer, filters, "rollup_deviation", (*columns,), (*by,), True)


def deviation_days(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("closing", "grade")
) -> pl.DataFrame:
    """Histograms of days until a deviation, or its action, was closed."""
    columns = ("ended", "censored")
    return histogram(viewer, filters, "rollup_deviation_days", columns, (*by,))


def deviation_batches(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Ended batches that failed and that did not, and how many of each had a deviation.

    Of sites that report deviations.
    """
    columns = ("failed", "failed_marked", "sound", "sound_marked")
    return _sum(viewer, filters, "rollup_deviation_batch", columns, (*by,))


def open_actions(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Corrective actions that are not closed, the longest overdue first.

    Of all sites for the lead, of its own for a site, none for anybody else: a row is
    one batch's. `overdue` are the days since it was due, by the network's day; null
    where it is not due yet.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters, "deviations").named
    allowed = [s for s in named if viewer.role == "lead" or s == viewer.site]
    condition, parameters = conditions(filters)
    found = first_rows(
        snapshot,
        "r.site, r.deviation, r.batch, r.grade, r.category, r.root_cause, r.opened,"
        " r.capa_due",
        f"open_action as r{classes(filters)}"
        " where r.site in (select unnest(cast($named as varchar[])))"
        f" and {condition}",
        {"named": allowed, **parameters},
        MOST_ACTIONS,
    )
    day, due = pl.lit(snapshot.as_of), pl.col("capa_due")
    return found.with_columns(
        pl.when(due < day).then((day - due).dt.total_days()).alias("overdue"),
        pl.lit(DATA).alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )
