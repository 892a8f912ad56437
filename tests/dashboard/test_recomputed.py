from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from tests.dashboard.recounting import Recount, Row, asked_for, in_period, total
from tests.demo import LEAD, Demo

ASKED = [
    Filters(),
    Filters(start="2024-02", end="2025-07"),
    Filters(product=("car-t-cd19", "msc-bm")),
    Filters(pathway=("hospital_exemption",)),
    Filters(start="2025-12", product=("car-t-cd19",), pathway=("clinical_trial",)),
]
GROUPS: dict[str, Callable[[Row, date], Any]] = {
    "site": lambda row, day: row["site"],
    "product": lambda row, day: row["product"],
    "month": lambda row, day: day.replace(day=1),
    "": lambda row, day: "network",
}
asked_in_each_way = pytest.mark.parametrize(
    "filters", ASKED, ids=["all", "period", "product", "pathway", "each"]
)
by_each_group = pytest.mark.parametrize("by", GROUPS, ids=["site", "product", "month",
                                                           "network"])  # fmt: skip


def given(filters: Filters) -> Mapping[str, Any]:
    return {k: v for k, v in asdict(filters).items() if v}


def shown(frame: pl.DataFrame, by: str, column: str) -> dict[Any, Any]:
    """What a reader sees by group, without the groups in which there is nothing."""
    pairs = frame.select(by or "site", column).drop_nulls(column).rows()
    return {group: value for group, value in pairs if value}


def expected(
    rows: list[Row], day: str, filters: Filters, by: str
) -> Callable[[Callable[[Row], Any]], dict[Any, Any]]:
    asked = given(filters)
    kept = [r for r in rows if asked_for(r, asked) and in_period(r[day], asked)]

    def of(worth: Callable[[Row], Any]) -> dict[Any, Any]:
        found = total(kept, lambda r: GROUPS[by](r, r[day]), worth)
        return {group: n for group, n in found.items() if n}

    return of


@by_each_group
@asked_in_each_way
def test_every_failure_and_its_denominator_is_a_recount_of_the_batches(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    of = expected(recount.counted, "started", filters, by)
    columns = [c for d in DEFINITIONS.values() for c in (d.column, d.of)]
    with demo.asked_by(LEAD):
        frame = queries.counts(LEAD, filters, columns, by=(by,) if by else ())
    for definition in DEFINITIONS.values():
        failed, known = definition.column, definition.of
        assert shown(frame, by, known) == of(lambda r, f=failed: r[f] is not None)
        assert shown(frame, by, failed) == of(lambda r, f=failed: r[f] is True)


@by_each_group
@asked_in_each_way
def test_first_attempts_and_batches_in_process_are_a_recount(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    of = expected(recount.counted, "started", filters, by)
    columns = ("started", "in_process", "ended", "first_attempt_of",
               "first_attempt_success")  # fmt: skip
    with demo.asked_by(LEAD):
        frame = queries.counts(LEAD, filters, columns, by=(by,) if by else ())
    first = [(r["attempt"] or 1) == 1 for r in recount.counted]
    assert 0 < sum(first) < len(first)
    wanted = {
        "started": of(lambda r: 1),
        "in_process": of(lambda r: r["in_process"]),
        "ended": of(lambda r: not r["in_process"]),
        "first_attempt_of": of(
            lambda r: not r["in_process"] and (r["attempt"] or 1) == 1
        ),
        "first_attempt_success": of(
            lambda r: r["no_product"] is False and (r["attempt"] or 1) == 1
        ),
    }
    assert {c: shown(frame, by, c) for c in columns} == wanted


@by_each_group
@asked_in_each_way
def test_an_order_succeeds_when_any_of_its_batches_is_released(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    of = expected(recount.orders, "started", filters, by)
    with demo.asked_by(LEAD):
        columns = ("order_success", "order_of")
        frame = queries.counts(LEAD, filters, columns, by=(by,) if by else ())
    assert shown(frame, by, "order_of") == of(lambda r: r["ended"])
    assert shown(frame, by, "order_success") == of(lambda r: r["released"])
    again = [r for r in recount.counted if (r["attempt"] or 1) > 1]
    assert any(r["first_release"] for r in again)


@by_each_group
@asked_in_each_way
@pytest.mark.parametrize(
    ("event", "day"),
    [
        ("started", "started"),
        ("harvested", "harvested"),
        ("released", "first_release"),
        ("infused", "infused"),
    ],
)
def test_throughput_cells_and_doses_are_counted_on_the_day_they_happened(
    demo: Demo, recount: Recount, filters: Filters, by: str, event: str, day: str
) -> None:
    of = expected(recount.counted, day, filters, by)
    with demo.asked_by(LEAD):
        frame = queries.events(LEAD, filters, by=(*((by,) if by else ()), "event"))
    frame = frame.filter(pl.col("event") == event)
    assert shown(frame, by, "n") == of(lambda r: 1)
    if event == "harvested":
        assert shown(frame, by, "cells") == of(lambda r: r["cells_final"] or 0)
        assert shown(frame, by, "doses") == of(lambda r: r["doses_made"] or 0)
    if event == "released":
        assert shown(frame, by, "doses") == of(lambda r: r["doses_released"] or 0)


@by_each_group
@asked_in_each_way
def test_causes_of_failure_add_up_to_the_batches_without_product(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    failed = [r for r in recount.counted if r["no_product"]]
    with demo.asked_by(LEAD):
        keys = (*((by,) if by else ()), "stage", "category")
        frame = queries.failures(LEAD, filters, by=keys)
    for stage in {r["failure_stage"] for r in failed}:
        rows = [r for r in failed if r["failure_stage"] == stage]
        some = frame.filter(pl.col("stage") == (stage or "not_stated"))
        some = some.group_by(by or "site").agg(pl.col("n").sum())
        assert shown(some, by, "n") == expected(rows, "started", filters, by)(
            lambda r: 1
        )


@by_each_group
@asked_in_each_way
def test_criteria_failed_are_a_recount_of_criteria_judged(
    demo: Demo, recount: Recount, filters: Filters, by: str
) -> None:
    batches = {(r["site"], r["batch"]): r for r in recount.counted}
    rows = [
        {**batches[key], "parameter": j["parameter"], "outcome": j["outcome"]}
        for j in recount.judged
        if (key := (j["site"], j["batch"])) in batches
        and not batches[key]["in_process"]
    ]
    with demo.asked_by(LEAD):
        keys = (*((by,) if by else ()), "parameter")
        frame = queries.parameters(LEAD, filters, by=keys)
    for parameter in ("viability", "sterility", "vcn"):
        some = frame.filter(pl.col("parameter") == parameter)
        of = expected(
            [r for r in rows if r["parameter"] == parameter], "started", filters, by
        )
        assert shown(some, by, "judged") == of(lambda r: r["outcome"] != "undetermined")
        assert shown(some, by, "failed") == of(lambda r: r["outcome"] == "fail")
        assert shown(some, by, "undetermined") == of(
            lambda r: r["outcome"] == "undetermined"
        )


@pytest.mark.parametrize("filters", [ASKED[0], ASKED[2]], ids=["all", "product"])
def test_a_listed_lot_s_batches_are_a_recount_of_who_used_it(
    demo: Demo, recount: Recount, filters: Filters
) -> None:
    batches = {(r["site"], r["batch"]): r for r in recount.counted}
    used = {
        ((m["kind"], m["supplier"], m["lot"]), key)
        for m in recount.table("material")
        if (key := (m["site"], m["batch"])) in batches
    }
    with demo.asked_by(LEAD):
        frame = queries.listed_lots(LEAD, filters)
    assert frame.height
    for row in frame.to_dicts():
        lot = (row["kind"], row["supplier"], row["lot"])
        everywhere = [batches[key] for each, key in used if each == lot]
        mine = [r for r in everywhere if r["site"] == row["site"]]
        here = [r for r in mine if asked_for(r, given(filters))]
        assert row["used"] == len(here)
        assert row["ended"] == sum(not r["in_process"] for r in here)
        assert row["failed"] == sum(bool(r["no_product"]) for r in here)
        assert row["n"] == sum(not r["in_process"] for r in everywhere)
        assert row["events"] == sum(bool(r["no_product"]) for r in everywhere)


@pytest.mark.parametrize("filters", [ASKED[0], *ASKED[2:4]])
def test_batches_awaiting_their_final_certificate_are_a_recount(
    demo: Demo, recount: Recount, filters: Filters
) -> None:
    of = expected(
        [r for r in recount.counted if r["provisional"]], "started", filters, "site"
    )
    with demo.asked_by(LEAD):
        frame = queries.awaiting_final(LEAD, filters)
    assert shown(frame, "site", "provisional") == of(lambda r: 1)
    assert shown(frame, "site", "waiting") == of(lambda r: r["final"] is None)
    ages = {
        r["site"]: (recount.today - r["provisional"]).days
        for r in sorted(recount.counted, key=lambda r: r["provisional"] or date.min,
                        reverse=True)
        if r["provisional"] and not r["final"] and asked_for(r, given(filters))
    }  # fmt: skip
    assert shown(frame, "site", "oldest") == ages


@pytest.mark.parametrize("site", ["guadalora", "rhodanie", "vesuvina"])
def test_every_release_criterion_is_judged_as_by_hand(
    recount: Recount, demo: Demo, site: str
) -> None:
    slowly = recount.judged_slowly(site)
    criteria = {
        (j["batch"], j["gate"], j["parameter"], j["population"], j["method"]): j[
            "outcome"
        ]
        for j in recount.judged
        if j["site"] == site
    }
    gates = {
        (r["batch"], r["gate"]): r["outcome"]
        for r in recount.table("gate_outcome")
        if r["site"] == site
    }
    assert criteria | gates == slowly
    assert {"pass", "fail"} <= set(gates.values())
