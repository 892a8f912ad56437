"""One batch's own record: what was said of it, which run brought it, what was changed.

For who may see the site's batches one by one; for everybody else, and for a batch that
is not there, the same nothing.
"""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, scope
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer
from etl.provenance import ABOUT, key, values

Row = dict[str, Any]
FOUND = ("dataset", "key", "sender", "run", "first_run", "at")
CHANGED = {"dataset": pl.String, "key": pl.String, "column": pl.String,
           "before": pl.String, "after": pl.String, "brought": pl.Int64,
           "run": pl.Int64, "at": pl.Date, "state": pl.String,
           "reason": pl.String}  # fmt: skip
GONE = "taken back"


def batch_facts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The batch of the address with what became of it: one row, or none."""
    return _asked(viewer, filters, "select * from fact_batch as r where true")


def batch_rows(viewer: Viewer, filters: Filters, dataset: str) -> pl.DataFrame:
    """The rows of one dataset about the batch, each with who sent it, and when.

    `run` brought the row as it stands, on the day `at`; `first_run` the first version
    of it. What the row itself says in `state` and `reason` stands in `said_state` and
    `said_reason`.
    """
    if dataset not in ABOUT:
        raise ValueError(f"“{dataset}” says nothing of a batch.")
    rows = _asked(
        viewer, filters, f"select r.*, {key(dataset)} as key from {dataset} as r"
        " where true",
    )  # fmt: skip
    whence = _whence(viewer, filters).filter(dataset=dataset).drop("dataset")
    own = {name: f"said_{name}" for name in ("state", "reason")}
    return (
        rows.rename(own, strict=False)
        .join(whence, on="key", how="left", maintain_order="left")
        .with_columns(
            pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
        )
    )


def corrections(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a value that a later run changed: before, after, both runs, and when.

    A row that a run took away has one line, without a column. Oldest change first.
    """
    days = _run_days(current())
    earlier = _earlier(viewer, filters).partition_by("dataset", as_dict=True)
    changes = [
        change
        for (dataset,), said in earlier.items()
        for change in _changes(dataset, _versions(viewer, filters, dataset, said))
    ]
    rows = [{**change, "at": days.get(change["run"]), "state": DATA}
            for change in changes]  # fmt: skip
    return pl.DataFrame(rows, schema=CHANGED).sort("run", "dataset", "key", "column")


def _asked(viewer: Viewer, filters: Filters, sql: str) -> pl.DataFrame:
    """The rows about the batch of the address; none where the viewer may see none."""
    snapshot = current()
    of = filters.extra.get("of", "")
    seen = of if of in _listable(snapshot, viewer) else None
    return snapshot.rows(
        f"{sql} and r.site = $of and r.batch = $batch",
        {"of": seen, "batch": filters.extra.get("batch", "")},
    )


def _listable(snapshot: Snapshot, viewer: Viewer) -> list[str]:
    named = scope(snapshot, viewer, Filters()).named
    return [s for s in named if viewer.role == "lead" or s == viewer.site]


def _whence(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Of each row as it stands: who sent it, which run, and which its first version."""
    versions = _asked(
        viewer,
        filters,
        "select dataset, key, sender, opened_run as run, closed_run,"
        " min(opened_run) over (partition by dataset, key) as first_run"
        " from provenance as r where true",
    )
    days = pl.col("run").replace_strict(
        _run_days(current()), default=None, return_dtype=pl.Date
    )
    standing = versions.filter(pl.col("closed_run").is_null())
    return standing.with_columns(at=days).select(FOUND)


def _earlier(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What rows about the batch said before, of any dataset that speaks of batches."""
    return _asked(
        viewer, filters, "select r.dataset, r.key, r.said, r.opened_run, r.closed_run"
        " from provenance as r where r.closed_run is not null",
    ).filter(pl.col("dataset").is_in([*ABOUT]))  # fmt: skip


def _versions(
    viewer: Viewer, filters: Filters, dataset: str, earlier: pl.DataFrame
) -> dict[str, list[Row]]:
    """What each row of a dataset said, version by version, the one in force last."""
    now = _asked(
        viewer, filters, f"select r.key, r.said, p.opened_run, p.closed_run from"
        f" (select site, batch, {key(dataset)} as key, {values(dataset)} as said"
        f" from {dataset}) as r join (select * from provenance where dataset ="
        f" '{dataset}' and closed_run is null) as p on r.site = p.site"
        " and r.batch = p.batch and r.key = p.key where true",
    )  # fmt: skip
    both = pl.concat([earlier.drop("dataset"), now], how="vertical_relaxed")
    changed = both.filter(pl.col("key").is_in(earlier["key"].implode()))
    found: dict[str, list[Row]] = {}
    for row in changed.sort("key", "opened_run").to_dicts():
        found.setdefault(row["key"], []).append(
            {**row, "said": json.loads(row["said"])}
        )
    return found


def _changes(dataset: str, versions: dict[str, list[Row]]) -> Iterator[Row]:
    for about, rows in versions.items():
        for old, new in zip(rows, [*rows[1:], None], strict=True):
            told = {"dataset": dataset, "key": about, "brought": old["opened_run"],
                    "run": old["closed_run"]}  # fmt: skip
            if old["closed_run"] is None:
                continue
            if new is None or new["opened_run"] != old["closed_run"]:
                yield {**told, "column": None, "before": None, "after": GONE}
                continue
            for column, value in old["said"].items():
                if value != new["said"][column]:
                    yield {**told, "column": column, "before": _text(value),
                           "after": _text(new["said"][column])}  # fmt: skip


def _text(value: object) -> str:
    return "not said" if value is None else str(value)


@kept
def _run_days(snapshot: Snapshot) -> dict[int, Any]:
    rows = snapshot.rows("select run, cast(started_at as date) as day from run")
    return dict(rows.iter_rows())
