"""Answers taken from each other: whatever is told, less what is told of a part of it.

Nothing of how figures are held back is known here. `Ask` gives what a question is
answered with, and `truth` what the question would be answered with if nothing were.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from dashboard.filters import Filters
from tests.attacks.leaks import LeakError

Counts = Mapping[str, int]
Ask = Callable[[Filters], Counts | None]


@dataclass(frozen=True)
class Lattice:
    """The questions: windows of months, alone and for each product and pathway.

    A month is taken from the beginning and from the end of every `step`th window.
    """

    months: Sequence[str]
    products: Sequence[str]
    pathways: Sequence[str]
    step: int = 1

    def nested(self) -> Iterator[tuple[Filters, Filters, Filters]]:
        """Questions with a part of each, and with what is left without the part."""
        first, last = self.months[0], self.months[-1]
        for about in self._about():
            for before, after in list(pairwise(self.months))[:: self.step]:
                yield (
                    self._window(about, first, after),
                    self._window(about, first, before),
                    self._window(about, after, after),
                )
                yield (
                    self._window(about, before, last),
                    self._window(about, after, last),
                    self._window(about, before, before),
                )

    def parted(self) -> Iterator[tuple[Filters, list[Filters]]]:
        """Questions with the parts that they are the sum of."""
        for start, end in combinations(self.months[::6], 2):
            window = Filters(start, end)
            yield window, [Filters(start, end, product=(p,)) for p in self.products]
            yield window, [Filters(start, end, pathway=(p,)) for p in self.pathways]

    def _about(self) -> list[Filters]:
        return [
            Filters(),
            *(Filters(product=(p,)) for p in self.products),
            *(Filters(pathway=(p,)) for p in self.pathways),
        ]

    @staticmethod
    def _window(about: Filters, start: str, end: str) -> Filters:
        return Filters(start, end, about.product, pathway=about.pathway)


def windows_tell_nothing(ask: Ask, truth: Ask, lattice: Lattice, least: int) -> int:
    """How many differences were taken; a leak if one of them is a small count.

    A difference tells a small count where it is one, and is what was counted.
    """
    taken = 0
    for whole, part, left in lattice.nested():
        one, other, hidden = ask(whole), ask(part), truth(left)
        if one is None or other is None or hidden is None:
            continue
        taken += 1
        _small({c: one[c] - other[c] for c in one}, hidden, least, (whole, part))
    return taken


def totals_tell_nothing(ask: Ask, truth: Ask, lattice: Lattice, least: int) -> int:
    """The same of totals less all their parts that are told."""
    taken = 0
    for whole, parts in lattice.parted():
        total, told = ask(whole), [(part, ask(part)) for part in parts]
        unseen = [part for part, counts in told if counts is None]
        if total is None or not unseen:
            continue
        taken += 1
        hidden = [counts for part in unseen if (counts := truth(part))]
        left = {c: total[c] - sum(t[c] for _, t in told if t) for c in total}
        really = {c: sum(counts[c] for counts in hidden) for c in total}
        _small(left, really, least, (whole, *unseen))
    return taken


def _small(
    left: Counts, really: Counts, least: int, questions: Sequence[Filters]
) -> None:
    for column, count in left.items():
        if 0 < count < least and count == really[column]:
            raise LeakError(f"{count} {column} is what is left: {questions}")
