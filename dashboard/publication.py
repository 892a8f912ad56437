"""What each site lets others see of it, and whether it signed: read from the journal.

A choice is a step on one ladder, because each step includes the one before: whoever
sees a site by name can subtract it from a total, so a site that is in a pool is shown
by name to all who may see names, and one that some of these do not see is in no pool.

A snapshot is one answer: what was chosen or signed after it was built holds from the
next one on. Otherwise two looks at one snapshot would differ by exactly one site.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from dashboard.journal import Entry, Journal

Group = Literal["batches", "capacity", "deviations", "criteria"]
Step = Literal["nobody", "lead", "authority", "all"]

Words = Mapping[Group, str] | Mapping[Step, str]

CHOICE: Final = "publication"
SIGNATURE: Final = "sign_off"
GROUPS: Final[Mapping[Group, str]] = {
    "batches": "Batches, what became of them, and how long it took",
    "capacity": "Slots, capacity and waiting",
    "deviations": "Deviations and corrective actions",
    "criteria": "Release criteria and assays",
}
STEPS: Final[Mapping[Step, str]] = {
    "nobody": "Nobody but us",
    "lead": "The network's lead, by name; nobody else",
    "authority": "The lead and our region's authority, by name; nobody else",
    "all": "As agreed: these by name, peers, other regions and the public in totals",
}
_ORDER: Final[tuple[Step, ...]] = tuple(STEPS)


def reaches(step: Step, audience: Step) -> bool:
    """Whether what is published up to `step` is shown to `audience`, too."""
    return _ORDER.index(step) >= _ORDER.index(audience)


def period_due(day: date, deadline_days: int) -> str:
    """The newest month whose signatures are due on `day`: its deadline has passed."""
    ended = (day - timedelta(days=deadline_days)).replace(day=1) - timedelta(days=1)
    return f"{ended:%Y-%m}"


def period_signed(day: date) -> str:
    """The month that a signature of `day` covers: the newest that has ended."""
    return period_due(day, 0)


@lru_cache(maxsize=8)
def said_until(path: Path, built: datetime) -> tuple[Entry, ...]:
    """Choices and signatures in the journal at `path` that hold for a snapshot.

    Oldest first. Remembered: an entry that is written later is later than `built`,
    too. One that another than its site wrote is none.
    """
    journal = Journal(path)
    entries = [*journal.read(kind=CHOICE), *journal.read(kind=SIGNATURE)]
    return tuple(
        sorted(
            (e for e in entries if e.at <= built and e.own),
            key=lambda e: e.id,
        )
    )


def chosen(entries: Iterable[Entry], site: str) -> dict[Group, Step]:
    """How far the site publishes each group; all of it as agreed until it says else."""
    last: dict[Group, Step] = dict.fromkeys(GROUPS, "all")
    for entry in entries:
        group, step = entry.body.get("group"), entry.body.get("to")
        if entry.kind == CHOICE and entry.subject == site:
            last.update(
                {g: s for g in GROUPS for s in STEPS if (g, s) == (group, step)}
            )
    return last


def signed(entries: Iterable[Entry], site: str) -> Entry | None:
    """The site's newest signature; None where it never signed."""
    mine = [e for e in entries if e.kind == SIGNATURE and e.subject == site]
    return mine[-1] if mine else None


def unsigned(entries: Iterable[Entry], site: str, due: str) -> bool:
    """Whether the site let the deadline of the month `due` pass."""
    last = signed(entries, site)
    return last is None or str(last.body.get("period", "")) < due
