"""A panel: the recorded answers of many batches as arrays, to be judged in a moment.

`etl.replay` judges result by result and says why; this answers what a slider asks,
"how many would pass now", for a million batches at once. Every answer is brought to the
unit of the question beforehand and kept as one closed interval of floats: an open end
is the neighbouring float, and an interval that is not there is NaN, which lies neither
inside nor outside of anything and so is undetermined without being asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.matching import asked_by_several_methods
from etl.replay import located
from etl.specification import Criterion, criteria_from, requirements
from etl.verdict import FAIL, PASS, UNDETERMINED, on_text

Flags = NDArray[np.bool_]
Counts = NDArray[np.uint8]
Figures = NDArray[np.float64]

# So many batches at a time stay in the processor's cache.
BLOCK: Final = 32_768
# Answers are looked up for so many batches at a time: a gigabyte at most.
_AT_ONCE: Final = 100_000
_THREADS: Final = 2
_NO_TEXT: Final = 0
OUTCOMES: Final = (PASS, FAIL, UNDETERMINED)


@dataclass(frozen=True)
class Question:
    """What is measured, whatever the limit: criteria with one question share answers.

    `method` is null where any will do; a `reference` (kg, mL) takes the place of the
    batch's own weight and volume.
    """

    parameter: str
    population: str
    stage: str
    method: str | None
    unit: str | None
    in_words: bool
    reference: tuple[float | None, float | None]


@dataclass(frozen=True)
class Intervals:
    """One closed interval a batch, from `low` to `high`; NaN where nothing is known.

    Both are one array where every answer is a single figure.
    """

    low: Figures
    high: Figures


@dataclass(frozen=True)
class Words:
    """One text a batch: its place in `texts`, of which the first stands for none."""

    place: NDArray[np.uint8]
    texts: tuple[str | None, ...]


@dataclass(frozen=True)
class Panel:
    """So many batches (`height`), and what each answered to every question."""

    height: int
    answers: Mapping[Question, Intervals | Words]

    def part(self, start: int, stop: int) -> "Panel":
        """The batches from one position to before another, without a copy."""
        here = slice(start, stop)
        parts = {
            question: Words(each.place[here], each.texts)
            if isinstance(each, Words)
            else Intervals(each.low[here], each.high[here])
            for question, each in self.answers.items()
        }
        return Panel(stop - start, parts)

    def to(self, question: Question) -> Intervals | Words:
        """What the batches answered; nothing, where nobody ever asked it."""
        if question in self.answers:
            return self.answers[question]
        if question.in_words:
            return Words(np.zeros(self.height, np.uint8), (None,))
        nothing = np.full(self.height, np.nan)
        return Intervals(nothing, nothing)


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


def questions(criteria: pl.DataFrame) -> dict[int, Question]:
    """The question that each criterion asks, by its row; one without limit has none."""
    by_method = asked_by_several_methods(criteria)
    return {
        number: Question(
            item.parameter,
            item.population,
            item.stage,
            item.method if by_method[number] else None,
            item.unit,
            item.operator == "text",
            (item.reference_weight_kg, item.reference_volume_ml),
        )
        for number, item in enumerate(criteria_from(criteria))
        if item.limited
    }


def panel(
    results: pl.DataFrame, asked: Sequence[Question], batches: pl.DataFrame
) -> Panel:
    """Every batch's answer to every question, in the order of `batches`.

    `batches` has site, batch, final_volume_ml and recipient_weight_band_kg; `results`
    is the contract's frame.
    """
    frame = _as_criteria(asked)
    own_method = pl.Series(
        [each.method is not None for each in asked], dtype=pl.Boolean
    )
    numbered = batches.with_row_index("assigned").with_columns(
        pl.lit("-").alias(name) for name in ("spec_site", "product", "spec_version")
    )
    figures, texts = [], []
    for part in [*numbered.iter_slices(_AT_ONCE)] or [numbered]:
        ours = results.join(part.select("site", "batch").unique(), on=["site", "batch"])
        found = located(ours, frame, part, own_method)
        figures.append(found.figures.filter(pl.col("obstacle").is_null()))
        texts.append(found.texts.filter(pl.col("text").is_not_null()))
    n = batches.height
    said = {
        question: _words(pl.concat(texts), number, n)
        if question.in_words
        else _intervals(pl.concat(figures), number, n)
        for number, question in enumerate(asked)
    }
    return Panel(n, said)


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


def _as_criteria(asked: Sequence[Question]) -> pl.DataFrame:
    """The questions as criteria of nobody's, since only criteria can be answered."""
    rows = [
        {
            **dict.fromkeys(("site", "product", "spec_version"), "-"),
            "gate": "release",
            "parameter": each.parameter,
            "population": each.population,
            "stage": each.stage,
            "method": each.method or "-",
            "status": "release",
            "operator": "text" if each.in_words else ">=",
            "limit_low": None if each.in_words else 0.0,
            "text_limit": "negative" if each.in_words else None,
            "unit": each.unit,
            "reference_weight_kg": each.reference[0],
            "reference_volume_ml": each.reference[1],
        }
        for each in asked
    ]
    return pl.DataFrame(rows, schema=_CRITERIA, orient="row")


_CRITERIA: Final = {
    **dict.fromkeys(
        [
            *("site", "product", "spec_version", "gate", "parameter", "population"),
            *("stage", "method", "status", "operator"),
        ],
        pl.String,
    ),
    "limit_low": pl.Float64,
    "text_limit": pl.String,
    "unit": pl.String,
    "reference_weight_kg": pl.Float64,
    "reference_volume_ml": pl.Float64,
}


def _intervals(figures: pl.DataFrame, number: int, batches: int) -> Intervals:
    ours = figures.filter(pl.col("criterion") == number, pl.col("value").is_not_null())
    position = ours["assigned"].to_numpy()
    low, high = np.full(batches, np.nan), np.full(batches, np.nan)
    low[position], high[position] = ours["from"].to_numpy(), ours["to"].to_numpy()
    from_open = position[ours["from_open"].to_numpy()]
    to_open = position[ours["to_open"].to_numpy()]
    low[from_open] = np.nextafter(low[from_open], np.inf)
    high[to_open] = np.nextafter(high[to_open], -np.inf)
    single = np.array_equal(low, high, equal_nan=True)
    return Intervals(low, low if single else high)


def _words(texts: pl.DataFrame, number: int, batches: int) -> Words:
    ours = texts.filter(pl.col("criterion") == number)
    known = ours["text"].unique().sort().to_list()
    place = np.zeros(batches, np.uint8)
    places = {text: i for i, text in enumerate(known, start=1)}
    found = ours["text"].replace_strict(places, return_dtype=pl.UInt8)
    place[ours["assigned"].to_numpy()] = found.to_numpy()
    return Words(place, (None, *known))
