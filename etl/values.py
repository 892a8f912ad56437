"""Numbers as sites write them: `<0,3`, `1.495 × 10^6`, `1 495`, `97 %`.

Text in, columns out: a value where the text has one reading, a named reason where it
has none or two, never an exception. Each distinct text is read once, because a column
of a million results holds a few thousand different ones.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import polars as pl

from etl.contract.parameters import state_words
from etl.contract.words import plain_expr

DateOrder = Literal["iso", "dmy", "mdy", "ymd", "excel"]


@dataclass(frozen=True)
class Style:
    """How one column is written.

    `fraction` means 0.97 stands for 97 %, `power` 6 that figures are in millions.
    """

    decimal: Literal[".", ","] = "."
    dates: DateOrder = "iso"
    time_zone: str = "UTC"
    fraction: bool = False
    power: int = 0


# So many texts are few, and of so many columns of few it is kept what they say.
_FEW: Final = 64
_READ: Final = 1024
# What exports and people leave where there is nothing.
EMPTY: Final = ("", "-", "--", "na", "n.a", "n/a", "#n/a", "nd", "n.d", "null", "nan")
COMPARATORS: Final = {
    "≤": "<=",
    "≦": "<=",
    "⩽": "<=",
    "=<": "<=",
    "≥": ">=",
    "≧": ">=",
    "⩾": ">=",
    "=>": ">=",
}
# Byte order marks and zero-width signs, which come with what is copied from elsewhere.
INVISIBLE: Final = r"\p{Cf}"
_SUPERSCRIPT: Final = "[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+"
_POWER: Final = r"10 ?(?:\^|\*\*) ?([+-]?[0-9]{1,3})"
_NUMBER: Final = (
    r"^(?P<comparator><=|>=|=<|=>|[<>=≤≥≦≧⩽⩾])? ?"
    r"(?P<sign>[+-]?)(?P<mantissa>[0-9](?:[0-9., ']*[0-9])?|[.,][0-9]+)"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
    r"(?: ?(?P<tail>[^0-9., '].*))?$"
)


def distinctly(
    text: pl.Series, read: Callable[[pl.Series], pl.DataFrame]
) -> pl.DataFrame:
    """What `read` makes of each text, reading every distinct text only once."""
    once = text.unique()
    return _laid(text, _beside(once, read(once)))


def repeatedly(
    text: pl.Series, read: Callable[..., pl.DataFrame], *of: Hashable
) -> pl.DataFrame:
    """What `read` makes `of` these of each text, and made of the same few before.

    Bundle after bundle says the same words, and for a small one they are most of the
    work. `read` is a function of a module, so that it is the same one each time.
    """
    once = text.unique()
    if once.len() > _FEW:
        return _laid(text, _beside(once, read(once, *of)))
    return _laid(text, _read_before(read, of, tuple(once.sort())))


@lru_cache(maxsize=_READ)
def _read_before(
    read: Callable[..., pl.DataFrame],
    of: tuple[Hashable, ...],
    texts: tuple[str | None, ...],
) -> pl.DataFrame:
    once = pl.Series(texts, dtype=pl.String)
    return _beside(once, read(once, *of))


def _beside(once: pl.Series, read: pl.DataFrame) -> pl.DataFrame:
    return read.insert_column(0, once.alias("_text"))


def _laid(text: pl.Series, known: pl.DataFrame) -> pl.DataFrame:
    """A row for each text, of those that are known of the distinct ones."""
    rows = text.alias("_text").to_frame()
    joined = rows.join(
        known, on="_text", how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.drop("_text")


def is_empty(text: pl.Expr) -> pl.Expr:
    """Whether a cell is empty or holds only a word for empty."""
    return text.is_null() | plain_expr(text).is_in(EMPTY)


def is_no_figure(text: pl.Expr) -> pl.Expr:
    """Whether a cell is empty, or says in words that there is no figure or date yet."""
    return is_empty(text) | plain_expr(text).is_in(list(state_words()))


def numbers(text: pl.Series, style: Style) -> pl.DataFrame:
    """Columns comparator, value, tail (what follows the number) and reason.

    The declared decimal sign decides between 1.495 and 1495 only where it is the sign
    in the text: `1,495` where points are declared may be either, and a factor of a
    thousand is not guessed (`ambiguous_number`). Any other text has one reading, which
    stands whatever was declared: a workbook holds `97.9` as a number beside `<0,3`.
    A fraction outside 0 to 1 is none (`fraction`), and a figure with its own power of
    ten has no place in a column that declares one (`power`).
    """
    return distinctly(text, lambda once: _numbers(once, style))


def plain_numbers(text: pl.Series, style: Style) -> pl.DataFrame:
    """Columns value and reason, where neither a comparator nor a unit has a place."""
    read = numbers(text, style)
    censored = pl.col("comparator").is_not_null() & (pl.col("comparator") != "=")
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(censored)
        .then(pl.lit("comparator"))
        .when(pl.col("tail").is_not_null())
        .then(pl.lit("number"))
    )
    return _kept(read.select("value", reason=reason))


def counts(text: pl.Series, style: Style) -> pl.DataFrame:
    """Columns value (Int64) and reason; `12.0` is 12, `12.5` is no count."""
    whole = pl.col("value").round() == pl.col("value")
    small = pl.col("value").abs() < 2**53
    reason = pl.coalesce(
        "reason", pl.when(~(whole & small)).then(pl.lit("whole_number"))
    )
    return _kept(plain_numbers(text, style).with_columns(reason=reason)).with_columns(
        pl.col("value").cast(pl.Int64)
    )


def bands(text: pl.Series, style: Style) -> pl.DataFrame:
    """Columns value (the lower end) and reason of a band, written `60-65` or `60`.

    A band of another width is refused (`weight_band`): read by its lower end alone it
    would say more than the site did.
    """
    ends = text.str.extract_groups(
        r"^\s*(?P<lower>[0-9]{1,3})\s*[-–]\s*(?P<upper>[0-9]{1,3})\s*(?:kg)?\s*$"
    ).struct.unnest()
    width = ends["upper"].cast(pl.Int64) - ends["lower"].cast(pl.Int64)
    read = counts(pl.select(pl.coalesce(ends["lower"], text)).to_series(), style)
    wrong = pl.when((width != 5).fill_null(False)).then(pl.lit("weight_band"))
    return _kept(read.with_columns(reason=pl.coalesce("reason", wrong)))


def _kept(read: pl.DataFrame) -> pl.DataFrame:
    return read.with_columns(
        value=pl.when(pl.col("reason").is_null()).then(pl.col("value"))
    )


def _numbers(text: pl.Series, style: Style) -> pl.DataFrame:
    parts = _tidied(pl.col("text")).str.extract_groups(_NUMBER)
    frame = text.alias("text").to_frame().with_columns(parts.alias("parts"))
    frame = frame.with_columns(nothing=is_no_figure(pl.col("text"))).unnest("parts")
    frame = frame.with_columns(digits=_digits(), ambiguous=_ambiguous(style))
    shift = 2 if style.fraction else style.power
    exponent = pl.col("exponent").cast(pl.Int64, strict=False).fill_null(0) + shift
    written = pl.concat_str("sign", "digits", pl.lit("e"), exponent)
    # Adding zero turns the minus zero of `-0` into zero.
    value = written.cast(pl.Float64, strict=False) + 0.0
    frame = frame.with_columns(
        value=pl.when(value.is_finite() & ~pl.col("ambiguous")).then(value),
        comparator=pl.col("comparator").replace(COMPARATORS),
    )
    return _kept(
        frame.select("comparator", "value", "tail", reason=_number_reason(style))
    )


def _number_reason(style: Style) -> pl.Expr:
    outside = ~pl.col("value").is_between(0, 100) if style.fraction else pl.lit(False)
    return (
        pl.when("nothing")
        .then(None)
        .when("ambiguous")
        .then(pl.lit("ambiguous_number"))
        .when(pl.col("value").is_null())
        .then(pl.lit("number"))
        .when(outside | (pl.col("tail").is_not_null() & pl.lit(style.fraction)))
        .then(pl.lit("fraction"))
        .when(pl.col("exponent").is_not_null() & pl.lit(style.power > 0))
        .then(pl.lit("power"))
    )


def _tidied(text: pl.Expr) -> pl.Expr:
    """One form of signs, spaces and powers of ten; `10⁶` and `10^6` are the same."""
    visible = text.str.replace_all(INVISIBLE, "")
    raised = visible.str.replace_all(_SUPERSCRIPT, "^${0}").str.normalize("NFKC")
    spaced = raised.str.replace_all(r"\s+", " ").str.strip_chars()
    signed = spaced.str.replace_all("[−–]", "-").str.replace_all("’", "'")
    times = signed.str.replace(rf" ?[xX×*·⋅] ?{_POWER}", "e$1")
    return times.str.replace(rf"^([<>=≤≥≦≧⩽⩾]*) ?{_POWER}", "${1}1e${2}")


def _ambiguous(style: Style) -> pl.Expr:
    other = "," if style.decimal == "." else r"\."
    pattern = rf"^[1-9][0-9]{{0,2}}{other}[0-9]{{3}}$"
    return pl.col("mantissa").str.contains(pattern).fill_null(False)


def _digits() -> pl.Expr:
    """The mantissa with a decimal point and no separators, null where it has none."""
    text = pl.col("mantissa")
    point = text.str.replace_all(",", ".", literal=True)
    both = r"^[1-9][0-9]{0,2}(?:%s[0-9]{3})+%s[0-9]+$"
    return (
        pl.when(text.str.contains(r"^[0-9]*(?:[.,][0-9]+)?$"))
        .then(point)
        .when(
            text.str.contains(
                r"^[0-9]{1,3}(?:(?: [0-9]{3})+|(?:'[0-9]{3})+)(?:[.,][0-9]+)?$"
            )
        )
        .then(point.str.replace_all("[ ']", ""))
        .when(
            text.str.contains(
                r"^[1-9][0-9]{0,2}(?:(?:,[0-9]{3}){2,}|(?:\.[0-9]{3}){2,})$"
            )
        )
        .then(point.str.replace_all(".", "", literal=True))
        .when(text.str.contains(both % (",", r"\.")))
        .then(text.str.replace_all(",", "", literal=True))
        .when(text.str.contains(both % (r"\.", ",")))
        .then(
            text.str.replace_all(".", "", literal=True).str.replace(
                ",", ".", literal=True
            )
        )
    )
