"""Which two sites agreed to be named to each other: read from the journal.

One site's word unblinds nothing. Each site speaks for itself alone, so an entry that
another wrote counts for nothing, and either takes its own word back whenever it likes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dashboard.journal import Entry, Journal

KIND: Final = "unblinding"


@dataclass(frozen=True)
class Word:
    """What `site` said: that it may be named to `to`, under which alias it asked."""

    number: int
    site: str
    to: str
    alias: str
    why: str
    at: datetime


def words(entries: Iterable[Entry]) -> tuple[Word, ...]:
    """What stands: each site's own words that it did not take back, oldest first."""
    mine = [e for e in entries if e.own]
    back = {(e.subject, e.body.get("takes_back")) for e in mine}
    return tuple(
        Word(e.id, e.subject, str(e.body["to"]), str(e.body["alias"]), e.why, e.at)
        for e in mine
        if "to" in e.body and (e.subject, e.id) not in back
    )


def spoken(journal: Journal) -> tuple[Word, ...]:
    """The words that stand in a journal."""
    return words(journal.read(kind=KIND))


def unanswered(said: Iterable[Word], site: str) -> tuple[Word, ...]:
    """The newest word of each site that wants to be named to `site` and is not yet."""
    said = tuple(said)
    known = named(said, site)
    asking = {word.site: word for word in said if word.to == site}
    return tuple(word for word in asking.values() if word.site not in known)


def named(said: Iterable[Word], site: str) -> frozenset[str]:
    """The sites that are named to `site`, and it to them: both said so."""
    pairs = {(word.site, word.to) for word in said}
    return frozenset(b for a, b in pairs if a == site and (b, a) in pairs)
