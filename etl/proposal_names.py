"""What a source column is called, compared with what such columns are called.

A header is a few words, often cut short, with a unit behind them: `F. cosecha`,
`Viab. (%)`, `Transduction eff. (%)`. Rare words tell more than common ones, and a word
that no name has tells less than one that another name has.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import polars as pl
from rapidfuzz import fuzz

from etl.contract.naming import Meaning, column_names
from etl.contract.units import unit_expr
from etl.contract.words import bare

_DATE: Final = (
    "date fecha datum data fec fch dat dt am den le il el on dato "
    "day jour dag tag dia giorno"
)
_NUMBER: Final = (
    "number numero nummer nr no num id code cod codigo codice kod numer nbr nb"
)
_FILLER: Final = (
    "de del la las los of the du des der die das di d l a i for to at till och y et "
    "und and en in con da dal della delle do au aux zu von vom um av by s rec s per"
)
_GENERIC: Final = {
    **dict.fromkeys(_DATE.split(), "date"),
    **dict.fromkeys(_NUMBER.split(), "number"),
}
_FILLERS: Final = frozenset(_FILLER.split())
_ENDINGS: Final = (("datum", "date"), ("nummer", "number"), ("nr", "number"))
_FAINT: Final = 0.25  # how much `date` and `number` count
_FAINTEST: Final = 0.1  # and what only joins words, unless nothing else differs
_UNKNOWN: Final = 0.5  # and a word that is in no name
_LIKE: Final = 84.0
_POWER: Final = re.compile(
    r"[x×*]? ?10 ?(?:\^|\*\*|e) ?([0-9]{1,2})|[x×*]? ?10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    r"|(?<![a-z0-9])e([0-9]{1,2})\b|\b(mio|mill\.?|millions?|millones|milioni|miljoner)\b",
    re.IGNORECASE,
)
_ABBREVIATED_NUMBER: Final = r"(?i)(?<![^\W_])(n)[º°o]?[.º°](?=\W|$|[^\W\d])"
_RAISED: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


@dataclass(frozen=True)
class Header:
    """A column's name taken apart: its words, its unit, its power of ten.

    `power` is 6 where the name says that figures are in millions.
    """

    name: str
    words: tuple[tuple[str, ...], ...]
    unit: str | None
    power: int


def header(name: str, above: str = "") -> Header:
    """A name taken apart; `above` is what a merged cell over it says."""
    power = _POWER.search(name)
    spoken = _POWER.sub(" ", name, count=1) if power else name
    spoken = re.sub(r"\s*/\s*", "/", spoken)
    unit, spoken = _unit_of(spoken)
    inside = re.findall(r"[(\[]([^)\]]*)[)\]]", spoken)
    outside = re.sub(r"[(\[][^)\]]*[)\]]", " ", spoken)
    said = [spoken, outside, *inside]
    if above:
        said += [f"{above} {outside}", *([above] if not outside.strip() else [])]
    words = dict.fromkeys(filter(None, map(words_of, said)))
    return Header(name, tuple(words), unit, _exponent(power))


def likenesses(head: Header) -> dict[Meaning, float]:
    """How alike a column's name is to the names of each meaning, from 0 to 1.

    Meanings that have no word in common with it are left out.
    """
    best: dict[Meaning, float] = {}
    for place, words in enumerate(head.words):
        # A name in brackets, or with what stands above it, is only part of the name.
        part = 1.0 if place < 2 else 0.97
        for name in _in_question(words):
            for meaning in _index()[name]:
                likeness = part * _likeness(words, name)
                best[meaning] = max(best.get(meaning, 0.0), likeness)
    return best


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name that tell something, each in one form."""
    parted = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z][a-z])", " ", name)
    parted = re.sub(
        r"(?i)(?<![^\W_])(n)[º°o]?[.º°](?=\W|$|[^\W\d])", " number ", parted
    )
    parted = re.sub(r"^(?i:f)\.(?=\W)|(?<=\W)(?i:f)\.(?=\W)", " date ", parted)
    # Rec'd and Vitalita' are one word, d'inizio two.
    parted = re.sub(r"['’´`](?=[a-z]?(?:\W|$))", "", parted)
    words: list[str] = []
    for word in bare(parted).split():
        words += _parts(word)
    told = [word for word in words if len(word) > 1 or word.isdigit()]
    return tuple(dict.fromkeys(told or words))


def _parts(word: str) -> list[str]:
    if word in _GENERIC:
        return [_GENERIC[word]]
    for ending, generic in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return [word.removesuffix(ending), generic]
    return [word]


def _unit_of(name: str) -> tuple[str | None, str]:
    """The unit a name ends or begins with, and the name without it."""
    pieces = [
        *((m.group(0), m.group(1)) for m in re.finditer(r"[(\[]([^)\]]*)[)\]]", name)),
        *((m, m) for m in re.findall(r"%|(?i:_pct$)", name)),
        # endotoxin_eu_ml
        *((m, m[1:].replace("_", "/")) for m in re.findall(r"_[a-z]+_[a-z]+$", name)),
        *((m, m) for m in re.findall(r"\S+/\S+(?:\s\S+)?$|\S+$", name)),
        *((m, m) for m in re.findall(r"[^\s/]+/[^\s/]+", name)),
    ]
    for whole, inner in pieces:
        unit = unit_said(inner)
        if unit and (whole != name or unit not in ("h", "ratio")):
            rest = name.replace(whole, " ", 1)
            return unit, rest if rest.strip(" ,;:-_()[]") else name
    return None, name


@lru_cache(maxsize=4096)
def unit_said(text: str) -> str | None:
    """The unit that a text is, or None."""
    unit = pl.select(unit_expr(pl.lit(text.strip(" ,;:x×*")))).item()
    return str(unit) if unit else None


def _exponent(power: re.Match[str] | None) -> int:
    if power is None:
        return 0
    digits = next((each for each in power.groups()[:3] if each), None)
    return int(digits.translate(_RAISED)) if digits else 6


def _likeness(words: tuple[str, ...], name: tuple[str, ...]) -> float:
    """The harmonic mean of what of either is found in the other, by weight."""
    weights = _weights()
    theirs = sum(weights[w] * max(alike(h, w) for h in words) for w in name)
    ours = sum(_known_weight(h) * max(alike(h, w) for w in name) for h in words)
    recall = theirs / sum(weights[w] for w in name)
    precision = ours / sum(_known_weight(h) for h in words)
    return 2 * recall * precision / (recall + precision) if ours and theirs else 0.0


def _known_weight(word: str) -> float:
    return _weights().get(word, _FAINTEST if word in _FILLERS else _UNKNOWN)


@lru_cache(maxsize=200_000)
def alike(word: str, known: str) -> float:
    """How surely one word stands for another: itself, a slip, an abbreviation."""
    if word == known:
        return 1.0
    if word.rstrip("+") == known.rstrip("+"):
        return 0.95
    if min(len(word), len(known)) < 3 or any(c.isdigit() for c in word + known):
        return 0.0
    ratio = fuzz.ratio(word, known)
    # Of short words a slip of one letter makes another word: fase, base.
    if ratio >= _LIKE and word[0] == known[0] and min(len(word), len(known)) > 4:
        return ratio / 100
    if known.startswith(word):
        return 0.92
    if len(known) > 4 and word.startswith(known):
        return 0.8
    if len(known) > 5 and known in word:
        return 0.7
    return 0.75 if _contracted(word, known) else 0.0


def _contracted(word: str, known: str) -> bool:
    """Whether a word is what is left of another without some letters: `mfg`, `recd`."""
    if word[0] != known[0] or word[-1] != known[-1] or len(word) * 2 > len(known) + 4:
        return False
    letters = iter(known)
    return all(letter in letters for letter in word)


def _in_question(words: Iterable[str]) -> set[tuple[str, ...]]:
    near = {known for word in words for known in _near(word)}
    return {name for word in near for name in _names_with()[word]}


@lru_cache(maxsize=20_000)
def _near(word: str) -> tuple[str, ...]:
    return tuple(known for known in _weights() if alike(word, known) > 0)


@cache
def _index() -> Mapping[tuple[str, ...], tuple[Meaning, ...]]:
    """The meanings of each name, as words."""
    index: dict[tuple[str, ...], dict[Meaning, None]] = {}
    for meaning, names in column_names().items():
        for name in names:
            for words in header(name).words[:1]:
                index.setdefault(words, {})[meaning] = None
    return {words: tuple(meanings) for words, meanings in index.items()}


@cache
def _names_with() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in _index():
        for word in name:
            found.setdefault(word, []).append(name)
    return {word: tuple(names) for word, names in found.items()}


@cache
def _weights() -> Mapping[str, float]:
    """How much each known word tells: less, the more columns are called by it."""
    columns: dict[str, set[str]] = {}
    for name, meanings in _index().items():
        for word in name:
            said = {f"{m.column}{m.constants}{m.left}" for m in meanings}
            columns.setdefault(word, set()).update(said)
    faint = dict.fromkeys(("date", "number"), _FAINT)
    faint |= dict.fromkeys(_FILLERS & columns.keys(), _FAINTEST)
    return {w: 1 / (1 + math.log2(len(c)) / 2) for w, c in columns.items()} | faint
