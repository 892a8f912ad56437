"""What anybody may read who walks everywhere, and what must stand nowhere in it."""

import re

import pytest

from tests.attacks import leaks, walking
from tests.attacks.conftest import BLINDED, HOSTILE, OTHER, PEOPLE, SITE, Guarded
from tests.attacks.harvester import CALLBACK, Answer, Walk
from tests.serving import ROOT

everybody = pytest.mark.parametrize("role", BLINDED)
# Asked by a browser's own scripts, and never of anything that a viewer may see.
LEFT_OUT = {
    "/_dash-ws-callback",
    "/_dash-component-suites/{package_name}/{fingerprinted_path:path}",
}


def foreign(guarded: Guarded, role: str) -> dict[str, str]:
    """Slug and name of the sites that a role may not see by name, whatever it asks."""
    viewer = PEOPLE[role]
    known = {viewer.partition(":")[2]}
    sites = guarded.sites()
    if role == "data_manager":
        known |= {*sites}
    known |= {slug for slug, (_, region) in sites.items() if region in known}
    known |= guarded.laboratories(known)
    return {slug: name for slug, (name, _) in sites.items() if slug not in known}


def told(guarded: Guarded, role: str) -> list[Answer]:
    """All that a role is told, but for the trail, in which everybody's deeds stand."""
    answers = guarded.harvest(role).answers
    if role != "auditor":
        return answers
    return [a for a in answers if not re.search("audit-|/audit", a.said)]


def test_a_walk_reaches_every_route_and_every_callback(guarded: Guarded) -> None:
    walks = [guarded.harvest(role) for role in BLINDED]
    leaving = Walk(guarded.signed_in("public"))
    leaving.ask("POST", "/sign-in/out")
    asked = [(a.method, a.address) for w in (*walks, leaving) for a in w.answers]
    reached = {walking.reached(guarded.app, *each) for each in {*asked}}
    routes = {way.name for way in walking.ways(guarded.app)}
    assert routes - reached <= LEFT_OUT
    for walk in walks:
        assert walk.called >= {each["output"] for each in walk.callbacks()}
        assert {a.address for a in walk.answers} >= {*walking.pages()}


@everybody
def test_no_site_is_named_in_any_byte(guarded: Guarded, role: str) -> None:
    answers = told(guarded, role)
    assert len(answers) > 80
    leaks.names_nobody(answers, foreign(guarded, role))


# A data manager is told of every site which rows did not arrive, by pseudonym.
@pytest.mark.parametrize("role", [r for r in BLINDED if r != "data_manager"])
def test_no_batch_of_others_is_listed(guarded: Guarded, role: str) -> None:
    own = guarded.batches(SITE) if role == "site" else set()
    leaks.lists_nobodys_batches(told(guarded, role), own)


def test_what_is_held_back_has_no_count_beside_it(guarded: Guarded) -> None:
    assert leaks.hides_what_it_says(guarded.harvest("public").answers) > 20


def test_a_stranger_is_told_the_same_on_every_route(guarded: Guarded) -> None:
    asked = {a.address for a in guarded.harvest("public").answers if a.method == "GET"}
    client = guarded.stranger()
    open_ = ("/assets/", "/sign-in/", "/healthz", "/_dash-component-suites/")
    told = {
        (answer.status_code, answer.text)
        for address in asked
        if not address.startswith(open_)
        for answer in [client.get(address)]
    }
    assert told == {(401, '{"detail":"Sign in first."}')}
    assert client.post(CALLBACK, json={}).status_code == 401


@everybody
def test_no_cache_keeps_an_answer_for_others(guarded: Guarded, role: str) -> None:
    leaks.is_not_kept(guarded.harvest(role).answers)


@everybody
def test_no_answer_tells_of_the_machine(guarded: Guarded, role: str) -> None:
    leaks.says_no_place(told(guarded, role), str(guarded.folder), str(ROOT))


@everybody
def test_no_cell_of_an_export_is_a_formula(guarded: Guarded, role: str) -> None:
    cells = [c for a in guarded.harvest(role).answers for c in walking.cells(a)]
    assert len(cells) > 300
    leaks.runs_nothing(cells)


def test_a_hostile_name_is_among_what_was_looked_at(guarded: Guarded) -> None:
    cells = [c for a in guarded.harvest("site").answers for c in walking.cells(a)]
    answers = guarded.harvest("site").answers
    assert any("elsewhere.example" in answer.text for answer in answers)
    assert f"'{HOSTILE}" in cells


def test_no_line_of_the_log_and_no_metric_names_anybody(guarded: Guarded) -> None:
    for role in BLINDED:
        guarded.harvest(role)
    said = guarded.lines.getvalue() + guarded.metrics
    assert "pocnet_request_seconds" in said
    sites = guarded.sites()
    assert not re.search(rf"\b({'|'.join(sites)})\b", said)
    assert not any(name in said for name, _ in sites.values())
    assert not leaks.PSEUDONYM.search(said)
    # Whoever signs in is nobody's business but the trail's.
    assert OTHER not in said and "correct horse" not in said
