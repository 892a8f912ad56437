"""A scenario: what is to be different, read from an address and written back to it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

MOST_WEEKS: Final = 52
MOST_SLOTS: Final = 20
MOST_DAYS: Final = 60
MOST_TIMES: Final = 5.0
KEYS: Final = (
    "close",
    "staff",
    "device",
    "vector",
    "laboratory",
    "demand",
    "divert",
    "since",
)

Sizes = Mapping[str, float]


@dataclass(frozen=True)
class Known:
    """What an address may name: of everything else it is said that there is none."""

    sites: Sequence[str]
    vectors: Sequence[str]
    laboratories: Sequence[str]
    regions: Sequence[str]
    first: date


@dataclass(frozen=True)
class Scenario:
    """What is different from the day `since` on, which is a Monday of the year.

    `close`: site → weeks. `staff`, `device`: site → batch starts a week more or fewer.
    `vector`: kind of vector → weeks without it. `laboratory` → days that its results
    take longer. `demand`: region → times as many orders. `divert`: the most kilometres
    a patient's cells may go to another site, None for nobody goes anywhere.
    """

    close: Sizes = field(default_factory=dict)
    staff: Sizes = field(default_factory=dict)
    device: Sizes = field(default_factory=dict)
    vector: Sizes = field(default_factory=dict)
    laboratory: Sizes = field(default_factory=dict)
    demand: Sizes = field(default_factory=dict)
    divert: float | None = None
    since: date | None = None

    def __hash__(self) -> int:
        return hash(tuple(self.written().items()))

    @property
    def is_base(self) -> bool:
        """Whether nothing is different."""
        return not self.written().keys() - {"since"}

    def written(self) -> dict[str, str]:
        """The scenario as an address has it, in a fixed order; the base is empty."""
        sizes = ("close", "staff", "device", "vector", "laboratory", "demand")
        said = {
            key: ",".join(f"{k}:{v:g}" for k, v in sorted(getattr(self, key).items()))
            for key in sizes
        }
        if self.divert is not None:
            said["divert"] = (
                "any" if self.divert == float("inf") else f"{self.divert:g}"
            )
        if self.since is not None:
            said["since"] = self.since.isoformat()
        return {key: text for key, text in said.items() if text}


@dataclass(frozen=True)
class _Size:
    """One kind of measure: what it names, its unit, the sizes that it may have."""

    noun: str
    unit: str
    least: float
    most: float
    whole: bool = True

    def read(self, text: str, known: Sequence[str], problems: list[str]) -> Sizes:
        found: dict[str, float] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            name, _, written = part.rpartition(":")
            if name not in known:
                problems.append(f"There is no {self.noun} “{name or part}” to change.")
            elif (size := self._size(written)) is None:
                problems.append(
                    f"“{written}” is no number of {self.unit} from"
                    f" {self.least:g} to {self.most:g}."
                )
            else:
                found[name] = size
        return found

    def _size(self, text: str) -> float | None:
        pattern = r"[+-]?\d{1,4}" if self.whole else r"\d{1,3}(\.\d{1,3})?"
        if not re.fullmatch(pattern, text):
            return None
        size = float(text)
        return size if self.least <= size <= self.most else None


_SIZES: Final[Mapping[str, tuple[_Size, Callable[[Known], Sequence[str]]]]] = {
    "close": (_Size("site", "weeks", 1, MOST_WEEKS), lambda k: k.sites),
    "staff": (
        _Size("site", "starts a week", -MOST_SLOTS, MOST_SLOTS),
        lambda k: k.sites,
    ),
    "device": (
        _Size("site", "starts a week", -MOST_SLOTS, MOST_SLOTS),
        lambda k: k.sites,
    ),
    "vector": (_Size("kind of vector", "weeks", 1, MOST_WEEKS), lambda k: k.vectors),
    "laboratory": (
        _Size("laboratory", "days", 1, MOST_DAYS),
        lambda k: k.laboratories,
    ),
    "demand": (
        _Size("region", "times as many", 0, MOST_TIMES, whole=False),
        lambda k: k.regions,
    ),
}
_FARTHEST: Final = _Size("distance", "kilometres", 0, 9999)


def read(query: Mapping[str, str], known: Known) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario of an address, and a sentence for each part that was left out.

    What may not be named is refused in the same words as what does not exist.
    """
    problems: list[str] = []
    sizes = {
        key: size.read(query.get(key, ""), names(known), problems)
        for key, (size, names) in _SIZES.items()
    }
    divert = _distance(query.get("divert", ""), problems)
    since = _day(query.get("since", ""), known.first, problems)
    scenario = Scenario(
        sizes["close"],
        sizes["staff"],
        sizes["device"],
        sizes["vector"],
        sizes["laboratory"],
        sizes["demand"],
        divert,
        since,
    )
    return scenario, tuple(f"{problem} It was left out." for problem in problems)


def _distance(text: str, problems: list[str]) -> float | None:
    if not text:
        return None
    if text == "any":
        return float("inf")
    found = _FARTHEST._size(text)
    if found is None:
        problems.append(
            f"“{text}” is no number of kilometres from 0 to 9999, and not “any”."
        )
    return found


def _day(text: str, first: date, problems: list[str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        problems.append(f"“{text}” is no day. Write it like {first.isoformat()}.")
        return None
    monday = day - timedelta(days=day.weekday())
    if not 0 <= (monday - first).days < 7 * MOST_WEEKS:
        problems.append(
            f"{text} lies outside the simulated year, which begins on {first}."
        )
        return None
    return monday if monday > first else None
