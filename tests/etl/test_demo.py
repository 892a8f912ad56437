from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binom

from etl.contract.schemas import SCHEMAS
from etl.demo import Plan, World, generate, truths
from etl.demo.members import members
from etl.demo.truth import discordant_batches, fates
from etl.demo.world import TODAY
from etl.outcome import batch_outcomes, discordance
from etl.replay import in_force, judge
from etl.usual import usual_criteria, usual_outcomes

# Written by the hub, read from papers, or sent by who sends no batches.
NOT_DRAWN = ("cohort", "report", "stratum")
DATASETS = [name for name in SCHEMAS if name not in NOT_DRAWN]
SURE = {
    "double_failure_rate",
    "stricter_criteria",
    "product_mix",
    "bad_vector_lot",
    "stopped_reporting",
    "staff_shortage",
    "discordant_releases",
}


@pytest.fixture(scope="module")
def world() -> World:
    return generate(Plan())


@pytest.fixture(scope="module")
def truth(world: World) -> dict:
    return truths(world)


@pytest.fixture(scope="module")
def by_kind(truth: dict) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for plant in truth["plants"]:
        found.setdefault(plant["kind"], []).append(plant)
    return found


@pytest.fixture(scope="module")
def judged(world: World) -> pl.DataFrame:
    batch, result, criterion = (
        world.frame(n) for n in ("batch", "result", "criterion")
    )
    assigned = in_force(criterion, batch, result)
    return batch_outcomes(judge(result, criterion, assigned))


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_row_keeps_the_contract(world: World, dataset: str) -> None:
    frame = world.frame(dataset)
    _, failures = SCHEMAS[dataset].filter(frame)
    assert frame.height > 0
    assert failures.counts() == {}


def test_the_same_plan_gives_the_same_rows(world: World) -> None:
    again = generate(Plan())
    for dataset in DATASETS:
        assert_frame_equal(world.frame(dataset), again.frame(dataset))


def test_another_seed_gives_other_rows(world: World) -> None:
    other = generate(Plan(sites=1, seed=2))
    mine = world.by_slug["guadalora"].frames["result"]
    assert not mine.equals(other.parts[0].frames["result"])


@pytest.mark.parametrize("sites", [5, 27])
def test_a_site_does_not_change_when_others_come_or_go(
    world: World, sites: int
) -> None:
    other = generate(Plan(sites=sites))
    shared = [slug for slug in world.by_slug if slug in other.by_slug]
    assert len(shared) == min(sites, 24)
    for slug in shared:
        for dataset, frame in world.by_slug[slug].frames.items():
            assert_frame_equal(frame, other.by_slug[slug].frames[dataset])


def test_scale_multiplies_the_batches(world: World) -> None:
    tenth = generate(Plan(scale=0.1))
    share = tenth.frame("batch").height / world.frame("batch").height
    assert 0.09 < share < 0.12


def test_the_network_has_the_size_it_was_planned_with(world: World) -> None:
    batches, results = world.frame("batch").height, world.frame("result").height
    assert world.frame("site").height == 24
    assert 5_000 < batches < 7_500
    assert 11 < results / batches < 16


def test_no_site_carries_two_plants_and_ten_carry_none(truth: dict) -> None:
    planted = [plant["site"] for plant in truth["plants"]]
    bare = {site["site"] for site in truth["unplanted"]}
    assert len(planted) == len(set(planted)) == 10
    assert bare.isdisjoint(planted)
    assert sum(site["n"] > 0 for site in truth["unplanted"]) >= 10


def test_every_kind_of_truth_is_planted(by_kind: dict[str, list[dict]]) -> None:
    assert set(by_kind) == SURE | {"too_small"}
    assert len(by_kind["bad_vector_lot"]) == 3
    assert len({tuple(p["sites"]) for p in by_kind["bad_vector_lot"]}) == 1


def test_what_must_be_found_has_the_power_to_be_found(
    by_kind: dict[str, list[dict]],
) -> None:
    for kind in SURE:
        for plant in by_kind[kind]:
            assert plant["must_be_found"]
            assert plant["power"] >= 0.95
            if "flagged_at" in plant:
                assert plant["observed"] >= plant["flagged_at"]


def test_thresholds_and_powers_are_those_of_the_exact_binomial(
    by_kind: dict[str, list[dict]],
) -> None:
    plant = by_kind["double_failure_rate"][0]
    n, rate = plant["n"], plant["network_rate"]
    above = [k for k in range(n) if binom.cdf(k - 1, n, rate) >= 0.999]
    chance = sum(binom.pmf(k, n, plant["true_rate"]) for k in range(above[0], n + 1))
    assert plant["flagged_at"] == above[0]
    assert plant["power"] == pytest.approx(chance)


def test_the_site_too_small_to_say_cannot_be_found(
    by_kind: dict[str, list[dict]],
) -> None:
    [plant] = by_kind["too_small"]
    assert plant["true_rate"] > 1.9 * 0.11
    assert plant["power"] < 0.05
    assert not plant["must_be_found"]
    assert plant["observed"] < plant["flagged_at"]


def test_nothing_is_to_be_found_at_the_other_sites(truth: dict) -> None:
    assert [s["site"] for s in truth["unplanted"] if s["flagged"]] == []


def test_the_strict_and_the_mixed_site_are_ordinary_once_accounted_for(
    by_kind: dict[str, list[dict]],
) -> None:
    for kind in ("stricter_criteria", "product_mix"):
        [plant] = by_kind[kind]
        assert plant["accounted"]["flagged"] is False


def test_the_true_rates_are_the_rates_at_which_batches_fail() -> None:
    worlds = generate(Plan(scale=8, seed=3))
    told = truths(worlds)
    ended = fates(worlds).group_by("site").agg(pl.col("failed").mean(), n=pl.len())
    rates = {site["site"]: site for site in told["unplanted"] if site["n"]}
    rates |= {
        plant["site"]: plant
        for plant in told["plants"]
        if plant.get("measure") == "no_product"
    }
    for site, failed, n in ended.iter_rows():
        if site in rates:
            true = rates[site]["true_rate"]
            assert abs(failed - true) < 4 * (true * (1 - true) / n) ** 0.5, site


def test_decisions_follow_from_results_everywhere_but_where_planted(
    world: World, judged: pl.DataFrame, by_kind: dict[str, list[dict]]
) -> None:
    findings = discordance(judged, world.frame("release"))
    [plant] = by_kind["discordant_releases"]
    part = world.by_slug[plant["site"]]
    assert set(findings["site"]) == {plant["site"]}
    assert sorted(set(findings["batch"])) == plant["batches"]
    assert plant["batches"] == discordant_batches(part)


def test_no_decision_was_taken_before_its_results(
    world: World, judged: pl.DataFrame
) -> None:
    open_ = judged.filter(pl.col("outcome") == "undetermined")
    keys = ["site", "batch", "gate"]
    assert world.frame("release").join(open_, on=keys, how="semi").is_empty()


def test_nothing_has_happened_after_today(world: World, truth: dict) -> None:
    for dataset in DATASETS:
        frame = world.frame(dataset).drop("capa_due", "expires", strict=False)
        if dataset == "capacity":  # weeks may be booked that have not come
            frame = frame.filter(pl.col("used").is_not_null())
        for column in frame.select(pl.selectors.date()):
            assert not (column > date.fromisoformat(truth["today"])).any(), (
                dataset,
                column.name,
            )


def test_the_silent_site_says_nothing_of_its_last_ten_weeks(
    world: World, by_kind: dict[str, list[dict]]
) -> None:
    [plant] = by_kind["stopped_reporting"]
    frames = world.by_slug[plant["site"]].frames
    assert str(frames["capacity"]["week"].max()) == plant["last_week"] == "2026-08-31"
    assert str(frames["batch"]["started"].max()) <= "2026-09-07"
    assert str(frames["result"]["reported"].max()) <= "2026-09-07"
    others = world.frame("capacity").filter(
        pl.col("site") != plant["site"], pl.col("used").is_not_null()
    )
    assert others.group_by("site").agg(pl.col("week").max())["week"].n_unique() == 1


def test_starts_never_exceed_the_slots_that_were_staffed(world: World) -> None:
    slots = world.frame("capacity").filter(pl.col("resource") == "slot")
    begun = (
        world.frame("batch")
        .filter(pl.col("pathway") != "engineering")
        .group_by("site", pl.col("started").dt.truncate("1w").alias("week"))
        .len("starts")
    )
    both = slots.join(begun, on=["site", "week"], how="left").fill_null(0)
    assert both.filter(pl.col("used") > pl.col("staffed")).is_empty()
    assert both.filter(pl.col("used") != pl.col("starts")).is_empty()
    assert both.filter(pl.col("staffed") > pl.col("theoretical")).is_empty()


def test_slots_are_booked_for_the_weeks_to_come_and_none_where_none_can_be(
    world: World,
) -> None:
    frame = world.frame("capacity")
    ahead = frame.filter(pl.col("used").is_null())
    assert set(ahead["resource"]) == {"slot"}
    assert (ahead["week"].min(), ahead["week"].max()) == (TODAY, date(2027, 2, 1))
    assert (ahead["booked"] <= ahead["staffed"]).all()
    closed = ahead.filter(pl.col("week") == date(2026, 12, 21))
    assert set(closed["staffed"]) == {0.0}
    assert set(ahead.filter(pl.col("staffed") == 0)["week"]) == {date(2026, 12, 21)}
    told = dict(ahead.group_by("site").len().iter_rows())
    assert set(told) == set(frame["site"]) - {"cheviotdale", "skanelund"}
    assert set(told.values()) == {8, 12}
    assert told["padanella"] == 8


def test_the_msc_unit_lives_as_it_was_described(world: World, truth: dict) -> None:
    told = truth["living"]["guadalora"]
    batch = world.by_slug["guadalora"].frames["batch"]
    assert batch["pathway"].value_counts(sort=True).rows() == [
        ("clinical_trial", 83),
        ("compassionate_use", 10),
    ]
    assert batch["trial"].n_unique() == 5
    assert told["cells_final"] == batch["cells_final"].sum()
    assert 7e9 < told["cells_final"] < 10e9
    assert len(set(told["authorised_from"])) >= 5


def test_the_pre_gmp_centre_makes_engineering_runs_only(world: World) -> None:
    frames = world.by_slug["skanelund"].frames
    assert set(frames["batch"]["pathway"]) == {"engineering"}
    slots = frames["capacity"]
    assert slots["theoretical"].min() > 0
    assert slots["staffed"].max() == slots["used"].max() == 0
    assert "engineering_run" in set(frames["milestone"]["kind"])
    assert fates(world).filter(pl.col("site") == "skanelund").is_empty()


def test_the_regional_centre_traces_every_kind_of_lot(world: World) -> None:
    part = world.by_slug["pujiang"]
    kinds = part.frames["material"].group_by("kind").agg(pl.col("batch").n_unique())
    assert part.member.nominal is not None
    assert part.member.nominal > 1_000
    assert kinds.height == 5
    assert kinds["batch"].max() == part.frames["batch"].height


def test_the_bad_lot_was_used_at_its_three_sites_only(
    world: World, by_kind: dict[str, list[dict]]
) -> None:
    plant = by_kind["bad_vector_lot"][0]
    used = world.frame("material").filter(
        pl.col("lot") == plant["lot"], pl.col("supplier") == plant["supplier"]
    )
    assert sorted(set(used["site"])) == plant["sites"]


def test_two_suppliers_share_lot_numbers(world: World) -> None:
    suppliers = (
        world.frame("material").group_by("lot").agg(pl.col("supplier").n_unique())
    )
    assert suppliers["supplier"].max() == 2


def test_two_sites_share_batch_numbers(world: World) -> None:
    sites = world.frame("batch").group_by("batch").agg(pl.col("site").n_unique())
    assert sites["site"].max() > 1


def test_failed_orders_are_made_again_within_the_order(world: World) -> None:
    batch = world.frame("batch").filter(pl.col("order_key").is_not_null())
    orders = world.frame("demand")
    again = batch.filter(pl.col("attempt") > 1)
    assert again.height > 50
    assert batch.join(orders, on=["site", "order_key"], how="anti").is_empty()
    assert not batch.select("site", "order_key", "attempt").is_duplicated().any()


def test_late_results_leave_certificates_open_and_some_fail_late(
    world: World,
) -> None:
    release = world.frame("release")
    out = release.filter(
        pl.col("gate") == "provisional", pl.col("decision") != "rejected"
    )
    final = release.filter(pl.col("gate") == "final")
    waiting = out.join(final, on=["site", "batch"], how="anti")
    assert 20 < waiting.height < 300
    assert final.filter(pl.col("decision") == "rejected").height > 10
    states = set(world.frame("result")["state"])
    assert states == {"valid", "pending", "not_done", "invalid"}


def test_a_network_of_one_year_and_three_sites_is_whole_too() -> None:
    small = generate(Plan(sites=3, years=1))
    assert small.frame("batch").height > 0
    assert [p["kind"] for p in truths(small)["plants"]] == [
        "double_failure_rate",
        "stricter_criteria",
    ]


def test_a_planted_difference_in_viability_moves_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {"malarvik", "lutecine"}
    plain = [replace(m, reads_viability=0.0, viability=0.0) for m in members(24)]
    monkeypatch.setattr("etl.demo.world.members", lambda count: plain[:count])
    before = generate(Plan())
    for dataset in DATASETS:
        now, then = world.frame(dataset), before.frame(dataset)
        if dataset == "result":
            value = pl.when(~_is_moved(moved)).then("value")
            now, then = (f.with_columns(value.alias("value")) for f in (now, then))
        if dataset == "ring_trial":
            other = pl.col("laboratory") != "malarvik"
            now, then = (
                f.with_columns(pl.when(other).then("value").alias("value"))
                for f in (now, then)
            )
        assert_frame_equal(now, then)
    assert truths(world)["plants"] == truths(before)["plants"]
    outcomes = [_outcomes(of) for of in (world, before)]
    assert_frame_equal(*outcomes)


def _is_moved(sites: set[str]) -> pl.Expr:
    return pl.col("site").is_in(sites) & (pl.col("parameter") == "viability")


def _outcomes(world: World) -> pl.DataFrame:
    """What became of every batch, under its own criteria and under the usual ones."""
    batch, result, criterion = (
        world.frame(n) for n in ("batch", "result", "criterion")
    )
    assigned = in_force(criterion, batch, result)
    own = batch_outcomes(judge(result, criterion, assigned))
    usual = usual_outcomes(result, usual_criteria(criterion, TODAY), assigned)
    keys = ["site", "batch"]
    return own.join(usual, on=keys, how="left").sort(*keys, "gate")
