"""What a person sees of a migration: each place, what it holds, what is done to it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from dashboard.archive_console import counted
from dashboard.journal import VERSION, Journal, version_at
from etl.migration import Place, survey
from etl.migration import migrate as bring_along
from etl.rebuild import Rebuilt
from etl.run import data_folder
from etl.sound import load_known

PARTIAL: Final = 3
DUE: Final = 4


def migrate(folder: Path, check: bool, as_json: bool) -> int:
    """Bring a folder along, or say what that would do; gives the exit code."""
    sound = load_known(folder)
    journal = data_folder(folder) / "journal.sqlite"
    places = (*survey(sound.network), _journal(journal))
    if check:
        _say(places, None, as_json)
        return DUE if any(place.due for place in places) else 0
    with counted("Going through the runs") as progress:
        result = bring_along(sound.network, progress, kept=bool(sound.problems))
    if journal.is_file():
        Journal(journal).read("note", "-")
    _say(places, result, as_json)
    for each in (failures := result.failures if result else ()):
        place = f"site {each.site}, source {each.source}"
        click.echo(f"Problem: {place}: {each.message}", err=True)
    return PARTIAL if failures else 0


def _journal(path: Path) -> Place:
    version = version_at(path)
    if version is None:
        return Place("journal", "none", "nothing: it is made when somebody writes")
    holds = f"version {version}"
    if version == VERSION:
        return Place("journal", holds, "nothing")
    return Place("journal", holds, f"marked as version {VERSION}", due=True)


def _say(places: Sequence[Place], result: Rebuilt | None, as_json: bool) -> None:
    snapshot = str(result.snapshot) if result else None
    if as_json:
        said = {"places": [asdict(place) for place in places], "snapshot": snapshot}
        click.echo(json.dumps(said, indent=1))
        return
    for place in places:
        click.echo(f"{place.place}: {place.holds}; {place.does}.")
    if snapshot:
        click.echo(f"Published: {snapshot}")
