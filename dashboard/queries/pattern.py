"""The pattern of disclosure: on which blocks each figure of a pool is told.

Computed once for each snapshot and the network's rules, from all sites, whoever asks:
a pool, whoever's peers it is, and the network itself are told on the very same blocks.
How blocks are chosen, and why that is safe, stands in `dashboard.analysis.blocks`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dashboard.analysis.blocks import (
    Block,
    Partition,
    Test,
    Word,
    coarsened,
    common,
    finest,
    jointly,
)
from dashboard.analysis.small_counts import Flags, Rule
from dashboard.publication import Group, reaches
from dashboard.queries.cells import Cells, Told
from dashboard.queries.disclosure import FEWEST_POOLED, pooled_least
from dashboard.queries.finest import BATCHES, PATIENTS, QUALITY, TABLES, Figure
from dashboard.queries.memory import Memory
from dashboard.queries.publishing import steps
from dashboard.queries.snapshot import Snapshot

# One site may have three quarters of what is told of a pool, and not more.
DOMINANCE: Final = 0.75
# Answers that one page asks for again and again, and the next reader's page too.
_REMEMBERED: Final = 512
Held = Mapping[Block, frozenset[Word]]


@dataclass(frozen=True)
class _Source:
    """One published file under one set of rules; equal for equal answers."""

    path: Path
    sites: tuple[str, ...]
    rules: tuple[tuple[str, int], ...]
    dominance: float
    snapshot: Snapshot = field(compare=False)


def pattern(snapshot: Snapshot, group: Group) -> "Pattern":
    """The pattern of a group of figures in a snapshot, under the rules it is under.

    Made of the sites that publish the group to all: no other is in any pool.
    """
    snapshot = snapshot.all_of_it
    rules = snapshot.rules["disclosure"]
    kinds = (PATIENTS, BATCHES, QUALITY)
    strictest = {kind: pooled_least(snapshot, kind) for kind in kinds}
    chosen = steps(snapshot)
    sites = tuple(
        site
        for site, _ in snapshot.members
        if reaches(chosen.get((site, group), "all"), "all")
    )
    dominance = float(str(rules.get("dominance", DOMINANCE)))
    return _pattern(
        _Source(snapshot.path, sites, tuple(strictest.items()), dominance, snapshot)
    )


@lru_cache(maxsize=4)
def _pattern(source: _Source) -> "Pattern":
    return Pattern(source)


class Pattern:
    """The blocks of every figure, found when first asked for and then kept."""

    def __init__(self, source: _Source) -> None:
        self.table = Cells(source.snapshot, source.sites)
        self._least, self._dominance = dict(source.rules), source.dominance
        self._kept: Memory[Partition] = Memory(_REMEMBERED)
        self._words: Memory[tuple[Partition, Held]] = Memory(_REMEMBERED)
        self._answers: Memory[pl.DataFrame] = Memory(_REMEMBERED)
        # What `dashboard.queries.met` makes of it, whoever asks.
        self.met: Memory[Any] = Memory(_REMEMBERED)

    def remembered(
        self, question: Hashable, answer: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame:
        """The answer to a question, made once: neither pattern nor counts change."""
        return self._answers.answer(question, answer)

    @cached_property
    def _known(self) -> Flags:
        """Which sites each site, and each region, knows."""
        regions_of = dict(self.table.snapshot.members)
        places = [regions_of[site] for site in self.table.sites]
        regions = [
            [place == region for place in places] for region in {*places} - {"-"}
        ]
        each = [*np.eye(len(places), dtype=np.bool_), *regions]
        flags = np.array(each, np.bool_).reshape(len(each), len(places))
        return np.unique(flags, axis=0)

    def rule(self, kind: str, whole: bool = False) -> Rule:
        """What counts of a kind have to satisfy; with `whole`, who is behind them."""
        some = max(self._least[kind], 1)
        if not whole:
            return Rule(some, self._known)
        return Rule(some, self._known, FEWEST_POOLED, self._dominance)

    @cached_property
    def kin(self) -> list[list[object]]:
        """Lines of one product, of one class of products, and all."""
        columns = (["counted", "product"], ["counted", "product_class"], ["counted"])
        return [list(self.table.lines.select(each).rows()) for each in columns]

    def least(self, figures: Sequence[Figure]) -> int:
        """The smallest count that is told of any of these figures."""
        return max(self._least[figure.kind] for figure in figures)

    def blocks(self, told: Sequence[Told]) -> Partition:
        """The blocks on which all these figures can be told side by side."""
        each = (self.jointly(t)[0] if t.words else self._own(t) for t in told)
        return common([self._base, *each])

    def beside(
        self, told: Sequence[Told], sites: Sequence[str], least: int
    ) -> Partition:
        """The blocks on which these sites, too, can be told one by one.

        For an authority under a threshold: what it is told of the others leaves of a
        block just its own region's, which therefore has to be safe site by site.
        """
        nobody = np.zeros((0, len(self.table.sites)), np.bool_)
        rule = Rule(max(least, 1), nobody)
        tests = [
            (self.table.dense(cells.filter(site=site).with_columns(place=0), n), rule)
            for each in told
            for named in [_summed(each.figure)]
            for cells in [self.table.cells(each, named)]
            for site in sites
            for n in named
        ]
        return coarsened(self.blocks(told), tests, self.kin)

    def held(self, told: Sequence[Told]) -> pl.DataFrame:
        """The cells whose words are not told: line, quarter and the words."""
        words = told[0].words
        rows = {
            (line, quarter, *word)
            for each in told
            if words
            for (lines, first, after), held in self.jointly(each)[1].items()
            for word in held
            for line in lines
            for quarter in range(first, after)
        }
        kinds = self.table.cells(told[0], {"n": told[0].figure.whole}).schema
        schema = {name: kinds[name] for name in ("line", "quarter", *words)}
        return pl.DataFrame([*rows], schema=schema, orient="row")

    @cached_property
    def _base(self) -> Partition:
        """Batches begun: the finest that anything is told."""
        begun = TABLES["rollup_batch"].figures[0]
        every = finest(self.table.lines.height, len(self.table.quarters))
        return coarsened(every, self._tests(Told("rollup_batch", begun)), self.kin)

    def _own(self, told: Told) -> Partition:
        return self._kept.answer(
            told, lambda: coarsened(self._base, self._tests(told), self.kin)
        )

    def jointly(self, told: Told) -> tuple[Partition, Held]:
        """The blocks on which a figure is told by its words, and the words that not."""
        whole = replace(told, words=())
        return self._words.answer(
            told, lambda: jointly(self._own(whole), self._tests_by_word(told))
        )

    def _tests_by_word(self, told: Told) -> dict[Word, list[Test]]:
        """The tests of each combination of words that there is."""
        figure = told.figure
        named = _summed(figure)
        # A trial or a process may be one site's: five stand behind each word, too.
        rules = {n: self.rule(figure.kind, n == "n0") for n in named}
        cells = self.table.cells(told, named)
        return {
            word: [(self.table.dense(rows, n), rules[n]) for n in named]
            for word, rows in cells.partition_by(
                *told.words, as_dict=True, maintain_order=True
            ).items()
        }

    def _tests(self, told: Told) -> list[Test]:
        figure = told.figure
        some = self.rule(figure.kind)
        named = _summed(figure)
        cells = self.table.cells(told, named)
        return [
            (self.table.dense(cells, n), some if i else self.rule(figure.kind, True))
            for i, n in enumerate(named)
        ]


def _summed(figure: Figure) -> dict[str, str]:
    """What of a figure is tested, by a name: the whole first, then its guards."""
    return {f"n{i}": sql for i, sql in enumerate((figure.whole, *figure.guards))}
