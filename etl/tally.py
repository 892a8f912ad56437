"""A panel of batches laid against any specification, block by block, in a moment."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.panel import Intervals, Panel, Question, Words, questions
from etl.specification import Criterion, criteria_from, requirements
from etl.verdict import FAIL, PASS, UNDETERMINED, on_text

Flags = NDArray[np.bool_]
Counts = NDArray[np.uint8]

# So many batches at a time stay in the processor's cache.
BLOCK: Final = 32_768
_THREADS: Final = 2
_NO_TEXT: Final = 0
OUTCOMES: Final = (PASS, FAIL, UNDETERMINED)


@dataclass(frozen=True)
class Tally:
    """How each batch fares: how many requirements passed and failed, of how many.

    `cause` is the number (from 1) of the failed requirement where only one failed.
    """

    passed: Counts
    failed: Counts
    cause: Counts
    asked: int

    @property
    def fails(self) -> Flags:
        """Batches in which any requirement failed."""
        return self.failed > 0

    @property
    def passes(self) -> Flags:
        """Batches in which every requirement passed."""
        passes: Flags = self.passed == self.asked
        return passes

    @property
    def undetermined(self) -> Flags:
        """Batches of which nobody knows: none failed, and not all passed."""
        return ~(self.fails | self.passes)


def judged(batches: Panel, specification: pl.DataFrame) -> Tally:
    """Every batch under one specification: the rows of one site, product and version.

    Requirements of status `release` at any gate; an or-group is one of them.
    """
    demands = [
        [_Arm(batches.to(question), item) for question, item in arms]
        for arms in _demands(specification)
    ]
    shape = batches.height
    passed, failed, cause = (np.zeros(shape, np.uint8) for _ in range(3))

    def block(start: int) -> None:
        here = slice(start, start + BLOCK)
        for number, arms in enumerate(demands, start=1):
            good, bad = _met(arms, here)
            passed[here] += good.view(np.uint8)
            failed[here] += bad.view(np.uint8)
            cause[here] += bad.view(np.uint8) * np.uint8(number)

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(block, range(0, shape, BLOCK)))
    cause[failed != 1] = 0
    return Tally(passed, failed, cause, len(demands))


def demanded(specification: pl.DataFrame) -> dict[str, list[int]]:
    """The requirements (from 1) of a specification, by what they are about.

    A parameter may be asked at several gates; an or-group goes by its name.
    """
    about: dict[str, list[int]] = {}
    for number, arms in enumerate(requirements(criteria_from(specification)), start=1):
        about.setdefault(arms[0].alternatives or arms[0].parameter, []).append(number)
    return about


def failing(
    batches: Panel, specification: pl.DataFrame, numbers: Sequence[int]
) -> Flags:
    """The batches that fail any of these requirements of a specification."""
    demands = [*_demands(specification)]
    fails = np.zeros(batches.height, np.bool_)
    for number in numbers:
        arms = [_Arm(batches.to(q), item) for q, item in demands[number - 1]]
        fails |= _met(arms, slice(None))[1]
    return fails


def _met(arms: Sequence["_Arm"], here: slice) -> tuple[Flags, Flags]:
    """Which batches meet a requirement and which fail it: any arm will do."""
    good, bad = arms[0].verdict(here)
    for arm in arms[1:]:
        also_good, also_bad = arm.verdict(here)
        good, bad = good | also_good, bad & also_bad
    return good, bad


class _Arm:
    """One criterion laid against the answers to its question."""

    def __init__(self, answers: Intervals | Words, item: Criterion) -> None:
        self._answers = answers
        if isinstance(self._answers, Words):
            self._table = _text_table(item, self._answers.texts)
        else:
            self._low, self._high = _closed(item)
            self._sign = item.operator

    def verdict(self, here: slice) -> tuple[Flags, Flags]:
        """Which batches pass and which fail; the others are undetermined."""
        if isinstance(self._answers, Words):
            said = self._table[self._answers.place[here]]
            return said == OUTCOMES.index(PASS), said == OUTCOMES.index(FAIL)
        low, high = self._answers.low[here], self._answers.high[here]
        if self._sign in ("<", "<="):
            return high <= self._high, low > self._high
        if self._sign in (">", ">="):
            return low >= self._low, high < self._low
        inside = (low >= self._low) & (high <= self._high)
        return inside, (low > self._high) | (high < self._low)


def _demands(
    specification: pl.DataFrame,
) -> Iterator[list[tuple[Question, Criterion]]]:
    asked = questions(specification)
    items = criteria_from(specification)
    by_item = {id(items[number]): question for number, question in asked.items()}
    for arms in requirements(items):
        yield [(by_item[id(item)], item) for item in arms]


def _closed(item: Criterion) -> tuple[float, float]:
    """Its limits as a closed interval of floats, infinite where it has no end."""
    low = -np.inf if item.limit_low is None else item.limit_low
    high = np.inf if item.limit_high is None else item.limit_high
    if item.operator == ">":
        low = float(np.nextafter(low, np.inf))
    if item.operator == "<":
        high = float(np.nextafter(high, -np.inf))
    return low, high


def _text_table(item: Criterion, texts: Sequence[str | None]) -> Counts:
    """The place in OUTCOMES of each text's verdict."""
    said = [on_text(item, text)[0] for text in texts]
    said[_NO_TEXT] = UNDETERMINED
    return np.array([OUTCOMES.index(each) for each in said], np.uint8)
