"""Every site's batches under every specification, as a matrix of shares."""

from collections.abc import Mapping
from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.names import site_name, some
from dashboard.pages._replayed import NOBODY, OWN, replayed, specification_name

# A specification of which more batches than this share are undetermined is not laid
# beside others.
_MANY: Final = 0.1


def _replayed_said(frame: pl.DataFrame) -> str:
    shown = frame.filter(
        pl.col("state").is_in(["data", "zero"]), pl.col("specification") != OWN
    )
    totals = (
        shown.group_by("specification")
        .agg(pl.col("failed", "undetermined", "n").sum())
        .sort(pl.col("failed") / pl.col("n"), "specification")
    )
    known = totals.filter(pl.col("undetermined") <= _MANY * pl.col("n"))
    left = totals.height - known.height
    if known.is_empty():
        return NOBODY
    loosest, strictest = known.row(0, named=True), known.row(-1, named=True)
    other = (
        f" {some(left, 'specification')} cannot be compared so: too many batches lack a"
        " result that it asks for."
        if left
        else ""
    )
    if known.height == 1:
        return f"{_share(strictest)}.{other}"
    return (
        f"The same batches under {known.height} specifications: {_share(loosest)},"
        f" {_share(strictest)}.{other} Along a row only the criteria change, down a"
        " column only the batches. Fewer failures are better only where nothing is"
        " risked by it."
    )


def _share(row: Mapping[str, object]) -> str:
    failed, n = int(str(row["failed"])), int(str(row["n"]))
    name = site_name(str(row["specification"]))
    return f"{written(failed / n, 'percent')} ({failed} of {n}) fail that of {name}"


def _matrix(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    frame = frame.sort("site", pl.col("specification") != OWN, "specification")
    share = pl.col("failing")
    said = "{} of {} fail, {} undetermined: {} % at best, {} % at worst"
    best, worst = ((pl.col(end) * 100).round(1) for end in ("best", "worst"))
    cells = frame.select(
        pl.Series("row", map(site_name, frame["site"]), pl.String),
        pl.Series("column", map(specification_name, frame["specification"]), pl.String),
        share.alias("value"),
        pl.when(share.is_not_null())
        .then(pl.format("{} %", best))
        .otherwise(pl.lit("?"))
        .alias("text"),
        "state",
        pl.coalesce(
            "reason", pl.format(said, "failed", "n", "undetermined", best, worst)
        ),
    )
    return figures.matrix(cells)


def _judged(frame: pl.DataFrame) -> str:
    own = frame.filter(pl.col("specification") == OWN)
    return written(int(own["n"].sum() or 0), "count")


CARD = Card(
    "replay-matrix",
    "Every site's batches under every specification",
    replayed,
    _replayed_said,
    _matrix,
    (
        Column("site", "Batches of", "site"),
        Column("specification", "Specification of", "site"),
        Column("n", "Batches", "count"),
        Column("passed", "Pass", "count"),
        Column("sole", "Fail one test", "count"),
        Column("shared", "Fail several", "count"),
        Column("undetermined", "Undetermined", "count"),
        Column("best", "At best", "percent"),
        Column("worst", "At worst", "percent"),
    ),
    count=lambda f: f"n = {_judged(f)} tested batches",
    metric="replay",
    note="The first column judges each batch under the version in force when"
    " it was made; the others under the versions in force today. A batch lost"
    " before its harvest has no results and is left out. A test without a"
    " result, or a value censored across the limit, is neither.",
)
