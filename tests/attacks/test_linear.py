"""Linear programs over all that is told of a pool: no small count is had from the rest.

Several accounts put together what each is told, and what their own sites count, which
they know anyway. A cell is what all other sites count, of one product and pathway in a
quarter; those whose count is small are the ones that nobody may come near.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product as pairs
from typing import Any

import pytest

from tests.attacks.leaks import LeakError
from tests.attacks.linear import Known, keeps_apart
from tests.attacks.strict import COLUMNS, LEAST, Strict
from tests.demo import Demo

ALL = ("product", "pathway", "quarter")
WORDS = ("product", "product_class", "pathway")
# By which words totals are asked for, each by quarters and over the whole time.
BY = ((), ("product",), ("product_class",), ("pathway",), ("product", "pathway"))
# Of two counts, which is part of which.
PARTS = (("no_product", "no_product_of"), ("no_product_of", "started"))
TARGETS = 20

Cell = tuple[str, str, str, date]
Row = dict[str, Any]


@dataclass
class Alliance:
    """Accounts that tell each other all they are told and all their sites count."""

    strict: Strict
    names: Sequence[str]

    def __post_init__(self) -> None:
        self.own = {s for name in self.names for s in self.strict.own(name)}
        rows = self.strict.everything(ALL)
        self.classes = self.strict.classes
        self.theirs = self._sums(r for r in rows if r["site"] not in self.own)
        self.cells = sorted(self._sums(rows))
        self.rows = rows

    def known(self) -> Known:
        """All that they know, as equations over what the others count."""
        known = Known()
        for part, whole in PARTS:
            for cell in self.cells:
                if cell[0] == part:
                    known.at_most(cell, (whole, *cell[1:]))
        for name, words, total in pairs(self.names, BY, (True, False)):
            quarters = self.strict.asked(name, (*words, "quarter"), total)
            # Sums of blocks are no sums of cells: some are told in none of them.
            blocks = any("until" in row for row in quarters)
            for row in (*quarters, *self.strict.asked(name, words, total)):
                exact = not blocks or ("until" in row and len(words) == 2)
                self._note(known, name, (words, row, total), exact)
        return known

    def targets(self) -> list[list[Cell]]:
        """Small counts of the others, some of them from all over."""
        small = [[c] for c in self.cells if 0 < self.theirs.get(c, 0) < LEAST]
        return small[:: max(1, len(small) // TARGETS)]

    def _note(
        self,
        known: Known,
        name: str,
        told: tuple[Sequence[str], Row, bool],
        exact: bool,
    ) -> None:
        words, row, total = told
        if row["state"] not in ("data", "zero"):
            return
        pool = self.strict.everybody if total else self.strict.pooled(name)
        told_of = self._sums(r for r in self.rows if r["site"] in pool & self.own)
        for column in COLUMNS:
            cells = [
                c for c in self.cells if c[0] == column and self._in(c, words, row)
            ]
            own = sum(told_of.get(cell, 0) for cell in cells)
            left = float(row[column] or 0) - own
            if cells:
                known.told(cells, left, left if exact else float("inf"))

    def _in(self, cell: Cell, words: Sequence[str], row: Row) -> bool:
        _, product, pathway, quarter = cell
        has = {"product": product, "pathway": pathway,
               "product_class": self.classes.get(product, "-")}  # fmt: skip
        if any(has[word] != row[word] for word in words):
            return False
        if "quarter" not in row:
            return True
        until = row.get("until")
        return row["quarter"] <= quarter and (
            quarter < until if until else quarter == row["quarter"]
        )

    @staticmethod
    def _sums(rows: Iterator[Row] | Sequence[Row]) -> dict[Cell, int]:
        sums: dict[Cell, int] = defaultdict(int)
        for row in rows:
            for column in COLUMNS:
                cell = (column, row["product"], row["pathway"], row["quarter"])
                sums[cell] += int(row[column] or 0)
        return sums


@pytest.fixture(scope="module")
def strict(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Strict:
    return Strict(demo, tmp_path_factory.mktemp("linear"))


@pytest.mark.parametrize(
    "names",
    [("public",), ("site",), ("authority",), ("public", "site"), ("site", "authority")],
    ids=" and ".join,
)
def test_no_small_count_lies_between_narrow_bounds(
    strict: Strict, names: Sequence[str]
) -> None:
    alliance = Alliance(strict, names)
    targets = alliance.targets()
    assert len(targets) >= TARGETS
    known = alliance.known()
    assert known.equal
    keeps_apart(known, targets, LEAST)


def test_a_program_finds_what_follows_and_no_more() -> None:
    known = Known()
    known.told(["a", "b"], 9, 9)
    known.told(["b", "c"], 7, 7)
    assert known.bounds(["a"]) == pytest.approx((2, 9), abs=1e-6)
    assert keeps_apart(known, [["a"], ["b"]], LEAST) == pytest.approx(7)
    known.at_most("b", "c")
    assert known.bounds(["a"]) == pytest.approx((5.5, 9), abs=1e-6)
    with pytest.raises(LeakError):
        keeps_apart(known, [["a"]], LEAST)


def test_a_total_that_is_told_beside_its_parts_is_found(strict: Strict) -> None:
    class Careless(Strict):
        def asked(self, name: str, by: Sequence[str], total: bool) -> list[Row]:
            rows = self.everything(by)
            own = self.everybody if total else self.pooled(name)
            kept = [row for row in rows if row["site"] in own]
            sums: dict[tuple[Any, ...], Row] = {}
            for row in kept:
                key = tuple(row[word] for word in by)
                first = sums.setdefault(key, {**row, **dict.fromkeys(COLUMNS, 0)})
                first.update({c: first[c] + (row[c] or 0) for c in COLUMNS})
            return [
                {**row, "state": "data" if row["started"] >= LEAST else "suppressed"}
                for row in sums.values()
            ]

    careless = Careless.__new__(Careless)
    careless.__dict__.update(strict.__dict__)
    alliance = Alliance(careless, ("public",))
    with pytest.raises(LeakError):
        keeps_apart(alliance.known(), alliance.targets(), LEAST)
