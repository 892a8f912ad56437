from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS, METRICS
from dashboard.metrics_service import STEPS
from tests.dashboard.recounting import Recount, Row, asked_for
from tests.dashboard.test_recomputed import ASKED, given
from tests.demo import LEAD, Demo

WEEK = timedelta(weeks=1)
# Each metric and the test, here or beside it, that counts it again.
RECOUNTED = {
    *DEFINITIONS, "started", "harvested", "released", "infused", "cells_made",
    "doses_made", "doses_released", "first_pass_success", "order_success",
    "criterion_failed", "failure_cause", "lot_failure", "awaiting_final",
    *STEPS, "laboratory_turnaround", "results_outstanding",
    "starts_per_slot", "utilisation", "staffing", "lost", "waiting", "weeks_of_wait",
    "nominal_use", "completeness", "timeliness", "validity", "plausibility",
    "discordance", "agreement", "fails_usual",
    # In pages/test_why.py and, result by result, in pages/test_replay.py.
    "fails_own", "replay",
    # In pages/test_deviations.py.
    "deviations_per_batch", "actions_open", "actions_overdue", "deviation_closing",
    "deviation_of_failed", "root_cause",
    # In pages/test_assays.py.
    "ring_trial_score",
}  # fmt: skip


def test_every_declared_metric_is_counted_again() -> None:
    assert set(METRICS) == RECOUNTED


def full_weeks(recount: Recount, filters: Filters) -> tuple[date, date]:
    """The first and last Monday asked for; without a period the last 52 full weeks."""
    last = recount.today - timedelta(days=recount.today.weekday()) - WEEK
    if not filters.start:
        return last - 51 * WEEK, last
    since = date.fromisoformat(f"{filters.start}-01")
    while since.weekday():
        since += timedelta(days=1)
    until = date.fromisoformat(f"{filters.end}-01") if filters.end else last
    while filters.end and f"{until + timedelta(days=1):%Y-%m}" == filters.end:
        until += timedelta(days=1)
    return since, min(last, until)


@pytest.mark.parametrize("filters", ASKED[:4])
def test_slots_used_staffed_lost_and_started_are_a_recount_of_the_weeks(
    demo: Demo, recount: Recount, filters: Filters
) -> None:
    first, last = full_weeks(recount, filters)
    known = [
        r for r in recount.table("capacity")
        if r["resource"] == "slot" and first <= r["week"] <= last
        and r["used"] is not None and r["staffed"] is not None
        and recount.sites[r["site"]]["stage"] != "pre_gmp"
    ]  # fmt: skip
    starts = Counter(
        (r["site"], r["started"] - timedelta(days=r["started"].weekday()))
        for r in recount.counted
        if asked_for(r, given(filters))
    )
    wanted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in known:
        for column in ("used", "staffed", "theoretical"):
            wanted[column][row["site"]] += row[column] or 0
        wanted["starts"][row["site"]] += starts[(row["site"], row["week"])]
    with demo.asked_by(LEAD):
        use = queries.slot_use(LEAD, filters)
        per_slot = queries.slot_starts(LEAD, filters)
        lost = queries.slots_lost(LEAD, filters)
    for column in ("used", "staffed", "theoretical"):
        assert dict(use.select("site", column).drop_nulls().rows()) == wanted[column]
    assert dict(per_slot.select("site", "starts").rows()) == wanted["starts"]
    assert dict(per_slot.select("site", "staffed").rows()) == wanted["staffed"]
    losses: Counter[Any] = Counter()
    for row in recount.table("loss"):
        if row["resource"] == "slot" and first <= row["week"] <= last:
            losses[(row["site"], row["reason"])] += row["lost"]
    shown = {(r["site"], r["cause"]): r["lost"] for r in lost.to_dicts()}
    pre_gmp = {s for s, r in recount.sites.items() if r["stage"] == "pre_gmp"}
    assert shown == {k: n for k, n in losses.items() if k[0] not in pre_gmp}


def test_the_queue_is_the_last_week_s_and_its_rate_that_of_twelve_weeks(
    demo: Demo, recount: Recount
) -> None:
    _, last = full_weeks(recount, Filters())
    silent = set(demo.planted("stopped_reporting"))
    waiting, used = {}, Counter()
    rows = [r for r in recount.table("capacity") if r["resource"] == "slot"
            and recount.sites[r["site"]]["stage"] != "pre_gmp"]  # fmt: skip
    for row in sorted(rows, key=lambda r: r["week"]):
        if row["site"] in silent or row["week"] > last:
            continue
        if row["waiting"] is not None:
            waiting[row["site"]] = row["waiting"]
        if row["week"] > last - 12 * WEEK:
            used[row["site"]] += row["used"] or 0
    with demo.asked_by(LEAD):
        frame = queries.queue(LEAD, Filters())
    assert dict(frame.select("site", "waiting").drop_nulls().rows()) == waiting
    assert dict(frame.select("site", "used").drop_nulls().rows()) == used
    quiet = frame.filter(pl.col("site").is_in(silent))
    assert quiet["waiting"].to_list() == [None]
    assert quiet["state"].to_list() == ["not_reported"]


def test_nominal_capacity_is_laid_beside_the_starts_of_twelve_months(
    demo: Demo, recount: Recount
) -> None:
    since = recount.today - 52 * WEEK
    starts = Counter(
        r["site"] for r in recount.batches
        if r["started"] - timedelta(days=r["started"].weekday()) > since
    )  # fmt: skip
    with demo.asked_by(LEAD):
        frame = queries.nominal_use(LEAD, Filters())
    for row in frame.to_dicts():
        assert row["started"] == starts[row["site"]]
        nominal = recount.sites[row["site"]]["nominal_capacity"]
        assert row["nominal_capacity"] == nominal


@pytest.mark.parametrize("filters", ASKED[:2])
@pytest.mark.parametrize("dataset", ["batch", "result", "capacity"])
def test_completeness_is_what_came_of_what_the_site_says_it_has(
    demo: Demo, recount: Recount, filters: Filters, dataset: str
) -> None:
    due: dict[str, list[Row]] = defaultdict(list)
    for row in recount.table("report"):
        start, end = filters.start or "", filters.end or "9999"
        if row["dataset"] == dataset and row["due"] <= recount.today and (
            start <= row["period"] <= end
        ):  # fmt: skip
            due[row["site"]].append(row)
    with demo.asked_by(LEAD):
        frame = queries.completeness(LEAD, filters, dataset)
    assert set(frame["site"]) == set(due)
    for row in frame.to_dicts():
        rows = due[row["site"]]
        said = sum(r["expected_rows"] or 0 for r in rows)
        came = sum(min(r["received_rows"], r["expected_rows"] or 0) for r in rows)
        share = (
            came / said
            if said
            else sum(r["received_rows"] > 0 for r in rows) / len(rows)
        )
        assert row["share"] == pytest.approx(share)


def test_no_report_is_left_out_however_many_there_are(
    demo: Demo, recount: Recount
) -> None:
    with demo.asked_by(LEAD):
        frame = queries.reports(LEAD, Filters())
    assert frame.height == len(recount.table("report")) > 5000


def test_reads_and_rejects_are_those_of_the_pull(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = queries.row_counts(LEAD, Filters())
        rejects = queries.rejects(LEAD, Filters())
    columns = ("site", "dataset", "records", "read", "good", "repeated", "rejected")
    told = {tuple(row[c] for c in columns) for row in demo.result["datasets"]}
    assert set(frame.select(columns).iter_rows()) == told
    rows = Counter(
        (r["site"], r["dataset"])
        for r in {(r["site"], r["dataset"], r["row"], r["origin"]): r
                  for r in rejects.to_dicts()}.values()
    )  # fmt: skip
    shown = {(r["site"], r["dataset"]): r["rejected"] for r in frame.to_dicts()}
    assert {key: n for key, n in shown.items() if n} == dict(rows)


def test_findings_and_the_rules_counts_say_the_same(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        findings = queries.findings(LEAD, Filters())
        counts = queries.rule_counts(LEAD, Filters())
    broken = {(r["rule"], r["site"]) for r in counts.to_dicts() if r["numerator"]}
    assert set(findings.select("rule", "site").iter_rows()) <= broken
    assert findings.height > 0
    assert (counts["numerator"] <= counts["denominator"]).all()


def test_discordances_are_releases_against_a_failed_requirement(
    demo: Demo, recount: Recount
) -> None:
    against = set()
    for row in recount.table("release"):
        asked = [
            outcome
            for gate, outcome in recount.requirements.get(
                (row["site"], row["batch"]), []
            )
            if gate == row["gate"]
        ]
        if row["decision"] == "released" and "fail" in asked:
            against.add((row["site"], row["batch"]))
    with demo.asked_by(LEAD):
        frame = queries.discordances(LEAD, Filters())
    errors = frame.filter(pl.col("severity") == "error")
    assert set(errors.select("site", "batch").iter_rows()) == against
    assert len(against) == 10
