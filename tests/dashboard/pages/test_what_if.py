import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dashboard import queries, whatif
from dashboard.filters import Filters
from dashboard.pages import (
    _what_if_check,
    _what_if_form,
    _what_if_making,
    _what_if_patients,
    _what_if_saved,
)
from dashboard.simulation.measures import network
from dashboard.simulation.run import Plan, simulate
from dashboard.simulation.scenario import Scenario
from dashboard.viewer import Viewer
from etl.demo.members import MEMBERS, Member
from etl.demo.products import by_slug
from tests.dashboard.pages.altered import altered, only
from tests.demo import LEAD, PUBLIC, Demo

SITE = Viewer("site", site="manzanera")
AUTHORITY = Viewer("authority", region="ES30")
VIEWERS = (LEAD, SITE, AUTHORITY, PUBLIC)
LARGEST = "pujiang"
DRILL = {"close": f"{LARGEST}:8", "divert": "any"}
FRAMES = (
    _what_if_patients.by_place,
    _what_if_patients.over_weeks,
    _what_if_making.by_maker,
    _what_if_making.absorbed,
    _what_if_saved.side_by_side,
    _what_if_check.against,
)


def asked(**extra: str) -> Filters:
    return Filters(extra=extra)


def kilometres(one: Member, other: Member) -> float:
    """By the law of cosines, which the page does not use."""
    a, b = (math.radians(m.latitude) for m in (one, other))
    turn = math.radians(one.longitude - other.longitude)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(turn)
    return 6371 * math.acos(cosine)


def nearest(product: str) -> str:
    """The member nearest to the largest site that may make the product."""
    home = next(m for m in MEMBERS if m.slug == LARGEST)
    able = [
        m
        for m in MEMBERS
        if m.slug != LARGEST
        and m.stage == "active"
        and any(x.product == product and x.pathway != "validation" for x in m.lines)
    ]
    return min(able, key=lambda m: kilometres(home, m)).slug


def test_the_largest_site_is_the_one_that_is_drilled(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = _what_if_making.by_maker(LEAD, Filters())
    assert frame.sort("starts", descending=True)["site"][0] == LARGEST


def test_the_outage_drill_says_who_absorbs(demo: Demo) -> None:
    """Named in advance: for each product the nearest member that may make it."""
    lines = next(m for m in MEMBERS if m.slug == LARGEST).lines
    mine = sorted(
        {x.product for x in lines if by_slug()[x.product].source == "autologous"},
        key=lambda p: -sum(x.batches for x in lines if x.product == p),
    )
    with demo.asked_by(LEAD):
        frame = _what_if_making.absorbed(LEAD, asked(**DRILL))
        said = _what_if_making._absorbed_said(frame)
    assert frame["site"].to_list()[:2] == [nearest(product) for product in mine[:2]]
    sent = frame["sent_in_all"][0]
    assert frame["absorbed"].sum() == pytest.approx(sent, rel=0.02)
    assert said.startswith(next(m.name for m in MEMBERS if m.slug == nearest(mine[0])))
    home = next(m for m in MEMBERS if m.slug == LARGEST)
    for row in frame.to_dicts():
        there = next(m for m in MEMBERS if m.slug == row["site"])
        assert row["distance"] == pytest.approx(kilometres(home, there), rel=1e-6)


def test_nobody_absorbs_where_nothing_is_shut_or_nobody_may_go(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        for filters in (asked(), asked(close=f"{LARGEST}:8"), asked(
            close=f"{LARGEST}:8", divert="500"
        )):  # fmt: skip
            assert _what_if_making.absorbed(LEAD, filters).is_empty()


def test_a_closed_sites_patients_are_all_accounted_for(demo: Demo) -> None:
    """Of each year: as many orders as before; each treated, lost, failed or not yet."""
    scenario = Scenario(close={LARGEST: 12}, divert=math.inf)
    with demo.asked_by(LEAD):
        study = whatif.study(LEAD, scenario)
    assert np.array_equal(study.base.orders, study.other.orders)
    for tally in (study.base, study.other):
        ended = tally.treated + tally.lost + tally.failed + tally.never
        assert np.array_equal(ended, tally.orders)
    at = study.model.sites.index(LARGEST)
    assert (study.other.sent.sum(1) == study.other.taken.sum(1)).all()
    assert study.other.sent[:, at].sum() == study.other.sent.sum() > 0
    assert study.slots[1][at] < study.slots[0][at]


def test_the_base_makes_the_last_twelve_months_again(demo: Demo) -> None:
    """Chance alone puts one figure in twenty outside: five of 22 would be too many."""
    with demo.asked_by(LEAD):
        frame = _what_if_check.against(LEAD, Filters())
    seen = frame.filter(pl.col("state") == "data")
    assert seen.height == 22
    starts = seen["recorded"].is_between(seen["starts_low"], seen["starts_high"])
    assert starts.all()
    assert (~seen["agrees"]).sum() < 5
    left_out = frame.filter(pl.col("state") == "not_applicable")
    assert set(left_out["site"]) == {"elbmarsch", "skanelund"}
    silent = seen.filter(pl.col("site") == "cheviotdale")["lacking"][0].to_list()
    assert any("no report for too long" in said for said in silent)


def test_a_model_that_is_wrong_is_seen_to_be_wrong(demo: Demo) -> None:
    """With half as many orders again, the largest sites' starts lie outside."""
    with demo.asked_by(LEAD):
        model = whatif.study(LEAD, Scenario()).model
    wrong = replace(
        model, streams=tuple(replace(s, rate=1.5 * s.rate) for s in model.streams)
    )
    starts = simulate(network(wrong, Scenario()), Plan(200)).starts
    low = np.percentile(starts, 2.5, axis=0)
    assert model.starts[model.sites.index(LARGEST)] < low[model.sites.index(LARGEST)]


def test_a_scenario_that_changes_nothing_adds_nothing(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = _what_if_patients.by_place(LEAD, asked(since="2027-03-01"))
        study = whatif.study(LEAD, Scenario(demand={"ES30": 1.0}))
    assert frame["unchanged"].all()
    assert all(
        np.array_equal(a, b) for a, b in zip(study.base, study.other, strict=True)
    )


def test_a_lost_vector_touches_only_those_that_need_it(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = _what_if_patients.by_place(LEAD, asked(vector="lentiviral:8"))
    added = dict(frame.select("site", "added").iter_rows())
    assert added["manzanera"] > 1
    assert {added[s] for s in ("guadalora", "armorelle", "amstelrade")} == {0}


def test_a_slow_laboratory_touches_its_customers_by_its_days(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = _what_if_patients.by_place(LEAD, asked(laboratory="elbmarsch:5"))
    added = dict(frame.select("site", "added").iter_rows())
    customers = {m.slug for m in MEMBERS if m.external}
    for site in customers:
        assert added[site] == pytest.approx(5)
    assert {added[s] for s in added if s not in customers | {"network"}} == {0}


def test_more_patients_of_a_region_come_to_the_sites_that_treat_them(
    demo: Demo,
) -> None:
    with demo.asked_by(LEAD):
        study = whatif.study(LEAD, Scenario(demand={"CN-SH": 2.0}))
    more = (study.other.orders - study.base.orders).mean(0)
    at = study.model.sites.index(LARGEST)
    share = more[at] / study.base.orders[:, at].mean()
    assert share == pytest.approx(1, abs=0.1)
    assert more.sum() == more[at]


def test_staff_and_devices_shorten_the_wait_and_lack_of_staff_lengthens_it(
    demo: Demo,
) -> None:
    with demo.asked_by(LEAD):
        waits = {
            text: whatif.study(LEAD, scenario).other.waits.sum()
            for text, scenario in {
                "as it is": Scenario(),
                "staff": Scenario(staff={"padanella": 1}),
                "device": Scenario(device={"padanella": 1}),
                "less": Scenario(staff={"padanella": -1}),
            }.items()
        }
    assert waits["device"] < waits["as it is"] < waits["less"]
    assert waits["staff"] < waits["as it is"]


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_the_model_holds_no_site_that_its_reader_may_not_see(
    demo: Demo, viewer: Viewer
) -> None:
    with demo.asked_by(viewer):
        recorded = queries.recorded(viewer)
        named = set(queries.sites(viewer)["site"]) | {*queries.POOLS}
    frames = [v for v in vars(recorded).values() if isinstance(v, pl.DataFrame)]
    for frame in (*frames, *recorded.steps):
        for column in ("site", "laboratory"):
            if column in frame.columns:
                assert set(frame[column]) <= named | {"elbmarsch"} - (
                    set() if viewer == LEAD else {"elbmarsch"}
                )


@pytest.fixture(scope="module")
def exchanged(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The network with other places, permissions and slots behind the hidden sites."""
    others = "site not in ('manzanera', 'elbmarsch', 'skanelund')"
    return altered(
        demo,
        tmp_path_factory.mktemp("exchanged"),
        f"update site set latitude = -latitude, longitude = 7 where {others}",
        f"delete from authorisation where {others}",
        "update capacity set site = case site when 'pujiang' then 'vesuvina' when"
        " 'vesuvina' then 'pujiang' else site end where site in ('pujiang', 'vesuvina')"
        " and resource = 'slot' and week >= '2025-06-01'",
    )


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_what_is_hidden_cannot_be_told_apart_from_the_pool(
    demo: Demo, exchanged: Demo, viewer: Viewer
) -> None:
    """An attack: where the others are, what they may make, who of them has the slots.

    All of it is exchanged among the hidden sites; no answer differs by a byte. The
    lead, who sees them, gets other answers.
    """
    filters = asked(close="manzanera:8", divert="any", vector="lentiviral:4")

    def answers(network: Demo) -> list[str]:
        with network.asked_by(viewer):
            return [frame(viewer, filters).write_json() for frame in FRAMES[:4]]

    assert (answers(demo) == answers(exchanged)) == (viewer != LEAD)


@pytest.mark.parametrize("viewer", [SITE, AUTHORITY, PUBLIC], ids=str)
def test_a_hidden_site_is_refused_in_the_words_of_one_that_does_not_exist(
    demo: Demo, viewer: Viewer
) -> None:
    with demo.asked_by(viewer):
        for key in ("close", "staff", "device", "laboratory"):
            told = [
                whatif.asked(viewer, asked(**{key: f"{site}:2"}))
                for site in ("turiana", "atlantis", "peers")
            ]
            assert all(scenario.is_base for scenario, _ in told)
            words = {
                text[0].replace(site, "it")
                for (_, text), site in zip(
                    told, ("turiana", "atlantis", "peers"), strict=True
                )
            }
            assert len(words) == 1


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_every_card_answers_every_viewer(demo: Demo, viewer: Viewer) -> None:
    filters = asked(close="manzanera:4", divert="1000", since="2027-01-11", by="region")
    cards = (
        *_what_if_patients.CARDS,
        *_what_if_making.CARDS,
        _what_if_saved.CARD,
        _what_if_check.CARD,
    )
    with demo.asked_by(viewer):
        for card in cards:
            frame = card.frame(viewer, filters)
            assert card.sentence(frame).endswith(".")
            if card.draw is not None:
                assert card.draw(frame)


def test_a_measure_is_added_to_the_address_or_refused_with_a_reason(
    demo: Demo,
) -> None:
    with demo.asked_by(LEAD):
        address = _what_if_form._address
        found, said = address(LEAD, "?close=pujiang:8", {"staff": "padanella:-1"})
        assert (found, said) == ("?close=pujiang:8&staff=padanella:-1".replace(
            ":", "%3A"), "")  # fmt: skip
        _, said = address(LEAD, "", {"close": "pujiang:soon"})
        assert "“soon” is no number of weeks from 1 to 52" in str(said)
        found, _ = address(LEAD, "", {"divert": "500", "since": "2027-01-13"})
        assert found == "?divert=500&since=2027-01-11"


@pytest.mark.parametrize("viewer", [SITE, PUBLIC], ids=str)
def test_a_network_too_small_for_a_pool_is_said_and_not_simulated(
    demo: Demo, tmp_path: Path, viewer: Viewer
) -> None:
    """Two sites: of the other one, and of both together, nothing may be told."""
    small = altered(demo, tmp_path, only("manzanera", "turiana"))
    with small.asked_by(viewer):
        for frame in FRAMES:
            rows = frame(viewer, asked(close="manzanera:2"))
            assert "turiana" not in rows.write_json()
        said = _what_if_check._said(_what_if_check.against(viewer, Filters()))
        whole = _what_if_patients.by_place(viewer, Filters())
    if viewer == PUBLIC:
        assert said.startswith("No site can be simulated")
        assert whole["days"].to_list() == [None]
    else:
        assert "at 1 of 1 site" in said or "at 0 of 1 site" in said


@contextmanager
def changed(demo: Demo, folder: Path, *statements: str) -> Iterator[Demo]:
    with (other := altered(demo, folder, *statements)).asked_by(LEAD):
        yield other


def test_sites_that_joined_late_are_closed_unstaffed_or_idle_are_drawn_or_said(
    demo: Demo, tmp_path: Path
) -> None:
    """turiana joined mid-year, rhodanie is closed, vesuvina has no staffed slot, and
    nothing is ordered at guadalora."""
    with changed(
        demo,
        tmp_path,
        "delete from capacity where site = 'turiana' and week < '2026-05-18'",
        "delete from rollup_start where site = 'turiana' and week < '2026-05-18'",
        "update site set stage = 'closed' where site = 'rhodanie'",
        "update capacity set staffed = 0 where site = 'vesuvina'",
        "delete from rollup_batch where site = 'guadalora'",
        "delete from rollup_start where site = 'guadalora'",
    ):
        check = _what_if_check.against(LEAD, Filters())
        days = _what_if_patients.by_place(LEAD, Filters())
        study = whatif.study(LEAD, Scenario())
    rows = {row["site"]: row for row in check.to_dicts()}
    assert (
        "only 26 weeks of slots yet: its mean stands in" in rows["turiana"]["lacking"]
    )
    assert rows["turiana"]["starts"] == pytest.approx(57, rel=0.35)
    assert rows["rhodanie"]["reason"] == "its stage is closed"
    assert "no staffed slot: its orders wait" in rows["vesuvina"]["lacking"]
    at = study.model.sites.index("vesuvina")
    assert study.base.starts[:, at].sum() == study.base.treated[:, at].sum() == 0
    waited = study.base.never[:, at] + study.base.lost[:, at]
    assert np.array_equal(waited, study.base.orders[:, at])
    idle = days.row(by_predicate=pl.col("site") == "guadalora", named=True)
    assert (idle["state"], idle["days"]) == ("not_applicable", None)
    assert study.model.first == date(2026, 11, 16)


def test_where_nothing_could_be_simulated_no_year_was() -> None:
    nothing = pl.DataFrame({"years": []}, schema={"years": pl.Int64})
    assert _what_if_patients.years(nothing) == "n = 0 simulated years"
