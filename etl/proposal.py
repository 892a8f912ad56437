"""A mapping proposed from a sample: which source column is what, and how surely.

Nothing is guessed silently: each column has a confidence, those below SURE say what is
in doubt, and what a person has to decide is named. Of columns that may tell of a person
nothing is shown but the shape of a value, and they are never proposed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import polars as pl

from etl.contract.naming import Meaning
from etl.contract.parameters import parameters
from etl.contract.schemas import SCHEMAS, SENT
from etl.guard import shown
from etl.proposal_fit import confidence, speaking
from etl.proposal_names import Header, header, likenesses
from etl.proposal_style import Manner, manner
from etl.proposal_values import Looks, looks, spoken, written_as

SURE: Final = 0.8
_LIKELY: Final = 0.4
_CLOSE: Final = 0.12
_CONTESTED: Final = 0.06
_SPEAKING: Final = 0.5
_COMPANION: Final = 0.97
_SHARED: Final = 0.3
_TEST: Final = 0.5
_PERSON: Final = 0.95
_LIFE: Final = 15
# What the site says once for all rows, where no column says it.
CONSTANT: Final = frozenset(
    "product pathway stage gate kind resource spec_version status laboratory round "
    "decision grade dataset".split()
)
_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "batch": ("result", "release", "material", "demand"),
    "demand": ("batch", "release"),
    "capacity": ("loss",),
}
BIRTH: Final = Meaning(left="a birth date", person=True)


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
        return self.confidence >= SURE

    @property
    def mapped(self) -> bool:
        """Whether it is anything of the contract."""
        return self.meaning is not None and bool(self.meaning.dataset)


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


@dataclass(frozen=True)
class Sample:
    """The first rows of one table, and how they were read.

    `above` is what stands over a column in a merged header, by the column's place.
    """

    frame: pl.DataFrame
    location: str
    read: Mapping[str, object] = field(default_factory=dict)
    above: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Column:
    name: str
    head: Header
    looks: Looks
    candidates: Mapping[Meaning, float]


def propose(
    sample: Sample,
    today: date,
    dataset: str | None = None,
    products: Iterable[str] = (),
) -> Table:
    """What each column of a sample may be; `dataset` where it is known which it is.

    `products` are the slugs of the network's products, so that a site's names for them
    need not all be translated by hand.
    """
    columns = [*_columns(sample, today)]
    first = dataset or _dataset(columns)
    chosen = _assigned(columns, first)
    written = {c.name: c.looks for c in columns if _is_read(chosen[c.name].meaning)}
    style = manner(written, {c.name: c.head for c in columns})
    guesses = [
        _explained(chosen[column.name], column, style.of(column.name), products)
        for column in columns
    ]
    named = dict.fromkeys([first, *(g.meaning.dataset for g in guesses if g.mapped)])  # type: ignore[union-attr]
    return Table(
        location=sample.location,
        read=sample.read,
        datasets=tuple(named),
        guesses=tuple(guesses),
        decimal=style.decimal,
        dates=style.dates,
    )


def _columns(sample: Sample, today: date) -> Iterator[_Column]:
    # A file without a header has somebody's data where its names should be.
    names = shown(pl.Series(sample.frame.columns, dtype=pl.String))
    for place, (name, safe) in enumerate(zip(sample.frame.columns, names, strict=True)):
        above = sample.above.get(place, "")
        unnamed = name == f"column {place + 1}"
        head = header(above or name) if unnamed else header(name, above)
        seen = looks(sample.frame[name].drop_nulls(), today)
        yield _Column(
            name if name == safe else safe, head, seen, _candidates(head, seen, place)
        )


def _candidates(head: Header, seen: Looks, place: int) -> dict[Meaning, float]:
    found = {
        meaning: confidence(likeness, meaning, head, seen, place == 0)
        for meaning, likeness in likenesses(head).items()
    }
    for meaning in found:
        share = speaking(meaning, seen)
        if share >= _SPEAKING:
            found[meaning] = 1 - (1 - found[meaning]) * (1 - 0.5 * share)
    if seen.person and not _replaced(found):
        found[Meaning(left=seen.person, person=True)] = _PERSON
    if seen.dated and seen.years_apart > _LIFE:
        found[BIRTH] = max(found.get(BIRTH, 0.0), 0.7)
    return found


def _replaced(found: Mapping[Meaning, float]) -> bool:
    """Whether it is a number of the site's own, which leaves only as a pseudonym."""
    best = max(found, key=lambda meaning: found[meaning], default=None)
    if best is None or not best.dataset or found[best] < SURE:
        return False
    return best.metadata.get("kind") == "pseudonym"


def _dataset(columns: Sequence[_Column]) -> str:
    """The dataset whose own columns are found best."""
    return max(SENT, key=lambda name: _score(columns, name))


def _score(columns: Sequence[_Column], dataset: str) -> float:
    found = _slots(columns, [dataset])
    told = {meaning.column for meaning in found}
    score = sum(like * _weight(meaning) for meaning, (like, _) in found.items())
    for name, column in SCHEMAS[dataset].columns().items():
        needed = not column.nullable and (column.metadata or {}).get("missing") is None
        if needed and name != "site" and name not in told:
            wide = name == "parameter" and any(m.parameter for m in found)
            score -= 0.0 if wide else 0.3 if name in CONSTANT else 1.5
    return score


def _weight(meaning: Meaning) -> float:
    if meaning.parameter:
        return _TEST
    shared = sum(meaning.column in SCHEMAS[name].columns() for name in SENT) > 1
    return _SHARED if shared else 1.0


def _slots(
    columns: Sequence[_Column], datasets: Sequence[str]
) -> dict[Meaning, tuple[float, _Column]]:
    """The best column of each meaning and the best meaning of each column."""
    first = datasets[0]
    listed = [
        (like * (1 if m.dataset in ("", first) else _COMPANION), place, m, column)
        for place, column in enumerate(columns)
        for m, like in column.candidates.items()
        if like >= _LIKELY and (not m.dataset or _open(m, datasets))
    ]
    taken: set[str] = set()
    found: dict[Meaning, tuple[float, _Column]] = {}
    for like, _, meaning, column in sorted(listed, key=lambda each: (-each[0], each[1])):
        if column.name in taken or meaning in found:
            continue
        taken.add(column.name)
        if meaning.dataset:
            found[meaning] = (like, column)
    return found


def _open(meaning: Meaning, datasets: Sequence[str]) -> bool:
    """Whether a meaning may be met in a table of these datasets."""
    if meaning.dataset not in datasets:
        return False
    if meaning.dataset == datasets[0]:
        return True
    if meaning.dataset == "result":
        return meaning.parameter is not None
    if meaning.dataset == "material":
        return bool(meaning.constants)
    shared = meaning.column in SCHEMAS[datasets[0]].columns()
    return not shared and meaning.column != "gate"


def _assigned(columns: Sequence[_Column], first: str) -> dict[str, Guess]:
    """A guess for every column, no meaning given twice."""
    datasets = (first, *_COMPANIONS.get(first, ()))
    slots = _slots(columns, datasets)
    held = {column.name: meaning for meaning, (_, column) in slots.items()}
    return {
        column.name: _guess(column, held.get(column.name), slots, columns, datasets)
        for column in columns
    }


def _guess(
    column: _Column,
    meaning: Meaning | None,
    slots: Mapping[Meaning, tuple[float, _Column]],
    columns: Sequence[_Column],
    datasets: Sequence[str],
) -> Guess:
    if meaning is None:
        return _unmapped(column)
    like = column.candidates[meaning]
    rivals = {
        m: value
        for m, value in column.candidates.items()
        if m != meaning and (not m.dataset or (_open(m, datasets) and m not in slots))
    }
    other = max(rivals, key=lambda m: rivals[m], default=None)
    doubt = "" if like >= SURE else "the name is not quite one that is known"
    if other is not None and like - rivals[other] < _CLOSE:
        like *= 0.78 + (like - rivals[other]) * 1.5
        doubt = f"it may as well be {said(other)}"
    twin = _twin(column, meaning, columns)
    if twin is not None:
        like = min(like, 0.75)
        doubt = f'"{twin}" looks like it, too'
    return Guess(column.name, meaning, round(like, 2), doubt, column.looks.shape)


def _twin(
    column: _Column, meaning: Meaning, columns: Sequence[_Column]
) -> str | None:
    """Another column that could be the same and is nothing better."""
    like = column.candidates[meaning]
    for other in columns:
        value = other.candidates.get(meaning, 0.0)
        best = max(other.candidates.values(), default=0.0)
        if other is not column and value >= best and like - value < _CONTESTED:
            return other.name
    return None


def _unmapped(column: _Column) -> Guess:
    """A column that is left out: it tells of a person, is of no use, or is unknown."""
    left = {m: v for m, v in column.candidates.items() if not m.dataset and v >= _LIKELY}
    best = max(left, key=lambda m: left[m], default=None)
    if best is None:
        doubt = "nothing in the contract is called so"
        return Guess(column.name, None, 0.0, doubt, column.looks.shape)
    doubt = f"looks like {best.left}"
    return Guess(column.name, best, round(left[best], 2), doubt, column.looks.shape)


def said(meaning: Meaning) -> str:
    """A meaning in words: `batch.started`, `viability`, `a person's name`."""
    if not meaning.dataset:
        return meaning.left
    constants = " ".join(value for _, value in meaning.constants)
    return f"{meaning.dataset}.{meaning.column} {constants}".strip()


def _is_read(meaning: Meaning | None) -> bool:
    return meaning is not None and bool(meaning.dataset)


def _explained(
    guess: Guess, column: _Column, written: Manner, products: Iterable[str]
) -> Guess:
    """The guess with how the column is written and what its words mean."""
    if guess.meaning is None or not guess.meaning.dataset:
        return guess
    vocabulary = _vocabulary(guess.meaning)
    codes, unknown = _codes(column.looks, vocabulary, products)
    like, doubt = guess.confidence, guess.doubt
    if written.doubt:
        like, doubt = min(like, 0.6), written.doubt
    if _as_fraction(guess.meaning, column.looks):
        written = replace(written, fraction=True)
        like, doubt = min(like, 0.7), "every value lies between 0 and 1: is 0.97 97 %?"
    return replace(
        guess,
        confidence=like,
        doubt=doubt,
        manner=written,
        codes=codes,
        unknown=unknown,
    )


def _as_fraction(meaning: Meaning, seen: Looks) -> bool:
    """Whether percentages are written as fractions: no product has 0.9 % of viability."""
    if not meaning.parameter or seen.highest is None or seen.filled < 3:
        return False
    test = parameters()[meaning.parameter]
    return test.unit == "%" and test.better == "higher" and seen.highest <= 1


def _vocabulary(meaning: Meaning) -> str | None:
    kind = meaning.metadata.get("kind")
    if meaning.column == "product":
        return "product"
    return meaning.metadata.get("vocabulary") or ("parameter" if kind == "parameter" else None)


def _codes(
    seen: Looks, vocabulary: str | None, products: Iterable[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Our words for the site's, and the words for which there is none."""
    if vocabulary is None:
        return {}, ()
    if vocabulary == "product":
        return {}, tuple(word for word in seen.words if word not in set(products))
    needed = [word for word in seen.words if not written_as(word, vocabulary)]
    known = seen.said(vocabulary) if spoken(vocabulary) else {}
    codes = {word: known[word] for word in needed if word in known}
    return codes, tuple(word for word in needed if word not in known)
