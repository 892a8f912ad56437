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
    days = _run_days()
    changes = [
        change
        for dataset in ABOUT
        for change in _changes(dataset, _versions(viewer, filters, dataset))
    ]
    rows = [{**change, "at": days.get(change["run"]), "state": DATA}
            for change in changes]  # fmt: skip
    return pl.DataFrame(rows, schema=CHANGED).sort("run", "dataset", "key", "column")


def _asked(viewer: Viewer, filters: Filters, sql: str) -> pl.DataFrame:
    """The rows about the batch of the address; none where the viewer may see none."""
    snapshot = current()
    return snapshot.rows(
        f"{sql} and list_contains($named, r.site) and r.site = $of"
        " and r.batch = $batch",
        {
            "named": _listable(snapshot, viewer),
            "of": filters.extra.get("of", ""),
            "batch": filters.extra.get("batch", ""),
        },
    )


def _listable(snapshot: Snapshot, viewer: Viewer) -> list[str]:
    named = scope(snapshot, viewer, Filters()).named
    return [s for s in named if viewer.role == "lead" or s == viewer.site]


def _whence(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    frame = _asked(
        viewer,
        filters,
        "select r.dataset, r.key, r.sender, r.opened_run as run,"
        " (select min(o.opened_run) from provenance as o where o.site = r.site"
        " and o.batch = r.batch and o.dataset = r.dataset and o.key = r.key)"
        " as first_run, cast(u.started_at as date) as at"
        " from provenance as r left join run as u on r.opened_run = u.run"
        " where r.closed_run is null",
    )
    return frame.select(FOUND)


def _versions(viewer: Viewer, filters: Filters, dataset: str) -> dict[str, list[Row]]:
    """What each row of a dataset said, version by version, the one in force last."""
    earlier = _asked(
        viewer, filters, "select r.key, r.said, r.opened_run, r.closed_run from"
        f" (select * from provenance where dataset = '{dataset}') as r"
        " where r.closed_run is not null",
    )  # fmt: skip
    if earlier.is_empty():
        return {}
    now = _asked(
        viewer, filters, f"select r.key, r.said, p.opened_run, p.closed_run from"
        f" (select site, batch, {key(dataset)} as key, {values(dataset)} as said"
        f" from {dataset}) as r join (select * from provenance where dataset ="
        f" '{dataset}' and closed_run is null) as p on r.site = p.site"
        " and r.batch = p.batch and r.key = p.key where true",
    )  # fmt: skip
    both = pl.concat([earlier, now], how="vertical_relaxed").sort("key", "opened_run")
    found: dict[str, list[Row]] = {}
    for row in both.filter(pl.col("key").is_in(earlier["key"].to_list())).to_dicts():
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


def _run_days() -> dict[int, Any]:
    rows = current().rows("select run, cast(started_at as date) as day from run")
    return dict(rows.iter_rows())
