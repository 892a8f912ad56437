"""What is replayed: which batches, under which specifications, for the replay page."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from dashboard import queries
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._specifications import Asked, asked
from dashboard.queries import Under
from dashboard.viewer import Viewer

OWN: Final = queries.OWN_SPECIFICATION
_OWN_WORDS: Final = "Its own, when made"
NOBODY: Final = (
    "No batch can be judged again here: no specification of this product is yours to"
    " see, or no batch came to its tests."
)
NOTHING: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("site", "specification", "state", "reason"), pl.String),
        **dict.fromkeys(queries.REPLAY_COUNTS, pl.Int64),
        **dict.fromkeys(("failing", "best", "worst"), pl.Float64),
        "failed": pl.Int64,
    }
)


def specifications(question: Asked, filters: Filters) -> Mapping[str, Under]:
    """The specifications in force that the reader may see, by their site or paper."""
    literally = filters.extra.get("cells") == "named"
    parts = question.held.partition_by("site", as_dict=True, maintain_order=True)
    return {str(site): Under(rows, literally) for (site,), rows in parts.items()}


def replayed(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site and specification: counts, and between which shares would fail."""
    question = asked(viewer, filters)
    if question is None or question.subject.product is None:
        return NOTHING
    known = specifications(question, filters)
    return with_shares(
        queries.replayed(viewer, filters, question.subject.product, known)
    )


def with_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """The counts of a replay with `failed`, `failing`, `best` and `worst`.

    `best` counts every undetermined batch as passing, `worst` as failing; `failing` is
    null where most are undetermined: of those few that could be judged most fail, as
    one test is enough to fail and all are needed to pass.
    """
    failed, unknown = pl.col("failed"), pl.col("undetermined")
    both = pl.col("sole") + pl.col("shared")
    return frame.with_columns(both.alias("failed")).with_columns(
        pl.when(2 * unknown < pl.col("n")).then(failed / pl.col("n")).alias("failing"),
        (failed / pl.col("n")).alias("best"),
        ((failed + unknown) / pl.col("n")).alias("worst"),
    )


def specification_name(key: str) -> str:
    """A specification as a reader knows it: the site's or the paper's."""
    return _OWN_WORDS if key == OWN else site_name(key)


def under(viewer: Viewer, filters: Filters) -> tuple[Asked, str] | None:
    """The question and the specification chosen in the URL; the first otherwise."""
    question = asked(viewer, filters)
    if question is None or question.subject.product is None:
        return None
    known = sorted(specifications(question, filters))
    chosen = filters.extra.get("under", "")
    return question, chosen if chosen in known else known[0]
