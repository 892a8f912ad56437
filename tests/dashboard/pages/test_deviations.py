from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import _actions, _deviation_rates, deviations
from dashboard.viewer import Viewer
from tests.dashboard.pages.altered import altered
from tests.dashboard.recounting import Recount, Row, in_period
from tests.demo import LEAD, PUBLIC, Demo

ES51 = Viewer("authority", region="ES51")
SITE = Viewer("site", site="lutecine")
PERIODS = [Filters(), Filters(start="2024-02", end="2025-07")]
periods = pytest.mark.parametrize("filters", PERIODS, ids=["all", "period"])


def period(filters: Filters) -> dict[str, Any]:
    return {"start": filters.start, "end": filters.end}


@pytest.fixture(scope="module")
def told(recount: Recount) -> list[Row]:
    """Deviations that count in rates, with the last day of their site's news."""
    counted = {(r["site"], r["batch"]): r["counted"] for r in recount.batches}
    last = dict(recount.demo.rows("select site, max(last_day) from freshness"
                                  " group by site").rows())  # fmt: skip
    return [
        {**row, "until": min(recount.today, last[row["site"]])}
        for row in recount.table("deviation")
        if counted[row["site"], row["batch"]]
    ]


def due(row: Row) -> bool:
    return row["capa_due"] is not None and row["capa_due"] < row["until"]


@periods
def test_actions_open_due_and_overdue_are_a_recount_by_site_and_grade(
    demo: Demo, told: list[Row], filters: Filters
) -> None:
    wanted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in told:
        if in_period(row["opened"], period(filters)):
            open_ = row["capa_due"] is not None and row["capa_closed"] is None
            counts = wanted[row["site"], row["grade"]]
            counts[0] += open_
            counts[1] += due(row)
            counts[2] += due(row) and open_
    with demo.asked_by(LEAD):
        frame = _actions.by_grade(LEAD, filters)
    shown = frame.filter(pl.col("grade").is_not_null())
    columns = ("actions_open", "actions_due", "actions_overdue")
    assert {(s, g): c for s, g, *c in shown.select("site", "grade", *columns).rows()
            } == dict(wanted)  # fmt: skip


def test_the_site_with_overdue_actions_is_flagged_and_no_other(demo: Demo) -> None:
    planted = demo.truth["gaps"]["overdue"]
    with demo.asked_by(LEAD):
        frame = _actions.overdue(LEAD, Filters())
        said = _actions._overdue_said(frame)
    flagged = frame.filter(pl.col("flagged").is_in(["high95", "high998"]))
    assert flagged["site"].to_list() == [planted["site"]]
    assert flagged["flagged"].to_list() == ["high998"]
    counts = dict(frame.drop_nulls("events").select("site", "events").rows())
    assert counts.keys() >= {"manzanera", "pujiang"}
    assert counts == {s: planted["actions"][s] for s in counts}
    assert "Institut Lutécine" in said


def test_a_silent_site_has_no_current_figure_and_is_not_compared(demo: Demo) -> None:
    (silent,) = demo.planted("stopped_reporting")
    with demo.asked_by(LEAD):
        frame = _actions.overdue(LEAD, Filters())
    row = frame.row(by_predicate=pl.col("site") == silent, named=True)
    assert row["compared"] is False
    assert "71 days old" in row["reason"]
    assert row["verdict"] == "not compared"


@periods
def test_deviations_per_batch_are_a_recount_beside_poisson_limits(
    demo: Demo, recount: Recount, told: list[Row], filters: Filters
) -> None:
    opened = Counter(r["site"] for r in told if in_period(r["opened"], period(filters)))
    begun = Counter(
        r["site"] for r in recount.counted
        if in_period(r["started"], period(filters))
    )  # fmt: skip
    with demo.asked_by(LEAD):
        frame = _deviation_rates.per_batch(LEAD, filters).drop_nulls("rate")
    some = frame.filter(pl.col("events") > 0)
    assert dict(some.select("site", "events").rows()) == opened
    assert dict(frame.select("site", "n").rows()) == {
        s: begun[s] for s in frame["site"]
    }
    centre = sum(opened.values()) / sum(begun[s] for s in frame["site"])
    assert frame["centre"].to_list() == pytest.approx([centre] * frame.height)


def test_time_to_close_is_kaplan_and_meier_s_with_the_open_ones_censored(
    demo: Demo, recount: Recount
) -> None:
    """The median again, by the product of survivors, from the rows themselves."""
    last = dict(demo.rows("select site, max(last_day) from freshness"
                          " group by site").rows())  # fmt: skip
    with demo.asked_by(LEAD):
        frame = deviations.closing(LEAD, Filters())
    for grade in ("critical", "major"):
        days: list[tuple[int, bool]] = []
        for row in recount.table("deviation"):
            if row["grade"] != grade or row["capa_due"] is None:
                continue
            until = min(recount.today, last[row["site"]])
            end = row["capa_closed"] or until
            days.append(((end - row["opened"]).days, row["capa_closed"] is not None))
        told = frame.filter(closing="action", grade=grade).row(0, named=True)
        assert told["n"] == len(days)
        assert told["censored"] == sum(not closed for _, closed in days)
        assert told["q50"] == half_closed_by(days)


def half_closed_by(days: list[tuple[int, bool]]) -> int:
    still = 1.0
    for day in sorted({d for d, closed in days if closed}):
        at_risk = sum(d >= day for d, _ in days)
        still *= 1 - sum(d == day and closed for d, closed in days) / at_risk
        if still <= 0.5 + 1e-12:
            return day
    raise AssertionError("half are never closed")


def test_deviations_of_failed_batches_and_of_others_are_a_recount(
    demo: Demo, recount: Recount
) -> None:
    marked = {(r["site"], r["batch"]) for r in recount.table("deviation")}
    reporting = {site for site, _ in marked}
    wanted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in recount.counted:
        if row["no_product"] is None or row["site"] not in reporting:
            continue
        for whose in ("network", row["site"]):
            place = 0 if row["no_product"] else 2
            wanted[whose][place] += 1
            wanted[whose][place + 1] += (row["site"], row["batch"]) in marked
    with demo.asked_by(LEAD):
        frame = deviations.beside_failures(LEAD, Filters()).drop_nulls("n")
        said = deviations._beside_failures_said(frame)
    shown = frame.select("site", "n", "events", "other_n", "other_events").rows()
    assert {site: counts for site, *counts in shown} == dict(wanted)
    assert shown[0][0] == "network"
    # The generator wrote one for 80 % of the failed and 16 % of the others.
    assert frame["lower"][0] < 0.64 < frame["upper"][0] + 0.04
    assert "does not say which made which" in said


def test_root_causes_are_a_recount(demo: Demo, told: list[Row]) -> None:
    wanted = Counter(row["root_cause"].replace("_", " ") for row in told)
    with demo.asked_by(LEAD):
        frame = deviations.root_causes(LEAD, Filters())
    assert dict(frame.select("label", "count").rows()) == wanted


def test_open_actions_are_listed_for_the_lead_and_for_their_own_site(
    demo: Demo, recount: Recount
) -> None:
    open_ = [r for r in recount.table("deviation")
             if r["capa_due"] is not None and r["capa_closed"] is None]  # fmt: skip
    late = {r["deviation"]: (recount.today - r["capa_due"]).days for r in open_}
    with demo.asked_by(LEAD):
        frame = _actions.listed(LEAD, Filters())
    assert {d: n for d, n in late.items() if n > 0} == dict(
        frame.drop_nulls("overdue").select("deviation", "overdue").rows()
    )
    assert set(frame["deviation"]) == set(late)
    with demo.asked_by(SITE):
        mine = _actions.listed(SITE, Filters())
    assert set(mine["deviation"]) == {
        r["deviation"] for r in open_ if r["site"] == SITE.site
    }
    for viewer in (ES51, PUBLIC, Viewer("site", site="elbmarsch")):
        with demo.asked_by(viewer):
            assert _actions.listed(viewer, Filters()).is_empty()


@pytest.mark.parametrize("viewer", [SITE, ES51, PUBLIC], ids=str)
def test_a_total_less_what_is_named_is_a_pool_and_never_one_site(
    demo: Demo, viewer: Viewer
) -> None:
    with demo.asked_by(viewer):
        by = ("site", "grade", "root_cause")
        frame = queries.deviations(viewer, Filters(), by=by)
        everyone = queries.deviations(LEAD, Filters(), by=by)
    makers = everyone.group_by("grade", "root_cause").agg(pl.col("site").n_unique())
    named = set(frame["site"]) - {*queries.POOLS}
    assert named == ({viewer.site} if viewer.role == "site" else set(named))
    few = makers.filter(pl.col("site") - len(named) < 5)
    hidden = frame.filter(pl.col("site").is_in([*queries.POOLS])).join(
        few, on=["grade", "root_cause"], how="semi"
    )
    assert hidden["opened"].null_count() == hidden.height


def test_a_site_that_reports_no_deviations_is_not_shown_as_having_none(
    demo: Demo, tmp_path: Any
) -> None:
    less = altered(demo, tmp_path, *(
        f"delete from {table} where site = 'manzanera'"
        for table in ("rollup_deviation", "rollup_deviation_batch")
    ))  # fmt: skip
    with less.asked_by(LEAD):
        frame = queries.deviations(LEAD, Filters())
        beside = queries.deviation_batches(LEAD, Filters())
    for told in (frame, beside):
        row = told.row(by_predicate=pl.col("site") == "manzanera", named=True)
        assert row["state"] == "not_reported"
        assert row["reason"] == "no deviations were ever reported"


def test_nothing_is_said_of_days_to_come(told: list[Row]) -> None:
    assert max(row["until"] for row in told) <= date(2026, 11, 16)


def test_where_no_site_closed_anything_a_pool_has_nothing_to_tell(
    demo: Demo, tmp_path: Path
) -> None:
    """A table without a row has no value of which each is told for itself."""
    nothing = altered(demo, tmp_path, "delete from rollup_deviation_days")
    with nothing.asked_by(PUBLIC) as filters:
        told = queries.deviation_days(PUBLIC, filters, ("site", "closing"))
    assert told.is_empty()
