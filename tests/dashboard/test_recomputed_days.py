from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.metrics_service import STEPS
from tests.dashboard.recounting import Recount, Row, asked_for, in_period
from tests.dashboard.test_recomputed import asked_in_each_way, given
from tests.demo import LEAD, Demo


def steps(recount: Recount) -> Iterator[tuple[str, Row, date | None, str, date]]:
    """Step, whose it is, since when, how it went, and the day that is known of."""
    for row in recount.counted:
        gone = row["ended"] or row["rejected"]
        refused = min((d for d in (row["ended"], row["rejected"]) if d), default=None)
        unused = None if row["infused"] else gone
        for step, since, until, lost in (
            ("collected_received", "collected", "received", gone),
            ("received_started", "received", "started", gone),
            ("started_harvested", "started", "harvested", gone),
            ("harvested_released", "harvested", "first_release", refused),
            ("released_infused", "first_release", "infused", gone),
            ("provisional_final", "provisional", "final", unused),
        ):
            yield step, row, row[since], *fate(recount, row[until], lost)
    batches = {(r["site"], r["order_key"]): r for r in recount.orders}
    for order in recount.table("demand"):
        if recount.sites[order["site"]]["stage"] == "pre_gmp":
            continue
        first = batches.get((order["site"], order["order_key"]), {})
        row = {**first, **order, "pathway": first.get("pathway", "-")}
        collected = order["collected"] or first.get("collected")
        for step, until in (
            ("ordered_collected", collected),
            ("ordered_infused", first.get("treated")),
        ):
            day = order["ordered"]
            yield step, row, day, *fate(recount, until, order["closed"])


def fate(recount: Recount, until: date | None, lost: date | None) -> tuple[str, date]:
    if until:
        return "ended", until
    return ("competing", lost) if lost else ("censored", recount.today)


@asked_in_each_way
@pytest.mark.parametrize("by", ["site", "product", ""])
def test_days_of_every_step_are_a_recount_with_the_running_and_the_lost(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    asked = given(filters)
    days: dict[str, Counter[Any]] = defaultdict(Counter)
    for step, row, since, how, stop in steps(recount):
        if (
            since
            and since <= stop
            and asked_for(row, asked)
            and in_period(since, asked)
        ):
            group = row[by] if by else "network"
            days[step][(group, (stop - since).days, how)] += 1
    with demo.asked_by(LEAD):
        frame = queries.durations(LEAD, filters, by=(*((by,) if by else ()), "step"))
    for step in STEPS:
        shown = frame.filter(pl.col("step") == step).select(
            by or "site", "day", "ended", "competing", "censored"
        )
        found = {
            (group, day, how): n
            for group, day, *counts in shown.iter_rows()
            for how, n in zip(("ended", "competing", "censored"), counts, strict=True)
            if n
        }
        assert found == dict(days[step]), step


def test_an_infused_product_without_its_final_certificate_is_still_waiting(
    demo: Demo, recount: Recount
) -> None:
    waiting = [r for r in recount.counted
               if r["provisional"] and not r["final"] and r["infused"]]  # fmt: skip
    assert any(r["ended"] for r in waiting)
    with demo.asked_by(LEAD):
        frame = queries.durations(LEAD, Filters(), by=("step",))
    step = frame.filter(pl.col("step") == "provisional_final")
    assert step["censored"].sum() >= len(waiting)


def test_a_patient_who_is_treated_from_a_second_batch_is_not_lost(
    demo: Demo, recount: Recount
) -> None:
    treated = [r for r in recount.orders if r["treated"]]
    assert sum(r["infused"] is None for r in treated) > 0
    with demo.asked_by(LEAD):
        frame = queries.durations(LEAD, Filters(), by=("step",))
    step = frame.filter(pl.col("step") == "ordered_infused")
    assert step["ended"].sum() == len(treated)


@asked_in_each_way
def test_laboratory_days_are_a_recount_of_the_results(
    demo: Demo, recount: Recount, filters: Filters
) -> None:
    asked = given(filters)
    batches = {(r["site"], r["batch"]): r for r in recount.batches}
    days: Counter[Any] = Counter()
    for row in recount.table("result"):
        batch = batches.get((row["site"], row["batch"]))
        if batch is None or row["state"] in ("not_done", "not_applicable"):
            continue
        stop = row["reported"] or recount.today
        if not (row["sampled"] and row["sampled"] <= stop and asked_for(batch, asked)
                and in_period(row["sampled"], asked)):  # fmt: skip
            continue
        who = row["site"] if row["laboratory"] == "-" else row["laboratory"]
        how = "ended" if row["reported"] else "censored"
        days[(who, row["parameter"], (stop - row["sampled"]).days, how)] += 1
    with demo.asked_by(LEAD):
        frame = queries.laboratory_days(LEAD, filters)
    found: Counter[Any] = Counter()
    for row in frame.to_dicts():
        for how in ("ended", "censored"):
            key = (row["laboratory"], row["parameter"], row["day"], how)
            found[key] += row[how]
    assert +found == days
