"""What a person at a site sees of a record that was looked up."""

import json
from collections.abc import Iterable
from dataclasses import asdict

import click

from dashboard.console import FAILED, PARTIAL
from etl.lookup import Lookup, Place, not_found

_REFS = 5
_WARNING = (
    "These are the site's own numbers. They are nowhere else in the network: do not "
    "send them on."
)


def show(lookup: Lookup, as_json: bool) -> int:
    """Print each place as it is found, and give the exit code."""
    places = [*lookup.places()] if as_json else _told(lookup.places())
    for failure in lookup.failures:
        place = f"site {failure.site}, source {failure.source}"
        click.echo(f"Problem: {place}: {failure.message}", err=True)
    if not places:
        click.echo(str(not_found(lookup)), err=True)
        return FAILED
    if as_json:
        click.echo(json.dumps([asdict(place) for place in places], indent=1))
    click.echo(_WARNING, err=True)
    return PARTIAL if lookup.failures else 0


def _told(places: Iterable[Place]) -> list[Place]:
    found = []
    for place in places:
        click.echo(_in_words(place))
        found.append(place)
    return found


def _in_words(place: Place) -> str:
    """`batch A-12 in dataset batch: source main, lots.csv, line 14`."""
    refs = ", ".join(place.refs[:_REFS])
    more = len(place.refs) - _REFS
    rest = f" and {more} more" if more > 0 else ""
    return (
        f"{place.column} {place.number} in dataset {place.dataset}: source "
        f"{place.source}, {place.origin}, {refs}{rest}"
    )
