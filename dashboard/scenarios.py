"""Saved scenarios: addresses with a name, a reason and a day, in the journal.

A scenario is the function of its address, so what is saved is the address; opened
later, it is lived through again on the records of that day. Nothing is overwritten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dashboard.journal import Entry
from dashboard.simulation import scenario as addresses
from dashboard.simulation.scenario import Scenario
from dashboard.viewer import Viewer, current_request
from dashboard.whatif import known

LONGEST: Final = 500
_KIND: Final = "scenario"


@dataclass(frozen=True)
class Saved:
    """A scenario that somebody named: what it changes, who keeps it, why."""

    number: int
    name: str
    why: str
    by: str
    at: datetime
    scenario: Scenario


class NotSavedError(ValueError):
    """Why nothing was saved, in a sentence that says what to do next."""


def may_save(viewer: Viewer) -> bool:
    """Whether this viewer may save scenarios: everybody but the public."""
    return viewer.audience != "public"


def save(scenario: Scenario, given: Mapping[str, str | None]) -> int:
    """Save a scenario under `name`, with `why`; its number.

    NotSavedError where the viewer may not, where nothing is changed, where name or
    reason is missing, or where the viewer has one of that name already.
    """
    request = current_request()
    if not may_save(request.viewer):
        raise NotSavedError("The public cannot save; the link itself can be kept.")
    said = {key: (given.get(key) or "").strip()[:LONGEST] for key in ("name", "why")}
    if scenario.is_base:
        raise NotSavedError("Nothing is changed yet: choose a measure first.")
    if not said["name"] or not said["why"]:
        raise NotSavedError("Give it a name, and say what it is to answer.")
    taken = {each.name.lower() for each in saved(request.viewer)}
    if said["name"].lower() in taken:
        raise NotSavedError(
            f"There is a scenario “{said['name']}” already, and nothing is"
            " overwritten: choose another name."
        )
    body = {"name": said["name"], "query": scenario.written()}
    who = str(request.viewer)
    return request.journal.write(who, _KIND, said["name"], body, said["why"])


def saved(viewer: Viewer) -> tuple[Saved, ...]:
    """The scenarios this viewer may read, oldest first.

    Its own, and the lead's as far as they name nothing that the viewer may not see;
    the lead reads all. A site's plans for itself are for itself and the lead.
    """
    if not may_save(viewer):
        return ()
    entries = current_request().journal.read(kind=_KIND)
    found = [_read(entry, viewer) for entry in entries if _for(entry, viewer)]
    return tuple(each for each in found if each is not None)


def _for(entry: Entry, viewer: Viewer) -> bool:
    return viewer.role == "lead" or entry.who in ("lead", str(viewer))


def _read(entry: Entry, viewer: Viewer) -> Saved | None:
    query = entry.body["query"]
    assert isinstance(query, Mapping)
    scenario, problems = addresses.read(dict(query), known(viewer))
    if problems:
        return None
    return Saved(
        number=entry.id,
        name=str(entry.body["name"]),
        why=entry.why,
        by=entry.who,
        at=entry.at,
        scenario=scenario,
    )
