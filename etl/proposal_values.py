"""What the values of a source column look like: days, figures, words, numbers.

Only what a value looks like is kept, and of words those that stand for a word of the
contract: a proposal is shown to people and must not tell of anybody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Final, Literal

import polars as pl

from etl.contract.naming import column_names, words_said
from etl.contract.parameters import parameters
from etl.contract.units import unit_expr
from etl.contract.vocabulary import VOCABULARIES
from etl.contract.words import bare
from etl.dates import dates
from etl.guard import shown
from etl.identifiers import identifiers, shape_expr
from etl.proposal_names import words_of
from etl.values import COMPARATORS, DateOrder, Style, is_no_figure, numbers

_ORDERS: Final[tuple[DateOrder, ...]] = ("iso", "dmy", "mdy", "ymd", "excel")
_MOSTLY: Final = 0.8
_FEW: Final = 40  # more different words are no list of codes
_LONG: Final = 60  # and longer ones are sentences
_NEARLY: Final = ("implausible_date", "no_such_day")
_PEOPLE: Final = 0.2
_DAY: Final = r"^\D{0,12}(?:\d\D{0,12}){3}"
_DAY_FIRST: Final = ("dmy", "mdy")


@dataclass(frozen=True)
class Looks:
    """How the values of one column look.

    `orders` are those in which nearly all its values are days, `sure_order` whether
    only one is possible. `decimal` is null where no value shows it. `figures` is the
    share that are numbers, `lowest` and `highest` their range. `words` are the
    different values if they are few and may be shown. `shape` is that of one value.
    """

    filled: int
    distinct: int
    orders: tuple[DateOrder, ...]
    decimal: Literal[".", ","] | None
    figures: float
    whole: bool
    lowest: float | None
    highest: float | None
    person: str | None
    shape: str
    units: float
    words: tuple[str, ...] = field(repr=False)
    years_apart: int = 0

    @property
    def dated(self) -> bool:
        """Whether it holds days."""
        return bool(self.orders)

    @property
    def any_order(self) -> bool:
        """Whether every day can be read whatever order is declared."""
        return "iso" in self.orders

    @property
    def sure_order(self) -> DateOrder | None:
        """The one order its days can be read in; None if two fit, or none."""
        if self.any_order:
            return "iso"
        fits = [order for order in self.orders if order != "ymd" or not self._by_day]
        return fits[0] if len(fits) == 1 else None

    @property
    def _by_day(self) -> bool:
        return any(order in self.orders for order in _DAY_FIRST)

    @property
    def repeats(self) -> bool:
        """Whether values come again, as those of a list of codes do."""
        return self.distinct < self.filled or self.filled < 4

    def said(self, vocabulary: str) -> Mapping[str, str]:
        """Its words that are a word of the vocabulary, and which."""
        known = spoken(vocabulary)
        return {w: known[k] for w in self.words if (k := _heard(w, known)) is not None}


def looks(text: pl.Series, today: date) -> Looks:
    """How the values of a column look; an empty one looks like nothing."""
    told = text.str.strip_chars()
    told = told.filter(told.str.len_chars() > 0)
    once = told.unique(maintain_order=True)
    figures = _figures(once)
    values = figures["value"].drop_nulls()
    orders = _orders(once, today)
    person = _person(once)
    return Looks(
        filled=len(told),
        distinct=len(once),
        orders=orders,
        decimal=_decimal(figures),
        figures=len(values) / len(figures) if len(figures) else 0.0,
        whole=bool((values == values.round()).all()),
        lowest=_number(values.min()),
        highest=_number(values.max()),
        person=person,
        shape=_shape(once),
        units=is_unit(once),
        words=() if person or orders else _words(once),
        years_apart=_apart(once) if orders else 0,
    )


@cache
def spoken(vocabulary: str) -> Mapping[str, str]:
    """What is said for each word of a vocabulary, `parameter` and `unit` among them."""
    if vocabulary in VOCABULARIES:
        return words_said(vocabulary)
    if vocabulary != "parameter":
        return {}
    said: dict[str, str] = {}
    for meaning, names in column_names().items():
        if meaning.parameter:
            for name in names:
                said.setdefault(bare(name), meaning.parameter)
                said.setdefault(" ".join(words_of(name)), meaning.parameter)
    return said


def written_as(word: str, vocabulary: str) -> bool:
    """Whether a word needs no code, because the contract reads it as it is."""
    listed = parameters() if vocabulary == "parameter" else VOCABULARIES[vocabulary]
    return re.sub("[ -]+", "_", word.strip().lower()) in listed


def is_unit(text: pl.Series) -> float:
    """The share of texts that are units of the table."""
    once = text.drop_nulls().unique()
    known = once.to_frame("u").select(unit_expr(pl.col("u")).is_not_null()).to_series()
    return float(known.mean() or 0.0) if len(once) else 0.0  # type: ignore[arg-type]


def _heard(word: str, known: Mapping[str, str]) -> str | None:
    """The way of saying a word that a text is, a number behind it left aside."""
    said = bare(word)
    plain = COMPARATORS.get(word.strip(), word.strip())
    for form in (
        plain,
        said,
        re.sub(r" ?[0-9]+$", "", said),
        bare(word.partition("(")[0]),
    ):
        if form and form in known:
            return form
    return None


def _orders(once: pl.Series, today: date) -> tuple[DateOrder, ...]:
    told = once.filter(~pl.select(is_no_figure(pl.lit(once))).to_series())
    # Three figures at least are a day, however it is written: 1 Mar 24.
    if told.is_empty() or told.str.contains(_DAY).mean() < _MOSTLY:  # type: ignore[operator]
        return ()
    found: list[DateOrder] = []
    for order in _ORDERS:
        if "iso" in found:
            break
        read = dates(told, Style(dates=order), today, years_ahead=50)
        # A birth date is no date of a batch and 31/02 no day, but both look like days.
        days = read["value"].is_not_null() | read["reason"].is_in(_NEARLY)
        if days.fill_null(False).mean() >= _MOSTLY:  # type: ignore[operator]
            found.append(order)
    return tuple(_best(told, found, today))


def _best(told: pl.Series, found: list[DateOrder], today: date) -> list[DateOrder]:
    """Those orders in which the most are days: one 31 decides between two."""
    if "iso" in found:
        return found[:1]
    counted = {
        order: dates(told, Style(dates=order), today)["value"].count()
        for order in found
    }
    most = max(counted.values(), default=0)
    return [order for order, number in counted.items() if number == most]


def _apart(once: pl.Series) -> int:
    """How many years lie between the first day and the last."""
    years = once.str.extract(r"((?:19|20)\d\d)").cast(pl.Int64).drop_nulls()
    return int(years.max()) - int(years.min()) if len(years) else 0  # type: ignore[arg-type]


def _figures(once: pl.Series) -> pl.DataFrame:
    """Each different value read as a number whichever its decimal sign, words aside."""
    told = once.filter(~pl.select(is_no_figure(pl.lit(once))).to_series())
    point, comma = numbers(told, Style()), numbers(told, Style(decimal=","))
    value = pl.coalesce("value", pl.lit(comma["value"]))
    tail = pl.col("tail").is_null() | (pl.col("tail").str.len_chars() < 12)
    return point.select(
        text=pl.lit(told), value=pl.when(tail).then(value), point=pl.col("value")
    ).with_columns(comma=comma["value"])


def _decimal(figures: pl.DataFrame) -> Literal[".", ","] | None:
    """The sign that stands before the decimals of most figures."""
    texts = figures.filter(pl.col("value").is_not_null())["text"]
    mantissa = texts.str.extract(r"([0-9][0-9.,' ]*)")
    commas = mantissa.str.contains(r",[0-9]{1,2}$|,[0-9]{4,}$|^0,|\..*,").sum()
    points = mantissa.str.contains(r"\.[0-9]{1,2}$|\.[0-9]{4,}$|^0\.|,.*\.").sum()
    if not commas and not points:
        return None
    return "," if commas > points else "."


def _person(once: pl.Series) -> str | None:
    """What the values tell of a person, if enough of them do."""
    kinds = identifiers(once)
    told = kinds.drop_nulls()
    if len(told) <= _PEOPLE * len(once):
        return None
    return str(told.mode().sort()[0])


def _words(once: pl.Series) -> tuple[str, ...]:
    if len(once) > _FEW:
        return ()
    safe = shown(once)
    return tuple(
        word
        for word, kept in zip(once, safe, strict=True)
        if word == kept and len(word) <= _LONG
    )


def _shape(once: pl.Series) -> str:
    if once.is_empty():
        return ""
    return str(once.head(1).to_frame("t").select(shape_expr(pl.col("t"))).item())


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
