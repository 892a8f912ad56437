"""What a metric's declaration holds: pages, API and tests read the same words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

Direction = Literal["higher", "lower", "neither"]
Kind = Literal["count", "share", "rate", "duration"]


@dataclass(frozen=True)
class Count:
    """What is counted: a column of a snapshot table, over the rows that `where` keeps.

    The sum of the column where it holds numbers, else the number of rows that `words`
    describe. Counts are what is stored; a ratio of two is computed last, after the
    filters.
    """

    table: str
    column: str
    words: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """One metric: what it is, why it matters, what it is made of, who answers for it.

    kind says how the counts become the figure: a `count` alone, a `share` of the
    denominator, a `rate` per unit of it (which may exceed 1), or a `duration` whose
    median and 90th percentile come from the histogram of days.
    """

    id: str
    title: str
    why: str
    numerator: Count
    denominator: Count | None
    exclusions: str
    direction: Direction
    unit: str
    owner: str
    reviewed: date
    source: str
    kind: Kind

    def as_record(self) -> dict[str, Any]:
        """The declaration as plain values, for JSON and for the Methods page."""
        return asdict(self) | {"reviewed": self.reviewed.isoformat()}


@dataclass(frozen=True)
class Definition:
    """One meaning of failure: how a reader names it, and which counts carry it.

    `column` is the numerator in `rollup_batch`; its denominator is `<column>_of`.
    """

    id: str
    title: str
    meaning: str
    denominator: str
    column: str

    @property
    def of(self) -> str:
        """The column of the batches for which this failure can be told."""
        return f"{self.column}_of"
