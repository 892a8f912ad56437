"""Peers without a name: what two readers, or two releases, tell of who is who."""

from collections.abc import Mapping

import pytest
from pytest import MonkeyPatch

from dashboard import aliases
from dashboard.queries import blinding
from tests.attacks.conftest import Guarded
from tests.attacks.leaks import LeakError

CARD = "/api/v1/cards/failures-blinded"
SITES = tuple(f"site-{n}" for n in range(20))
# Of two orders drawn apart one place agrees on average, and more than five once in
# two thousand times.
MOST_ALIKE = 5


def no_numbers(rows: list[dict[str, object]]) -> None:
    """A leak if a peer stands there with a number: a volume is as good as a name."""
    for row in rows:
        told = {k: v for k, v in row.items() if isinstance(v, int | float)}
        if row["who"] == "peer" and told:
            raise LeakError(f"{row['mark']} is told with {told}")


def cannot_be_linked(one: Mapping[str, str], other: Mapping[str, str]) -> None:
    """A leak if the same sites have the same aliases, more than chance lets."""
    alike = sum(one[site] == other[site] for site in one.keys() & other.keys())
    if alike > MOST_ALIKE:
        raise LeakError(f"{alike} of {len(one)} are called the same")


def called(*about: str) -> dict[str, str]:
    return aliases.aliases(b"a key of the tests", about, SITES)


def pairs() -> list[tuple[dict[str, str], dict[str, str]]]:
    """Aliases for two readers, of two releases, and in two figures."""
    mine = called("site:vesuvina", "1", "failures-blinded")
    others = (("site:manzanera", "1", "failures-blinded"),
              ("site:vesuvina", "2", "failures-blinded"),
              ("site:vesuvina", "1", "another"))  # fmt: skip
    return [(mine, called(*about)) for about in others]


def test_a_site_is_shown_its_peers_without_a_number(guarded: Guarded) -> None:
    rows = guarded.walk("site").json(CARD)["rows"]
    assert len([row for row in rows if row["who"] == "peer"]) > 10
    no_numbers(rows)


def test_two_sessions_of_one_reader_are_told_the_same(guarded: Guarded) -> None:
    first = guarded.walk("site").json(CARD)["rows"]
    again = guarded.signed_in("site").get(CARD).json()["rows"]
    assert first == again


def test_readers_releases_and_figures_cannot_be_linked() -> None:
    for one, other in pairs():
        assert one.keys() == other.keys() == {*SITES}
        cannot_be_linked(one, other)


def test_an_alias_without_its_salt_is_found(monkeypatch: MonkeyPatch) -> None:
    digest = aliases._digest
    monkeypatch.setattr(aliases, "_digest", lambda key, words: digest(key, words[-1:]))
    with pytest.raises(LeakError):
        for one, other in pairs():
            cannot_be_linked(one, other)


def test_a_volume_beside_an_alias_is_found(
    guarded: Guarded, monkeypatch: MonkeyPatch
) -> None:
    shown = blinding.blinded
    monkeypatch.setattr(
        "dashboard.queries.blinded",
        lambda viewer: shown(viewer).with_row_index("volume"),
    )
    rows = guarded.walk("site").json(CARD)["rows"]
    with pytest.raises(LeakError):
        no_numbers(rows)
