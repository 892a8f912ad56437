"""Which column of a table is which column of which dataset: each of both only once.

Columns are given to meanings from the surest down. A table holds one dataset first of
all; others may be found in it too (a list of batches holds test results, decisions and
lots), as far as they do not need more than such a table has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from etl.contract.naming import Meaning
from etl.contract.schemas import SCHEMAS, SENT
from etl.proposal_columns import SURE, Column
from etl.proposal_names import header, likenesses

_LIKELY: Final = 0.4
_CLOSE: Final = 0.12
_CONTESTED: Final = 0.06
_COMPANION: Final = 0.97
_SHARED: Final = 0.3
_TEST: Final = 0.5
_UNQUITE: Final = "the name is not quite one that is known"
# What a site says once for all rows, where no column says it.
CONSTANT: Final = frozenset(
    (
        "dataset",
        "decision",
        "gate",
        "grade",
        "kind",
        "laboratory",
        "pathway",
        "product",
        "resource",
        "round",
        "spec_version",
        "stage",
        "status",
    )
)
COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "batch": ("result", "release", "material", "demand"),
    "demand": ("batch", "release"),
    "capacity": ("loss",),
}


@dataclass(frozen=True)
class Choice:
    """What a column is taken for, how surely, and what is in doubt."""

    meaning: Meaning | None
    confidence: float
    doubt: str = ""


def dataset_of(columns: Sequence[Column]) -> str:
    """The dataset whose own columns are found best."""
    return max(SENT, key=lambda name: _score(columns, name))


def named_after(columns: Sequence[Column]) -> str | None:
    """The dataset by whose own columns all of these are called, as in the template."""
    names = {column.name for column in columns}
    fitting = [name for name in SENT if names <= set(SCHEMAS[name].columns())]
    return min(fitting, key=lambda n: len(SCHEMAS[n].columns()), default=None)


def choices(columns: Sequence[Column], first: str) -> list[Choice]:
    """What each column is taken for, in a table that holds a dataset first of all."""
    if named_after(columns) == first:
        return [Choice(Meaning(first, column.name), 1.0) for column in columns]
    datasets = (first, *COMPANIONS.get(first, ()))
    slots = _slots(columns, datasets)
    held = {id(column): meaning for meaning, (_, column) in slots.items()}
    found = []
    for column in columns:
        meaning = held.get(id(column))
        if meaning is None:
            found.append(_unmapped(column))
        else:
            rivals = _rivals(column, meaning, slots, datasets)
            found.append(_doubted(column, meaning, rivals, columns))
    return _with_their_days(columns, found)


def said(meaning: Meaning) -> str:
    """A meaning in words: `batch.started`, `result.value viability`."""
    if not meaning.dataset:
        return meaning.left
    constants = " ".join(value for _, value in meaning.constants)
    return f"{meaning.dataset}.{meaning.column} {constants}".strip()


def _with_their_days(
    columns: Sequence[Column], found: Sequence[Choice]
) -> list[Choice]:
    """The choices, and the days of single tests: `CAR+` beside `CAR+ report date`."""
    tests = {
        column.name: choice
        for column, choice in zip(columns, found, strict=True)
        if choice.meaning and choice.meaning.parameter
    }
    return [
        _day_of_test(column, tests) or choice if column.looks.dated else choice
        for column, choice in zip(columns, found, strict=True)
    ]


def _day_of_test(column: Column, tests: Mapping[str, Choice]) -> Choice | None:
    """What day of which test a column holds, if its name goes on from a test's."""
    name = max((n for n in tests if column.name.startswith(n)), key=len, default="")
    if not name or name == column.name:
        return None
    test, rest = tests[name], likenesses(header(column.name.removeprefix(name)))
    days = {n: rest.get(Meaning("result", n), 0.0) for n in ("sampled", "reported")}
    day = max(days, key=lambda n: days[n])
    if days[day] < SURE or test.meaning is None:
        return None
    like = round(min(test.confidence, days[day]), 2)
    return Choice(Meaning("result", day, test.meaning.constants), like, test.doubt)


def _score(columns: Sequence[Column], dataset: str) -> float:
    """How much of a dataset is there, less what it could not do without."""
    found = _slots(columns, [dataset])
    told = {meaning.column for meaning in found}
    score = sum(like * _weight(meaning) for meaning, (like, _) in found.items())
    for name, column in SCHEMAS[dataset].columns().items():
        needed = not column.nullable and (column.metadata or {}).get("missing") is None
        if needed and name != "site" and name not in told:
            wide = name == "parameter" and any(m.parameter for m in found)
            score -= 0.0 if wide else 0.3 if name in CONSTANT else 0.8
    return score


def _weight(meaning: Meaning) -> float:
    if meaning.parameter:
        return _TEST
    shared = sum(meaning.column in SCHEMAS[name].columns() for name in SENT) > 1
    # `date` alone may be any day of anything.
    return _SHARED if shared or meaning.column == "date" else 1.0


def _slots(
    columns: Sequence[Column], datasets: Sequence[str]
) -> dict[Meaning, tuple[float, Column]]:
    """The best column of each meaning, where that is the column's best meaning too."""
    listed = [
        (like * _standing(m, datasets[0]), place, m, column)
        for place, column in enumerate(columns)
        for m, like in column.candidates.items()
        if like >= _LIKELY and (not m.dataset or _open(m, datasets))
    ]
    taken: set[int] = set()
    found: dict[Meaning, tuple[float, Column]] = {}
    for like, place, meaning, column in sorted(listed, key=lambda e: (-e[0], e[1])):
        if place not in taken and meaning not in found:
            taken.add(place)
            if meaning.dataset:
                found[meaning] = (like, column)
    return found


def _standing(meaning: Meaning, first: str) -> float:
    """Of two that are as likely, what can be mapped stands first, in its own table."""
    if not meaning.dataset:
        return 0.999
    return 1.0 if meaning.dataset == first else _COMPANION


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


def _rivals(
    column: Column,
    meaning: Meaning,
    slots: Mapping[Meaning, tuple[float, Column]],
    datasets: Sequence[str],
) -> dict[Meaning, float]:
    """What else the column could be that no other column is."""
    return {
        other: like
        for other, like in column.candidates.items()
        if other != meaning
        and (not other.dataset or (_open(other, datasets) and other not in slots))
    }


def _doubted(
    column: Column,
    meaning: Meaning,
    rivals: Mapping[Meaning, float],
    columns: Sequence[Column],
) -> Choice:
    """A choice, less sure the nearer the next best meaning or the next column is."""
    like = column.candidates[meaning]
    doubt = "" if like >= SURE else _UNQUITE
    other = max(rivals, key=lambda m: rivals[m], default=None)
    if other is not None and like - rivals[other] < _CLOSE:
        like *= 0.78 + (like - rivals[other]) * 1.5
        doubt = f"it may as well be {said(other)}"
    twin = _twin(column, meaning, columns)
    if twin is not None:
        like, doubt = min(like, 0.75), f'"{twin}" looks like it, too'
    return Choice(meaning, round(like, 2), doubt)


def _twin(column: Column, meaning: Meaning, columns: Sequence[Column]) -> str | None:
    """Another column that could be the same and is nothing better."""
    like = column.candidates[meaning]
    for other in columns:
        value = other.candidates.get(meaning, 0.0)
        best = max(other.candidates.values(), default=0.0)
        if other is not column and value >= best and like - value < _CONTESTED:
            return other.name
    return None


def _unmapped(column: Column) -> Choice:
    """A column that is left out: it tells of a person, is of no use, or is unknown."""
    left = {
        meaning: like
        for meaning, like in column.candidates.items()
        if not meaning.dataset and like >= _LIKELY
    }
    best = max(left, key=lambda meaning: left[meaning], default=None)
    if best is None:
        return Choice(None, 0.0, "nothing in the contract is called so")
    return Choice(best, round(left[best], 2), f"looks like {best.left}")
