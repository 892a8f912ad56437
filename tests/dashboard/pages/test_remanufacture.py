from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest
from scipy.stats import beta

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import _days_lost, remanufacture
from dashboard.viewer import Viewer
from etl.demo.world import TODAY, World
from tests.demo import LEAD, PUBLIC, Demo

Row = dict[str, Any]
Order = dict[str, Any]


def orders(world: World) -> list[Order]:
    """What became of each order, one contract row of the generator after the other."""
    out = {
        (r["site"], r["batch"])
        for r in world.frame("release").to_dicts()
        if r["decision"] in ("released", "released_out_of_spec")
    }
    refused = {
        (r["site"], r["batch"])
        for r in world.frame("release").to_dicts()
        if r["decision"] == "rejected"
    }
    gmp = {p.member.slug for p in world.parts if p.member.stage != "pre_gmp"}
    chains: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in world.frame("batch").to_dicts():
        name = row["site"], row["batch"]
        known = name in out or name in refused or row["ended"] is not None
        row["failed"] = name not in out if known else None
        if row["order_key"] is None or row["site"] not in gmp:
            continue
        if row["pathway"] not in ("validation", "engineering"):
            chains[row["site"], row["order_key"]].append(row)
    demand = {(r["site"], r["order_key"]): r for r in world.frame("demand").to_dicts()}
    return [
        _order(sorted(chain, key=lambda r: r["attempt"]), demand[name])
        for name, chain in chains.items()
    ]


def _order(chain: list[Row], asked: Row) -> Order:
    made = any(row["failed"] is False for row in chain)
    infused = [row["infused"] for row in chain if row["infused"]]
    fate = "made" if made else "open" if asked["closed"] is None else "none"
    return {
        "site": chain[0]["site"],
        "month": chain[0]["started"].replace(day=1),
        "batches": chain,
        "attempts": chain[-1]["attempt"],
        "fate": fate,
        "first_failed": chain[0]["failed"],
        "ordered": asked["ordered"],
        "infused": min(infused, default=None),
        "closed": asked["closed"],
    }


@pytest.fixture(scope="module")
def made(demo: Demo) -> list[Order]:
    return orders(demo.world)


@pytest.fixture
def lead(demo: Demo) -> Iterator[Filters]:
    with demo.asked_by(LEAD) as filters:
        yield filters


def test_orders_by_attempts_are_a_recount(made: list[Order], lead: Filters) -> None:
    frame = remanufacture.by_attempts(LEAD, lead)
    for row in frame.to_dicts():
        mine = [o for o in made if o["attempts"] == row["attempts"]]
        fates = Counter(o["fate"] for o in mine)
        assert row["orders"] == len(mine)
        assert row["with_product"] == fates["made"]
        assert row["without_product"] == fates["none"]
        assert row["still_open"] == fates["open"]
    assert frame["orders"].sum() == len(made)
    more = sum(o["attempts"] > 1 for o in made)
    assert f" {more} ({100 * more / len(made):.1f} %)" in (
        remanufacture._by_attempts_said(frame)
    )


def test_success_by_attempt_has_exact_intervals(
    made: list[Order], lead: Filters
) -> None:
    frame = remanufacture.success(LEAD, lead)
    batches = [b for o in made for b in o["batches"]]
    for row in frame.filter(pl.col("label") != "the whole order").to_dicts():
        attempt = int(row["label"].removeprefix("attempt "))
        ended = [
            b for b in batches if b["attempt"] == attempt and b["failed"] is not None
        ]
        good = sum(not b["failed"] for b in ended)
        assert (row["events"], row["n"]) == (good, len(ended))
        low = beta.ppf(0.025, good, len(ended) - good + 1)
        high = beta.ppf(0.975, good + 1, len(ended) - good)
        assert (row["lower"], row["upper"]) == pytest.approx((low, high))


def test_success_within_the_order_counts_orders_that_came_to_an_end(
    made: list[Order], lead: Filters
) -> None:
    frame = remanufacture.success(LEAD, lead)
    row = frame.filter(label="the whole order").row(0, named=True)
    fates = Counter(o["fate"] for o in made)
    assert row["events"] == fates["made"]
    assert row["n"] == fates["made"] + fates["none"]
    assert row["in_process"] == fates["open"]
    first = frame.filter(label="attempt 1").row(0, named=True)
    assert row["rate"] > first["rate"]


def lived(order: Order) -> tuple[int, str]:
    end = order["infused"] or order["closed"] or TODAY
    what = (
        "ended" if order["infused"] else "competing" if order["closed"] else "censored"
    )
    return (end - order["ordered"]).days, what


def group(made: list[Order], failed: bool, site: str | None = None) -> list[Order]:
    return [
        o
        for o in made
        if o["first_failed"] is failed and site in (None, o["site"]) and o["ordered"]
    ]


def curve(lives: list[tuple[int, str]]) -> list[float]:
    """The share infused by each day, day after day, by Aalen and Johansen."""
    free, there, shares = 1.0, 0.0, []
    for day in range(max(d for d, _ in lives) + 1):
        at_risk = sum(d >= day for d, _ in lives)
        ended = sum(d == day and what == "ended" for d, what in lives)
        left = sum(d == day and what != "censored" for d, what in lives)
        there += free * ended / at_risk
        free *= 1 - left / at_risk
        shares.append(there)
    return shares


def mean_days(made: list[Order], failed: bool, site: str | None = None) -> float:
    shares = curve([lived(o) for o in group(made, failed, site)])
    shares += [shares[-1]] * _days_lost.HORIZON
    return sum(1 - share for share in shares[: _days_lost.HORIZON])


def test_the_days_lost_are_the_area_between_the_two_curves(
    made: list[Order], lead: Filters
) -> None:
    frame = _days_lost.cost(LEAD, lead)
    gave, failed, lost = frame.to_dicts()
    for row, bad in ((gave, False), (failed, True)):
        shares = curve([lived(o) for o in group(made, bad)])
        assert row["n"] == len(group(made, bad))
        assert row["mean"] == pytest.approx(mean_days(made, bad))
        assert row["share"] == pytest.approx(shares[: _days_lost.HORIZON + 1][-1])
        quarter = next(day for day, share in enumerate(shares) if share >= 0.25)
        assert row["q25"] == quarter
        assert row["lower"] < row["mean"] < row["upper"]
        assert row["share_lower"] < row["share"] < row["share_upper"]
    difference = mean_days(made, True) - mean_days(made, False)
    assert lost["mean"] == pytest.approx(difference)
    assert 0 < lost["lower"] < difference < lost["upper"]
    assert f"costs {difference:.0f} of the first 180 days" in (
        _days_lost._cost_said(frame)
    )


def test_the_curves_are_those_of_the_orders(made: list[Order], lead: Filters) -> None:
    frame = _days_lost.curve(LEAD, lead)
    for name, bad in (("gave", False), ("failed", True)):
        mine = frame.filter(series=_days_lost.GROUPS[name])
        shares = curve([lived(o) for o in group(made, bad)])
        for day, share in mine.select("x", "value").rows():
            assert share == pytest.approx(shares[day])


def test_each_site_shows_its_own_counts_and_days(
    made: list[Order], lead: Filters
) -> None:
    frame = _days_lost.by_site(LEAD, lead)
    told = 0
    for row in frame.filter(pl.col("first_ended") > 0).to_dicts():
        ended = [
            o for o in made
            if o["site"] == row["site"] and o["first_failed"] is not None
        ]  # fmt: skip
        failed = [o for o in ended if o["first_failed"]]
        assert row["first_ended"] == len(ended)
        assert row["first_failed"] == len(failed)
        assert row["made_again"] == sum(o["attempts"] > 1 for o in failed)
        assert row["saved"] == sum(o["fate"] == "made" for o in failed)
        if row["days"] is not None:
            told += 1
            days = mean_days(made, True, row["site"]) - (
                mean_days(made, False, row["site"])
            )
            assert row["days"] == pytest.approx(days)
            assert row["lower"] < days < row["upper"]
            assert len(group(made, True, row["site"])) >= _days_lost.FEWEST
    assert told >= 15
    assert frame["site"].to_list() == sorted(frame["site"])


def test_a_site_with_few_failed_first_batches_is_shown_without_days(
    lead: Filters,
) -> None:
    row = _days_lost.by_site(LEAD, lead).filter(site="vesuvina").row(0, named=True)
    assert row["first_ended"] > 0
    assert row["days"] is None
    assert row["state"] == "not_applicable"
    assert "fewer than 10 orders" in row["reason"]


def test_a_period_is_that_of_the_first_batch_s_start(
    made: list[Order], lead: Filters
) -> None:
    frame = remanufacture.by_attempts(LEAD, Filters(start="2025-01", end="2025-06"))
    mine = [o for o in made if date(2025, 1, 1) <= o["month"] <= date(2025, 6, 1)]
    assert frame["orders"].sum() == len(mine)


@pytest.mark.parametrize(
    "viewer",
    [LEAD, Viewer("authority", region="ES61"), Viewer("site", site="turiana"), PUBLIC],
    ids=str,
)
@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters(start="2035-01"), Filters(site=("turiana",)),
     Filters(start="2026-10"), Filters(pathway=("compassionate_use",))],
    ids=lambda f: f.to_query() or "all",
)  # fmt: skip
def test_every_card_has_a_sentence_and_a_figure_for_everybody(
    demo: Demo, viewer: Viewer, filters: Filters
) -> None:
    others = {p.member.slug for p in demo.world.parts} - {viewer.site}
    with demo.asked_by(viewer):
        frames = [remanufacture.by_attempts(viewer, filters),
                  remanufacture.success(viewer, filters)]  # fmt: skip
        said = [remanufacture._by_attempts_said(frames[0]),
                remanufacture._success_said(frames[1])]  # fmt: skip
        remanufacture._by_attempts_drawn(frames[0])
        remanufacture._success_drawn(frames[1])
        for card in _days_lost.CARDS:
            frame = card.frame(viewer, filters)
            frames.append(frame)
            said.append(card.sentence(frame))
            if card.draw is not None:
                card.draw(frame)
    assert all(text.endswith(".") for text in said)
    assert not any(word in text for text in said for word in ("None", "nan", "inf "))
    if viewer.role in ("site", "public"):
        for frame in frames:
            assert not others & set(frame.get_column("site", default=pl.Series([""])))


def test_what_is_held_back_takes_no_part_in_a_share(demo: Demo) -> None:
    with demo.asked_by(PUBLIC) as filters:
        frame = remanufacture.by_attempts(PUBLIC, filters)
    assert frame.filter(state="suppressed")["orders"].null_count() > 0
    said = remanufacture._by_attempts_said(frame)
    assert "held back" in said
    assert "%" not in said


def test_a_pool_is_told_as_one_and_not_as_a_site(demo: Demo) -> None:
    with demo.asked_by(PUBLIC) as filters:
        frame = _days_lost.by_site(PUBLIC, filters)
        assert frame["site"].to_list() == ["network"]
        assert "No site is shown to you by name" in _days_lost._by_site_said(frame)


def test_orders_are_told_by_the_attempts_of_their_batches(lead: Filters) -> None:
    by_order = queries.orders(LEAD, lead, by=("attempts",))
    by_batch = queries.attempts(LEAD, lead, by=("attempt",))
    begun = sum(r["attempts"] * r["orders"] for r in by_order.to_dicts())
    counted = by_batch.select(pl.sum_horizontal("ended", "in_process")).sum().item()
    assert begun == counted
