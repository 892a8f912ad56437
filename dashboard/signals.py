"""The signals of today beside those of the snapshot before: new, existing, resolved.

A signal is known again by its kind and its site or lot. What it says of itself may
change from one snapshot to the next; that it is still there is what counts.
"""

import polars as pl

from dashboard import queries
from dashboard.attention import SCHEMA, attention
from dashboard.filters import Filters
from dashboard.viewer import Viewer

IDENTITY = ("kind", "site")
STATUSES = ("new", "existing", "resolved")


def signals(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The rows of `attention` with their `status`, new ones first, resolved ones last.

    Compared with the snapshot published before, asked the same question by the same
    viewer under today's rules of disclosure. Without one to compare with, everything
    is new. A resolved signal keeps the evidence that it had.
    """
    now = attention(viewer, filters)
    before = _before(viewer, filters)
    known = now.join(before, on=[*IDENTITY], how="semi").select(IDENTITY)
    gone = before.join(now, on=[*IDENTITY], how="anti", maintain_order="left")
    return pl.concat(
        [
            _marked(now.join(known, on=[*IDENTITY], how="anti"), "new"),
            _marked(now.join(known, on=[*IDENTITY], how="semi"), "existing"),
            _marked(
                gone.with_columns(pl.format("No longer so. It was: {}", "evidence")
                                  .alias("evidence")),
                "resolved",
            ),
        ]
    )  # fmt: skip


def _before(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    earlier = queries.previous()
    if earlier is None:
        return pl.DataFrame(schema=SCHEMA)
    with queries.answering_from(earlier):
        return attention(viewer, filters)


def _marked(frame: pl.DataFrame, status: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(status).alias("status"))
