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
    return _luhn(short) and 1 <= month <= 12 and (1 <= day <= 31 or 61 <= day <= 91)


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


def is_card(digits: str) -> bool:
    """The number of a European health insurance card: 80 and a Luhn digit."""
    return _luhn(digits)


def is_bsn(digits: str) -> bool:
    """A Dutch BSN: weights 9 to 2, the last digit counted off, modulo 11."""
    total = sum(int(d) * (9 - i) for i, d in enumerate(digits[:8])) - int(digits[8])
    return total % 11 == 0 and len(set(digits)) > 1


def is_belgian(digits: str) -> bool:
    """A Belgian register number: a birth date, modulo 97 (2 put before, since 2000)."""
    month, day = int(digits[2:4]), int(digits[4:6])
    check = 97 - int(digits[9:11])
    right = int(digits[:9]) % 97, int("2" + digits[:9]) % 97
    return check in right and month % 20 <= 12 and month < 60 and day <= 31


def is_norwegian(digits: str) -> bool:
    """A Norwegian birth or D number: a birth date and two digits modulo 11."""
    first = _weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    second = _weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    day, month = int(digits[:2]), int(digits[2:4])
    dated = (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12
    return dated and first % 11 == 0 and second % 11 == 0


def is_finnish(text: str) -> bool:
    """A Finnish identity code: a birth date, a sign for the century, modulo 31."""
    digits = "".join(c for c in text[:-1] if c.isdigit())
    if len(digits) != 9 or not _is_day_and_month(digits):
        return False
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == text[-1]


def is_danish(digits: str) -> bool:
    """A Danish CPR number: a birth date, modulo 11 (some since 2007 are without)."""
    total = _weighted(digits, (4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return total % 11 == 0 and _is_day_and_month(digits)


def is_portuguese(digits: str) -> bool:
    """A Portuguese tax or health number: weights 9 to 2, modulo 11."""
    total = sum(int(d) * (9 - i) for i, d in enumerate(digits[:8]))
    return -total % 11 % 10 == int(digits[8]) and digits[0] != "0"


def is_german(text: str) -> bool:
    """A German insurance number: a letter counted as two digits, weights 1 and 2."""
    digits = f"{ord(text[0]) - 64:02}{text[1:9]}"
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(digits)]
    return sum(n // 10 + n % 10 for n in doubled) % 10 == int(text[9])


def is_din(text: str) -> bool:
    """An ISBT 128 donation number with flags and check character (modulo 37-2)."""
    total = 0
    for character in text[:13]:
        total = (total + _ISO_37_2.index(character)) * 2 % 37
    return _ISO_37_2[(38 - total) % 37] == text[-1]


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(n // 10 + n % 10 for n in doubled) % 10 == 0


def _is_day_and_month(digits: str) -> bool:
    return 1 <= int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12


def _place(character: str) -> int:
    return int(character) if character.isdigit() else ord(character) - ord("A")


def _is_day(text: str) -> bool:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).year >= 1900
    except ValueError:
        return False
