"""A mapping proposed from a sample: which source column is what, and how surely.

Nothing is guessed silently: each column has a confidence, those below SURE say what is
in doubt, and what a person has to decide is named. Of columns that may tell of a person
nothing is shown but the shape of a value, and they are never proposed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from etl.contract.naming import Meaning
from etl.contract.parameters import parameters
from etl.proposal_choice import Choice, choices, dataset_of, named_after
from etl.proposal_columns import SURE, Column, Sample, columns_of
from etl.proposal_style import Manner, manner
from etl.proposal_values import Looks, written_as

_UNCLEAR: Final = 0.6
_FRACTION: Final = "every value lies between 0 and 1: is 0.97 97 %?"


@dataclass(frozen=True)
class Guess:
    """What one source column may be, how surely, and what is in doubt about it.

    `codes` are the site's words that are known, `unknown` those a person has to
    translate. `shape` is that of one value (`Aaa-999`).
    """

    column: str
    meaning: Meaning | None
    confidence: float
    doubt: str
    shape: str
    manner: Manner = field(default_factory=Manner)
    codes: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether it may be mapped without a person's word."""
        return self.mapped and self.confidence >= SURE

    @property
    def mapped(self) -> bool:
        """Whether it is anything of the contract."""
        return self.meaning is not None and bool(self.meaning.dataset)

    @property
    def unit(self) -> str | None:
        """The unit of a test's figures: what its name says, else the usual one.

        A test reported in words has none unless its name says so.
        """
        if not self.meaning or not self.meaning.parameter:
            return None
        test = parameters()[self.meaning.parameter]
        return self.manner.unit or (test.unit if test.kind == "number" else None)


@dataclass(frozen=True)
class Table:
    """What was proposed for one table of a source: its datasets, the likeliest first.

    `decimal` and `dates` are how most of it is written; null where nothing shows it.
    """

    location: str
    read: Mapping[str, object]
    datasets: tuple[str, ...]
    guesses: tuple[Guess, ...]
    decimal: str | None
    dates: str | None

    def of(self, dataset: str) -> list[Guess]:
        """The columns proposed for a dataset."""
        return [g for g in self.guesses if g.meaning and g.meaning.dataset == dataset]


def propose(
    sample: Sample,
    today: date,
    dataset: str | None = None,
    products: Iterable[str] = (),
) -> Table:
    """What each column of a sample may be; `dataset` where it is known which it is.

    `products` are the slugs of the network's products, which need no translation.
    """
    columns = [*columns_of(sample, today)]
    first = dataset or named_after(columns) or dataset_of(columns)
    chosen = choices(columns, first)
    read = {
        column.name: column.looks
        for column, choice in zip(columns, chosen, strict=True)
        if choice.meaning and choice.meaning.dataset
    }
    style = manner(read, {column.name: column.head for column in columns})
    guesses = [
        _guess(choice, column, style.of(column.name), frozenset(products))
        for choice, column in zip(chosen, columns, strict=True)
    ]
    named = [g.meaning.dataset for g in guesses if g.meaning and g.mapped]
    return Table(
        location=sample.location,
        read=sample.read,
        datasets=tuple(dict.fromkeys([first, *named])),
        guesses=_gated(guesses, first),
        decimal=style.decimal,
        dates=style.dates,
    )


def _guess(
    choice: Choice, column: Column, written: Manner, products: frozenset[str]
) -> Guess:
    """A choice with how the column is written and what its words mean."""
    meaning, seen = choice.meaning, column.looks
    guess = Guess(column.name, meaning, choice.confidence, choice.doubt, seen.shape)
    if meaning is None or not meaning.dataset:
        return guess
    codes, unknown = _codes(seen, _vocabulary(meaning), products)
    like, doubt = choice.confidence, choice.doubt
    if written.doubt:
        like, doubt = min(like, _UNCLEAR), written.doubt
    if _as_fraction(meaning, seen):
        written = replace(written, fraction=True)
        like, doubt = min(like, _UNCLEAR), _FRACTION
    # The words of a column that may be another one are not known to be words.
    listed = unknown if like >= SURE and seen.repeats else ()
    return replace(
        guess, confidence=like, doubt=doubt, manner=written, codes=codes, unknown=listed
    )


def _gated(guesses: Sequence[Guess], first: str) -> tuple[Guess, ...]:
    """Decisions beside batches, of which nothing says the gate: then there is one.

    That is `release`, the only gate of a specification in one stage.
    """
    gates = {g.meaning.constants for g in guesses if g.meaning and _decides(g.meaning)}
    if first == "release" or gates != {()}:
        return tuple(guesses)
    only = (("gate", "release"),)
    return tuple(
        replace(g, meaning=replace(g.meaning, constants=only))
        if g.meaning and _decides(g.meaning)
        else g
        for g in guesses
    )


def _decides(meaning: Meaning) -> bool:
    return meaning.dataset == "release"


def _as_fraction(meaning: Meaning, seen: Looks) -> bool:
    """Whether percentages are written as fractions: no product is 0.9 % viable."""
    if not meaning.parameter or seen.highest is None or seen.filled < 3:
        return False
    test = parameters()[meaning.parameter]
    return test.unit == "%" and test.better == "higher" and seen.highest <= 1


def _vocabulary(meaning: Meaning) -> str | None:
    """The list whose words a column holds; `product` and `parameter` have their own."""
    if meaning.column == "product":
        return "product"
    if meaning.metadata.get("kind") == "parameter":
        return "parameter"
    return meaning.metadata.get("vocabulary")


def _codes(
    seen: Looks, vocabulary: str | None, products: frozenset[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Our words for the site's, and the words for which there is none."""
    if vocabulary is None:
        return {}, ()
    if vocabulary == "product":
        return {}, tuple(word for word in seen.words if word not in products)
    needed = [word for word in seen.words if not written_as(word, vocabulary)]
    known = seen.said(vocabulary)
    codes = {word: known[word] for word in needed if word in known}
    return codes, tuple(word for word in needed if word not in known)
