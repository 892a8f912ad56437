"""What a selection leaves out of a pool's figures, and a wider one that tells more."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from dashboard.analysis.blocks import laid_out
from dashboard.filters import Filters
from dashboard.queries.asked import LINES, Asked
from dashboard.queries.cells import Told
from dashboard.queries.disclosure import openly, scope
from dashboard.queries.met import met
from dashboard.queries.pattern import Pattern, pattern
from dashboard.queries.pooled import within
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer


@dataclass(frozen=True)
class LeftOut:
    """Of `cells` that a selection meets `told` are told; `wider` tells more of them."""

    cells: int
    told: int
    wider: Filters | None


def left_out(viewer: Viewer, filters: Filters) -> LeftOut | None:
    """What of the batches begun a selection does not tell of a pool; None if nothing.

    A cell is a product, a pathway and the quarters that are told together. It depends
    on the pattern and the question alone, and is the same for every account.
    """
    snapshot = current()
    _, hidden = openly(snapshot, viewer, scope(snapshot, viewer, filters))
    if not hidden.site:
        return None
    found = pattern(snapshot, "batches")
    filters = within(snapshot, filters)
    here = _met(found, filters)
    told = here.filter("told").height
    if told == here.height:
        return None
    wider = within(snapshot, _wider(here, filters))
    more = _met(found, wider).filter("told").height > told
    return LeftOut(here.height, told, wider if more else None)


def _met(found: Pattern, filters: Filters) -> pl.DataFrame:
    """The blocks that a selection meets, with the words of all their lines."""
    asked = Asked(filters, "rollup_batch", ("started",), ("site",))
    told = [Told("rollup_batch", figure) for figure in asked.figures]
    table = found.table
    laid = laid_out(found.blocks(told), table.lines.height, len(table.quarters))
    lines = table.lines.with_row_index("line")
    words = laid.join(lines, on="line").group_by("block").agg(LINES)
    blocks = met(found, laid, asked).unique("block", maintain_order=True)
    return blocks.join(words, on="block", maintain_order="left")


def _wider(here: pl.DataFrame, filters: Filters) -> Filters:
    """The selection with all of the blocks that it meets a part of."""
    lists = {
        word: tuple(sorted({*here[word].explode()} - {"-"}))
        for word in LINES
        if filters.values(word)
    }
    start, end = here["since"].min(), here["until"].max()
    if filters.start and isinstance(start, date):
        filters = replace(filters, start=min(filters.start, f"{start:%Y-%m}"))
    if filters.end and isinstance(end, date):
        last = f"{end - timedelta(days=1):%Y-%m}"
        filters = replace(filters, end=max(filters.end, last))
    return replace(filters, **lists)  # type: ignore[arg-type]
