"""Who is told what about a draft: any limit, or only the limits in use.

A limit that can be moved is an oracle. Who slides it in small steps over pooled batches
reads off each of them where its count changes. So only whoever may list batches one by
one is answered for any limit; for all other headings a draft is answered where it
starts from a specification that the viewer sees, moves one limit at most, and that to a
limit in use which the viewer sees too, and never where two of these answers differ by a
few batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.filters import Filters
from dashboard.queries.criteria import criteria
from dashboard.queries.replay import Members, Under, tally_of
from dashboard.viewer import Viewer
from etl.specification import gate_class
from etl.tally import Flags, Tally

# A difference of fewer batches than this, between two answers, could be one patient.
FEWEST_CHANGED: Final = 5
PASSED, SOLE, SHARED, UNDETERMINED = range(4)
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


class Telling:
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
        moved = [with_limit(draft.start, (row, end), limit) for limit in until]
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
            fates = fates_of(self._members, under, self._chosen)[here]
            changed = [int((fates != each).sum()) for each in told]
            apart = not any(0 < change < FEWEST_CHANGED for change in changed)
            if apart:
                told.append(fates)
        return apart


def with_limit(under: Under, moving: tuple[int, str], limit: float) -> Under:
    """A specification with another limit at one end of one row."""
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


def freely(viewer: Viewer) -> pl.Expr:
    """Headings for which the viewer may move limits freely."""
    return pl.lit(viewer.role == "lead") | (pl.col("site") == (viewer.site or ""))


def fates_of(members: Members, under: Under, chosen: pl.DataFrame) -> Fates:
    """What becomes of each chosen batch under a specification."""
    tally = tally_of(members, under.said, under.literally)
    fates: Fates = _fate(tally)[chosen["position"].to_numpy()]
    return fates


def _fate(tally: Tally) -> Fates:
    fates = np.full(len(tally.failed), SHARED, np.uint8)
    fates[tally.failed == 1] = SOLE
    fates[tally.undetermined] = UNDETERMINED
    fates[tally.passes] = PASSED
    return fates
