"""The meter finds what leaks, and the default blinding leaks less than it may."""

import hashlib

import numpy as np
import pytest

from dashboard.aliases import aliases
from dashboard.analysis.reidentification import (
    MORE_THAN_CHANCE,
    Meter,
    Numbers,
    Rates,
    attacked,
    banded,
    coincidence,
    measured,
    strictest,
)

NETWORKS = 1000
SITES = [f"site-{letter}" for letter in "abcdefghijklmnopqrstuvwx"]


def volumes(sites: int, networks: int = NETWORKS, seed: int = 3) -> Numbers:
    """Networks as they are: many small sites, few large ones, from 3 to about 600."""
    random = np.random.default_rng(seed)
    drawn = np.exp(random.normal(np.log(60), 0.8, (networks, sites)))
    return np.maximum(3, drawn).astype(np.int64)


@pytest.mark.parametrize("sites", [5, 8, 23])
def test_at_the_default_blinding_hardly_more_is_linked_than_by_blind_guessing(
    sites: int,
) -> None:
    meter = measured("z", volumes(sites))
    assert meter.networks == 1000
    assert meter.bound == 1 / sites + 0.05
    assert meter.upper <= meter.bound
    # An attack that links nothing at all would prove nothing.
    assert meter.linked > 0.9 / sites


@pytest.mark.slow
@pytest.mark.parametrize("centre", [0.03, 0.1, 0.25])
@pytest.mark.parametrize("spread", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("sites", [12, 23, 40])
def test_the_bound_holds_for_other_rates_and_spreads_from_twelve_peers_on(
    sites: int, spread: float, centre: float
) -> None:
    assert measured("z", volumes(sites), Rates(centre, spread)).holds


def test_few_sites_that_differ_by_far_are_caught_and_get_the_pool() -> None:
    meter = measured("z", volumes(5), Rates(0.25, 0.8))
    assert not meter.holds
    assert strictest("z", {"z": meter}) == "pool"


def test_true_volumes_are_caught() -> None:
    sizes = volumes(12, 200)
    shown = np.stack([sizes - 0.5, sizes + 0.5], axis=-1)
    meter = attacked(sizes, shown)
    assert not meter.holds
    assert meter.linked > 0.7
    assert meter.sure > 0.9


def test_bands_are_caught_where_sites_are_few_and_pass_where_they_are_many() -> None:
    assert not measured("bands", volumes(8, 300)).holds
    assert measured("bands", volumes(40, 300)).holds
    # Each band more is a clue more.
    two, four = (measured("bands", volumes(24, 200), bands=b).linked for b in (2, 4))
    assert four > two + 0.03


def test_without_any_clue_the_attack_is_blind_guessing() -> None:
    alike = np.full((NETWORKS, 10), 40, dtype=np.int64)
    meter = measured("z", alike, Rates(spread=0.0))
    assert meter.lower <= 1 / 10 <= meter.upper
    assert meter.linked == pytest.approx(0.1, abs=0.01)


def test_a_planted_way_to_tell_sites_apart_is_found_out() -> None:
    # Sites of 5 and of 5,000 that differ much: only the large can leave the limits.
    sizes = np.tile(np.asarray([5] * 5 + [5000] * 5), (200, 1))
    assert measured("z", sizes, Rates(spread=1.0)).linked > 0.15


def numbers(secret: bytes, about: tuple[str, ...]) -> list[int]:
    drawn = aliases(secret, about, SITES)
    return [int(drawn[site].removeprefix("Peer ")) for site in SITES]


def salted(reader: str, release: str) -> Numbers:
    """The aliases of 1,000 networks, each with a secret of its own."""
    secrets = [hashlib.sha256(str(i).encode()).digest() for i in range(NETWORKS)]
    return np.asarray([numbers(s, (reader, release, "figure")) for s in secrets])


def unsalted() -> Numbers:
    """What a digest without a secret would call them: anybody can make it again."""
    ranks = numbers(b"", ("figure",))
    return np.tile(np.asarray(ranks), (NETWORKS, 1))


ORDERS = {
    "the alphabet": np.arange(1, len(SITES) + 1),
    "the alphabet, backwards": np.arange(len(SITES), 0, -1),
    "a digest without a secret": np.asarray(numbers(b"", ("figure",))),
}


@pytest.mark.parametrize("order", ORDERS)
def test_an_alias_follows_no_order_that_anybody_can_know(order: str) -> None:
    known = np.tile(ORDERS[order], (NETWORKS, 1))
    assert coincidence(salted("site:a", "12"), known).holds


@pytest.mark.parametrize(
    ("reader", "release"), [("site:b", "12"), ("site:a", "13"), ("site:b", "13")]
)
def test_aliases_of_two_readers_or_two_releases_cannot_be_linked(
    reader: str, release: str
) -> None:
    meter = coincidence(salted("site:a", "12"), salted(reader, release))
    assert meter.holds
    assert meter.lower <= 1 / len(SITES) <= meter.upper


def test_unsalted_aliases_are_caught() -> None:
    meter = coincidence(
        unsalted(), np.tile(ORDERS["a digest without a secret"], (NETWORKS, 1))
    )
    assert not meter.holds
    assert meter.linked == 1.0


def test_the_same_reader_of_the_same_release_sees_the_same_aliases() -> None:
    assert (salted("site:a", "12") == salted("site:a", "12")).all()


def test_every_alias_is_given_once() -> None:
    assert (np.sort(salted("site:a", "12"), axis=1) == np.arange(1, 25)).all()


def test_the_first_stricter_way_that_keeps_the_bound_is_taken() -> None:
    good, bad = (
        Meter(20, 1000, 0.05, 0.04, 0.06, 0.1),
        Meter(20, 1000, 0.3, 0.2, 0.4, 1),
    )
    assert good.bound == 1 / 20 + MORE_THAN_CHANCE
    assert strictest("bands", {"bands": good, "z": good}) == "bands"
    assert strictest("bands", {"bands": bad, "z": good}) == "z"
    assert strictest("bands", {"bands": bad, "z": bad}) == "pool"
    # Never a looser one than was asked for.
    assert strictest("z", {"bands": good, "z": bad}) == "pool"
    assert strictest("pool", {"bands": good, "z": good}) == "pool"


def test_bands_have_round_edges_near_equal_counts() -> None:
    sizes = np.asarray([3, 9, 14, 22, 40, 55, 70, 140, 210, 600])
    assert banded(sizes, 2).tolist() == [50.0]
    assert banded(sizes, 4).tolist() == [20.0, 50.0, 100.0]
    assert banded(sizes, 1).tolist() == []
    assert banded(np.asarray([40, 41, 42, 43]), 4).tolist() == [50.0]
