"""Names and birth dates: what the gate knows of people who are written out.

A name is found by a word before it (a title, *Paciente:*), or by a common forename
beside another word written as a name. Nobody can list every name: a rare one that
stands alone is not found, and a capital letter alone proves nothing.
"""

from etl.identifier_patterns import (
    APART,
    DATES,
    END,
    LOTS,
    SAID,
    Detector,
    any_of,
    people,
)

_UPPER = "A-ZØÞÐÆŒŁĐΑ-ΩА-Я"
_LETTER = f"{_UPPER}a-zøþðæœłđßıα-ωа-я"
_NAME = f"[{_UPPER}]['’]?[{_LETTER}]+(?:-[{_UPPER}][{_LETTER}]+)*"
_BETWEEN = "(?:de|del|la|las|los|von|van|der|den|zu|di|da|dos|du|le|af|y|e)"
_DATE = "[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}"
_MONTHS = (
    "jan|ene|gen|feb|fev|mar|apr|abr|avr|mai|may|mag|maj|jun|giu|juin|jul|lug|juil"
    "|aug|ago|aou|sep|set|oct|okt|ott|nov|dec|dez|dic|des"
)


def names() -> tuple[Detector, ...]:
    """People by name, in six languages."""
    forename, surname = _written("forenames"), _written("surnames")
    any_forename, any_surname = any_of("forenames"), any_of("surnames")
    title = "|".join(f"{t.capitalize()}|{t}" for t in people()["titles"])
    said, patient = any_of("name_words"), any_of("patient_words")
    more = rf"(?:[ ,]+(?:[{_UPPER}]\.?|{_BETWEEN}))"
    initials = rf"[{_UPPER}]\.(?: ?[{_UPPER}]\.)*"
    then = (
        f"(?:{more}*[ ,]+|-){_NAME}{END}",
        rf" [{_UPPER}]\.",
        f"[{_UPPER}][a-z]{{2,}}{END}",
    )
    ways = (
        f"(?i:{said}) ?[:=] ?[{_LETTER}]",
        f"(?i:{patient}) ?[:=] ?{_NAME}[ ,]+[{_UPPER}]",
        f"(?i:paciente|paziente|patientin) {_NAME}[ ,]+[{_UPPER}]",
        rf"(?:{title})\.? {_NAME}",
        f"(?:{forename})(?:{'|'.join(then)})",
        f"{_NAME}, ?(?:{forename}){END}",
        rf"{initials} ?(?:{surname}){END}",
        rf"(?:{surname}),? [{_UPPER}]\.",
        rf"{_NAME}, ?{initials}(?: *$|[),;])",
        f"(?i:{any_forename})[ ,._-]+(?i:{any_surname}){END}",
        f"(?i:{any_surname})[ ,._-]+(?i:{any_forename}){END}",
    )
    chinese = "(?:姓名|患者|病人|受试者) ?[:：] ?[\u4e00-\u9fff]{2,}"
    return (Detector("name", f"{APART}(?:" + "|".join(ways) + f")|{chinese}"),)


def whole_name() -> str:
    """A pattern of a text that is written as a name and holds nothing else."""
    more = rf"[ ,]+(?:{_NAME}|[{_UPPER}]\.?|{_BETWEEN})"
    return f"{_NAME}(?:{more}){{1,4}}"


def birth_dates() -> tuple[Detector, ...]:
    """Birth dates by a word before them, by their century, or out of place.

    A day of the last century is no day of a batch's life; among days that may lie long
    ago (an authorisation's) it is. A text as written has no need of any full date.
    """
    word = f"(?i:{APART}(?:{any_of('birth_words')})[^0-9]{{0,16}})"
    month = f"(?i:{_MONTHS})[a-z]*"
    of = r"(?:st|nd|rd|th)?[ .-]*(?:(?i:de|of) )?"
    day, part = "[0-3]?[0-9]", "[-/. ]"
    past, any_year = "19[0-9]{2}", "(?:19|20)[0-9]{2}"
    compact = f"{past}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    serial = "^(?:[5-9][0-9]{3}|[12][0-9]{4}|3[0-5][0-9]{3})$"
    short = "^[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[4-9][0-9])(?:$|[^0-9])"
    first = "^(?:[4-9][0-9])[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?:$|[^0-9])"

    def full(year: str) -> str:
        return (
            f"(?:^|[^0-9])(?:{day}{part}{{1,2}}{day}{part}{{1,2}}{year}"
            f"|{year}{part}{day}{part}{day}|{day}{of}{month}[ ,.-]*(?:(?i:de) )?{year}"
            f"|{month} {day},? {year}|{year} ?年 ?[0-9]{{1,2}} ?月)(?:$|[^0-9])"
        )

    years = (
        f"{word}(?:{_DATE}|{day}{of}{month}[ ,.-]*(?:(?i:de) )?[0-9]{{2,4}}|[0-9]{{8}})"
    )
    initials = rf"{APART}[A-Z]\. ?[A-Z]\.?[ ,(]+{_DATE}"
    return (
        Detector("birth date", f"{years}|{initials}"),
        Detector(
            "birth date",
            f"{full(past)}|{APART.replace('A-Za-z', '0-9A-Za-z')}{compact}{END}",
            within=SAID | {"dates"},
        ),
        Detector("birth date", full(past), within=LOTS | {"figures"}),
        Detector("birth date", full(any_year), within=frozenset({"text"})),
        Detector(
            "birth date", f"{serial}|{short}|{first}", within=DATES - {"old_dates"}
        ),
    )


def _written(words: str) -> str:
    """The words as names are written: with a capital, or in capitals."""
    listed, told = people()[words], set(people()["acronyms"])
    capitals = (word.upper() for word in listed if word not in told)
    return "|".join([*(word.capitalize() for word in listed), *capitals])
