from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import _certification as page
from dashboard.viewer import Viewer
from etl.demo.world import TODAY
from tests.demo import LEAD, PUBLIC, Demo

Ask = Callable[[Viewer], AbstractContextManager[Filters]]


@pytest.fixture(scope="module")
def released(demo: Demo) -> list[dict[str, Any]]:
    """Provisionally released batches that count, each with its final decision."""
    return demo.rows(
        "select b.site, b.infused, p.decided as given, f.decided, f.decision,"
        " coalesce(g.failed, 0) > 0 as failed from batch as b"
        " join site as s on b.site = s.site"
        " join (select site, batch, min(decided) as decided from release where gate ="
        " 'provisional' and decision <> 'rejected' group by all) as p"
        " on b.site = p.site and b.batch = p.batch left join (select * from release"
        " where gate = 'final') as f on b.site = f.site and b.batch = f.batch"
        " left join gate_outcome as g on b.site = g.site and b.batch = g.batch"
        " and g.gate = 'final' where s.kind <> 'published' and s.stage <> 'pre_gmp'"
        " and b.pathway not in ('validation', 'engineering')"
    ).to_dicts()


def late(row: dict[str, Any]) -> bool:
    return bool(row["failed"] or row["decision"] == "rejected")


def test_late_failures_and_who_had_been_treated_are_a_recount(
    ask: Ask, released: list[dict[str, Any]]
) -> None:
    with ask(LEAD) as filters:
        frame = page.late(LEAD, filters)
        said = page.CARDS[0].sentence(frame)
    failed = Counter(r["site"] for r in released if late(r))
    given = Counter(
        r["site"] for r in released
        if late(r) and r["infused"] and r["infused"] <= (r["decided"] or TODAY)
    )  # fmt: skip
    waiting = Counter(r["site"] for r in released if not late(r) and not r["decided"])
    for row in frame.drop_nulls("failed").to_dicts():
        site = row["site"]
        told = (row["failed"], row["failed_given"], row["waiting"])
        assert told == (failed[site], given[site], waiting[site])
    assert failed.total() > 20
    assert f"{given.total()} of them had been given by then" in said


def test_the_months_are_a_recount_and_the_open_ones_are_provisional(
    ask: Ask, released: list[dict[str, Any]]
) -> None:
    with ask(LEAD) as filters:
        frame = page.by_month(LEAD, filters)
        said = page.CARDS[1].sentence(frame)
        assert page.CARDS[1].draw is not None
        drawn = page.CARDS[1].draw(frame)
    every = Counter(r["given"].replace(day=1) for r in released)
    still = {r["given"].replace(day=1) for r in released
             if not r["decided"] and not late(r)}  # fmt: skip
    assert dict(frame.select("month", "n").rows()) == dict(every)
    open_ = frame.filter(pl.col("standing") == "provisional")
    assert set(open_["month"]) == still
    assert (open_["low"] <= open_["final"]).all()
    assert (open_["final"] <= open_["high"]).all()
    assert f"{len(still)} months are provisional" in said
    names = [trace.name for trace in drawn.data]
    assert names == ["final", "provisional: expected in the end, 95 %",
                     "provisional: so far"]  # fmt: skip


def test_a_silent_site_s_batches_wait_until_its_last_word_only(
    ask: Ask, demo: Demo
) -> None:
    last = demo.rows(
        "select max(decided) from release where site = 'cheviotdale'"
    ).item()
    assert (TODAY - last).days > 60
    oldest = demo.rows(
        "select max(day) from rollup_certification"
        " where site = 'cheviotdale' and waiting > 0"
    ).item()
    assert oldest is not None
    assert oldest < 60


def test_overdue_results_are_a_recount_by_laboratory_and_parameter(
    ask: Ask, demo: Demo
) -> None:
    with ask(LEAD) as filters:
        frame = page.overdue(LEAD, filters)
        said = page.CARDS[2].sentence(frame)
    rows = demo.rows(
        "select r.laboratory, r.site, r.parameter, r.sampled from result as r"
        " join site as s on r.site = s.site and s.kind <> 'published'"
        " where r.sampled is not null and r.reported is null"
        " and r.state not in ('not_done', 'not_applicable')"
    ).to_dicts()
    due = dict(frame.select("parameter", "due").rows())
    out: Counter[tuple[str, str]] = Counter()
    over: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = (row["laboratory"], row["parameter"])
        out[key] += 1
        over[key] += (TODAY - row["sampled"]).days > due[row["parameter"]]
    shown = {(r["laboratory"], r["parameter"]): r for r in frame.to_dicts()}
    assert {key: r["outstanding"] for key, r in shown.items()} == dict(out)
    assert {key: r["overdue"] for key, r in shown.items()} == dict(over)
    assert f"{over.total()} of them for longer" in said
    assert over.total() > 0


def test_months_with_few_failures_are_held_back_from_the_public(ask: Ask) -> None:
    with ask(PUBLIC) as filters:
        told = queries.certified(PUBLIC, filters, ("month",))
        days = queries.certification_days(PUBLIC, filters)
        frame = page.by_month(PUBLIC, filters)
        said = page.CARDS[1].sentence(frame)
    held = set(told.filter(pl.col("state") == "suppressed")["month"])
    assert held
    assert days.filter(pl.col("month").is_in(held)).select(
        "day", "failed", "certified", "waiting"
    ).null_count().sum_horizontal().item() == 4 * len(held)
    hidden = frame.filter(pl.col("month").is_in(held))
    assert hidden["final"].null_count() == hidden.height == len(held)
    assert said == page._HIDDEN
    assert frame["settled"].null_count() == frame.height


def test_a_month_of_one_site_cannot_be_subtracted_from_two_answers(ask: Ask) -> None:
    viewer = Viewer("site", site="turiana")
    with ask(viewer):
        whole = queries.certified(viewer, Filters())
        chosen = queries.certified(viewer, Filters(site=("turiana",)))
    assert set(whole["site"]) == {"turiana", "peers"}
    assert whole.equals(chosen)


def test_a_selection_without_releases_says_so(ask: Ask) -> None:
    nothing = Filters(start="2001-01", end="2001-02")
    with ask(LEAD):
        for card in page.CARDS:
            frame = card.frame(LEAD, nothing)
            assert card.sentence(frame).endswith(".")
            assert card.draw is not None
            card.draw(frame)
    assert date(2001, 1, 1) < TODAY
