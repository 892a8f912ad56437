"""Numbers that a state or a blood bank gave to one person, known by their check digits.

Where each is described: see `etl.check_digits`. Signs between the digits are allowed
where people put them, so that no date or lot number is read as anybody's.
"""

from collections.abc import Callable

from etl import check_digits as check
from etl.identifier_patterns import (
    COLUMNS,
    END,
    FIGURES,
    LOTS,
    SAID,
    START,
    Column,
    Detector,
)

_ELSEWHERE = FIGURES | LOTS
_NOWHERE = frozenset[Column]()
_S = "[ .-]?"


def donations() -> tuple[Detector, ...]:
    """Donation numbers (ISBT 128) and the Single European Code of cells and tissues."""
    facility, rest = "[A-NP-Za-np-z1-9][0-9A-Za-z][0-9]{3}", "[0-9]{2} ?[0-9]{6}"
    checked = f"{facility} ?{rest} ?(?:[0-9]{{2}})? ?[0-9A-Za-z*]"
    donation = "[A-Z]{2}[ -]?[0-9A-Z]{6}[ -]?[0-9A-Z]{13}"
    product = "[EAB][0-9A-Z]{10}(?:20|99)[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{2}"
    sequence = "[A-Z]{2}[ -]?[0-9]{6}[ -]?[0-9A-Z]{13}"
    spaced = "[A-NP-Za-np-z][0-9]{4} [0-9]{2} [0-9]{6}"
    bare = "[A-NP-Za-np-z][0-9]{12}"
    code, number = "Single European Code", "donation number"
    return (
        Detector(code, f"(?i:{START}{donation}[ -]?{product}{END})"),
        Detector(code, f"(?i:{START}{sequence}{END})", within=COLUMNS - LOTS),
        Detector(number, f"={facility} ?{rest}|{START}{spaced}{END}"),
        Detector(number, f"{START}{bare}{END}", within=COLUMNS - LOTS),
        _number(number, checked, check.is_din, _ELSEWHERE, 37),
    )


def national_numbers() -> tuple[Detector, ...]:
    """Numbers of twelve countries, with the chance that any number would do."""
    return (*_long(), *_short(), *_by_statistics())


def _long() -> tuple[Detector, ...]:
    """So long, or with such check digits, that hardly any other number fits."""
    month, department = "(?:0[1-9]|1[0-2]|[2-9][0-9])", "(?:2[ABab]|[0-9]{2})"
    nir = (
        f"[1-478]{_S}[0-9]{{2}}{_S}{month}{_S}{department}{_S}[0-9]{{3}}{_S}[0-9]{{3}}"
        f"{_S}[0-9]{{2}}"
    )
    digit = "[0-9L-Vl-v]"
    fiscale = (
        f"[A-Za-z]{{3}}[ -]?[A-Za-z]{{3}}[ -]?{digit}{{2}}[A-Ta-t]{digit}{{2}}[ -]?"
        f"[A-Za-z]{digit}{{3}}[A-Za-z]"
    )
    avs = f"756{_S}[0-9]{{4}}{_S}[0-9]{{4}}{_S}[0-9]{{2}}"
    resident = "[1-9][0-9]{5}[ -]?[0-9]{8}[ -]?[0-9]{3}[0-9Xx]"
    belgian = f"[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}[ -]?[0-9]{{3}}{_S}[0-9]{{2}}"
    return (
        _number("AVS number", avs, check.is_avs),
        _number("NIR", nir, check.is_nir),
        _number("codice fiscale", fiscale, check.is_codice_fiscale),
        _number("resident number", resident, check.is_resident),
        _number("insurance card number", "80[0-9]{18}", check.is_card),
        _number("Belgian register number", belgian, check.is_belgian, LOTS, 97),
        _number(
            "Norwegian birth number",
            "[0-9]{6}[ -]?[0-9]{5}",
            check.is_norwegian,
            LOTS,
            121,
        ),
    )


def _short() -> tuple[Detector, ...]:
    dni = "(?:[XYZxyz][- ]?[0-9]|[0-9]{2})[. ]?[0-9]{3}[. ]?[0-9]{3}[- .]{0,2}[A-Za-z]"
    birth = "(?:19|20)?[0-9]{6}"
    finnish = "[0-9]{6}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Ya-y]"
    apart = "[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}"
    return (
        _number("NHS number", apart, check.is_nhs, LOTS),
        _number("NHS number", "[0-9]{10}", check.is_nhs, _ELSEWHERE),
        _number("personnummer", birth + "[-+ ][0-9]{4}", check.is_personnummer, LOTS),
        _number("personnummer", birth + "[0-9]{4}", check.is_personnummer, _ELSEWHERE),
        _number("DNI or NIE", dni, check.is_dni, LOTS, 23),
        _number("Finnish identity code", finnish, check.is_finnish, LOTS, 31),
        _number("Danish CPR number", "[0-9]{6}-[0-9]{4}", check.is_danish, LOTS),
        _number(
            "German insurance number", "[A-Za-z][0-9]{9}", check.is_german, LOTS, 10
        ),
        _number("BSN", r"[0-9]{4}[. ][0-9]{2}[. ][0-9]{3}", check.is_bsn, LOTS),
    )


def _by_statistics() -> tuple[Detector, ...]:
    """Nine or ten digits: one alone is nothing, a column of them is somebody's."""
    everywhere = SAID | _ELSEWHERE
    return (
        _number("BSN", "[0-9]{9}", check.is_bsn, everywhere),
        _number("Portuguese number", "[0-9]{9}", check.is_portuguese, everywhere),
        _number("Danish CPR number", "[0-9]{10}", check.is_danish, everywhere),
    )


def _number(
    kind: str,
    pattern: str,
    holds: Callable[[str], bool],
    unsure_in: frozenset[Column] = _NOWHERE,
    chance: int = 11,
) -> Detector:
    found = f"{START}({pattern}){END}"
    return Detector(kind, found, holds, unsure_in=unsure_in, chance=chance)
