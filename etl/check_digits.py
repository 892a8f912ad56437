"""Whether a number that looks like a person's own carries the right check digits.

Only these make it possible to refuse such a number without refusing half of a
laboratory's lot numbers. Each function takes a text with its separators removed.
"""

from datetime import date
from typing import Final

_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_ISO_37_2: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_FISCALE_ODD: Final = (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
    25, 24, 23,
)  # fmt: skip


def is_nhs(digits: str) -> bool:
    """An NHS number of the United Kingdom: ten digits, modulo 11."""
    total = sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=False))
    return len(set(digits)) > 1 and (11 - total % 11) % 11 == int(digits[9])


def is_dni(text: str) -> bool:
    """A Spanish DNI or NIE: the letter is the number modulo 23."""
    number = str("XYZ".find(text[0])) + text[1:8] if text[0] in "XYZ" else text[:8]
    return _DNI[int(number) % 23] == text[8]


def is_nir(text: str) -> bool:
    """A French NIR with its key, Corsica's 2A and 2B included."""
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:15])


def is_personnummer(digits: str) -> bool:
    """A Swedish personal or coordination number: a birth date and a Luhn digit."""
    short = digits[-10:]
    month, day = int(short[2:4]), int(short[4:6])
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(short)]
    luhn = sum(n // 10 + n % 10 for n in doubled) % 10 == 0
    return luhn and 1 <= month <= 12 and (1 <= day <= 31 or 61 <= day <= 91)


def is_codice_fiscale(text: str) -> bool:
    """An Italian codice fiscale, also one with letters for digits (omocodia)."""
    odd = sum(_FISCALE_ODD[_place(c)] for c in text[0:15:2])
    even = sum(_place(c) for c in text[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == text[15]


def is_avs(digits: str) -> bool:
    """A Swiss AVS number: 756 and an EAN-13 check digit."""
    total = sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


def is_resident(text: str) -> bool:
    """A Chinese resident number: a birth date and ISO 7064 modulo 11-2."""
    total = sum(int(d) * (2 ** (17 - i) % 11) for i, d in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17] and _is_day(text[6:14])


def is_din(text: str) -> bool:
    """An ISBT 128 donation number with flags and check character (modulo 37-2)."""
    total = 0
    for character in text[:13]:
        total = (total + _ISO_37_2.index(character)) * 2 % 37
    return _ISO_37_2[(38 - total) % 37] == text[-1]


def _place(character: str) -> int:
    return int(character) if character.isdigit() else ord(character) - ord("A")


def _is_day(text: str) -> bool:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).year >= 1900
    except ValueError:
        return False
