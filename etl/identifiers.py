"""Which texts hold something that identifies a person, and of what kind.

Patterns find candidates in whole columns; where a number carries check digits, only a
candidate with the right ones counts, because a laboratory's lots, codes and cell counts
look like anybody's number. Names are found with care: a common forename beside another
word written as a name, never a capital letter alone.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, Literal

import polars as pl

from etl.identifier_patterns import Detector, detectors, not_people

Column = Literal["words", "figures", "lots"]
# Of so many numbers, most are right by chance only if they are what they look like.
_ENOUGH: Final = 8
_SAMPLE: Final = 200
_SHOWN: Final = 40
_MEMORY: Final = 20_000
# Too short for anybody's number, and by far the most of what a site sends.
_PLAIN_FIGURE: Final = (
    r"^(?:[<>=≤≥ ]*[0-9]{1,9}(?:[.,][0-9]{1,9})?(?:e[0-9]{1,2})? ?%?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4})$"
)


def identifiers(text: pl.Series, column: Column = "words") -> pl.Series:
    """The kind of identifier each text holds, null where it holds none.

    A ten-digit number is a right NHS number once in eleven times. In columns of
    `figures` and `lots`, where such numbers are at home, they count only where most
    of the column is right.
    """
    once = text.drop_nulls().unique().alias("text")
    if column == "figures":
        once = once.filter(~once.str.contains(_PLAIN_FIGURE))
    kinds = _remembered(once) if column == "words" else _kinds(once, column)
    known = pl.DataFrame({"text": once, "kind": kinds})
    rows = text.alias("text").to_frame()
    return rows.join(known, on="text", how="left", maintain_order="left")["kind"]


def _remembered(once: pl.Series) -> pl.Series:
    """The kinds of words, most of which stand on every page of a site."""
    if len(once) > _MEMORY:
        return _kinds(once, "words")
    memory, unknown = _memory(), object()
    known = {text: memory.get(text, unknown) for text in once}
    new = [text for text, kind in known.items() if kind is unknown]
    told = dict(zip(new, _kinds(pl.Series(new, dtype=pl.String), "words"), strict=True))
    if len(memory) + len(told) > _MEMORY:
        memory.clear()
    memory.update(told)
    whole = known | told
    return pl.Series([whole[text] for text in once], dtype=pl.String)


@cache
def _memory() -> dict[str, str | None]:
    return {}


def _kinds(once: pl.Series, column: Column) -> pl.Series:
    found = pl.repeat(None, len(once), dtype=pl.String, eager=True)
    if once.is_empty():
        return found
    tidy = _bare(once)
    for detector, candidates in _candidates(tidy):
        held = _held(tidy, candidates, detector, column) & found.is_null()
        told = pl.repeat(detector.kind, len(once), dtype=pl.String, eager=True)
        found = told.zip_with(held, found)
    return found


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
    """Without accents, invisible characters and the names that are no people's."""
    plain = text.str.normalize("NFKD").str.replace_all(r"[\p{Mn}\p{Cf}]", "")
    return plain.str.replace_all(not_people(), "").str.replace_all(r"\s", " ")


def _candidates(text: pl.Series) -> Iterator[tuple[Detector, pl.Series]]:
    """The detectors whose pattern is found at all, with where it is found.

    All patterns are searched for in one query: a page has few different texts, and a
    query of its own for each pattern costs more than the search.
    """
    searched = pl.DataFrame({"text": text}).select(
        pl.col("text").str.contains(detector.pattern).alias(str(i))
        for i, detector in enumerate(detectors())
    )
    found = searched.select(pl.all().any()).row(0)
    for detector, candidates, any_ in zip(detectors(), searched, found, strict=True):
        if any_:
            yield detector, candidates


def _held(
    text: pl.Series, candidates: pl.Series, detector: Detector, column: Column
) -> pl.Series:
    unsure = column in detector.unsure_in
    if detector.holds is None:
        return candidates & (not unsure)
    places = candidates.arg_true()
    if unsure and not _mostly_right(text.gather(places), detector):
        return candidates & False
    right = [_right(one, detector) for one in text.gather(places)]
    return candidates.scatter(places, right)


def _mostly_right(candidates: pl.Series, detector: Detector) -> bool:
    sample = candidates.head(_SAMPLE).to_list()
    right = sum(_right(one, detector) for one in sample)
    return right >= _ENOUGH and right > len(sample) / 2


def _right(text: str, detector: Detector) -> bool:
    """Whether any candidate in the text, overlapping ones too, holds."""
    assert detector.holds is not None
    found = re.finditer(f"(?={detector.pattern})", text)
    return any(detector.holds(_joined(match[1])) for match in found)


def _joined(number: str) -> str:
    return re.sub("[^0-9A-Z*]", "", number.upper())
