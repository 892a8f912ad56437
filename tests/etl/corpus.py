"""Identifiers of people who do not exist, in every form that might reach a column.

`python -m tests.etl.corpus` prints how many of each form the gate finds, in each kind
of column.
"""
# ruff: noqa: E501

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import polars as pl

from etl.identifier_patterns import Column
from etl.identifiers import identifiers
from tests.etl import corpus_numbers as numbers
from tests.etl.corpus_names import COMMON, RARE, SELDOM
from tests.etl.corpus_numbers import digits

EACH: Final = 150
SEED: Final = 20_261
Maker = Callable[[random.Random], str]


def planted(seed: int = SEED) -> Mapping[str, list[str]]:
    """For each form so many texts that hold one identifier of it."""
    chance = random.Random(seed)
    return {
        form: [_dressed(form, make(chance), chance) for _ in range(EACH)]
        for form, make in FORMS.items()
    }


def bare(form: str, seed: int = SEED) -> list[str]:
    """The same form without any word about it."""
    chance = random.Random(seed)
    return [FORMS[form](chance) for _ in range(EACH)]


# What hides a number from a careless search, and what stands around it.
_AROUND: Final = (
    "{}", "{}", "{}", "({})", "{}.", "see {}", "{} repeated", "nota: {}", "bei {} neu",
    "enligt {}, godkänd", "voir {} ; conforme", "vedi {}", "{} / negative", "«{}»",
)  # fmt: skip
_SPELT: Final = ("name", "name with a title", "name with a label")


def _dressed(form: str, text: str, chance: random.Random) -> str:
    disguise = chance.choice((_same, _same, _same, _wide, _hidden, _spaced, _dashed))
    text = disguise(text)
    if form not in _SPELT and chance.random() < 0.2:
        text = text.lower()
    return chance.choice(_AROUND).format(text)


def _same(text: str) -> str:
    return text


def _wide(text: str) -> str:
    """In full-width digits and letters, as Chinese and Japanese keyboards write."""
    return "".join(
        chr(ord(c) + 0xFEE0) if c.isalnum() and c.isascii() else c for c in text
    )


def _hidden(text: str) -> str:
    """With characters in it that nobody sees, as copied from pages and PDF files."""
    middle = len(text) // 2
    return f"\ufeff{text[:middle]}\u200b{text[middle:]}\u00ad"


def _spaced(text: str) -> str:
    return text.replace(" ", "\u00a0").replace(" ", "\u2009")


def _dashed(text: str) -> str:
    return text.replace("-", "–")


def _mail(chance: random.Random) -> str:
    first, last = _name(chance)
    where = chance.choice(
        ("hospital.es", "klinikum-sued.de", "chu-nord.fr", "gmail.com")
    )
    at = chance.choice(("@", "@", "@", " (at) ", "[at]"))
    return (
        f"{_ascii(first)}{chance.choice(('.', '_', '-', ''))}{_ascii(last)}{at}{where}"
    )


def _phone(chance: random.Random) -> str:
    return chance.choice(
        (
            f"+34 6{digits(chance, 2)} {digits(chance, 3)} {digits(chance, 3)}",
            f"+44 7{digits(chance, 3)} {digits(chance, 6)}",
            f"+4917{digits(chance, 8)}",
            f"0033 6 {digits(chance, 2)} {digits(chance, 2)} {digits(chance, 2)} {digits(chance, 2)}",
            f"06 {digits(chance, 2)} {digits(chance, 2)} {digits(chance, 2)} {digits(chance, 2)}",
            f"Tel. 9{digits(chance, 8)}", f"tel: 6{digits(chance, 2)} {digits(chance, 3)} {digits(chance, 3)}",
            f"6{digits(chance, 2)} {digits(chance, 3)} {digits(chance, 3)}",
            f"020 7{digits(chance, 3)} {digits(chance, 4)}", f"0176 {digits(chance, 8)}",
            f"070-{digits(chance, 3)} {digits(chance, 2)} {digits(chance, 2)}",
            f"mobil 07{digits(chance, 8)}", f"cell. 333 {digits(chance, 7)}",
            f"079 {digits(chance, 3)} {digits(chance, 2)} {digits(chance, 2)}",
            f"Handy 0151/{digits(chance, 8)}", f"(089) {digits(chance, 4)}-{digits(chance, 3)}",
        )
    )  # fmt: skip


def _number(chance: random.Random) -> str:
    label = chance.choice(
        ("MRN", "MRN:", "NHC", "NHC:", "nhc nº", "KIS-Nr", "KIS-Nr.:", "Patientennummer",
         "Patienten-Nr.", "Patienten-ID:", "Fallnummer", "IPP", "IPP n°", "hospital no.",
         "Hospital number:", "patient id", "Pat.-Nr.", "paciente nº", "n° paziente",
         "historia clínica", "cartella clinica n.", "journalnummer", "UPN", "CIP")
    )  # fmt: skip
    number = digits(chance, chance.randrange(6, 10))
    return (
        f"{label} {chance.choice((number, f'{number[:3]} {number[3:]}', f'A{number}'))}"
    )


def _born(chance: random.Random) -> str:
    day = numbers.day(chance)
    day = day.replace(year=min(day.year, 1999))
    label = chance.choice(
        ("DOB", "DOB:", "born", "F. nac.", "fecha de nacimiento:", "nacida el", "né le",
         "née le", "date de naissance", "geb.", "Geburtsdatum:", "född", "födelsedatum",
         "nato il", "data di nascita:", "FN:")
    )  # fmt: skip
    ways = (
        f"{day:%d/%m/%Y}",
        f"{day:%Y-%m-%d}",
        f"{day:%d.%m.%Y}",
        f"{day:%d.%m.%y}",
        f"{day:%d %B %Y}",
    )
    alone = f"{day:%d/%m/%Y}", f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%d %B %Y}"
    return chance.choice((*(f"{label} {way}" for way in ways), *alone))


def _name(chance: random.Random) -> tuple[str, str]:
    firsts, lasts = COMMON[chance.choice(list(COMMON))]
    return chance.choice(firsts.split()), chance.choice(lasts.split())


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode().lower()


def _person(chance: random.Random) -> str:
    first, last = _name(chance)
    rare = chance.choice(RARE)
    return chance.choice(
        (
            f"{first} {last}", f"{first} {last}", f"{first} {last} {rare}",
            f"{last}, {first}", f"{last.upper()}, {first.upper()}", f"{first} {rare}",
            f"{first.upper()} {last.upper()}", f"{rare}, {first}", f"{last} {first}",
            f"{first.lower()} {last.lower()}", f"{first[0]}. {last}", f"{last}, {first[0]}.",
            f"{first} M. {last}", f"{first} de {rare}", f"{last}_{first}.xlsx",
        )
    )  # fmt: skip


def _titled(chance: random.Random) -> str:
    title = chance.choice(
        ("Mr", "Mrs.", "Ms", "Dr.", "Dra.", "Sr.", "Sra.", "Mme", "M. le Dr", "Herr", "Frau", "Herrn", "Sig.ra",
         "Signor", "Dott.", "Don", "Doña", "Fru", "Prof.", "Monsieur")
    )  # fmt: skip
    return f"{title} {chance.choice(RARE)}"


def _labelled(chance: random.Random) -> str:
    label = chance.choice(
        ("Paciente:", "Patient:", "Patientin:", "Paziente:", "patient name:", "Name:", "Nombre:",
         "Nombre y apellidos:", "Nom:", "Prénom:", "Nachname:", "Cognome:", "Efternamn:",
         "Namn:", "apellidos =", "Nome:", "Patientenname:", "Paciente", "patient:")
    )  # fmt: skip
    first, last = chance.choice(RARE), chance.choice(RARE)
    return f"{label} {chance.choice((f'{first} {last}', f'{last}, {first[0]}.', f'{first} {last}'.upper()))}"


FORMS: Final[Mapping[str, Maker]] = {
    "name": _person,
    "name with a title": _titled,
    "name with a label": _labelled,
    "birth date": _born,
    "e-mail address": _mail,
    "telephone number": _phone,
    "NHS number": numbers.nhs,
    "DNI or NIE": numbers.dni,
    "NIR": numbers.nir,
    "personnummer": numbers.personnummer,
    "codice fiscale": numbers.fiscale,
    "AVS number": numbers.avs,
    "resident number": numbers.resident,
    "BSN": numbers.bsn,
    "Belgian register number": numbers.belgian,
    "Norwegian birth number": numbers.norwegian,
    "Finnish identity code": numbers.finnish,
    "Danish CPR number": numbers.danish,
    "Portuguese number": numbers.portuguese,
    "German insurance number": numbers.german,
    "donation number": numbers.din,
    "Single European Code": numbers.sec,
    "chain of identity": numbers.identity,
    "hospital number": _number,
}


def seldom() -> list[str]:
    """Two names side by side, no part of which is common."""
    return [f"{first} {last}" for first in SELDOM for last in RARE]


def found(texts: list[str], column: Column) -> float:
    """The share of the texts in which the gate finds anything."""
    missed = identifiers(pl.Series(texts), column).null_count()
    return float(1 - missed / len(texts))


def found_alone(texts: list[str]) -> float:
    """The share found when each stands alone: names help each other to be found."""
    return sum(found([one], "text") for one in texts) / len(texts)


def table() -> Iterator[tuple[str, int, float, float, float]]:
    """For each form: texts, and the share found in words, figures and lots.

    Among words every text stands in some way of writing; a column of figures or lots
    that holds identifiers holds nothing else, as when the wrong column was mapped.
    """
    for form, texts in planted().items():
        alone = bare(form)
        shares = found(alone, "figures"), found(alone, "lots")
        words = found_alone(texts) if form == "name" else found(texts, "text")
        yield form, len(texts), words, *shares


if __name__ == "__main__":
    for form, number, *shares in table():
        told = "".join(f"{share:9.1%}" for share in shares)
        print(f"{form:26}{number:6}{told}")  # noqa: T201
    uncommon = seldom()
    print(f"uncommon names, each alone: {found_alone(uncommon[::7]):.1%}")  # noqa: T201
    print(f"a column of them: {found(uncommon, 'text'):.1%}")  # noqa: T201
