"""Specifications laid side by side: who asks the same, who asks more, who cannot say.

What is laid side by side is a *test*: one parameter at one stage, at the gates that can
be compared. Whether two criteria of a test are equal, stricter, looser or not
comparable is the business of `etl.comparison`; here it is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.contract.parameters import parameters
from etl.demand import RELATIONS, Cell, Test, demanded, stand, test_of, usual
from etl.specification import Criterion, criteria_from

USUAL: Final = "usual"
GATES: Final = ("acceptance", "in_process", "release")
STANDING: Final = ("same_as", "stricter_than", "looser_than", "unlike")
EQUAL, STRICTER, LOOSER, NOT_COMPARABLE, MISSING = range(5)
_MIRRORED: Final = (EQUAL, LOOSER, STRICTER, NOT_COMPARABLE)


@dataclass(frozen=True, eq=False)
class Layout:
    """The specifications of one product, laid side by side test by test.

    `cells[test, site]` holds the criteria, nothing where the site has no such test.
    `relation[test, a, b]` says how a stands to b, as a code (MISSING where one of them
    has no such test); `same[test, site]` numbers the demands that are equal. `members`
    marks the sites that are counted: published programmes are shown, never counted.
    """

    sites: tuple[str, ...]
    members: NDArray[np.bool_]
    tests: tuple[Test, ...]
    cells: dict[tuple[int, int], Cell]
    relation: NDArray[np.int8]
    same: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """By test, site and code: the other members to whom the site stands so."""
        found = [
            (self.relation == code)[:, :, self.members].sum(axis=2)
            for code in range(MISSING)
        ]
        found[EQUAL] = found[EQUAL] - ((self.same >= 0) & self.members)
        return np.stack(found, axis=2).astype(np.int64)

    def usual(self, test: int) -> Cell:
        """What most members ask in this test; of equally many, the most comparable.

        Empty where no member has the test.
        """
        held = (self.cells.get((test, int(i))) for i in np.flatnonzero(self.members))
        return usual([cell for cell in held if cell])


def lay_out(criteria: pl.DataFrame) -> Layout:
    """The contract's `criterion` rows, one version a site, with the column `member`.

    Remembered, because every figure of a page asks for the same one.
    """
    counted = frozenset(criteria.filter("member")["site"])
    return _laid_out(criteria_from(criteria), counted)


@lru_cache(maxsize=32)
def _laid_out(items: tuple[Criterion, ...], counted: frozenset[str]) -> Layout:
    sites = tuple(sorted({item.site for item in items}))
    tests = tuple(sorted({test_of(item) for item in items}, key=_order))
    place = {site: i for i, site in enumerate(sites)}
    number = {test: i for i, test in enumerate(tests)}
    cells: dict[tuple[int, int], Cell] = {}
    for item in items:
        at = number[test_of(item)], place[item.site]
        cells[at] = (*cells.get(at, ()), item)
    members = np.array([site in counted for site in sites], dtype=bool)
    relation, same = _related(cells, len(tests), len(sites))
    return Layout(sites, members, tests, cells, relation, same)


@lru_cache(maxsize=32)
def compared(layout: Layout, reference: str = USUAL) -> pl.DataFrame:
    """One row a test and site: how its criterion stands to the reference's, and why.

    `relation` is equal, stricter, looser or not_comparable; `added` where the reference
    has no such test, `missing` where the site has none. `reference` is a site or USUAL,
    test by test what most members ask. `same_as`, `stricter_than`, `looser_than` and
    `unlike` count the other members; `strictness` is the share of the comparable ones
    that ask less, those that ask the same counting half; null with none.
    """
    counts = layout.counts
    rows: list[tuple[object, ...]] = []
    for i, test in enumerate(layout.tests):
        if reference == USUAL:
            theirs = layout.usual(i)
        else:
            theirs = layout.cells.get((i, layout.sites.index(reference)), ())
        for j, site in enumerate(layout.sites):
            ours = layout.cells.get((i, j), ())
            numbers = [int(n) for n in counts[i, j]] if ours else [None] * 4
            rows.append((*test, site, *_stated(ours, theirs), *numbers))
    less = pl.col("stricter_than") + pl.col("same_as") / 2
    comparable = pl.sum_horizontal("same_as", "stricter_than", "looser_than")
    return pl.DataFrame(rows, schema=_COMPARED, orient="row").with_columns(
        pl.when(comparable > 0).then(less / comparable).alias("strictness")
    )


_COMPARED: Final = {
    **dict.fromkeys(("gate", "stage", "parameter", "site"), pl.String()),
    **dict.fromkeys(("relation", "why", "marks"), pl.String()),
    **dict.fromkeys(STANDING, pl.Int64()),
}


def agreement(layout: Layout) -> pl.DataFrame:
    """One row a test: members with it and without, pairs, and how many ask the same.

    `pairs` counts every two members that have the test, `comparable` those of them of
    which one can say who asks more, `equal` those that ask the same; `share` = equal /
    comparable, null where no pair is comparable.
    """
    members = layout.members
    codes = layout.relation[:, members][:, :, members]
    one, other = np.triu_indices(int(members.sum()), k=1)
    pairs = codes[:, one, other]
    having = (layout.same[:, members] >= 0).sum(axis=1)
    frame = pl.DataFrame(
        layout.tests,
        schema=dict.fromkeys(("gate", "stage", "parameter"), pl.String()),
        orient="row",
    ).with_columns(
        pl.Series("sites", having, pl.Int64),
        pl.Series("without", int(members.sum()) - having, pl.Int64),
        pl.Series("pairs", (pairs != MISSING).sum(axis=1), pl.Int64),
        pl.Series("comparable", (pairs < NOT_COMPARABLE).sum(axis=1), pl.Int64),
        pl.Series("equal", (pairs == EQUAL).sum(axis=1), pl.Int64),
    )
    share = pl.col("equal") / pl.col("comparable")
    return frame.filter(pl.col("sites") > 0).with_columns(
        pl.when(pl.col("comparable") > 0).then(share).alias("share")
    )


def distances(layout: Layout) -> pl.DataFrame:
    """One row for every two specifications: how far apart what they ask at release is.

    `distance` is the share of the tests that either has in which the two are not the
    same: another limit (`different`), not comparable (`unlike`), or only one has it
    (`only_one`); `same` and `n` complete the count. 0 is the same specification, null
    two that ask nothing at release.
    """
    release = [gate == "release" for gate, _, _ in layout.tests]
    codes, has = layout.relation[release], layout.same[release] >= 0
    both = (has[:, :, None] & has[:, None, :]).sum(axis=0)
    either = (has[:, :, None] | has[:, None, :]).sum(axis=0)
    counts = {
        "same": (codes == EQUAL).sum(axis=0),
        "different": ((codes == STRICTER) | (codes == LOOSER)).sum(axis=0),
        "unlike": (codes == NOT_COMPARABLE).sum(axis=0),
        "only_one": either - both,
        "n": either,
    }
    one, other = np.triu_indices(len(layout.sites), k=1)
    frame = pl.DataFrame(
        {
            "site": pl.Series([layout.sites[i] for i in one], dtype=pl.String),
            "other": pl.Series([layout.sites[i] for i in other], dtype=pl.String),
            **{k: pl.Series(v[one, other], dtype=pl.Int64) for k, v in counts.items()},
        }
    )
    apart = 1 - pl.col("same") / pl.col("n")
    return frame.with_columns(pl.when(pl.col("n") > 0).then(apart).alias("distance"))


def _stated(ours: Cell, theirs: Cell) -> tuple[str | None, str | None, str | None]:
    if not ours:
        return ("missing" if theirs else None), None, None
    if not theirs:
        return "added", None, None
    said = stand(ours, theirs)
    return said.relation, said.reason, "; ".join(said.marks)


def _order(test: Test) -> tuple[int, int, str, str]:
    """Gates in the order of a batch's life, parameters in the order of their table."""
    gate, stage, name = test
    known = list(parameters())
    place = known.index(name) if name in known else len(known)
    return (GATES.index(gate) if gate in GATES else len(GATES), place, name, stage)


def _related(
    cells: dict[tuple[int, int], Cell], tests: int, sites: int
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Every two cells of every test; equal demands are compared once."""
    same = np.full((tests, sites), -1, dtype=np.int64)
    relation = np.full((tests, sites, sites), MISSING, dtype=np.int8)
    for test in range(tests):
        groups: dict[frozenset[tuple[object, ...]], Cell] = {}
        here = [site for site in range(sites) if (test, site) in cells]
        demands = [demanded(cells[test, site]) for site in here]
        for site, demand in zip(here, demands, strict=True):
            groups.setdefault(demand, cells[test, site])
        number = {demand: i for i, demand in enumerate(groups)}
        numbers = np.array([number[demand] for demand in demands])
        same[test, here] = numbers
        table = _table(list(groups.values()))
        relation[test][np.ix_(here, here)] = table[np.ix_(numbers, numbers)]
    return relation, same


def _table(cells: Sequence[Cell]) -> NDArray[np.int8]:
    """The relation of every two demands; one of the other's mirror is not asked."""
    table = np.zeros((len(cells), len(cells)), dtype=np.int8)
    for a in range(len(cells)):
        for b in range(a):
            code = RELATIONS.index(stand(cells[a], cells[b]).relation)
            table[a, b], table[b, a] = code, _MIRRORED[code]
    return table
