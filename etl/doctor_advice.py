"""What is to be done about what an examination found, in words for people.

One part is for whoever keeps the site's file, the other to be asked of the site's IT.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from etl.doctor import Examined, Reached

MOST_AHEAD: Final = 60.0
_IT: Final = "Ask the site's IT"
# What an account has to be allowed, by kind of source.
_RIGHTS: Final[Mapping[str, str]] = {
    "files": "may read the place where the files are left, and that each file is put "
    "there whole (written under another name, then renamed)",
    "sql": "may connect and has SELECT on the views that `from` names, no more",
    "redcap": "has an API token with the right to export the full data set of these "
    "forms, and to see the log if deletions are to be noticed",
    "fhir": "may search and read these resources (SMART scope system/*.rs)",
    "rest": "may read the paths that `from` names",
    "senaite": "may see the samples and analyses of all clients concerned",
    "labkey": "is a Reader of the folder that `folder` names",
    "elabftw": "has a read-only API key for the team whose experiments these are",
}


def advice(reached: Sequence[Reached], examined: Sequence[Examined]) -> list[str]:
    """What to do next, the most pressing first, nothing said twice."""
    kinds = {each.source: each.kind for each in reached}
    said = [
        *(text for each in examined for text in _of_problem(each, kinds)),
        *(text for each in reached for text in _of_clock(each)),
        *(text for each in examined for text in _of_rows(each)),
    ]
    return list(dict.fromkeys(said))


def _of_problem(each: Examined, kinds: Mapping[str, str]) -> Iterator[str]:
    if each.problem:
        yield f"{each.location}: {each.problem.rstrip('.')}."
    if each.gone:
        listed = ", ".join(f'"{name}"' for name in each.gone)
        yield (
            f"{_IT} whether {listed} of {each.location} {_were(each.gone)} renamed, or "
            "hidden from this account."
        )
    elif each.problem:
        rights = _RIGHTS.get(kinds.get(each.source, ""))
        if rights:
            yield f'{_IT} to make sure that the account of "{each.source}" {rights}.'
    elif not each.records:
        yield (
            f"{each.location} answered with no record. {_IT} whether that is right, or "
            "whether this account sees only part of it."
        )


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _of_clock(each: Reached) -> Iterator[str]:
    if each.ahead is None or abs(each.ahead) <= MOST_AHEAD:
        return
    way = "ahead of" if each.ahead > 0 else "behind"
    yield (
        f'The clock of "{each.source}" is {_time(abs(each.ahead))} {way} this '
        f"machine's. {_IT} to set it by a time server: what changed in between could "
        "be missed."
    )


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"


def _of_rows(each: Examined) -> Iterator[str]:
    if each.read and each.rejected == each.read:
        yield (
            f"Every row of {each.dataset} from {each.location} would be refused: look "
            "at its mapping first."
        )
    for reject in each.rejects[:3]:
        yield (
            f"{each.dataset}.{reject.column}: {reject.rows} of {each.read} rows would "
            f"be refused ({reject.rule}); expected: {reject.expected}."
        )
