"""What a proposal would ask and what it would make of the batches, as its cards."""

from typing import Final

import polars as pl

from dashboard import proposals, queries
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.pages import _draft_counts
from dashboard.proposals import Proposal
from dashboard.queries import Draft, Under
from dashboard.viewer import Viewer

UNKNOWN: Final = "There is no such proposal for you to read."
_NO_LIMITS: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("gate", "test", "before", "after", "beside"), pl.String),
        **dict.fromkeys(("state", "reason"), pl.String),
        "changed": pl.Boolean,
    }
)


def compared(
    viewer: Viewer, filters: Filters
) -> tuple[Proposal, Proposal | None] | None:
    """The proposal of the address, and the one it is to be compared with."""
    mine = proposals.proposal(viewer, filters.extra.get("number", ""))
    if mine is None:
        return None
    return mine, proposals.proposal(viewer, filters.extra.get("with", ""))


def limits(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a test: what is asked in it beside what is proposed."""
    asked = compared(viewer, filters)
    if asked is None:
        return _NO_LIMITS
    mine, other = asked
    words, before = proposals.compared_with(viewer, mine, other)
    beside = mine.after.clear() if before is None else before
    return proposals.differences(beside, mine.after).with_columns(
        pl.lit(words).alias("beside"),
        pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )


def _limits_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return UNKNOWN
    if not frame["beside"][0]:
        return f"The proposal asks for {some(frame.height, 'test')} at release."
    changed = frame.filter("changed")
    if changed.is_empty():
        return f"It asks for the same as {frame['beside'][0]}."
    tests = "; ".join(
        title(test) for test in changed["test"].unique(maintain_order=True)
    )
    many = some(changed.height, "limit differs", "limits differ")
    return (
        f"Beside {frame['beside'][0]}, {many}: {tests}. Stricter is not better by"
        " itself."
    )


def counts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site (or pool): its batches under the one and under the other."""
    asked = compared(viewer, filters)
    if asked is None:
        return _draft_counts.NONE
    mine, other = asked
    words, before = proposals.compared_with(viewer, mine, other)
    start = Under(mine.after if before is None else before)
    draft = Draft(start, Under(mine.after))
    rows = queries.drafted(viewer, Filters(), mine.product, draft)
    return _draft_counts.with_shares(rows, words or "the proposal itself")


CARDS: Final = (
    Card(
        "proposal-limits",
        "What would be asked",
        limits,
        _limits_said,
        columns=(
            Column("test", "Test", "parameter"),
            Column("gate", "Gate", "words"),
            Column("before", "Beside"),
            Column("after", "Proposed"),
            Column("changed", "Differs"),
        ),
    ),
    _draft_counts.site_card(
        "proposal-sites", "What it would make of each site's batches", counts
    ),
)
