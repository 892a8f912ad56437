"""Numbers of people who do not exist, with the check digits that the rules ask for.

Reckoned here a second time, from what the issuers publish, so that a mistake in the
gate's own arithmetic shows.
"""
# ruff: noqa: E501

import random
from datetime import date, timedelta
from typing import Final

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digits(chance: random.Random, number: int) -> str:
    return f"{chance.randrange(10**number):0{number}}"


def day(chance: random.Random) -> date:
    return date(1934, 1, 1) + timedelta(days=chance.randrange(30_000))


def luhn(digits: str) -> str:
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    return str(-sum(n // 10 + n % 10 for n in doubled) % 10)


def nhs(chance: random.Random) -> str:
    while True:
        nine = digits(chance, 9)
        check = (11 - sum(int(d) * (10 - i) for i, d in enumerate(nine)) % 11) % 11
        if check < 10 and nine[0] != "0":
            whole = f"{nine}{check}"
            sign = chance.choice(("", " ", "-", "."))
            return sign.join((whole[:3], whole[3:6], whole[6:]))


def dni(chance: random.Random) -> str:
    number, first = digits(chance, 8), chance.choice("  XYZ").strip()
    if first:
        number = number[1:]
    whole = int(str("XYZ".find(first)) + number if first else number)
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[whole % 23]
    dotted = f"{number[:-6]}.{number[-6:-3]}.{number[-3:]}"
    sign = chance.choice(("", "-", " "))
    said = chance.choice((number, dotted))
    return f"{first}{sign if first else ''}{said}{sign}{letter}"


def nir(chance: random.Random) -> str:
    born = day(chance)
    department = chance.choice(("75", "13", "2A", "2B", "69", "99"))
    head = f"{chance.choice('12')}{born:%y%m}{department}{digits(chance, 6)}"
    number = int(head.replace("2A", "19").replace("2B", "18"))
    whole = f"{head}{97 - number % 97:02}"
    cuts = ((0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15))
    return chance.choice(("", " ", ".")).join(whole[a:b] for a, b in cuts)


def personnummer(chance: random.Random) -> str:
    born = day(chance)
    short = f"{born:%y%m%d}{digits(chance, 3)}"
    last = short[6:] + luhn(short)
    head = chance.choice((f"{born:%y%m%d}", f"{born:%Y%m%d}"))
    return head + chance.choice(("-", "-", " ", "")) + last


def fiscale(chance: random.Random) -> str:
    born = day(chance)
    name = "".join(chance.choice("BCDFGLMNPRST") for _ in range(6))
    born_on = born.day + chance.choice((0, 40))
    town = chance.choice("ABCDEFGHIL") + digits(chance, 3)
    head = f"{name}{born:%y}{'ABCDEHLMPRST'[born.month - 1]}{born_on:02}{town}"
    odd = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True))
    weights = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
               10, 22, 25, 24, 23)  # fmt: skip
    odd |= dict(zip(_LETTERS, weights, strict=True))
    even = {c: int(c) if c.isdigit() else ord(c) - 65 for c in odd}
    total = sum(odd[c] for c in head[0::2]) + sum(even[c] for c in head[1::2])
    whole = head + _LETTERS[total % 26]
    cuts = ((0, 3), (3, 6), (6, 11), (11, 16))
    return chance.choice(("", "", " ")).join(whole[a:b] for a, b in cuts)


def avs(chance: random.Random) -> str:
    head = "756" + digits(chance, 9)
    total = sum(int(d) * (1, 3)[i % 2] for i, d in enumerate(head))
    whole = head + str(-total % 10)
    sign = chance.choice((".", ".", " ", ""))
    return sign.join((whole[:3], whole[3:7], whole[7:11], whole[11:]))


def resident(chance: random.Random) -> str:
    place = chance.choice(("110105", "310104", "440106", "510107"))
    head = f"{place}{day(chance):%Y%m%d}{digits(chance, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(d) * w for d, w in zip(head, weights, strict=True))
    whole = head + "10X98765432"[total % 11]
    return chance.choice(("", "", " ")).join((whole[:6], whole[6:14], whole[14:]))


def bsn(chance: random.Random) -> str:
    while True:
        eight = str(chance.randrange(10_000_000, 99_999_999))
        check = sum(int(d) * (9 - i) for i, d in enumerate(eight)) % 11
        if check < 10:
            whole = f"{eight}{check}"
            dotted = f"{whole[:4]}.{whole[4:6]}.{whole[6:]}"
            return chance.choice((f"BSN {whole}", f"bsn: {whole}", dotted))


def belgian(chance: random.Random) -> str:
    born = day(chance)
    head = f"{born:%y%m%d}{digits(chance, 3)}"
    whole = int(("2" if born.year >= 2000 else "") + head)
    check = f"{97 - whole % 97:02}"
    if chance.random() < 0.5:
        return head + check
    return f"{born:%y.%m.%d}-{head[6:]}.{check}"


def norwegian(chance: random.Random) -> str:
    while True:
        nine = f"{day(chance):%d%m%y}{digits(chance, 3)}"
        first = (
            -sum(
                int(d) * w
                for d, w in zip(nine, (3, 7, 6, 1, 8, 9, 4, 5, 2), strict=True)
            )
            % 11
        )
        ten = f"{nine}{first}"
        if first == 10:
            continue
        second = (
            -sum(
                int(d) * w
                for d, w in zip(ten, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)
            )
            % 11
        )
        if second < 10:
            return f"{ten[:6]}{chance.choice(('', ' ', '-'))}{ten[6:]}{second}"


def finnish(chance: random.Random) -> str:
    born, number = day(chance), chance.randrange(2, 899)
    check = int(f"{born:%d%m%y}{number:03}") % 31
    sign = "-" if born.year < 2000 else "A"
    return f"{born:%d%m%y}{sign}{number:03}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[check]}"


def danish(chance: random.Random) -> str:
    while True:
        nine = f"{day(chance):%d%m%y}{digits(chance, 3)}"
        check = (
            -sum(
                int(d) * w
                for d, w in zip(nine, (4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)
            )
            % 11
        )
        if check < 10:
            whole = f"{nine}{check}"
            return chance.choice((f"{whole[:6]}-{whole[6:]}", f"CPR {whole}"))


def portuguese(chance: random.Random) -> str:
    eight = chance.choice("123") + digits(chance, 7)
    check = -sum(int(d) * (9 - i) for i, d in enumerate(eight)) % 11 % 10
    return f"{chance.choice(('NIF', 'utente', 'Utente nº'))} {eight}{check}"


def german(chance: random.Random) -> str:
    letter, eight = chance.choice(_LETTERS), digits(chance, 8)
    ten = f"{ord(letter) - 64:02}{eight}"
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(ten)]
    return f"{letter}{eight}{sum(n // 10 + n % 10 for n in doubled) % 10}"


def din(chance: random.Random) -> str:
    facility = chance.choice("WGES") + digits(chance, 4)
    year, serial = f"{chance.randrange(10, 27)}", digits(chance, 6)
    whole = facility + year + serial
    characters, total = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*", 0
    for character in whole:
        total = (total + characters.index(character)) * 2 % 37
    check = characters[(38 - total) % 37]
    return chance.choice(
        (f"={whole}00", f"{facility} {year} {serial}", f"{whole}{check}", f"{facility} {year} {serial} {check}", whole)
    )  # fmt: skip


def sec(chance: random.Random) -> str:
    donation = f"ES{digits(chance, 6)}{digits(chance, 6)}{chance.choice(_LETTERS)}000{digits(chance, 3)}"
    product = f"{chance.choice('EAB')}{digits(chance, 7)}{digits(chance, 3)}20{chance.randrange(24, 30)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
    return chance.choice(
        (
            f"{donation}{product}",
            f"{donation} {product}",
            f"{donation}-{product}",
            f"SEC: {donation}",
        )
    )


def identity(chance: random.Random) -> str:
    number = f"{chance.choice(_LETTERS)}{digits(chance, 7)}"
    label = chance.choice(("COI", "COI ID:", "chain of identity", "Chain-of-Identity:"))
    return chance.choice((f"&/{number}", f"{label} {number}"))
