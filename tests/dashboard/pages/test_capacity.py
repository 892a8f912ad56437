from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard.analysis import capacity as computed
from dashboard.filters import Filters
from dashboard.pages import _ahead, _lost, _map, _queue, capacity
from dashboard.viewer import Viewer
from etl.demo.truth import truths
from etl.demo.world import TODAY, World
from tests.dashboard.pages.altered import altered
from tests.demo import Demo

Ask = Callable[[Viewer], AbstractContextManager[None]]
LEAD = Viewer("lead")
LAST = date(2026, 11, 9)
FIRST = LAST - timedelta(weeks=51)


@pytest.fixture
def lead(ask: Ask) -> Iterator[Viewer]:
    with ask(LEAD):
        yield LEAD


def weeks(world: World, site: str, resource: str = "slot") -> list[dict[str, Any]]:
    frame = world.by_slug[site].frames["capacity"]
    return frame.filter(pl.col("resource") == resource).to_dicts()


def planted(world: World, kind: str) -> dict[str, Any]:
    return next(p for p in truths(world)["plants"] if p["kind"] == kind)


def row(frame: pl.DataFrame, site: str) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("site") == site, named=True)


@pytest.mark.parametrize("site", ["manzanera", "padanella", "vesuvina"])
def test_utilisation_is_used_over_staffed_of_the_last_52_full_weeks(
    world: World, lead: Viewer, site: str
) -> None:
    mine = [r for r in weeks(world, site) if FIRST <= r["week"] <= LAST]
    shown = row(capacity.by_site(lead, Filters()), site)
    used, staffed = (sum(r[c] for r in mine) for c in ("used", "staffed"))
    assert (shown["used"], shown["staffed"]) == (used, staffed)
    assert shown["utilisation"] == pytest.approx(used / staffed)
    theoretical = sum(r["theoretical"] for r in mine)
    assert shown["staffing"] == pytest.approx(staffed / theoretical)
    assert shown["lower"] < shown["utilisation"] < shown["upper"]
    assert (shown["reported"], shown["expected"], shown["age"]) == (52, 52, 1)


def test_weeks_across_a_year_s_end_are_each_counted_once(
    world: World, lead: Viewer
) -> None:
    asked = Filters(start="2025-12", end="2026-01")
    mine = [
        r for r in weeks(world, "thameslea")
        if date(2025, 12, 1) <= r["week"] <= date(2026, 1, 31)
    ]  # fmt: skip
    shown = row(capacity.by_site(lead, asked), "thameslea")
    assert shown["expected"] == len(mine) == 9
    assert shown["used"] == sum(r["used"] for r in mine)


def test_the_silent_site_shows_its_age_and_no_current_figure(
    world: World, lead: Viewer
) -> None:
    plant = planted(world, "stopped_reporting")
    last = date.fromisoformat(str(plant["last_week"]))
    for frame in (
        capacity.by_site(lead, Filters()),
        _queue.waiting(lead, Filters()),
        _queue.nominal(lead, Filters()),
        _lost.lost(lead, Filters()),
        _lost.resources(lead, Filters()),
    ):
        mine = frame.filter(pl.col("site") == plant["site"])
        assert set(mine["state"]) == {"not_reported"}
        assert set(mine["last_week"]) == {last}
        assert set(mine["age"]) == {(TODAY - last - timedelta(days=6)).days}
        figures = ("used", "staffed", "utilisation", "waiting", "rate", "started",
                   "share", "lost")  # fmt: skip
        for column in set(figures) & set(frame.columns):
            assert mine[column].null_count() == mine.height
        assert "no current figure" in mine["reason"][0]


def test_a_period_before_the_silence_keeps_the_silent_site_s_figures(
    lead: Viewer,
) -> None:
    asked = Filters(start="2026-01", end="2026-06")
    shown = row(capacity.by_site(lead, asked), "cheviotdale")
    assert shown["state"] == "data"
    assert shown["utilisation"] is not None


def test_the_site_short_of_staff_is_named_and_nobody_else(
    world: World, lead: Viewer
) -> None:
    plant = planted(world, "staff_shortage")
    frame = _lost.lost(lead, Filters())
    staff = frame.filter(pl.col("cause") == "staff", pl.col("flagged") == "high998")
    assert staff["site"].to_list() == [plant["site"]]
    loss = world.by_slug[str(plant["site"])].frames["loss"].filter(
        pl.col("reason") == "staff", pl.col("week").is_between(FIRST, LAST)
    )  # fmt: skip
    assert staff["lost"][0] == loss["lost"].sum()
    said = _lost._lost_said(frame)
    assert f"To a lack of staff {plant['site']} (" in said


def test_its_operators_are_its_bottleneck_and_no_other_site_has_one(
    world: World, lead: Viewer
) -> None:
    frame = _lost.resources(lead, Filters()).filter("bottleneck")
    plant = planted(world, "staff_shortage")
    assert frame.select("site", "resource").rows() == [(plant["site"], "operator")]
    mine = weeks(world, str(plant["site"]), "operator")
    could = sum(r["staffed"] for r in mine if FIRST <= r["week"] <= LAST)
    assert frame["carries"][0] == could


def test_two_resources_that_are_short_together_are_no_single_bottleneck() -> None:
    frame = pl.DataFrame(
        {
            "site": ["a", "a", "b", "b"],
            "resource": ["operator", "isolator", "operator", "isolator"],
            "staffed": [95.0, 100.0, 80.0, 100.0],
            "used": [50.0] * 4,
            "state": ["data"] * 4,
        }
    )
    found = computed.bottlenecks(frame)
    assert found["stands_out"].to_list() == [False, True]


def test_the_regional_centre_s_nominal_capacity_and_its_use(
    world: World, lead: Viewer
) -> None:
    since = TODAY - timedelta(weeks=52)
    batches = world.by_slug["pujiang"].frames["batch"]
    recent = [
        day for day in batches["started"]
        if day and day - timedelta(days=day.weekday()) > since
    ]  # fmt: skip
    shown = row(_queue.nominal(lead, Filters()), "pujiang")
    assert shown["nominal_capacity"] == 1200
    assert shown["started"] == len(recent)
    assert shown["share"] == pytest.approx(len(recent) / 1200)


def test_waiting_is_the_last_week_s_queue_at_the_rate_of_the_last_twelve(
    world: World, lead: Viewer
) -> None:
    past = [r for r in weeks(world, "manzanera") if r["week"] <= LAST]
    mine = sorted(past, key=lambda r: r["week"])[-12:]
    shown = row(_queue.waiting(lead, Filters()), "manzanera")
    assert shown["waiting"] == mine[-1]["waiting"]
    rate = sum(r["used"] for r in mine) / 12
    assert shown["weeks"] == pytest.approx(mine[-1]["waiting"] / rate)


def test_a_pool_s_weeks_of_wait_count_weeks_and_not_site_weeks(ask: Ask) -> None:
    with ask(LEAD):
        lead = _queue.waiting(LEAD, Filters()).drop_nulls("rate")
    public = Viewer("public")
    with ask(public):
        pool = _queue.waiting(public, Filters())
    assert pool["weeks"][0] == pytest.approx(
        float(lead["waiting"].sum()) / float(lead["rate"].sum()), rel=0.02
    )


def test_pre_gmp_capacity_is_coming_and_in_no_other_figure(lead: Viewer) -> None:
    coming = _queue.coming(lead, Filters())
    assert coming["site"].to_list() == ["skanelund"]
    assert coming["theoretical"][0] > 0
    for frame in (
        capacity.by_site(lead, Filters()),
        _lost.lost(lead, Filters()),
        _queue.waiting(lead, Filters()),
        _queue.nominal(lead, Filters()),
        _ahead.ahead(lead, Filters()),
    ):
        assert "skanelund" not in set(frame["site"])
    shown = row(_map.places(lead, Filters()), "skanelund")
    assert shown["state"] == "not_applicable"
    assert "coming" in str(shown["reason"])


def test_each_period_says_its_coverage_and_thin_ones_have_no_figure(
    lead: Viewer,
) -> None:
    monthly = Filters().option("per", "month")
    frame = capacity.over_time(lead, monthly)
    last = frame.row(-1, named=True)
    assert (last["reported"], last["expected"]) == (42, 44)
    assert (last["last_week"], last["age"]) == (LAST, 1)
    silent = capacity.over_time(lead, replace(monthly, site=("cheviotdale",)))
    assert silent["used"][-1] is None
    assert silent["state"][-1] == "not_reported"
    assert "of 2 site-weeks" in silent["reason"][-1]


def test_without_bookings_the_weeks_to_come_are_not_zero(
    demo: Demo, tmp_path: Path
) -> None:
    none = altered(demo, tmp_path, "delete from capacity where used is null")
    with none.asked_by(LEAD):
        frame = _ahead.ahead(LEAD, Filters())
    assert set(frame["state"]) == {"not_reported"}
    assert frame["booked"].null_count() == frame.height
    assert "none can be shown" in _ahead._ahead_said(frame)


def test_bookings_of_the_next_twelve_weeks_are_summed_with_their_coverage(
    world: World, lead: Viewer
) -> None:
    frame = _ahead.ahead(lead, Filters())
    for site, weeks_told in (("llobrera", 12), ("padanella", 8)):
        mine = [r for r in weeks(world, site) if r["week"] >= TODAY]
        booked, staffed = (sum(r[c] for r in mine) for c in ("booked", "staffed"))
        shown = row(frame, site)
        assert (shown["booked"], shown["staffed"]) == (booked, staffed)
        assert shown["share"] == pytest.approx(booked / staffed)
        assert (shown["reported"], shown["expected_weeks"]) == (weeks_told, 12)
        assert row(capacity.by_site(lead, Filters()), site)["last_week"] == LAST
    assert "staffed slots of the next twelve weeks" in _ahead._ahead_said(frame)


def test_a_week_without_a_staffed_slot_has_no_utilisation() -> None:
    frame = pl.DataFrame(
        {"site": ["a"], "theoretical": [4.0], "staffed": [0.0], "used": [0.0],
         "state": ["zero"], "reason": [None]},
        schema_overrides={"reason": pl.String},
    )  # fmt: skip
    found = computed.shares(frame)
    assert found["utilisation"][0] is None
    assert found["reason"][0] == "no slot was staffed"
    assert found["state"][0] == "not_applicable"


@pytest.mark.parametrize("viewer", [Viewer("public"), Viewer("site", site="turiana")])
def test_no_other_site_is_named_to_who_may_not_know_it(
    ask: Ask, world: World, viewer: Viewer
) -> None:
    others = {part.member.slug for part in world.parts} - {viewer.site}
    with ask(viewer):
        cards = (*_lost.CARDS, *_queue.CARDS, *_map.CARDS, *_ahead.CARDS)
        frames = [card.frame(viewer, Filters()) for card in cards]
        frames += [capacity.by_site(viewer, Filters())]
        frames += [_map.places(viewer, Filters())]
    for frame in frames:
        assert not others & set(frame["site"])
