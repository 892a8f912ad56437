"""A site sees what others see of it, chooses, signs; what is unsigned is seen to be."""

import json
from pathlib import Path

import pytest

from dashboard import publication, queries, sign_off
from dashboard.audit import Trail, verify
from dashboard.journal import Journal
from dashboard.names import site_name
from dashboard.pages import _blinding_meter, _consent_form, _publishing
from dashboard.proposals import NotWrittenError
from dashboard.viewer import Viewer
from tests.dashboard.releases import BOTH, Releases
from tests.demo import LEAD, PUBLIC, Demo

A, B = (Viewer("site", site=s) for s in ("rhodanie", "manzanera"))
REGION = Viewer("authority", region="FRK2")
OTHERS = (LEAD, PUBLIC, Viewer("authority", region="ES30"), Viewer("data_manager"))


@pytest.fixture
def network(demo: Demo, tmp_path: Path) -> Releases:
    network = Releases(demo, tmp_path)
    network.journal = Journal(network.journal.path, Trail(b"key"))
    network.publish()
    return network


def seen(network: Releases, viewer: Viewer = A) -> dict[tuple[str, str], str]:
    with network.asked_by(viewer):
        rows = sign_off.preview(viewer).to_dicts()
    return {(row["audience"], row["group"]): row["now"] for row in rows}


def column(network: Releases, name: str) -> dict[tuple[str, str], str | None]:
    with network.asked_by(A):
        rows = sign_off.preview(A).to_dicts()
    return {(row["audience"], row["group"]): row[name] for row in rows}


def of(audience: str, group: str) -> tuple[str, str]:
    steps = {"lead": "lead", "authority": "authority", "pools": "all"}
    return sign_off.AUDIENCES[steps[audience]], publication.GROUPS[group]  # type: ignore[index]


def test_the_preview_is_what_the_others_get(network: Releases) -> None:
    events, n = network.counts(LEAD)["rhodanie"]
    said = seen(network)
    assert (
        said[of("lead", "batches")] == f"{events} of {n} ended batches gave no product"
    )
    assert said[of("authority", "batches")] == said[of("lead", "batches")]
    assert "above the 99.8 % limit" in said[of("pools", "batches")]
    with network.asked_by(LEAD) as filters:
        slots = queries.slot_use(LEAD, filters).filter(site="rhodanie").to_dicts()[0]
        opened = queries.deviations(LEAD, filters).filter(site="rhodanie")["opened"][0]
        limits = queries.criteria(LEAD, filters).filter(site="rhodanie").height
    used = f"{int(slots['used']):,}".replace(",", "\u202f")
    assert said[of("lead", "capacity")].startswith(f"{used} of ")
    assert said[of("lead", "deviations")] == f"{opened} deviations opened"
    assert said[of("lead", "criteria")] == f"{limits} limits and tests"


def test_the_preview_tells_no_number_of_anybody_else(network: Releases) -> None:
    others = {
        n for s, pair in network.counts(LEAD).items() if s != "rhodanie" for n in pair
    }
    total = sum(n for _, n in network.counts(LEAD).values() if n)
    said = json.dumps([*seen(network).values()])
    assert str(total) not in said
    assert all(f" {n} " not in said for n in others if n and n > 100)
    for site in network.sites:
        assert site == "rhodanie" or site not in said


@pytest.mark.parametrize("viewer", OTHERS, ids=str)
def test_only_a_site_has_a_preview_and_only_a_site_writes(
    network: Releases, viewer: Viewer
) -> None:
    with network.asked_by(viewer):
        assert sign_off.preview(viewer).is_empty()
        for deed in (
            lambda: sign_off.sign("looked at"),
            lambda: sign_off.choose("batches", "nobody", "why"),
        ):
            with pytest.raises(NotWrittenError):
                deed()
        # A forged callback is refused in the same words.
        said, _, left = _publishing.answer(True, ("batches", "nobody"), "forged")
        assert "Nothing was written" in str(said)
        assert left == "forged"
        said, *_ = _consent_form.answer("ask:Peer 1", "forged")
        assert "Nothing was written" in str(said)
    assert network.journal.read() == ()


@pytest.mark.parametrize("step", ["nobody", "lead", "authority", "all"])
def test_a_choice_is_told_before_it_holds_and_seen_when_it_does(
    network: Releases, step: publication.Step
) -> None:
    with network.asked_by(A):
        sign_off.choose("batches", step, "our numbers are being corrected")
    before = seen(network)
    assert before[of("lead", "batches")] != "nothing"
    told = column(network, "next")
    network.publish()
    now, earlier = seen(network), column(network, "earlier")
    for audience in ("lead", "authority", "pools"):
        key = of(audience, "batches")
        hidden = now[key] == "nothing" or "does not publish" in now[key]
        assert hidden is (told[key] == "nothing")
        assert earlier[key] is not None
    assert now[of("lead", "deviations")] == before[of("lead", "deviations")]


def test_a_signature_seals_what_was_shown_and_a_change_is_noticed(
    network: Releases,
) -> None:
    with network.asked_by(A):
        assert sign_off.signature(A) == "You have never signed."
        said = sign_off.sign("looked at by our quality officer")
        assert "2026-10" in said
        assert "nothing has changed since" in sign_off.signature(A)
    network.choose("rhodanie", "batches", "lead")
    network.publish()
    with network.asked_by(A):
        assert "what others see has changed since" in sign_off.signature(A)


def test_choices_and_signatures_are_deeds_in_the_trail(network: Releases) -> None:
    with network.asked_by(A):
        sign_off.choose("capacity", "lead", "why")
        sign_off.sign("looked at")
    kinds = [deed[3] for deed in network.journal.deeds(10)]
    assert kinds == ["sign_off", "rule"]
    assert verify(network.journal.path, b"key").whole


@pytest.mark.parametrize(
    ("group", "step"),
    [("batches", "everybody"), ("all", "nobody"), ("", ""), ("batches", "")],
)
def test_what_cannot_be_chosen_is_refused(
    network: Releases, group: str, step: str
) -> None:
    with network.asked_by(A), pytest.raises(NotWrittenError, match="Choose"):
        sign_off.choose(group, step, "why")
    with network.asked_by(A), pytest.raises(NotWrittenError, match="why"):
        sign_off.sign(" ")
    assert network.journal.read() == ()


def signing(network: Releases, effect: str, *signed: Viewer) -> None:
    for viewer in signed:
        with network.asked_by(viewer):
            sign_off.sign("looked at")
    network.publish(sign_off={"deadline_days": 3, "effect": effect})


def test_unsigned_figures_are_marked_wherever_the_site_is_named(
    network: Releases,
) -> None:
    signing(network, "mark", A)
    with network.asked_by(LEAD):
        assert site_name("manzanera").endswith(" (unsigned)")
        assert "unsigned" not in site_name("rhodanie")
        assert site_name("peers") == "Peers"
    assert network.counts(LEAD)["manzanera"][1] is not None


def test_the_lead_sees_who_is_late_and_a_site_only_itself(network: Releases) -> None:
    signing(network, "mark", A)
    with network.asked_by(LEAD):
        rows = sign_off.standing(LEAD)
        said = str(_publishing.deadline(LEAD))
    late = set(rows.filter(late="unsigned at the deadline")["site"])
    assert late == {*network.sites} - {"rhodanie"}
    assert rows.filter(site="rhodanie")["period"].to_list() == ["2026-10"]
    assert "23 sites had not signed" in said
    for viewer, words in (
        (A, "Nobody that you see is late"),
        (B, "you had not signed"),
    ):
        with network.asked_by(viewer):
            assert words in str(_publishing.deadline(viewer))
            assert sign_off.standing(viewer).is_empty()


def test_withheld_for_want_of_a_signature_is_withheld_from_all_totals(
    network: Releases,
) -> None:
    before = network.counts(LEAD)
    for site in {*network.sites} - {"manzanera"}:
        body = {"period": "2026-10"}
        network.journal.write(f"site:{site}", "sign_off", site, body, "looked at")
    signing(network, "withhold")
    left = sum(n for _, n in before.values() if n) - before["manzanera"][1]
    peers = network.counts(Viewer("site", site="vesuvina"))
    assert peers["peers"][1] + peers["vesuvina"][1] == left
    assert network.counts(LEAD)["manzanera"] == (None, None)
    assert network.counts(B)["manzanera"] == before["manzanera"]
    assert "has not signed" in seen(network, B)[of("lead", "batches")]


def test_the_meter_stands_before_the_lead_and_before_nobody_else(
    network: Releases,
) -> None:
    with network.asked_by(LEAD) as filters:
        frame = _blinding_meter.meter(LEAD, filters)
        said = _blinding_meter.CARD.sentence(frame)
    assert frame.filter("taken")["way"].to_list() == ["five steps, nothing of volume"]
    assert (frame.filter("taken")["upper"] <= frame.filter("taken")["bound"]).all()
    assert "blind guessing gives 4.5 %" in said
    for viewer in (A, PUBLIC):
        with network.asked_by(viewer) as filters:
            assert _blinding_meter.meter(viewer, filters).is_empty()


def test_the_meter_says_that_a_stricter_way_is_taken(network: Releases) -> None:
    network.publish(blinding={"way": "bands", "bands": 3})
    with network.asked_by(LEAD) as filters:
        said = _blinding_meter.CARD.sentence(_blinding_meter.meter(LEAD, filters))
    assert "the stricter way is taken" in said


def test_a_site_that_is_asked_sees_who_asks_and_may_agree(network: Releases) -> None:
    with network.asked_by(A):
        alias = next(
            a for a in queries.blinded(A)["mark"] if queries.behind(A, a) == "manzanera"
        )
        said, known, deeds, left = _consent_form.answer(f"ask:{alias}", "to learn")
        assert "It is in the journal" in str(said)
        assert left == ""
        assert any(d["label"].startswith(f"Take back: {alias}, of ") for d in deeds)
        assert "manzanera" not in str(known).lower()
    with network.asked_by(B):
        assert "asks to be named" in str(_consent_form.form(B))
        said, known, *_ = _consent_form.answer("agree:rhodanie", "gladly")
        assert "named to each other" in str(said)
    with network.asked_by(A):
        assert "Manzanera" in str(_consent_form.form(A))
        assert BOTH[0] not in str(_consent_form.form(A))
        said, *_ = _consent_form.answer("sing:a song", "why")
        assert "Choose what you want to do" in str(said)
