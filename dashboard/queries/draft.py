"""A draft of a specification: what it would make of the batches, limit by limit.

Who is told what about it is decided in `dashboard.queries.telling`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import SUPPRESSED, disclose
from dashboard.queries.replay import (
    Members,
    Under,
    as_made,
    by_heading,
    members_of,
    tally_of,
    tested,
)
from dashboard.queries.snapshot import Snapshot, current
from dashboard.queries.telling import (
    PASSED,
    SHARED,
    SOLE,
    UNDETERMINED,
    Draft,
    Fates,
    Telling,
    fates_of,
    freely,
    with_limit,
)
from dashboard.viewer import Viewer
from etl.panel import Figures, Intervals, questions
from etl.tally import Flags, demanded

COUNTS: Final = ("n", "before", "after", "lost", "gained", "sole", "undetermined")


def drafted(
    viewer: Viewer, filters: Filters, product: str, draft: Draft
) -> pl.DataFrame:
    """One row a site (or pool): its tested batches before and after the draft.

    Of `n` batches `before` failed and `after` fail: `lost` are those that fail now only
    and `gained` those that do no longer; `sole` of `after` fail one requirement alone,
    and `undetermined` lack a result that would decide.
    """
    snapshot = current()
    chosen = _tested(snapshot, viewer, filters.site, filters.region, product)
    members = members_of(snapshot, product)
    after = fates_of(members, draft.after, chosen)
    before = (
        _made(chosen) if draft.against_own else fates_of(members, draft.start, chosen)
    )
    flags = _flags(before, after)
    rows = disclose(snapshot, viewer, by_heading(chosen, flags, COUNTS[1:]), COUNTS)
    told = Telling(viewer, product, members, chosen)
    refused = {
        site: why for site in rows["site"] if (why := told.refused(site, draft, flags))
    }
    return _withheld(rows, refused)


def draft_causes(
    viewer: Viewer, filters: Filters, product: str, draft: Draft
) -> pl.DataFrame:
    """One row a heading and requirement: batches that fail it and nothing else.

    `cause` is the parameter, or the name of an or-group; `before` and `after` the
    draft. Only for headings for which the viewer may move limits freely.
    """
    snapshot = current()
    every = _tested(snapshot, viewer, filters.site, filters.region, product)
    chosen = every.filter(freely(viewer))
    members = members_of(snapshot, product)
    here = chosen["position"].to_numpy()
    alone = {
        name: tally_of(members, under.said, under.literally).cause[here]
        for name, under in (("before", draft.start), ("after", draft.after))
    }
    parts = [by_heading(chosen.clear(), _CAUSE, ("before", "after"))]
    for cause, numbers in demanded(draft.after.criteria).items():
        flags = {name: np.isin(found, numbers) for name, found in alone.items()}
        told = pl.DataFrame({"cause": [cause] * len(here), **flags})
        parts.append(by_heading(chosen, told, ("before", "after")))
    return disclose(snapshot, viewer, pl.concat(parts), ("n", "before", "after"))


_CAUSE: Final = pl.DataFrame(
    schema={"cause": pl.String, "before": pl.Boolean, "after": pl.Boolean}
)


def draft_limits(
    viewer: Viewer,
    filters: Filters,
    product: str,
    under: Under,
    moving: tuple[int, str],
    limits: Sequence[float],
) -> pl.DataFrame:
    """One row a heading and limit: how many of `n` batches would fail with it.

    The rest of the specification stays. `moving` is the row of the criterion, which is
    no arm of an or-group, and the end (`limit_low`, `limit_high`) that moves. Only for
    headings for which the viewer may move limits freely.
    """
    snapshot = current()
    every = _tested(snapshot, viewer, filters.site, filters.region, product)
    chosen = every.filter(freely(viewer))
    members = members_of(snapshot, product)
    here = chosen["position"].to_numpy()
    answers = _Answers(members, under, moving[0])
    rest = tally_of(members, under.said, under.literally).failed - answers.fails(under)
    parts = [by_heading(chosen.clear(), _AT_LIMIT, ("failed",))]
    for limit in limits:
        fails = (rest > 0) | answers.fails(with_limit(under, moving, limit))
        flags = pl.DataFrame({"limit": [limit] * len(here), "failed": fails[here]})
        parts.append(by_heading(chosen, flags, ("failed",)))
    return disclose(snapshot, viewer, pl.concat(parts), ("n", "failed"))


def draft_quantiles(
    viewer: Viewer, filters: Filters, product: str, under: Under, row: int
) -> list[float]:
    """Every twentieth of what was measured for a criterion, in its unit, from low on.

    Of batches under headings for which the viewer may move limits freely, and only of
    single figures: a value below a detection limit has no place.
    """
    snapshot = current()
    every = _tested(snapshot, viewer, filters.site, filters.region, product)
    here = every.filter(freely(viewer))["position"].to_numpy()
    answers = _Answers(members_of(snapshot, product), under, row)
    low, high = answers.low[here], answers.high[here]
    known = low[(low == high) & np.isfinite(low)]
    if not len(known):
        return []
    return [float(x) for x in np.quantile(known, np.arange(0.05, 1, 0.05))]


_AT_LIMIT: Final = pl.DataFrame(schema={"limit": pl.Float64, "failed": pl.Boolean})


class _Answers:
    """What every batch answered to one criterion of a specification."""

    def __init__(self, members: Members, under: Under, row: int) -> None:
        self._row = row
        parts = []
        for site, first, last in members.spans:
            question = questions(members.asked(site, under)).get(row)
            part = members.panel.part(first, last)
            parts.append(part.to(question) if question else None)
        known = [part for part in parts if isinstance(part, Intervals)]
        none = np.zeros(0)
        self.low: Figures = np.concatenate([none, *(part.low for part in known)])
        self.high: Figures = np.concatenate([none, *(part.high for part in known)])

    def fails(self, under: Under) -> Flags:
        """The batches that fail the criterion as this specification has it."""
        item = under.criteria.row(self._row, named=True)
        fails = np.zeros(len(self.low), np.bool_)
        if (low := item["limit_low"]) is not None:
            fails |= self.high <= low if item["operator"] == ">" else self.high < low
        if (high := item["limit_high"]) is not None:
            fails |= self.low >= high if item["operator"] == "<" else self.low > high
        return fails


@lru_cache(maxsize=32)
def _tested(
    snapshot: Snapshot,
    viewer: Viewer,
    sites: tuple[str, ...],
    regions: tuple[str, ...],
    product: str,
) -> pl.DataFrame:
    """All batches ever tested: a period would cut a pool into pieces of few batches."""
    return tested(snapshot, viewer, Filters(site=sites, region=regions), product)


def _made(chosen: pl.DataFrame) -> Fates:
    """As judged by the version in force when it was made."""
    own = as_made(chosen)
    fates = np.full(chosen.height, UNDETERMINED, np.uint8)
    for name, fate in (("passed", PASSED), ("sole", SOLE), ("shared", SHARED)):
        fates[own[name].to_numpy()] = fate
    return fates


def _flags(before: Fates, after: Fates) -> pl.DataFrame:
    failed, fails = (np.isin(each, (SOLE, SHARED)) for each in (before, after))
    return pl.DataFrame(
        {
            "before": failed,
            "after": fails,
            "lost": fails & ~failed,
            "gained": failed & ~fails,
            "sole": after == SOLE,
            "undetermined": after == UNDETERMINED,
        }
    )


def _withheld(rows: pl.DataFrame, refused: Mapping[str, str]) -> pl.DataFrame:
    hidden = pl.col("site").is_in([*refused])
    why = pl.col("site").replace_strict(refused, default=None, return_dtype=pl.String)
    return rows.with_columns(
        *(pl.when(~hidden).then(pl.col(name)).alias(name) for name in COUNTS),
        pl.when(hidden).then(pl.lit(SUPPRESSED)).otherwise("state").alias("state"),
        pl.coalesce(why, "reason").alias("reason"),
    )
