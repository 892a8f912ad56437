"""A panel: the recorded answers of many batches as arrays, to be judged in a moment.

`etl.replay` judges result by result and says why; this answers what a slider asks,
"how many would pass now", for a million batches at once. Every answer is brought to the
unit of the question beforehand and kept as one closed interval of floats: an open end
is the neighbouring float, and an interval that is not there is NaN, which lies neither
inside nor outside of anything and so is undetermined without being asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.matching import asked_by_several_methods
from etl.replay import located
from etl.specification import criteria_from

Figures = NDArray[np.float64]

# Answers are looked up for so many batches at a time: a gigabyte at most.
_AT_ONCE: Final = 100_000


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

    place: NDArray[np.uint32]
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
            return Words(np.zeros(self.height, np.uint32), (None,))
        nothing = np.full(self.height, np.nan)
        return Intervals(nothing, nothing)


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
    by_figure, by_text = _by_question(figures), _by_question(texts)
    said: dict[Question, Intervals | Words] = {}
    for number, question in enumerate(asked):
        if question.in_words:
            ours = by_text.get((number,), texts[0].clear())
            said[question] = words(ours["assigned"], ours["text"], n)
        else:
            said[question] = _closed(by_figure.get((number,), figures[0].clear()), n)
    return Panel(n, said)


def _by_question(parts: list[pl.DataFrame]) -> dict[tuple[object, ...], pl.DataFrame]:
    return pl.concat(parts).partition_by("criterion", as_dict=True)


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


def _closed(figures: pl.DataFrame, batches: int) -> Intervals:
    """The figures as closed intervals: an open end is the neighbouring float."""
    known = figures.filter(pl.col("value").is_not_null())
    low, high = (
        known["from"].to_numpy(writable=True),
        known["to"].to_numpy(writable=True),
    )
    from_open, to_open = known["from_open"].to_numpy(), known["to_open"].to_numpy()
    low[from_open] = np.nextafter(low[from_open], np.inf)
    high[to_open] = np.nextafter(high[to_open], -np.inf)
    return intervals(known["assigned"], low, high, batches)


def intervals(
    position: pl.Series, low: Figures, high: Figures, batches: int
) -> Intervals:
    """One interval for each of so many batches, from those of whom it is known."""
    here = position.to_numpy()
    every_low, every_high = np.full(batches, np.nan), np.full(batches, np.nan)
    every_low[here], every_high[here] = low, high
    single = np.array_equal(every_low, every_high, equal_nan=True)
    return Intervals(every_low, every_low if single else every_high)


def words(position: pl.Series, texts: pl.Series, batches: int) -> Words:
    """One text for each of so many batches, from those of whom it is known."""
    known = texts.unique().sort().to_list()
    places = {text: i for i, text in enumerate(known, start=1)}
    found = texts.replace_strict(places, return_dtype=pl.UInt32)
    place = np.zeros(batches, np.uint32)
    place[position.to_numpy()] = found.to_numpy()
    return Words(place, (None, *known))
