"""What is wrong with a site's rows, each with its place, and since when.

Refused rows, rows that contradict others, and decisions that do not follow from
results, side by side. They quote what a site wrote, so they are for that site and for
the network's lead, and for nobody else.
"""

from typing import Literal

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.quality import MOST_ROWS, discordances, findings, rejects
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, answering_from, current, previous
from dashboard.viewer import Viewer

_ISSUE = (
    *("site", "dataset", "rule", "severity", "batch", "origin", "ref", "rows"),
    *("column", "read", "expected"),
)
# What makes an issue of this run the same as one of the run before.
_SAME = ("site", "dataset", "rule", "batch", "origin", "ref", "column", "read")
NEW, EXISTING, RESOLVED = "new", "existing", "resolved"


def issues(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Every issue with `status`: new, existing, or resolved since the run before.

    Compared with the snapshot published before this one. Where there is none that was
    counted in the same way, or either is too long to list, refused rows are new in the
    run that first refused them, and all else is existing. In a network's first run all
    are new.
    """
    now, before = _every(viewer, filters), _before(viewer, filters)
    if before is None or len(now) >= MOST_ROWS:
        run = int(current().meta["run"])
        first = (pl.col("since") == run) | (run == _first_run(current()))
        status = pl.when(first).then(pl.lit(NEW)).otherwise(pl.lit(EXISTING))
        return _ordered(now.with_columns(status=status))
    parts = (
        _beside(now, before, "anti", NEW),
        _beside(now, before, "semi", EXISTING),
        _beside(before, now, "anti", RESOLVED),
    )
    return _ordered(pl.concat(parts))


@kept
def _first_run(snapshot: Snapshot) -> int:
    return int(snapshot.rows("select min(run) from run").item())


def _beside(
    these: pl.DataFrame, those: pl.DataFrame, how: Literal["anti", "semi"], status: str
) -> pl.DataFrame:
    found = these.join(those, on=[*_SAME], how=how, nulls_equal=True)
    return found.with_columns(status=pl.lit(status))


def _before(viewer: Viewer, filters: Filters) -> pl.DataFrame | None:
    earlier = previous()
    if earlier is None:
        return None
    with answering_from(earlier):
        if len(before := _every(viewer, filters)) >= MOST_ROWS:
            return None
    return before


def _every(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The issues of one snapshot; `since` is the run that first refused a row."""
    refused = rejects(viewer, filters).select(
        *("site", "dataset", "rule"),
        severity=pl.lit("refused"),
        batch=pl.lit(None, pl.String),
        origin="origin",
        ref="ref",
        rows=pl.lit(1, pl.Int64),
        column="column",
        read="read",
        expected="expected",
        since=pl.col("run"),
    )
    odd = [
        frame.select(*_ISSUE, since=pl.lit(None, pl.Int64))
        for frame in (findings(viewer, filters), discordances(viewer, filters))
    ]
    return pl.concat([refused, *odd])


def _ordered(found: pl.DataFrame) -> pl.DataFrame:
    """With what is new first; the states are those of any answer."""
    return (
        found.with_columns(
            _rank=pl.col("status").replace_strict({NEW: 0, EXISTING: 1, RESOLVED: 2}),
            state=pl.lit("data"),
            reason=pl.lit(None, pl.String),
        )
        .sort("_rank", *_SAME, nulls_last=True, maintain_order=True)
        .drop("_rank")
    )
