"""What a site reads when a row is refused: what was expected, and what to do.

The person who reads it knows the source and its export, not the contract.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from rapidfuzz import fuzz, process

from etl.contract.parameters import parameters
from etl.contract.words import plain
from etl.values import Style

_LIKENESS: Final = 70.0
_LIST: Final = 24
_DATES: Final = {
    "iso": "a date such as 2024-03-15",
    "dmy": "day, month and year, such as 15/03/2024",
    "mdy": "month, day and year, such as 03/15/2024",
    "ymd": "year, month and day, such as 24/03/15",
    "excel": "a day number of a workbook, such as 45366",
}
_SIGNS: Final = {".": "point, such as 97.5", ",": "comma, such as 97,5"}


def sentences(style: Style, years_ahead: int = 2) -> Mapping[str, str]:
    """What each rule about a single cell expected, of a column written in a style."""
    day = _DATES[style.dates]
    return {
        "number": f"a number with a decimal {_SIGNS[style.decimal]}",
        "ambiguous_number": "a number with one reading, not 1.495 or 1495 alike; "
        "write no sign between thousands, or declare `decimal`",
        "comparator": "a plain number; < and > have a place only in results",
        "fraction": "a number from 0 to 1, because `fraction` is declared",
        "power": "a figure without a power of ten of its own, because `power` is "
        "declared",
        "whole_number": "a whole number",
        "weight_band": "a band of 5 kg, such as 60-65",
        "date": f"{day}, or 2024-03-15 in any column; `dates` declares the order",
        "no_such_day": f"a day that there is, written as {day}",
        "implausible_date": "a date from 1990 to no more than "
        f"{years_ahead} years ahead; is the century right?",
        "unit_in_value": "the unit of the column `unit` behind the number, or none",
        "unit_missing": "a unit: map the column `unit`, or give it as a constant",
    }


REQUIRED: Final = "something: this may not be empty"


def unknown_word(word: str, known: Iterable[str], site: str) -> str:
    """For a word that is in no vocabulary: the list, the likeliest, the remedy."""
    words = list(known)
    shown = ", ".join(words) if len(words) <= _LIST else "a code of the contract"
    listed = f"one of {shown}" if len(words) <= _LIST else shown
    return f"{listed}{_hint(word, {w: w for w in words})}{_remedy(site)}"


def unknown_parameter(word: str, site: str) -> str:
    """For a parameter that is not in the table; its names in six languages are."""
    listed = "a code of the table of parameters"
    return f"{listed}{_hint(word, _parameter_names())}{_remedy(site)}"


def unknown_product(word: str, products: Iterable[str], site: str) -> str:
    """For a product that `network.toml` does not list."""
    hint = _hint(word, {product: product for product in products})
    return f"a product of network.toml{hint}{_remedy(site)}"


def not_owned(site: str) -> str:
    """For a row about a site that has not named the sender as its laboratory."""
    return (
        f"rows of {site} itself; results for another site only where that site's file "
        f'lists "{site}" under `laboratories`'
    )


def bound(side: str, value: float) -> str:
    """For a figure beyond what the column may hold."""
    return f"a number not {'below' if side == 'min' else 'above'} {value:g}"


def units_of(code: str) -> str:
    """For a unit in which the parameter is not reported."""
    known = parameters().get(code)
    return f"one of {', '.join(known.units)} for {code}" if known else "another unit"


def range_of(code: str) -> str:
    """For a result outside the range of its parameter."""
    known = parameters().get(code)
    if known is None or known.lowest is None:
        return "a number that can be"
    if known.highest is None:
        return f"a number not below {known.lowest:g} for {code}"
    return (
        f"a number from {known.lowest:g} to {known.highest:g} {known.unit} for {code}; "
        "declare `fraction` where 0.97 stands for 97 %"
    )


def _hint(word: str, known: Mapping[str, str]) -> str:
    best = process.extractOne(
        plain(word), known.keys(), scorer=fuzz.ratio, score_cutoff=_LIKENESS
    )
    return f'; did you mean "{known[best[0]]}"?' if best else ""


def _remedy(site: str) -> str:
    return f"; or translate it with `codes` in sites/{site}.toml"


@cache
def _parameter_names() -> Mapping[str, str]:
    """Every way to say a parameter, and its code."""
    names: dict[str, str] = {}
    for code, each in parameters().items():
        said = (code, each.title, *(s for said in each.synonyms.values() for s in said))
        for name in said:
            names.setdefault(plain(name), code)
    return names
