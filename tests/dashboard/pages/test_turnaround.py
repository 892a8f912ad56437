from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import quantiles
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.analysis import chain
from dashboard.filters import Filters
from dashboard.metrics_service import STEPS
from dashboard.pages import _laboratory, _parting, turnaround
from dashboard.viewer import Viewer
from etl.demo.members import LABORATORY
from etl.demo.truth import truths
from etl.demo.world import TODAY, World
from tests.dashboard.recounting import Recount
from tests.dashboard.republishing import republished
from tests.demo import Demo

Ask = Callable[[Viewer], AbstractContextManager[None]]
LEAD = Viewer("lead")


@pytest.fixture
def lead(ask: Ask) -> Iterator[Viewer]:
    with ask(LEAD):
        yield LEAD


def counted(world: World) -> list[dict[str, Any]]:
    pre_gmp = {p.member.slug for p in world.parts if p.member.stage == "pre_gmp"}
    return [
        row
        for row in world.frame("batch").to_dicts()
        if row["pathway"] not in ("validation", "engineering")
        and row["site"] not in pre_gmp
    ]


def days(rows: list[dict[str, Any]], since: str, until: str) -> list[int]:
    return sorted(
        (row[until] - row[since]).days for row in rows if row[since] and row[until]
    )


def test_who_took_a_step_who_was_lost_and_who_is_running_is_a_recount(
    world: World, lead: Viewer
) -> None:
    rejected = {
        (r["site"], r["batch"])
        for r in world.frame("release").to_dicts()
        if r["decision"] == "rejected"
    }
    fates = Counter(
        "ended"
        if row["harvested"]
        else "competing"
        if row["ended"] or (row["site"], row["batch"]) in rejected
        else "censored"
        for row in counted(world)
        if row["started"]
    )
    step = _parting.steps(lead, Filters()).filter(pl.col("step") == "started_harvested")
    assert {fate: step[fate][0] for fate in fates} == dict(fates)


def test_a_step_that_nobody_is_still_in_has_the_plain_median(
    world: World, lead: Viewer
) -> None:
    taken = days(counted(world), "received", "started")
    row = _parting.steps(lead, Filters()).row(
        by_predicate=pl.col("step") == "received_started", named=True
    )
    assert row["n"] == len(taken)
    assert row["q50"] == taken[(len(taken) + 1) // 2 - 1]
    assert row["q90"] == taken[-(-9 * len(taken) // 10) - 1]
    assert row["q50_upper"] is not None
    assert row["q90_upper"] is not None


def test_the_page_names_all_eight_steps_in_the_order_of_the_chain(lead: Viewer) -> None:
    frame = _parting.steps(lead, Filters())
    assert frame["step"].to_list() == list(STEPS)
    assert "Shorter is better" in turnaround._steps_said(frame)


def test_the_network_s_median_stays_when_one_site_is_chosen(lead: Viewer) -> None:
    every = turnaround.by_site(lead, Filters())
    one = turnaround.by_site(lead, Filters(site=("vesuvina",)))
    assert one["site"].to_list() == ["vesuvina"]
    assert one["centre"][0] == every["centre"][0]
    assert every["site"].to_list() == sorted(every["site"])


def test_the_switch_chooses_the_step(lead: Viewer) -> None:
    asked = Filters().option("step", "started_harvested")
    assert turnaround.by_site(lead, asked)["step"][0] == "Start to harvest"
    wrong = Filters().option("step", "no_such_step")
    assert turnaround.by_site(lead, wrong)["step"][0].startswith("Order to infusion")


def test_many_sites_are_pooled_into_faster_and_slower_and_few_are_named(
    lead: Viewer,
) -> None:
    many = turnaround.curve(lead, Filters())
    assert many["series"].unique(maintain_order=True).to_list() == [
        "network", "faster sites", "slower sites",
    ]  # fmt: skip
    few = turnaround.curve(lead, Filters(site=("turiana", "vesuvina")))
    assert set(few["series"]) == {"network", "turiana", "vesuvina"}
    assert few.filter(pl.col("x") == 0)["value"].max() == 0


def test_a_site_differs_only_when_its_interval_leaves_the_network_out(
    lead: Viewer,
) -> None:
    frame = _parting.parting(lead, Filters()).drop_nulls("q50_upper")
    apart = frame.filter("apart")
    assert 0 < apart.height < frame.height
    for row in frame.to_dicts():
        inside = row["q50_lower"] <= row["all"] <= row["q50_upper"]
        assert row["apart"] is not inside


def test_the_third_party_laboratory_s_turnaround_is_a_recount_by_parameter(
    world: World, lead: Viewer
) -> None:
    frame = _laboratory.by_laboratory(lead, Filters())
    mine = frame.filter(pl.col("laboratory") == LABORATORY)
    assert mine["whose"].unique().to_list() == ["third party"]
    results = [
        r for r in world.frame("result").to_dicts()
        if r["laboratory"] == LABORATORY and r["sampled"]
        and r["state"] not in ("not_done", "not_applicable")
    ]  # fmt: skip
    for row in mine.to_dicts():
        rows = [r for r in results if r["parameter"] == row["parameter"]]
        taken = [(r["reported"] - r["sampled"]).days for r in rows if r["reported"]]
        assert row["n"] == len(rows)
        assert row["censored"] == len(rows) - len(taken)
        low, high = quantiles(taken, n=20)[8], quantiles(taken, n=20)[10]
        assert low - 1 <= row["q50"] <= high + 1


def test_the_third_party_takes_longer_than_the_own_bench(lead: Viewer) -> None:
    frame = _laboratory.by_parameter(lead, Filters())
    pairs = _laboratory._pairs(frame)
    assert set(pairs["parameter"]) >= {"sterility", "mycoplasma", "vcn"}
    assert (pairs["q50_lower_away"] > pairs["q50_upper_own"]).all()


def test_batches_awaiting_their_final_certificate_are_the_planted_ones(
    world: World, lead: Viewer
) -> None:
    told = truths(world)["living"]
    frame = _laboratory.clock(lead, Filters())
    shown = dict(frame.select("site", "waiting").rows())
    assert {site: told[site]["provisional_without_final"] for site in shown} == shown
    release = world.by_slug["lutecine"].frames["release"]
    final = release.filter(pl.col("gate") == "final")["batch"].implode()
    open_ = release.filter(
        pl.col("gate") == "provisional",
        pl.col("decision") != "rejected",
        ~pl.col("batch").is_in(final),
    )
    row = frame.row(by_predicate=pl.col("site") == "lutecine", named=True)
    assert row["oldest"] == max((TODAY - day).days for day in open_["decided"])


def test_the_silent_site_s_clock_says_how_old_its_news_is(lead: Viewer) -> None:
    frame = _laboratory.clock(lead, Filters())
    row = frame.row(by_predicate=pl.col("site") == "cheviotdale", named=True)
    assert row["age"] > 60
    assert "nothing was heard from it for" in _laboratory._clock_said(
        frame.filter(pl.col("site") == "cheviotdale")
    )


@pytest.mark.parametrize(
    "viewer",
    [Viewer("public"), Viewer("site", site="turiana"), Viewer("authority", "ES61")],
)
def test_laboratories_of_others_are_pooled_and_never_named(
    ask: Ask, world: World, viewer: Viewer
) -> None:
    own = {"turiana"} if viewer.role == "site" else {"guadalora"}
    others = {part.member.slug for part in world.parts} - own
    with ask(viewer):
        frames = [
            _laboratory.by_laboratory(viewer, Filters()),
            _laboratory.clock(viewer, Filters()),
            turnaround.by_site(viewer, Filters()),
            _parting.parting(viewer, Filters()),
        ]
    for frame in frames:
        words = set(frame.get_column("laboratory", default=pl.Series(["-"])))
        assert not others & (words | set(frame.get_column("site", default=words)))


def test_a_customer_sees_its_third_party_by_name(ask: Ask) -> None:
    viewer = Viewer("site", site="maasduin")
    with ask(viewer):
        frame = _laboratory.by_laboratory(viewer, Filters())
    assert LABORATORY in set(frame["laboratory"])


def test_hidden_certificates_hide_their_age_too(demo: Demo, tmp_path: Path) -> None:
    viewer = Viewer("authority", region="ES51")
    strict = tmp_path / "data" / "snapshots" / "1.duckdb"
    strict.parent.mkdir(parents=True)
    republished(demo, strict, {"authority": {"threshold": 50, "rounding": 1}})
    with Demo(tmp_path).asked_by(viewer):
        frame = queries.awaiting_final(viewer, Filters())
    row = frame.row(by_predicate=pl.col("site") == "llobrera", named=True)
    assert row["state"] == "suppressed"
    assert row["waiting"] is row["oldest"] is row["provisional"] is None


def histogram(**columns: list[object]) -> pl.DataFrame:
    size = len(columns["day"])
    usual = {"site": ["a"] * size, "competing": [0] * size, "censored": [0] * size,
             "state": ["data"] * size, "reason": [None] * size}  # fmt: skip
    return pl.DataFrame(usual | columns)


def test_a_group_held_back_has_its_reason_and_no_numbers() -> None:
    frame = histogram(
        site=["a", "b"], day=[3, None], ended=[9, None], competing=[0, None],
        censored=[0, None], state=["data", "suppressed"], reason=[None, "few"],
    )  # fmt: skip
    found = chain.percentiles(frame, ("site",)).sort("site")
    assert found["q50"].to_list() == [3, None]
    assert found["state"].to_list() == ["data", "suppressed"]
    assert found["reason"].to_list() == [None, "few"]


def test_a_limit_is_closed_only_where_everybody_got_there() -> None:
    all_there = chain.percentiles(histogram(day=[1, 2], ended=[40, 60]), ("site",))
    assert all_there["q90_upper"][0] == 2
    some_lost = histogram(day=[1, 2], ended=[40, 52], competing=[0, 8])
    assert chain.percentiles(some_lost, ("site",))["q90_upper"][0] is None


def test_rows_whose_days_run_backwards_are_counted_and_never_drawn(
    demo: Demo, ask: Ask
) -> None:
    backwards = [
        r["site"] for r in demo.truth["rejects"] if "_before_" in str(r["rule"])
    ]
    with ask(LEAD):
        said = str(turnaround._top(LEAD, Filters()))
        days = queries.durations(LEAD, Filters(), by=("site", "step"))
    assert len(backwards) >= 3
    assert f"{len(backwards)} rows whose days run backwards" in said
    assert days["day"].min() == 0
    public = Viewer("public")
    with ask(public):
        assert "backwards" not in str(turnaround._top(public, Filters()))


def kaplan_meier(days: list[tuple[int, bool]], q: float) -> int | None:
    """The first day by which a share q got there, one sample after the other."""
    left, at_risk = 1.0, len(days)
    leaving, there = Counter(d for d, _ in days), Counter(d for d, t in days if t)
    for day in sorted(leaving):
        left *= 1 - there[day] / at_risk
        at_risk -= leaving[day]
        if left <= 1 - q + 1e-12:
            return day
    return None


def test_every_laboratory_median_is_kaplan_and_meier_s_counted_by_hand(
    recount: Recount, lead: Viewer
) -> None:
    frame = _laboratory.by_laboratory(lead, Filters())
    known = {(r["site"], r["batch"]) for r in recount.table("batch")}
    found: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    for r in recount.table("result"):
        told = r["state"] not in ("not_done", "not_applicable")
        if not (told and r["sampled"] and (r["site"], r["batch"]) in known):
            continue
        stop = r["reported"] or recount.today
        who = r["site"] if r["laboratory"] == "-" else r["laboratory"]
        days = (stop - r["sampled"]).days
        found[who, r["parameter"]].append((days, bool(r["reported"])))
    third = frame.filter(pl.col("whose") == "third party")
    assert third.height >= 3
    for row in third.to_dicts():
        days = found[row["laboratory"], row["parameter"]]
        assert row["n"] == len(days)
        for q, name in ((0.5, "q50"), (0.9, "q90")):
            assert row[name] == kaplan_meier(days, q)
