"""What the gate searches for, detector by detector.

The patterns run in polars over whole columns and, for numbers that carry check digits,
in Python as well; both know the little syntax those use. They are matched against
text without accents, invisible characters and odd dashes.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

Column = Literal["words", "text", "figures", "dates", "old_dates", "lots"]
"""What a column is meant to hold: words of a list, a text as written, figures, days on
which something happened, days that may lie long ago, lot numbers."""

COLUMNS: Final = frozenset[Column](get_args(Column))
SAID: Final = frozenset[Column]({"words", "text"})
DATES: Final = frozenset[Column]({"dates", "old_dates"})
FIGURES: Final = frozenset[Column]({"figures"}) | DATES
LOTS: Final = frozenset[Column]({"lots"})
START: Final = "(?:^|[^0-9A-Za-z])"
END: Final = "(?:$|[^0-9A-Za-z])"
APART: Final = "(?:^|[^A-Za-z])"


@dataclass(frozen=True)
class Detector:
    """One kind of identifier: where to look, and what must hold of what is found.

    `within` are the kinds of column in which it is looked for. `holds` gets the first
    group of the pattern in capitals, without separators. One number in `chance` holds
    by chance: in a column of `unsure_in`, where such numbers are at home, they count
    only when more of them hold than chance explains.
    """

    kind: str
    pattern: str
    holds: Callable[[str], bool] | None = None
    within: frozenset[Column] = COLUMNS
    unsure_in: frozenset[Column] = frozenset()
    chance: int = 11


@cache
def not_people() -> str:
    """A pattern of names that are a firm's, a method's or a saint's."""
    listed = any_of("not_people").replace(r"\ ", "[ -]")
    saint = (
        f"(?:san|sant|santa|santo|saint|sainte|st)[. -]{{1,2}}(?:{any_of('forenames')})"
    )
    return f"(?i:{START}(?:{listed}|{saint}{END}))"


def addresses() -> tuple[Detector, ...]:
    """E-mail addresses and telephone numbers, as they are written in Europe and China.

    A number of nine digits without a sign between them and without a word before it
    is nobody's: it looks like any other.
    """
    before = f"(?i:{APART}(?:{any_of('phone_words')}))"
    international = r"(?:\+[1-9][0-9]{0,2}[ ().-]+|(?:^|[^0-9])00[1-9][0-9]{0,2}[ ()]+)"
    national = (
        r"0[1-9](?:[ .-][0-9]{2}){4}",
        r"[6-9][0-9]{2}(?:[ .][0-9]{3}){2}",
        r"[6-9][0-9]{2}(?:[ .-][0-9]{2}){3}",
        r"0[1-9][0-9]{1,4}[ /-]{1,3}[0-9]{3,4} ?[0-9]{3,5}",
        r"\(0[1-9][0-9]{1,4}\)[ /-]{0,3}[0-9]{3,4}[ -]?[0-9]{3,5}",
        r"0[1-9][0-9]{0,3}[ /-]{1,3}[0-9]{2,4}(?: [0-9]{2,3}){1,3}",
        r"01[5-7][0-9][ /-][0-9]{7,8}",
        r"3[2-9][0-9][ -][0-9]{6,7}",
        r"1[3-9][0-9][ -][0-9]{4}[ -][0-9]{4}",
    )
    name, host = r"[0-9A-Za-z_%+][0-9A-Za-z_.%+-]*", r"[0-9A-Za-z_-]+\.[0-9A-Za-z_.-]*"
    at = r"(?:@| ?[\[({] ?(?i:at|arroba|chez) ?[\])}] ?)"
    return (
        Detector("e-mail address", f"{name}{at}{host}[A-Za-z]{{2,}}"),
        Detector(
            "telephone number",
            before + r"[^A-Za-z0-9+]{0,4}\+?[0-9(][0-9 ()./-]{6,}"
            rf"|{international}[0-9](?:[ ().-]*[0-9]){{6,11}}",
        ),
        Detector(
            "telephone number",
            r"\+[1-9][0-9]{8,13}|(?:^|[^0-9.,-])(?:" + "|".join(national) + ")"
            "(?:$|[^0-9])",
            within=SAID,
        ),
    )


def labelled() -> tuple[Detector, ...]:
    """Numbers that nothing but the word before them tells to be a person's own."""
    told = (
        "[^A-Za-z0-9]{0,3}(?i:numbers?|numero|nummer|no|nr|num|id|ids|n|code|codigo)?"
        "[^A-Za-z0-9]{0,3}"
    )
    number, any_number = "[A-Za-z]{0,2}[0-9](?:[ .-]?[0-9]){4,}", "[0-9]{3,}"
    ours, theirs = any_of("number_words"), any_of("patient_words")
    chinese = "(?:病历号|住院号|门诊号|病案号|身份证号?码?)[^0-9A-Za-z]{0,3}[0-9A-Za-z]"
    identity = "(?i:coi|chain[ -]of[ -]identity|identity[ -]chain|din|sec|eurocode)"
    return (
        Detector("chain-of-identity label", "&/[0-9A-Za-z]"),
        Detector(
            "chain-of-identity label",
            f"{APART}{identity}{told}[0-9A-Za-z-]*[0-9]{{5,}}",
        ),
        Detector(
            "patient number",
            f"{APART}(?:(?i:{ours}){told}{number}|(?i:{theirs}){told}{any_number})"
            f"|{chinese}",
        ),
    )


def free_text() -> Detector:
    """A text so long that it tells a story: of more than fifteen words."""
    return Detector("free text", r"(?:\S+ +){15}\S", within=SAID)


def any_of(words: str) -> str:
    """A pattern of any of the words of a list."""
    return "|".join(re.escape(word) for word in people()[words])


@cache
def people() -> dict[str, tuple[str, ...]]:
    """The lists of words by which a text is seen to speak of a person."""
    source = files("etl.contract").joinpath("people.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return {
        name: tuple(words if isinstance(words, list) else words.split())
        for name, words in table.items()
    }
