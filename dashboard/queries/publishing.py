"""Which sites publish which figures to whom, as it stands for one snapshot."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from dashboard.publication import (
    GROUPS,
    Group,
    Step,
    chosen,
    period_due,
    reaches,
    said_until,
    unsigned,
)
from dashboard.queries.snapshot import NoSnapshotError, Snapshot, audience, current
from dashboard.viewer import Viewer, current_request


def publishing(
    snapshot: Snapshot, viewer: Viewer, group: Group | None
) -> Callable[[str, str], bool]:
    """Whether `viewer` is shown a group of figures of a site under a heading.

    A site sees itself whatever it chose; under another heading than its own it is in a
    pool, which only what is published to all may enter.
    """
    if group is None:
        return lambda site, shown: True
    agreed, said = group in groups(snapshot, viewer), steps(snapshot)
    named: Step = "lead" if viewer.role == "lead" else "authority"

    def published(site: str, shown: str) -> bool:
        if site == viewer.site:
            return True
        step = said.get((site, group), "all")
        return agreed and reaches(step, named if shown == site else "all")

    return published


def groups(snapshot: Snapshot, viewer: Viewer) -> Sequence[Group]:
    """Of which figures of others this audience is shown anything, as was agreed."""
    rule = audience(snapshot.rules, viewer)
    return cast(Sequence[Group], rule.get("groups", [*GROUPS]))


def unseen(snapshot: Snapshot, viewer: Viewer) -> str:
    """What of others this audience is not shown, in a sentence; blank for nothing."""
    shown = groups(snapshot, viewer)
    hidden = [
        f"nothing of “{words}”" for group, words in GROUPS.items() if group not in shown
    ]
    early = [f"nothing before {snapshot.since}"] if snapshot.since else []
    if not (hidden or early):
        return ""
    return f"By the network's rule you are shown of others {', '.join(hidden + early)}."


def group_of(table: str) -> Group:
    """The group whose figures a rollup of batches or of deviations holds."""
    return "deviations" if table.startswith("rollup_deviation") else "batches"


def steps(snapshot: Snapshot) -> Mapping[tuple[str, Group], Step]:
    """How far sites publish what they do not publish as agreed.

    An earlier snapshot is under what holds for the one that rules it.
    """
    return _steps(snapshot.ruled_by or snapshot, current_request().journal.path)


def late(viewer: Viewer) -> tuple[str, ...]:
    """The sites that let the deadline pass unsigned, of all for the lead.

    A site is told of itself; nobody else is told of any.
    """
    snapshot = current()
    unsigned_ = _late(snapshot.ruled_by or snapshot, current_request().journal.path)
    return tuple(s for s in unsigned_ if viewer.role == "lead" or s == viewer.site)


def published_steps(viewer: Viewer) -> Mapping[Group, Step]:
    """How far a site's own figures go in this snapshot; empty for who is no site."""
    found = steps(current())
    own = viewer.site or ""
    return {g: found.get((own, g), "all") for g in GROUPS} if own else {}


def marked(site: str) -> bool:
    """Whether the site's figures are to be marked as unsigned, whoever sees them."""
    try:
        snapshot = current()
    except NoSnapshotError:
        return False
    rule = snapshot.rules.get("sign_off")
    if not rule or rule["effect"] != "mark":
        return False
    return site in _late(snapshot.ruled_by or snapshot, current_request().journal.path)


def signing() -> Mapping[str, object]:
    """What was agreed of signing: deadline_days, effect; empty without a deadline."""
    return current().rules.get("sign_off") or {}


@lru_cache(maxsize=8)
def _late(snapshot: Snapshot, journal: Path) -> tuple[str, ...]:
    rule = snapshot.rules.get("sign_off")
    if not rule:
        return ()
    said = said_until(journal, snapshot.built)
    due = period_due(snapshot.as_of, int(str(rule["deadline_days"])))
    return tuple(site for site, _ in snapshot.members if unsigned(said, site, due))


@lru_cache(maxsize=8)
def _steps(snapshot: Snapshot, journal: Path) -> Mapping[tuple[str, Group], Step]:
    said = said_until(journal, snapshot.built)
    found: dict[tuple[str, Group], Step] = {
        (site, group): step
        for site in {entry.subject for entry in said}
        for group, step in chosen(said, site).items()
        if step != "all"
    }
    rule = snapshot.rules.get("sign_off")
    if rule and rule["effect"] == "withhold":
        found |= {(s, g): "nobody" for s in _late(snapshot, journal) for g in GROUPS}
    return found
