"""The columns of a sample, each with all that it may be and how surely."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from etl.contract.naming import Meaning, column_names
from etl.guard import shown
from etl.proposal_fit import confidence, speaking
from etl.proposal_names import Header, header, likenesses
from etl.proposal_values import Looks, looks

SURE: Final = 0.85
_SPEAKING: Final = 0.5
_TELLING: Final = 0.8
_WORDS_ALONE: Final = 0.4  # what a column's words are worth whose name says nothing
_PERSON: Final = 0.95
_LIFE: Final = 15  # years; a unit's own dates lie closer together than births
BIRTH: Final = Meaning(left="a birth date", person=True)


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
class Column:
    """A source column: its name as it may be shown, and what it may be."""

    name: str
    head: Header
    looks: Looks
    candidates: Mapping[Meaning, float]


def columns_of(sample: Sample, today: date) -> Iterator[Column]:
    """The columns of a sample, each with all that it may be."""
    # A file without a header has somebody's data where its names should be.
    names = shown(pl.Series(sample.frame.columns, dtype=pl.String))
    for place, (name, safe) in enumerate(zip(sample.frame.columns, names, strict=True)):
        above = sample.above.get(place, "")
        unnamed = name == f"column {place + 1}"
        head = header(above or name) if unnamed else header(name, above)
        seen = looks(sample.frame[name].drop_nulls(), today)
        yield Column(safe, head, seen, _candidates(head, seen, first=place == 0))


def _candidates(head: Header, seen: Looks, *, first: bool) -> dict[Meaning, float]:
    found = {
        meaning: confidence(likeness, meaning, head, seen, first)
        for meaning, likeness in likenesses(head).items()
    }
    for meaning in column_names() if seen.repeats and len(seen.words) > 1 else ():
        share = speaking(meaning, seen)
        if share >= _TELLING:
            found[meaning] = max(found.get(meaning, 0.0), _WORDS_ALONE)
    for meaning in found:
        share = speaking(meaning, seen)
        if share >= _SPEAKING:
            found[meaning] = 1 - (1 - found[meaning]) * (1 - 0.5 * share)
    if seen.person and not _replaced(found):
        found[Meaning(left=f"a {seen.person}", person=True)] = _PERSON
    if seen.dated and seen.years_apart > _LIFE:
        found[BIRTH] = max(found.get(BIRTH, 0.0), 0.7)
    return found


def _replaced(found: Mapping[Meaning, float]) -> bool:
    """Whether it is a number of the site's own, which leaves only as a pseudonym."""
    best = max(found, key=lambda meaning: found[meaning], default=None)
    if best is None or not best.dataset or found[best] < SURE:
        return False
    return best.metadata.get("kind") == "pseudonym"
