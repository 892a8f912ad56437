from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from scipy.stats import chi2

from dashboard.analysis import periods
from dashboard.analysis.grid import grid
from dashboard.filters import Filters
from dashboard.pages import _output, _per_slot, throughput
from dashboard.viewer import Viewer
from etl.demo.members import MSC_UNIT
from etl.demo.truth import truths
from etl.demo.world import World

Ask = Callable[[Viewer], AbstractContextManager[None]]
LEAD = Viewer("lead")
NOT_COUNTED = ("validation", "engineering")


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def counted(world: World) -> list[dict[str, Any]]:
    pre_gmp = {p.member.slug for p in world.parts if p.member.stage == "pre_gmp"}
    return [
        row
        for row in world.frame("batch").to_dicts()
        if row["pathway"] not in NOT_COUNTED and row["site"] not in pre_gmp
    ]


@pytest.fixture
def lead(ask: Ask) -> Iterator[Viewer]:
    with ask(LEAD):
        yield LEAD


def test_starts_by_month_are_a_recount_of_the_batches(
    world: World, lead: Viewer
) -> None:
    months = Counter(
        row["started"].replace(day=1) for row in counted(world) if row["started"]
    )
    frame = throughput.over_time(lead, Filters()).filter(pl.col("event") == "started")
    assert dict(frame.select("x", "n").rows()) == dict(months)


def test_the_running_month_is_not_drawn_and_not_told_as_a_month(lead: Viewer) -> None:
    frame = throughput.over_time(lead, Filters())
    assert frame.filter(~pl.col("over"))["x"].unique().to_list() == [date(2026, 11, 1)]
    assert "In Oct 2026" in throughput._over_time_said(frame)


def test_the_msc_unit_s_batches_split_by_trial_as_planted(
    world: World, lead: Viewer
) -> None:
    frame = throughput.by_trial(lead, Filters(site=("guadalora",)))
    shown = {
        (r["pathway"].replace(" ", "_"), None if r["trial"] == "–" else r["trial"]):
        r["n"] for r in frame.to_dicts()
    }  # fmt: skip
    assert shown == {(x.pathway, x.trial): x.batches for x in MSC_UNIT}
    told = truths(world)["living"]["guadalora"]["by_pathway_and_trial"]
    assert shown == {(pathway, trial): n for pathway, trial, n in told}


def test_the_msc_unit_s_cells_and_authorisations_are_the_planted_ones(
    world: World, lead: Viewer
) -> None:
    told = truths(world)["living"]["guadalora"]
    asked = Filters(site=("guadalora",))
    made = _output.made(lead, asked)
    assert made["cells"].sum() == pytest.approx(told["cells_final"] / 1e9)
    permits = _output.permissions(lead, asked)
    assert [str(day) for day in permits["valid_from"]] == told["authorised_from"]


def test_allogeneic_products_count_in_doses_and_others_in_batches(
    world: World, lead: Viewer
) -> None:
    harvested = [r for r in counted(world) if r["harvested"]]
    frame = _output.made(lead, Filters())
    for product, source in (("nk-expanded", "allogeneic"), ("treg-expanded", None)):
        mine = [r for r in harvested if r["product"] == product]
        output = frame.filter(pl.col("product") == product)["output"].sum()
        doses = sum(r["doses_made"] or 0 for r in mine)
        assert output == (doses if source else len(mine))
        shown = frame.filter(pl.col("product") == product)["released"]
        out = {
            (r["site"], r["batch"]) for r in world.frame("release").to_dicts()
            if r["decision"].startswith("released")
        }  # fmt: skip
        let_go = [r for r in counted(world) if (r["site"], r["batch"]) in out
                  and r["product"] == product]  # fmt: skip
        told = sum(r["doses_released"] or 0 for r in let_go)
        assert shown.sum() == (told if source else 0)


def test_starts_per_slot_are_starts_over_slots_of_the_same_weeks(
    world: World, lead: Viewer
) -> None:
    site = "cheviotdale"
    slots = {
        r["week"]: r["staffed"]
        for r in world.frame("capacity").to_dicts()
        if r["site"] == site and r["resource"] == "slot" and r["used"] is not None
    }
    starts = sum(
        monday(r["started"]) in slots for r in counted(world) if r["site"] == site
    )
    row = _per_slot.per_slot(lead, Filters(site=(site,))).row(0, named=True)
    assert (row["events"], row["exposure"]) == (starts, sum(slots.values()))
    assert row["rate"] == pytest.approx(starts / sum(slots.values()))
    low = chi2.ppf(0.025, 2 * starts) / 2 / sum(slots.values())
    high = chi2.ppf(0.975, 2 * starts + 2) / 2 / sum(slots.values())
    assert (row["lower"], row["upper"]) == pytest.approx((low, high))
    assert row["reported"] < row["expected"]


def test_the_centre_stays_the_network_s_when_sites_are_chosen(lead: Viewer) -> None:
    every = _per_slot.per_slot(lead, Filters())
    one = _per_slot.per_slot(lead, Filters(site=("manzanera",)))
    assert every.height > one.height == 1
    assert one["centre"][0] == every["centre"][0]


def test_the_trend_is_told_with_its_interval_and_follows_the_planted_growth(
    lead: Viewer,
) -> None:
    frame = _per_slot.slot_trend(lead, Filters())
    assert 1 < frame["factor_lower"][0] < frame["factor"][0] < frame["factor_upper"][0]
    said = _per_slot._slot_trend_said(frame)
    assert "a rise" in said
    assert "95 % interval" in said


def test_a_hidden_quarter_leaves_no_trend() -> None:
    quarters = pl.DataFrame(
        {
            "quarter": [date(2025, m, 1) for m in (1, 4, 7, 10)],
            "starts": [9, None, 12, 13],
            "staffed": [20.0, 20.0, 20.0, 20.0],
            "state": ["data", "suppressed", "data", "data"],
            "reason": [None] * 4,
        }
    )
    assert _per_slot.yearly(quarters).factor is None
    assert _per_slot.yearly(quarters.filter(pl.col("starts") > 0)).factor is not None


def test_the_silent_site_s_last_months_are_silence_and_not_zero(lead: Viewer) -> None:
    frame = throughput.by_site(lead, Filters(site=("cheviotdale",)))
    late = frame.filter(pl.col("x") >= date(2026, 10, 1))
    if late.is_empty():
        late = throughput.by_site(lead, Filters()).filter(
            pl.col("site") == "cheviotdale", pl.col("x") >= date(2026, 10, 1)
        )
    assert late["n"].to_list() == [None, None]
    assert late["state"].unique().to_list() == ["not_reported"]
    assert "nothing was heard since" in late["reason"][0]


def test_engineering_runs_and_laboratories_do_not_apply(lead: Viewer) -> None:
    frame = throughput.by_site(lead, Filters())
    for site in ("skanelund", "elbmarsch"):
        mine = frame.filter(pl.col("site") == site)
        assert mine["state"].unique().to_list() == ["not_applicable"]
        assert mine["n"].null_count() == mine.height > 0


def test_hidden_counts_of_a_pathway_are_not_told_as_none(ask: Ask) -> None:
    viewer = Viewer("authority", region="ES51")
    with ask(viewer):
        frame = throughput.by_pathway(viewer, Filters())
    hidden = frame.filter(pl.col("part") == "compassionate use")
    assert hidden["state"].unique().to_list() == ["suppressed"]
    said = throughput._by_pathway_said(frame)
    assert "compassionate use" not in said
    assert "Hidden counts are not in it" in said


@pytest.mark.parametrize("viewer", [Viewer("public"), Viewer("site", site="turiana")])
def test_no_other_site_is_named_to_who_may_not_know_it(
    ask: Ask, world: World, viewer: Viewer
) -> None:
    others = {part.member.slug for part in world.parts} - {viewer.site}
    with ask(viewer):
        cards = (*_per_slot.CARDS, *_output.CARDS)
        frames = [card.frame(viewer, Filters()) for card in cards]
        frames += [throughput.by_site(viewer, Filters())]
        frames += [throughput.by_trial(viewer, Filters())]
    for frame in frames:
        assert not others & set(frame.get_column("site", default=pl.Series([""])))


def test_a_period_without_a_row_is_a_zero_between_others() -> None:
    frame = pl.DataFrame(
        {
            "event": ["started", "started"],
            "x": [date(2025, 11, 1), date(2026, 2, 1)],
            "n": [3, 4],
            "state": ["data", "data"],
            "reason": [None, None],
        }
    )
    filled = periods.filled(frame, "month", ("event",), ("n",))
    assert filled["n"].to_list() == [3, 0, 0, 4]
    assert filled["state"].to_list() == ["data", "zero", "zero", "data"]


@pytest.mark.parametrize(
    ("period", "words", "first"),
    [
        ("month", "Nov 2026", date(2026, 11, 1)),
        ("quarter", "Q4 2026", date(2026, 10, 1)),
        ("year", "2026", date(2026, 1, 1)),
        ("week", "week of 16 Nov 2026", date(2026, 11, 16)),
    ],
)
def test_periods_have_a_first_day_and_words(
    period: str, words: str, first: date
) -> None:
    assert periods.running(period, date(2026, 11, 18)) == first
    assert periods.titled(first, period) == words


def test_rows_of_a_matrix_are_alphabetical_and_columns_as_they_come() -> None:
    frame = pl.DataFrame(
        {
            "site": ["b", "a"],
            "line": ["second", "first"],
            "n": [5, None],
            "state": ["data", "suppressed"],
            "reason": [None, "few"],
        }
    )
    cells = grid(frame, "site", "line", "n")
    assert cells.select("row", "column").rows() == [
        ("a", "second"), ("a", "first"), ("b", "second"), ("b", "first"),
    ]  # fmt: skip
    assert cells["text"].to_list() == [None, None, "5", None]
    assert cells["state"].to_list() == ["zero", "suppressed", "data", "zero"]


def test_a_pool_is_drawn_by_quarters_and_none_is_over_before_its_end(ask: Ask) -> None:
    public = Viewer("public")
    with ask(public):
        frame = throughput.over_time(public, Filters().option("per", "month"))
        said = throughput._over_time_said(frame)
    assert {day.month for day in frame["x"]} == {1, 4, 7, 10}
    assert "In Q3 2026, the last period that is over" in said
