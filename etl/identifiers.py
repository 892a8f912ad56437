"""Which texts hold something that identifies a person, and of what kind.

Patterns find candidates in whole columns; where a number carries check digits, only a
candidate with the right ones counts, because a laboratory's lots, codes and cell counts
look like anybody's number. Names are found with care: a common forename beside another
word written as a name, never a capital letter alone.
"""

import re
from typing import Final, Literal

import polars as pl

from etl.identifier_patterns import Detector, detectors, not_people

Column = Literal["words", "figures", "lots"]
# Of so many numbers, most are right by chance only if they are what they look like.
_ENOUGH: Final = 8
_SAMPLE: Final = 200
_SHOWN: Final = 40
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
    if once.is_empty():
        return pl.repeat(None, len(text), dtype=pl.String, eager=True).alias("kind")
    tidy = _bare(once)
    kinds = [
        pl.when(_held(tidy, detector, column)).then(pl.lit(detector.kind))
        for detector in detectors()
    ]
    known = once.to_frame().with_columns(kind=pl.coalesce(*kinds))
    rows = text.alias("text").to_frame()
    return rows.join(known, on="text", how="left", maintain_order="left")["kind"]


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


def _held(text: pl.Series, detector: Detector, column: Column) -> pl.Series:
    unsure = column in detector.unsure_in
    if detector.holds is None:
        if unsure:
            return pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
        return text.str.contains(detector.pattern)
    candidates = text.str.contains(detector.pattern)
    places = candidates.arg_true()
    if unsure and not _mostly_right(text.gather(places), detector):
        return pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    right = [_right(one, detector) for one in text.gather(places)]
    return candidates.scatter(places, right) if right else candidates


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
