"""What a site does not publish is in no answer to others, and in no total."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dashboard import queries
from dashboard.journal import Entry
from dashboard.publication import (
    GROUPS,
    STEPS,
    Group,
    Step,
    chosen,
    period_due,
    period_signed,
    reaches,
    unsigned,
)
from dashboard.viewer import Viewer
from tests.dashboard.releases import BOTH, Releases
from tests.demo import LEAD, PUBLIC, Demo

HIDING = "manzanera"
REGION = Viewer("authority", region="ES30")
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
PEER = Viewer("site", site="vesuvina")


@pytest.fixture
def network(demo: Demo, tmp_path: Path) -> Releases:
    return Releases(demo, tmp_path)


@pytest.mark.parametrize("step", [s for s in STEPS if s != "all"])
def test_no_audience_can_subtract_a_site_that_left_the_pools(
    network: Releases, step: Step
) -> None:
    network.publish()
    before = network.counts(LEAD)
    network.choose(HIDING, "batches", step)
    network.publish()
    whole = sum(n for _, n in before.values() if n)
    left = whole - before[HIDING][1]
    peers = network.counts(PEER)
    assert peers["peers"][1] + peers[PEER.site][1] == left
    # Lines of few batches are in no total: it may be less, never more.
    assert left - 25 < network.total(PEER) <= left
    for viewer, audience in ((LEAD, "lead"), (REGION, "authority")):
        seen = network.counts(viewer)
        named = reaches(step, audience)
        assert (seen[HIDING] == before[HIDING]) is named
        assert (seen[HIDING][1] is None) is not named
        # What is added up by whom: without the site, or with the one seen by name.
        most = whole if named else left
        assert most - 25 < network.total(viewer) <= most
        assert sum(n for _, n in seen.values() if n) == most
    assert left - 50 < network.total(PUBLIC) <= left + 25 < whole
    assert network.counts(Viewer("site", site=HIDING))[HIDING] == before[HIDING]


def test_the_lead_is_told_why_a_site_is_empty(network: Releases) -> None:
    network.choose(HIDING, "batches", "nobody")
    network.publish()
    with network.asked_by(LEAD) as filters:
        row = queries.counts(LEAD, filters, BOTH).filter(site=HIDING).to_dicts()[0]
        listed = queries.batches(LEAD, filters)
        slots = queries.slot_use(LEAD, filters, ("site",))
    assert row["state"] == "suppressed"
    assert "does not publish" in row["reason"]
    assert HIDING not in set(listed["site"])
    assert HIDING in set(slots["site"])


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_withheld_by_itself(network: Releases, group: Group) -> None:
    network.choose(HIDING, group, "nobody")
    network.publish()
    asked = {
        "batches": lambda v, f: queries.counts(v, f, BOTH, ("site", "pathway")),
        "capacity": lambda v, f: queries.slot_use(v, f, ("site", "month")),
        "deviations": lambda v, f: queries.deviations(v, f, by=("site", "grade")),
        "criteria": lambda v, f: queries.criteria(v, f),
    }
    with network.asked_by(LEAD) as filters:
        seen = {name: set(ask(LEAD, filters)["site"]) for name, ask in asked.items()}
    assert {name for name, sites in seen.items() if HIDING not in sites} == {group}


def test_a_choice_holds_from_the_next_snapshot_so_that_none_is_told_apart(
    network: Releases,
) -> None:
    network.publish()
    before = network.counts(LEAD)
    network.choose(HIDING, "batches", "nobody")
    assert network.counts(LEAD) == before
    network.publish()
    assert network.counts(LEAD) != before
    with network.asked_by(LEAD) as filters:
        earlier = queries.previous()
        assert earlier is not None
        with queries.answering_from(earlier):
            again = queries.counts(LEAD, filters, BOTH)
    assert again.filter(site=HIDING)["state"].to_list() == ["suppressed"]


@pytest.mark.parametrize("who", ["lead", "site:vesuvina", "public", "site:manzanera "])
def test_nobody_chooses_for_another_site(network: Releases, who: str) -> None:
    network.choose(HIDING, "batches", "nobody", who)
    network.publish()
    assert network.counts(LEAD)[HIDING][1] is not None


def test_what_is_no_choice_changes_nothing() -> None:
    entry = Entry(1, NOON, f"site:{HIDING}", "publication", HIDING, {}, "")
    bodies = ({}, {"group": "all", "to": "nobody"}, {"group": "batches", "to": ["no"]})
    odd = [replace(entry, body=body) for body in bodies]
    assert set(chosen(odd, HIDING).values()) == {"all"}


def test_a_deadline_is_so_many_days_after_the_end_of_a_month() -> None:
    assert period_due(date(2026, 11, 28), 28) == "2026-09"
    assert period_due(date(2026, 11, 29), 28) == "2026-10"
    assert period_due(date(2026, 1, 5), 0) == "2025-12"
    assert period_signed(date(2026, 11, 16)) == "2026-10"


def test_only_a_signature_of_the_month_that_is_due_counts() -> None:
    at = Entry(1, NOON, f"site:{HIDING}", "sign_off", HIDING, {"period": "2026-09"}, "")
    assert not unsigned([at], HIDING, "2026-09")
    assert unsigned([at], HIDING, "2026-10")
    assert unsigned([at], "vesuvina", "2026-09")
    assert unsigned([], HIDING, "2026-09")


@pytest.mark.parametrize("effect", ["publish", "mark", "withhold"])
def test_what_is_unsigned_at_the_deadline_is_as_the_network_agreed(
    network: Releases, effect: str
) -> None:
    signing = [s for s in network.sites if s != HIDING]
    for site in signing:
        body = {"period": "2026-10"}
        network.journal.write(f"site:{site}", "sign_off", site, body, "looked at")
    network.publish(sign_off={"deadline_days": 3, "effect": effect})
    with network.asked_by(LEAD):
        assert queries.late(LEAD) == (HIDING,)
    seen = network.counts(LEAD)
    assert (seen[HIDING][1] is None) is (effect == "withhold")
    assert seen["vesuvina"][1] is not None


def test_where_nobody_has_to_sign_nobody_is_late(network: Releases) -> None:
    network.publish()
    with network.asked_by(LEAD):
        assert queries.late(LEAD) == ()
