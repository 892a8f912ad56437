"""The patterns by which identifiers are found, kind by kind.

The patterns run in polars over whole columns and, for candidates that carry check
digits, in Python; both know the little syntax they use. They are matched against text
without accents.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from etl.check_digits import (
    is_avs,
    is_codice_fiscale,
    is_din,
    is_dni,
    is_nhs,
    is_nir,
    is_personnummer,
    is_resident,
)

_START: Final = "(?:^|[^0-9A-Za-z])"
_END: Final = "(?:$|[^0-9A-Za-z])"
_APART: Final = "(?:^|[^A-Za-z])"
_NAME: Final = "[A-Z](?:[a-z]+|[A-Z]+)"
_DATE: Final = "[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}"
_FIGURES_AND_LOTS: Final = frozenset({"figures", "lots"})
_LOTS: Final = frozenset({"lots"})


@dataclass(frozen=True)
class Detector:
    """One kind of identifier: where to look, and what must hold of what is found.

    In the kinds of column named by `unsure_in` the pattern fits too much that is
    harmless. `holds` gets the first group of the pattern in capitals, without
    separators.
    """

    kind: str
    pattern: str
    holds: Callable[[str], bool] | None = None
    unsure_in: frozenset[str] = frozenset()


@cache
def detectors() -> tuple[Detector, ...]:
    """All detectors, the surest first: its kind is the one that is told."""
    return (*_addresses(), *_donations(), *_numbers(), *_people())


@cache
def not_people() -> str:
    """A pattern of names that are a firm's or a method's."""
    return "(?i)" + _any("not_people").replace(r"\ ", "[ -]")


def _addresses() -> tuple[Detector, ...]:
    before = rf"(?i){_APART}(?:{_any('phone_words')})"
    return (
        Detector("e-mail address", r"[\w.%+-]+@[\w-]+\.[\w.-]*[A-Za-z]{2,}"),
        Detector(
            "telephone number", before + r"[^a-z0-9+]{0,4}\+?[0-9(][0-9 ().-]{6,}"
        ),
        Detector(
            "telephone number",
            r"(?:\+|(?:^|[^0-9])00)[1-9][0-9]{0,2}[ ().-]+[0-9](?:[ ().-]*[0-9]){6,11}",
        ),
        Detector(
            "telephone number",
            r"\+[1-9][0-9]{8,13}"
            r"|(?:^|[^0-9.,-])(?:0[1-9](?:[ .-][0-9]{2}){4}"
            r"|[6-9][0-9]{2}(?:[ .-][0-9]{3}){2}|[6-9][0-9]{2}(?:[ .-][0-9]{2}){3}"
            r"|\(?0[1-9][0-9]{1,4}\)?[ /-][0-9]{3,4}[ -]?[0-9]{3,5})(?:$|[^0-9])",
            unsure_in=_FIGURES_AND_LOTS,
        ),
    )


def _donations() -> tuple[Detector, ...]:
    facility, rest = "[A-NP-Za-np-z1-9][0-9A-Za-z][0-9]{3}", "[0-9]{2} ?[0-9]{6}"
    checked = f"{facility} ?{rest} ?(?:[0-9]{{2}})? ?[0-9A-Za-z*]"
    spaced = "[A-NP-Za-np-z][0-9]{4} [0-9]{2} [0-9]{6}"
    bare = "[A-NP-Za-np-z][0-9]{12}"
    donation = "[A-Z]{2}[0-9A-Z]{6}[0-9A-Z]{13}"
    product = "[EAB][0-9A-Z]{10}(?:20|99)[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{2}"
    sequence = "[A-Z]{2}[0-9]{6}[0-9A-Z]{13}"
    return (
        Detector("chain-of-identity label", "&/[0-9A-Za-z]"),
        Detector("Single European Code", f"{_START}{donation}[ -]?{product}{_END}"),
        Detector("Single European Code", _START + sequence + _END, unsure_in=_LOTS),
        Detector("donation number", f"={facility} ?{rest}"),
        Detector("donation number", f"{_START}{spaced}{_END}"),
        _number("donation number", checked, is_din, _FIGURES_AND_LOTS),
        Detector("donation number", f"{_START}{bare}{_END}", unsure_in=_LOTS),
    )


def _numbers() -> tuple[Detector, ...]:
    month = "(?:0[1-9]|1[0-2]|[2-9][0-9])"
    department = "(?:2[ABab]|[0-9]{2})"
    rest = "(?: ?[0-9]{3}){2} ?[0-9]{2}"
    nir = f"[1-478] ?[0-9]{{2}} ?{month} ?{department}{rest}"
    digit = "[0-9L-Vl-v]"
    fiscale = (
        f"[A-Za-z]{{6}}{digit}{{2}}[A-Ta-t]{digit}{{2}}[A-Za-z]{digit}{{3}}[A-Za-z]"
    )
    birth = "(?:19|20)?[0-9]{6}"
    return (
        _number("NHS number", "[0-9]{3}[ -][0-9]{3}[ -][0-9]{4}", is_nhs, _LOTS),
        _number("NHS number", "[0-9]{10}", is_nhs, _FIGURES_AND_LOTS),
        _number("personnummer", birth + "[-+][0-9]{4}", is_personnummer, _LOTS),
        _number("personnummer", birth + "[0-9]{4}", is_personnummer, _FIGURES_AND_LOTS),
        _number("AVS number", r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", is_avs),
        _number("DNI or NIE", "[0-9XYZxyz][0-9]{7}[- ]?[A-Za-z]", is_dni, _LOTS),
        _number("NIR", nir, is_nir),
        _number("codice fiscale", fiscale, is_codice_fiscale),
        _number("resident number", "[1-9][0-9]{16}[0-9Xx]", is_resident),
        Detector("patient number", _before("number_words", "[a-z]{0,2}[0-9]{5,}")),
        Detector("patient number", _before("patient_words", "[0-9]{3,}")),
    )


def _number(
    kind: str,
    pattern: str,
    holds: Callable[[str], bool],
    unsure_in: frozenset[str] = frozenset(),
) -> Detector:
    return Detector(kind, f"{_START}({pattern}){_END}", holds, unsure_in)


def _before(words: str, number: str) -> str:
    """One of the words, perhaps an abbreviation of number, then the number."""
    told = "[^a-z0-9]{0,3}(?:no|nr|num|id|n)?[^a-z0-9]{0,3}"
    return f"(?i){_APART}(?:{_any(words)}){told}{number}"


def _people() -> tuple[Detector, ...]:
    forename, surname = _written("forenames"), _written("surnames")
    any_forename, any_surname = _any("forenames"), _any("surnames")
    title = "|".join(f"{t.capitalize()}|{re.escape(t)}" for t in _words()["titles"])
    return (
        Detector(
            "birth date", f"(?i){_APART}(?:{_any('birth_words')})[^0-9]{{0,16}}{_DATE}"
        ),
        Detector("birth date", rf"{_APART}[A-Z]\. ?[A-Z]\.?[ ,(]+{_DATE}"),
        Detector("name", f"(?i){_APART}(?:{_any('name_words')}) ?[:=] ?[a-z]"),
        Detector(
            "name", f"{_APART}(?i:{_any('patient_words')}) ?[:=] ?{_NAME}[ ,]+[A-Z]"
        ),
        Detector("name", rf"{_APART}(?:{title})\.? {_NAME}"),
        Detector("name", f"{_APART}(?:{forename})(?:[ ,]+|-){_NAME}{_END}"),
        Detector("name", f"{_APART}{_NAME}, ?(?:{forename}){_END}"),
        Detector("name", rf"{_APART}[A-Z]\. ?(?:{surname}){_END}"),
        Detector("name", rf"{_APART}(?:{surname}),? [A-Z]\."),
        Detector(
            "name", f"(?i){_APART}(?:{any_forename})[ ,._-]+(?:{any_surname}){_END}"
        ),
        Detector(
            "name", f"(?i){_APART}(?:{any_surname})[ ,._-]+(?:{any_forename}){_END}"
        ),
    )


def _any(words: str) -> str:
    return "|".join(re.escape(word) for word in _words()[words])


def _written(words: str) -> str:
    """The words as names are written: with a capital, or in capitals."""
    return "|".join(f"{w.capitalize()}|{w.upper()}" for w in _words()[words])


@cache
def _words() -> dict[str, tuple[str, ...]]:
    source = files("etl.contract").joinpath("people.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return {
        name: tuple(words if isinstance(words, list) else words.split())
        for name, words in table.items()
    }
