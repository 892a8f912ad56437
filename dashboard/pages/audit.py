"""Audit trail: who did what, when and why, for those who review it."""

from typing import Final

import polars as pl

from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.shell import Page, register
from dashboard.viewer import Viewer, current_request
from etl.roles import Role

READERS: Final[tuple[Role, ...]] = ("lead", "auditor")
MOST: Final = 2000
_COLUMNS: Final = ("seq", "at", "who", "kind", "subject", "old", "new", "why")


def deeds(viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """The newest deeds first, for auditors and the lead; for others none."""
    mine = viewer.role in READERS
    rows = current_request().journal.deeds(MOST) if mine else ()
    schema = dict.fromkeys(_COLUMNS, pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(
        pl.col("seq").cast(pl.Int64),
        pl.col("at").str.replace("T", " ").str.replace(r"\.\d+\+00:00$", ""),
        pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "There is nothing here that you may read."
    return (
        f"The newest {some(frame.height, 'deed')}, the last on top; instants are in"
        " UTC. `pocnet audit verify` says whether all of them are as they were written."
    )


register(
    __name__,
    Page(
        "/audit",
        "Audit trail",
        "Who signed in, looked, took figures along or changed something, and why.",
        order=95,
        roles=READERS,
        shown=(),
        cards=(
            Card(
                "audit-deeds",
                "What was done",
                deeds,
                _said,
                count=lambda frame: some(frame.height, "deed"),
                columns=(
                    Column("seq", "Number", "count"),
                    Column("at", "When"),
                    Column("who", "Who"),
                    Column("kind", "Deed", "words"),
                    Column("subject", "Of what"),
                    Column("old", "Before"),
                    Column("new", "After"),
                    Column("why", "Why"),
                ),
            ),
        ),
    ),
)
