"""A draft specification as an address has it: where it starts, which limits it moves.

A draft is never stored; it is the function of its address, so that Back, a link and a
bookmark all restore it. What is to be kept becomes a proposal (`dashboard.proposals`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from dashboard.analysis.wording import title
from etl.demand import Cell, Test, test_of, usual
from etl.specification import Criterion, criteria_from

End = Literal["low", "high"]
_ENDS: Final[tuple[End, ...]] = ("low", "high")
# A limit is moved in so many steps of its power of ten: 0.05 EU/mL, 0.5 copies.
_STEPS: Final = 20
_CELLS: Final = {
    "cells": "all cells",
    "all_cells": "all cells",
    "tnc": "TNC",
    "car_positive": "CAR+ cells",
    "cd45_cd3": "CD45+ CD3+ cells",
}


@dataclass(frozen=True)
class Lever:
    """One end of one release criterion that can be moved, from `least` to `most`.

    `key` stands for it in the address: the parameter, with a number where it is asked
    for again and the end where it has two. Steps start from where it stands, so that
    this can always be returned to.
    """

    key: str
    row: int
    end: End
    item: Criterion
    least: float
    most: float
    step: float
    in_use: tuple[float, ...] = ()

    @property
    def limit(self) -> float:
        """Where it stands before it is moved."""
        found = self.item.limit_low if self.end == "low" else self.item.limit_high
        return float(found or 0)

    @property
    def column(self) -> str:
        """The criterion's column that holds it."""
        return f"limit_{self.end}"

    @property
    def stricter_up(self) -> bool:
        """Whether moving it up asks for more."""
        return self.end == "low"

    @property
    def name(self) -> str:
        """What is moved, in words."""
        ends = {"low": ", at least", "high": ", at most"}
        cells = self.item.population
        of = (
            "" if cells in ("-", "product") else f", {_CELLS.get(cells, _plain(cells))}"
        )
        end = ends[self.end] if self.item.operator == "between" else ""
        return f"{title(self.item.parameter)}{of}{end}"

    def said(self, limit: float) -> str:
        """A limit as a person writes it, such as `>= 70 %`."""
        ends = {"low": ">=", "high": "<="}
        operator = self.item.operator or ""
        sign = ends[self.end] if operator == "between" else operator
        said = f"{sign} {limit:,.10g} {self.item.unit or ''}".rstrip()
        return said.replace(">=", "≥").replace("<=", "≤").replace(",", "\u202f")


def levers(
    criteria: pl.DataFrame, in_use: Sequence[Sequence[float]]
) -> tuple[Lever, ...]:
    """What can be moved of a specification, row by row; `in_use` each
    row's limits elsewhere, which widen its range.

    Of criteria with a figure that decide a release: what is for information decides
    nothing, and a text has no more and no less.
    """
    found: list[Lever] = []
    times: dict[str, int] = {}
    for row, item in enumerate(criteria_from(criteria)):
        if item.status != "release" or item.operator in (None, "text"):
            continue
        times[item.parameter] = number = times.get(item.parameter, 0) + 1
        key = item.parameter if number == 1 else f"{item.parameter}-{number}"
        for end in _ENDS:
            limit = item.limit_low if end == "low" else item.limit_high
            if limit is not None:
                name = f"{key}-{end}" if item.operator == "between" else key
                known = tuple(sorted({*_ends(item), *in_use[row]}))
                found.append(
                    Lever(name, row, end, item, *_range(item, limit, known), known)
                )
    return tuple(found)


def _range(
    item: Criterion, limit: float, known: Sequence[float]
) -> tuple[float, float, float]:
    """From where to where and by how much: shares by whole percents up to 100."""
    if item.unit == "%":
        return _neat(limit % 1), 100.0, 1.0
    highest = max(map(abs, known)) or 1.0
    step = 10 ** math.floor(math.log10(highest)) / _STEPS
    step = _neat(min(step, 10 ** math.floor(math.log10(abs(limit) or highest)) / 2))
    lowest = 2 * min(0, *known)
    least = _neat(limit - step * math.floor((limit - lowest) / step + 1e-9))
    steps = math.ceil((2 * highest - least) / step)
    return max(least, lowest), _neat(least + step * steps), step


def asked_limits(text: str, known: Sequence[Lever]) -> dict[str, float]:
    """The limits of an address (`viability:75,vcn:5`) that can be moved so.

    What is no lever, no number, out of its range or no change is left out; of a limit
    with two ends neither may pass the other.
    """
    by_key = {lever.key: lever for lever in known}
    found: dict[str, float] = {}
    for part in text.split(","):
        key, _, written = part.strip().rpartition(":")
        lever, limit = by_key.get(key), _number(written)
        if (
            lever is None
            or limit is None
            or not min(0, lever.least) <= limit <= lever.most
        ):
            continue
        if limit != lever.limit:
            found[key] = limit
    crossed = {
        other.key
        for low in known
        for other in known
        if low.row == other.row and (low.end, other.end) == ("low", "high")
        if found.get(low.key, low.limit) > found.get(other.key, other.limit)
    }
    rows = {by_key[key].row for key in crossed}
    return {key: limit for key, limit in found.items() if by_key[key].row not in rows}


def written_limits(limits: Mapping[str, float]) -> str:
    """Limits as an address has them, in the order of their names."""
    return ",".join(f"{key}:{limit:.10g}" for key, limit in sorted(limits.items()))


def moved(
    criteria: pl.DataFrame, known: Sequence[Lever], limits: Mapping[str, float]
) -> pl.DataFrame:
    """The specification with these limits in place of its own."""
    place = pl.int_range(pl.len())
    for lever in known:
        if lever.key in limits:
            here = pl.when(place == lever.row).then(pl.lit(limits[lever.key]))
            criteria = criteria.with_columns(
                here.otherwise(lever.column).alias(lever.column)
            )
    return criteria


def consensus(held: pl.DataFrame) -> pl.DataFrame:
    """What most members ask, test by test, of the tests that more than half have.

    `held` are the members' specifications in force. The rows are those of the members
    who ask it, so that each is somebody's; together they are nobody's.
    """
    items = criteria_from(held)
    row = {id(item): number for number, item in enumerate(items)}
    asked: dict[str, dict[Test, Cell]] = {}
    for item in items:
        cells = asked.setdefault(item.site, {})
        cells[test_of(item)] = (*cells.get(test_of(item), ()), item)
    taken: list[int] = []
    for test in dict.fromkeys(test for cells in asked.values() for test in cells):
        having = [asked[site][test] for site in sorted(asked) if test in asked[site]]
        if 2 * len(having) > len(asked):
            taken += [row[id(item)] for item in usual(having)]
    return held[taken]


def _ends(item: Criterion) -> list[float]:
    return [x for x in (item.limit_low, item.limit_high) if x is not None]


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _neat(number: float) -> float:
    return float(f"{number:.10g}")


def _plain(text: str) -> str:
    return text.replace("_", " ")
