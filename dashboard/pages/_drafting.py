"""What is drafted: product, start and limits, as the address of the draft page asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import polars as pl

from dashboard import queries
from dashboard.drafts import (
    Lever,
    asked_limits,
    consensus,
    levers,
    moved,
    written_limits,
)
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.pages._specifications import Asked, asked
from dashboard.queries import Draft, Under
from dashboard.queries.snapshot import Snapshot
from dashboard.viewer import Viewer

PATH: Final = "/draft"
CONSENSUS: Final = "consensus"
NOBODY: Final = (
    "No specification can be drafted here: none of this product is yours to see, or no"
    " batch came to its tests."
)
# With fewer members, what most of them ask would be one or two sites' criteria.
_FEWEST: Final = 5
_KEPT: Final = 32


@dataclass(frozen=True, eq=False)
class Starts:
    """Which specifications of a product a draft may start from, by their keys."""

    question: Asked
    product: str
    criteria: Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Drafting:
    """One draft of the address: from which start, which limits moved, what results."""

    starts: Starts
    base: str
    levers: tuple[Lever, ...]
    limits: Mapping[str, float]
    draft: Draft

    @property
    def product(self) -> str:
        """The product whose batches are judged."""
        return self.starts.product

    @property
    def against(self) -> str:
        """What the draft is compared with, in the middle of a sentence."""
        if self.draft.against_own:
            return "their sites' own criteria when they were made"
        return start_name(self.base)

    def limit(self, lever: Lever) -> float:
        """Where a limit stands in the draft."""
        return self.limits.get(lever.key, lever.limit)

    def chosen(self, filters: Filters) -> Lever | None:
        """The limit that is looked at closely: the one asked for, moved, or first."""
        keys = [filters.extra.get("test", ""), *sorted(self.limits)]
        by_key = {lever.key: lever for lever in self.levers}
        found = [by_key[key] for key in keys if key in by_key]
        return next(iter((*found, *self.levers)), None)


def drafting(viewer: Viewer, filters: Filters) -> Drafting | None:
    """The draft that the address asks for; None where nothing can be drafted."""
    starts = _starts(
        queries.current(),
        viewer,
        filters.product,
        filters.product_class,
    )
    if starts is None or not starts.criteria:
        return None
    base = filters.extra.get("base", "")
    base = base if base in starts.criteria else next(iter(starts.criteria))
    known = _levers(queries.current(), viewer, starts, base)
    limits = asked_limits(filters.extra.get("limits", ""), known)
    start = starts.criteria[base]
    own = filters.extra.get("against") == "own"
    draft = Draft(Under(start), Under(moved(start, known, limits)), own)
    return Drafting(starts, base, known, limits, draft)


def start_name(key: str) -> str:
    """A start as a reader knows it."""
    return "what most members ask" if key == CONSENSUS else site_name(key)


def with_limits(filters: Filters, limits: Mapping[str, float], test: str) -> Filters:
    """The address of another draft from the same start."""
    kept = {k: v for k, v in filters.extra.items() if k not in ("limits", "test")}
    return replace(
        filters, extra={**kept, "limits": written_limits(limits), "test": test}
    )


@lru_cache(maxsize=_KEPT)
def _starts(
    _snapshot: Snapshot,
    viewer: Viewer,
    product: tuple[str, ...],
    product_class: tuple[str, ...],
) -> Starts | None:
    """Of the whole network: filters choose whose batches are judged, not by what."""
    only = Filters(
        product=product, product_class=product_class, extra={"published": "1"}
    )
    question = asked(viewer, only)
    if question is None or question.subject.product is None:
        return None
    members = question.held.filter("member")
    found: dict[str, pl.DataFrame] = {}
    if members["site"].n_unique() >= _FEWEST:
        found[CONSENSUS] = consensus(members)
    for mine in (members, question.held.filter(~pl.col("member"))):
        parts = mine.sort("site", maintain_order=True).partition_by(
            "site", as_dict=True, maintain_order=True
        )
        found |= {str(site): rows for (site,), rows in parts.items()}
    return Starts(question, question.subject.product, found)


@lru_cache(maxsize=_KEPT)
def _levers(
    _snapshot: Snapshot, viewer: Viewer, starts: Starts, base: str
) -> tuple[Lever, ...]:
    start = starts.criteria[base]
    return levers(start, queries.limits_in_use(viewer, starts.product, start))
