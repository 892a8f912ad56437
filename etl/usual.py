"""One common specification for everybody: what most members ask, product by product.

A site whose own criteria are stricter loses batches that would pass elsewhere. Its
recorded results can be judged again under what is usual in the network, which is, test
by test, what most members ask (`etl.demand.usual`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import polars as pl

from etl.demand import Cell, Test, test_of, usual
from etl.outcome import batch_outcomes
from etl.replay import judge
from etl.specification import Criterion, criteria_from, population_class

Version = tuple[str, str, str]
Asked = Mapping[Test, Cell]

_VERSION: Final = ("site", "product", "spec_version")
_TAKEN: Final = {
    **dict.fromkeys(_VERSION, pl.String()),
    "_row": pl.Int64(),
    "_population": pl.String(),
}


def usual_criteria(criteria: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Every version of every member's specification, with the usual criteria in it.

    `criteria` holds the members' rows. A test belongs to a product's usual
    specification when more than half of the members with criteria for that product
    have it; what is usual is asked as of `as_of`. The limit is the same for all, but a
    site that counts a test in other cells (viable CD3+ instead of all) is asked for it
    in those, since it has no other result: one number, not one method.
    """
    versions = [_Version(key, cells) for key, cells in _versions(criteria)]
    rows = {item: i for i, item in reversed([*enumerate(criteria_from(criteria))])}
    taken: list[tuple[object, ...]] = []
    for product in sorted({version.key[1] for version in versions}):
        mine = [version for version in versions if version.key[1] == product]
        common = _common(_in_force(mine, as_of))
        for version in mine:
            for test, cell in common.items():
                other = _other_population(version.asked.get(test, ()), cell)
                for item in cell:
                    population = other or item.population
                    taken.append((*version.key, rows[item], population))
    picked = pl.DataFrame(taken, schema=_TAKEN, orient="row")
    copied = criteria[picked["_row"]].with_columns(
        *(picked[name] for name in _VERSION),
        picked["_population"].alias("population"),
    )
    return copied.select(criteria.columns)


def usual_outcomes(
    results: pl.DataFrame, usual_of_all: pl.DataFrame, assignment: pl.DataFrame
) -> pl.DataFrame:
    """One row a batch: would it pass or fail the usual release criteria, at any gate.

    `assignment` as for `judge`, with each batch's own specification: it says in whose
    words the usual criteria are asked. `outcome` is undetermined where no criterion
    failed and some test has no result.
    """
    gates = batch_outcomes(judge(results, usual_of_all, assignment))
    failed, unknown = (
        (pl.col("outcome") == outcome).any() for outcome in ("fail", "undetermined")
    )
    return (
        gates.group_by("site", "batch", maintain_order=True)
        .agg(
            pl.when(failed)
            .then(pl.lit("fail"))
            .when(unknown)
            .then(pl.lit("undetermined"))
            .otherwise(pl.lit("pass"))
            .alias("outcome")
        )
        .sort("site", "batch")
    )


def counted_as(specification: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """A specification asked in the cells in which a site counts, test by test.

    Both are criteria of one site and version. A site that reports the viability of its
    CD3+ cells has no result for another's limit on all cells; judged by that limit in
    its own cells the numbers are compared, not the methods. What the site has no test
    for is asked as it is written.
    """
    mine = _cells(criteria_from(own))
    items = criteria_from(specification)
    theirs = _cells(items)
    populations = [
        _other_population(mine.get(test_of(i), ()), theirs[test_of(i)]) or i.population
        for i in items
    ]
    return specification.with_columns(pl.Series("population", populations, pl.String))


def _cells(items: Sequence[Criterion]) -> Asked:
    asked: dict[Test, Cell] = {}
    for item in items:
        asked[test_of(item)] = (*asked.get(test_of(item), ()), item)
    return asked


@dataclass(frozen=True)
class _Version:
    """One version of a site's specification of a product, test by test."""

    key: Version
    asked: Asked

    @property
    def begins(self) -> date:
        days = [i.valid_from for cell in self.asked.values() for i in cell]
        return min((day for day in days if day), default=date.min)

    def holds(self, as_of: date) -> bool:
        """Whether any of it is in force on the day."""
        return any(
            (item.valid_from or date.min) <= as_of <= (item.valid_to or date.max)
            for cell in self.asked.values()
            for item in cell
        )


def _versions(criteria: pl.DataFrame) -> Iterator[tuple[Version, Asked]]:
    def key(item: Criterion) -> Version:
        return item.site, item.product, item.spec_version

    for version, items in groupby(sorted(criteria_from(criteria), key=key), key):
        yield version, _cells(tuple(items))


def _in_force(versions: Sequence[_Version], as_of: date) -> list[Asked]:
    """One version a site, in the order of their names: the latest that holds."""
    latest: dict[str, _Version] = {}
    for version in sorted(versions, key=lambda v: (v.holds(as_of), v.begins, v.key[2])):
        latest[version.key[0]] = version
    return [latest[site].asked for site in sorted(latest)]


def _common(specifications: Sequence[Asked]) -> dict[Test, Cell]:
    """What most ask, in the tests that more than half have."""
    tests = dict.fromkeys(test for asked in specifications for test in asked)
    held = {test: [a[test] for a in specifications if test in a] for test in tests}
    return {
        test: usual(cells)
        for test, cells in held.items()
        if 2 * len(cells) > len(specifications)
    }


def _other_population(own: Cell, common: Cell) -> str | None:
    """The cells in which the site counts this test, where they are not the usual ones.

    Only for the same kind of limit in the same unit: copies per cell and per transduced
    cell are converted by the replay and keep the population that belongs to them.
    """
    mine, theirs = ({population_class(i.population) for i in c} for c in (own, common))
    if len(mine) != 1 or len(theirs) != 1 or mine == theirs:
        return None
    if {_kind(i) for i in own} != {_kind(i) for i in common}:
        return None
    return own[0].population


def _kind(item: Criterion) -> tuple[str, bool]:
    return item.basis, item.operator == "text"
