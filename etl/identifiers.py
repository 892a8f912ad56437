"""Which texts hold something that identifies a person, and of what kind.

Patterns find candidates in whole columns; where a number carries check digits, only a
candidate with the right ones counts, because a laboratory's lots, codes and cell counts
look like anybody's number. Names are found with care: a common forename beside another
word written as a name, never a capital letter alone.
"""

import re
from collections.abc import Iterator, Sequence, Set
from functools import cache
from math import comb
from typing import Final

import polars as pl

from etl.identifier_numbers import donations, national_numbers
from etl.identifier_patterns import (
    SAID,
    Column,
    Detector,
    addresses,
    free_text,
    labelled,
    not_people,
)
from etl.identifier_people import birth_dates, names, whole_name

_SAMPLE: Final = 200
# So many columns are read in a year that one in a hundred thousand is none.
_BY_CHANCE: Final = 1e-5
_NAMES: Final = 3
_SHARE: Final = 5
_SHOWN: Final = 40
_FEW: Final = 1_000
_MEMORY: Final = 20_000
# Too short or too round for anybody's number, and by far the most of what a site sends.
_PLAIN_FIGURE: Final = (
    r"^(?:[<>=≤≥ ]*[0-9]{1,9}(?:0{3,5})?(?:[.,][0-9]{1,9})?(?:[eE][+-]?[0-9]{1,2})? ?%?"
    r"|[0-9]{10,}[.,][0-9]{2,}|20[0-9]{2}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:20)?[0-9]{2})$"
)
_is_plain_figure: Final = re.compile(_PLAIN_FIGURE).search
_BLANKS: Final = r"\s\s|[\t\n\r\x0b\x0c\x{85}\x{a0}\x{2028}\x{2029}]"
_AND_WHAT_FOLLOWS: Final = r"[^.;:\"'()<>\[\]]{0,60}"
_UNSEEN: Final = r"[\p{Mn}\p{Cf}\x{115F}\x{1160}\x{3164}\x{FFA0}]"
_DASHES: Final = r"[\x{2010}-\x{2015}\x{2212}\x{FE58}\x{FE63}]"


def identifiers(
    text: pl.Series, column: Column = "words", *, may_be_long: bool = True
) -> pl.Series:
    """The kind of identifier each text holds, null where it holds none.

    A ten-digit number is a right NHS number once in eleven times. In columns where
    such numbers are at home, they count only where more of them are right than chance
    explains. Unless a text `may_be_long`, a long one is refused as free text.
    """
    suspects = suspected([text], column, may_be_long=may_be_long)
    if suspects.is_empty():
        return pl.repeat(None, len(text), dtype=pl.String, eager=True)
    kinds = _kinds(suspects, column, may_be_long=may_be_long)
    known = pl.DataFrame({"text": suspects, "kind": kinds}).drop_nulls()
    if column in SAID:
        known = pl.concat([known, _among_names(text, known)])
    rows = text.alias("text").to_frame()
    return rows.join(known, on="text", how="left", maintain_order="left")["kind"]


def _among_names(text: pl.Series, known: pl.DataFrame) -> pl.DataFrame:
    """What is written as a name in a column in which names stand: known by company.

    No list holds every name. But where a fifth of what looks like names is found in
    the lists, the rest are names as well.
    """
    names = known.filter(kind="name")["text"]
    if len(names) < _NAMES:
        return known.clear()
    once = text.drop_nulls().unique().alias("text")
    written = once.filter(_bare(once).str.contains(f"^{whole_name()}$"))
    if len(names) * _SHARE < len(written):
        return known.clear()
    more = written.filter(~written.is_in(known["text"].implode()))
    return more.to_frame().with_columns(kind=pl.lit("name"))


def suspected(
    texts: Sequence[pl.Series], column: Column, *, may_be_long: bool
) -> pl.Series:
    """The different texts in which any detector finds a candidate: few of a page's.

    All the patterns are one here, because what a search costs is to begin it; and the
    words of a site, which stand on every page, are searched once.
    """
    innocent = _innocent(column, may_be_long)
    new = _new(texts, column, innocent)
    if new.is_empty():
        return new
    tidy = _tidy(new) if column == "figures" else _bare(new)
    found = tidy.str.contains(_anything(_detectors(column, may_be_long)))
    if column != "figures" and len(new) <= _FEW:
        if len(innocent) > _MEMORY:
            innocent.clear()
        innocent.update(new.filter(~found))
    return new.filter(found)


def _new(texts: Sequence[pl.Series], column: Column, innocent: Set[str]) -> pl.Series:
    """The different texts that are worth a search.

    A small page is gone through in Python: each query of polars costs as much as
    hundreds of texts.
    """
    empty = pl.Series([], dtype=pl.String)
    if sum(map(len, texts)) > _FEW:
        different = [_different(text, column) for text in texts]
        return pl.concat([empty, *different]).unique()
    once = {one for text in texts for one in text.to_list()} - innocent - {None}
    if column == "figures":
        once = {one for one in once if not _is_plain_figure(one)}
    return pl.Series(list(once), dtype=pl.String)


def _different(text: pl.Series, column: Column) -> pl.Series:
    # Figures are nearly all different, and nearly all are seen at a glance.
    if column == "figures":
        return text.filter(~text.str.contains(_PLAIN_FIGURE))
    return text.unique().drop_nulls()


def without_identifiers(message: str) -> str:
    """A message in which whatever identifies a person is replaced by its shape.

    For what others wrote: an error of a server repeats the value that it did not
    like. A name goes with what follows it, because its end is anybody's guess.
    """
    if identifiers(pl.Series([message])).item() is None:
        return message
    said = str(_tidy(pl.Series([message])).item())
    hidden: set[int] = set()
    for detector in _detectors("words", may_be_long=True):
        hidden.update(*_spans(said, detector))
    return "".join(shape(c) if at in hidden else c for at, c in enumerate(said))


def _spans(text: str, detector: Detector) -> Iterator[range]:
    """Where it is found; what ends one number may begin the next."""
    tail = _AND_WHAT_FOLLOWS if detector.kind == "name" else ""
    for found in re.finditer(f"(?=((?:{detector.pattern}){tail}))", text):
        if detector.holds is None or detector.holds(_joined(found[2])):
            yield range(found.start(1), found.end(1))


@cache
def _innocent(column: Column, may_be_long: bool) -> set[str]:
    return set()


def _kinds(suspects: pl.Series, column: Column, *, may_be_long: bool) -> pl.Series:
    """The kind told by the first detector that holds; the surest come first."""
    found = pl.repeat(None, len(suspects), dtype=pl.String, eager=True)
    tidy = _bare(suspects)
    for detector in _detectors(column, may_be_long):
        candidates = _candidates(tidy, detector)
        if candidates.any():
            held = _held(tidy, candidates, detector, column) & found.is_null()
            told = pl.repeat(detector.kind, len(found), dtype=pl.String, eager=True)
            found = told.zip_with(held, found)
    return found


def _candidates(text: pl.Series, detector: Detector) -> pl.Series:
    """Where the pattern is found.

    polars keeps 32 patterns ready on each thread: the many of the numbers, searched
    for in a few texts, would drive out those that every page needs.
    """
    if detector.holds is None or len(text) > _FEW:
        return text.str.contains(detector.pattern)
    search = re.compile(detector.pattern).search
    return pl.Series([search(one) is not None for one in text], dtype=pl.Boolean)


@cache
def _detectors(column: Column, may_be_long: bool) -> tuple[Detector, ...]:
    """What is looked for in a kind of column, the surest first, one search a kind."""
    numbers = (*donations(), *labelled(), *national_numbers(), *addresses())
    long = () if may_be_long else (free_text(),)
    wanted = [
        detector
        for detector in (*numbers, *birth_dates(), *names(), *long)
        if column in detector.within
    ]
    spelt: dict[str, list[str]] = {}
    for detector in wanted:
        if detector.holds is None:
            spelt.setdefault(detector.kind, []).append(f"(?:{detector.pattern})")
    told = (Detector(kind, "|".join(patterns)) for kind, patterns in spelt.items())
    return (*(detector for detector in wanted if detector.holds), *told)


@cache
def _anything(detectors: tuple[Detector, ...]) -> str:
    return "|".join(f"(?:{detector.pattern})" for detector in detectors)


def shape_expr(text: pl.Expr) -> pl.Expr:
    """The text with letters as A and a and digits as 9: `Aaaa Aaaa`, `99999999A`.

    No more than 40 characters of it: a long shape tells a long sentence.
    """
    capitals = text.str.replace_all(r"\p{Lu}", "A")
    letters = capitals.str.replace_all(r"[\p{L}--A]", "a")
    return letters.str.replace_all(r"\p{N}", "9").str.head(_SHOWN)


def shape(text: str) -> str:
    """The same as `shape_expr`, for one text."""
    return str(pl.select(shape_expr(pl.lit(text))).item())


def _bare(text: pl.Series) -> pl.Series:
    """Tidy, and without the names that are no people's."""
    return _tidy(text).str.replace_all(not_people(), "")


def _tidy(text: pl.Series) -> pl.Series:
    """Without accents and invisible characters, with one kind of dash and blank."""
    if (text.str.len_bytes() != text.str.len_chars()).any():
        text = text.str.normalize("NFKD").str.replace_all(_UNSEEN, "")
        text = text.str.replace_all(_DASHES, "-")
    blanks = text.str.contains(_BLANKS)
    return text.str.replace_all(r"\s+", " ") if blanks.any() else text


def _held(
    text: pl.Series, candidates: pl.Series, detector: Detector, column: Column
) -> pl.Series:
    if detector.holds is None:
        return candidates
    places = candidates.arg_true()
    if column in detector.unsure_in and not _beyond_chance(
        text.gather(places), detector
    ):
        return candidates & False
    right = [_right(one, detector) for one in text.gather(places)]
    return candidates.scatter(places, right)


def _beyond_chance(candidates: pl.Series, detector: Detector) -> bool:
    """Whether so many of the candidates hold that chance does not explain it.

    By the binomial distribution, of the first two hundred.
    """
    sample = candidates.head(_SAMPLE).to_list()
    right, number = sum(_right(one, detector) for one in sample), len(sample)
    p = 1 / detector.chance
    likely = sum(
        comb(number, k) * p**k * (1 - p) ** (number - k)
        for k in range(right, number + 1)
    )
    return likely < _BY_CHANCE


def _right(text: str, detector: Detector) -> bool:
    """Whether any candidate in the text, overlapping ones too, holds."""
    assert detector.holds is not None
    found = re.finditer(f"(?={detector.pattern})", text)
    return any(detector.holds(_joined(match[1])) for match in found)


def _joined(number: str) -> str:
    return re.sub("[^0-9A-Z*]", "", number.upper())
