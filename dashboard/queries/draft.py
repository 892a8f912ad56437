"""A draft of a specification: what it would make of the batches, limit by limit.

A limit that can be moved is an oracle. Who slides it in small steps over pooled batches
reads off each of them where its count changes. So only whoever may list batches one by
one is answered for any limit; for all other headings a draft is answered where it
starts from a specification that the viewer sees, moves one limit at most, and that to a
limit in use which the viewer sees too, and never where two of these answers differ by a
few batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.filters import Filters
from dashboard.queries.criteria import criteria
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
from dashboard.viewer import Viewer
from etl.panel import Figures, Intervals, questions
from etl.specification import gate_class
from etl.tally import Flags, Tally, demanded

COUNTS: Final = ("n", "before", "after", "lost", "gained", "sole", "undetermined")
# A difference of fewer batches than this, between two answers, could be one patient.
FEWEST_CHANGED: Final = 5
_PASSED, _SOLE, _SHARED, _UNDETERMINED = range(4)
_ENDS: Final = ("limit_low", "limit_high")
_DEMAND: Final = (
    *("gate", "parameter", "population", "stage", "method", "status", "operator"),
    *(*_ENDS, "text_limit", "unit", "logic_group"),
)
_NOT_IN_USE: Final = (
    "batches of others are judged only as a specification that you see has it, or with"
    " one limit moved to another that is in use"
)
_FEW_CHANGED: Final = (
    f"fewer than {FEWEST_CHANGED} batches would change, and could point to a patient"
)

Fates = NDArray[np.uint8]


@dataclass(frozen=True)
class Draft:
    """Limits moved from where they `start` to where they are `after`.

    Both have the same criteria in the same order. Batches lost and gained are counted
    against the start, or against what each batch was judged by when it was made.
    """

    start: Under
    after: Under
    against_own: bool = False

    @property
    def moved(self) -> list[tuple[int, str]]:
        """Which rows have another limit now, and at which end."""
        ours, theirs = self.after.criteria, self.start.criteria
        return [
            (row, end)
            for row in range(min(ours.height, theirs.height))
            for end in _ENDS
            if ours[end][row] != theirs[end][row]
        ]


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
    after = _fates(members, draft.after, chosen)
    before = (
        _made(chosen) if draft.against_own else _fates(members, draft.start, chosen)
    )
    flags = _flags(before, after)
    rows = disclose(snapshot, viewer, by_heading(chosen, flags, COUNTS[1:]), COUNTS)
    told = _Telling(viewer, product, members, chosen)
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
    chosen = every.filter(_freely(viewer))
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
    chosen = every.filter(_freely(viewer))
    members = members_of(snapshot, product)
    here = chosen["position"].to_numpy()
    answers = _Answers(members, under, moving[0])
    rest = tally_of(members, under.said, under.literally).failed - answers.fails(under)
    parts = [by_heading(chosen.clear(), _AT_LIMIT, ("failed",))]
    for limit in limits:
        fails = (rest > 0) | answers.fails(_with_limit(under, moving, limit))
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
    here = every.filter(_freely(viewer))["position"].to_numpy()
    answers = _Answers(members_of(snapshot, product), under, row)
    low, high = answers.low[here], answers.high[here]
    known = low[(low == high) & np.isfinite(low)]
    if not len(known):
        return []
    return [float(x) for x in np.quantile(known, np.arange(0.05, 1, 0.05))]


_AT_LIMIT: Final = pl.DataFrame(schema={"limit": pl.Float64, "failed": pl.Boolean})


def limits_in_use(
    viewer: Viewer, product: str, criteria: pl.DataFrame
) -> list[list[float]]:
    """For each criterion the limits of its test that the viewer sees, from low to high.

    Members' of the product and published ones of its class, at the same stage, at gates
    that can be compared and in the very same unit.
    """
    known: dict[tuple[object, ...], set[float]] = {}
    seen = _seen(viewer, product).filter(pl.col("status") == "release")
    for row in seen.iter_rows(named=True):
        limits = {float(row[end]) for end in _ENDS if row[end] is not None}
        known[_test(row)] = known.get(_test(row), set()) | limits
    return [sorted(known.get(_test(row), ())) for row in criteria.iter_rows(named=True)]


def _test(row: Mapping[str, object]) -> tuple[object, ...]:
    return row["parameter"], row["stage"], row["unit"], gate_class(str(row["gate"]))


class _Telling:
    """Which headings a viewer is told about under a draft, and why not the others."""

    def __init__(
        self, viewer: Viewer, product: str, members: Members, chosen: pl.DataFrame
    ) -> None:
        self._viewer, self._product = viewer, product
        self._members, self._chosen = members, chosen

    def refused(self, site: str, draft: Draft, flags: pl.DataFrame) -> str | None:
        """Why this heading is not answered under the draft; None where it is."""
        if _free(self._viewer, site):
            return None
        grid = self._grid(draft)
        if grid is None:
            return _NOT_IN_USE
        here = (self._chosen["site"] == site).to_numpy()
        changes = flags.filter(pl.Series(here)).select(pl.col("lost", "gained").sum())
        few = any(0 < change < FEWEST_CHANGED for change in changes.row(0))
        return _FEW_CHANGED if few or not self._apart(draft, grid, here) else None

    def _grid(self, draft: Draft) -> list[Under] | None:
        """The specifications that could have been asked for; None for this one.

        Nearest to the start first, so that what is told about one never depends on what
        was asked before.
        """
        if _demands(draft.start.criteria) not in self._whole():
            return None
        if not draft.moved:
            alike = _demands(draft.start.criteria) == _demands(draft.after.criteria)
            return [draft.start] if alike else None
        if len(draft.moved) > 1:
            return None
        (row, end) = draft.moved[0]
        begun, now = (each.criteria[end][row] for each in (draft.start, draft.after))
        asked = draft.start.criteria[[row]]
        (known,) = limits_in_use(self._viewer, self._product, asked)
        if now not in known or begun is None:
            return None
        nearest = sorted(known, key=lambda limit: (abs(limit - begun), limit))
        others = [limit for limit in nearest if limit != begun]
        until = others[: others.index(now) + 1]
        moved = [_with_limit(draft.start, (row, end), limit) for limit in until]
        if _demands(moved[-1].criteria) != _demands(draft.after.criteria):
            return None
        return [draft.start, *moved]

    def _whole(self) -> list[set[tuple[object, ...]]]:
        """The specifications that the viewer sees; their parts are no start."""
        seen = _seen(self._viewer, self._product)
        versions = seen.partition_by("site", "product", "spec_version")
        return [
            _demands(rows)
            for version in versions
            for rows in (version, version.filter("current"))
        ]

    def _apart(self, draft: Draft, grid: Sequence[Under], here: Flags) -> bool:
        """Whether the last of the grid differs from each told by many or none."""
        told: list[Fates] = []
        apart = True
        for under in grid:
            fates = _fates(self._members, under, self._chosen)[here]
            changed = [int((fates != each).sum()) for each in told]
            apart = not any(0 < change < FEWEST_CHANGED for change in changed)
            if apart:
                told.append(fates)
        return apart


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


def _with_limit(under: Under, moving: tuple[int, str], limit: float) -> Under:
    row, end = moving
    here = pl.int_range(pl.len()) == row
    changed = pl.when(here).then(pl.lit(limit)).otherwise(pl.col(end)).alias(end)
    return Under(under.criteria.with_columns(changed), under.literally)


def _demands(rows: pl.DataFrame) -> set[tuple[object, ...]]:
    return set(rows.select(_DEMAND).rows())


def _seen(viewer: Viewer, product: str) -> pl.DataFrame:
    """What members that the viewer sees ask of the product, and what papers print."""
    rows = criteria(viewer, Filters(), published=True)
    ours = pl.col("product") == product
    classes = rows.filter(ours)["product_class"].unique()
    papers = (pl.col("kind") == "published") & pl.col("product_class").is_in(
        classes.implode()
    )
    return rows.filter((ours & pl.col("current")) | papers)


def _free(viewer: Viewer, site: str) -> bool:
    """Whether the viewer may list the batches behind a heading one by one anyway."""
    return viewer.role == "lead" or site == viewer.site


def _freely(viewer: Viewer) -> pl.Expr:
    return pl.lit(viewer.role == "lead") | (pl.col("site") == (viewer.site or ""))


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


def _fates(members: Members, under: Under, chosen: pl.DataFrame) -> Fates:
    tally = tally_of(members, under.said, under.literally)
    fates: Fates = _fate(tally)[chosen["position"].to_numpy()]
    return fates


def _fate(tally: Tally) -> Fates:
    fates = np.full(len(tally.failed), _SHARED, np.uint8)
    fates[tally.failed == 1] = _SOLE
    fates[tally.undetermined] = _UNDETERMINED
    fates[tally.passes] = _PASSED
    return fates


def _made(chosen: pl.DataFrame) -> Fates:
    """As judged by the version in force when it was made."""
    own = as_made(chosen)
    fates = np.full(chosen.height, _UNDETERMINED, np.uint8)
    for name, fate in (("passed", _PASSED), ("sole", _SOLE), ("shared", _SHARED)):
        fates[own[name].to_numpy()] = fate
    return fates


def _flags(before: Fates, after: Fates) -> pl.DataFrame:
    failed, fails = (np.isin(each, (_SOLE, _SHARED)) for each in (before, after))
    return pl.DataFrame(
        {
            "before": failed,
            "after": fails,
            "lost": fails & ~failed,
            "gained": failed & ~fails,
            "sole": after == _SOLE,
            "undetermined": after == _UNDETERMINED,
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
