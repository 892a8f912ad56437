"""Which figures, and since when, an audience is shown: the network's own rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.viewer import Viewer
from tests.dashboard.pages.altered import altered
from tests.dashboard.republishing import republished
from tests.demo import LEAD, PUBLIC, Demo

SITE = Viewer("site", site="vesuvina")
AUTHORITY = Viewer("authority", region="ES51")
SINCE = "2025-04"
BY_MONTH = ("site", "month")
STARTED = ("started",)


def ruled(demo: Demo, folder: Path, **rules: dict[str, Any]) -> Demo:
    path = folder / "data" / "snapshots" / "1.duckdb"
    path.parent.mkdir(parents=True)
    republished(demo, path, {name: {"threshold": 5} | r for name, r in rules.items()})
    return Demo(folder)


ASKED: dict[str, Callable[[Viewer, Filters], pl.DataFrame]] = {
    "batches": lambda v, f: queries.counts(v, f, STARTED, ("site",)),
    "capacity": lambda v, f: queries.slot_use(v, f),
    "deviations": lambda v, f: queries.deviations(v, f, by=("site",)),
    "criteria": lambda v, f: queries.criteria(v, f),
}


@pytest.mark.parametrize("viewer", (SITE, AUTHORITY, PUBLIC), ids=str)
def test_figures_that_an_audience_is_not_shown_are_its_own_or_nobodys(
    demo: Demo, tmp_path: Path, viewer: Viewer
) -> None:
    own = {viewer.site} - {None}
    with ruled(demo, tmp_path, **{viewer.audience: {"groups": ["batches"]}}).asked_by(
        viewer
    ) as filters:
        told = {
            name: told_of(ask(viewer, filters)) - own for name, ask in ASKED.items()
        }
    assert told.pop("batches")
    assert told == {"capacity": set(), "deviations": set(), "criteria": set()}


def told_of(rows: pl.DataFrame) -> set[str]:
    """The headings of which something is told."""
    if "state" in rows.columns:
        rows = rows.filter(pl.col("state").is_in(["data", "zero"]))
    return {*rows["site"]}


@pytest.mark.parametrize("viewer", (AUTHORITY, PUBLIC), ids=str)
def test_nothing_is_shown_of_before_the_first_month(
    demo: Demo, tmp_path: Path, viewer: Viewer
) -> None:
    everything = Filters(start="2020-01")
    with demo.asked_by(viewer):
        before = queries.counts(viewer, everything, STARTED, BY_MONTH)
    with ruled(demo, tmp_path, **{viewer.audience: {"since": SINCE}}).asked_by(viewer):
        counts = queries.counts(viewer, everything, STARTED, BY_MONTH)
        slots = queries.slot_use(viewer, everything, BY_MONTH)
        months = queries.about(tmp_path / "data" / "snapshots", viewer).choices.months
    first = pl.lit(SINCE + "-01").str.to_date()
    assert before.filter(pl.col("month") < first, pl.col("state") == "data").height
    for rows, column in ((counts, "started"), (slots, "used")):
        early = rows.filter(pl.col("month") < first)
        assert early.drop_nulls(column).is_empty()
        assert rows.drop_nulls(column).height > 5
    assert min(months) >= SINCE


def test_a_site_still_sees_all_of_its_own_and_peers_since_then(
    demo: Demo, tmp_path: Path
) -> None:
    everything = Filters(start="2020-01")
    with demo.asked_by(LEAD):
        really = queries.counts(LEAD, everything, STARTED).filter(site="vesuvina")
        slots = queries.slot_use(LEAD, everything).filter(site="vesuvina")
    with demo.asked_by(SITE):
        always = queries.counts(SITE, everything, STARTED).filter(site="peers")
    with ruled(demo, tmp_path, site={"since": SINCE}).asked_by(SITE):
        told = queries.counts(SITE, everything, STARTED)
        use = queries.slot_use(SITE, everything)
        first = queries.counts(SITE, everything, STARTED, ("site", "quarter"))
    assert told.filter(site="vesuvina")["started"].to_list() == [*really["started"]]
    assert use.filter(site="vesuvina")["used"].to_list() == [*slots["used"]]
    assert told.filter(site="peers")["started"][0] < always["started"][0]
    quarters = first.filter(site="peers").drop_nulls("started")["quarter"]
    assert str(quarters.min()) == f"{SINCE}-01"


def test_blocks_are_the_same_since_whenever_they_are_shown(
    demo: Demo, tmp_path: Path
) -> None:
    """Blocks cut anew at an audience's first month could be taken from the others'."""
    by = ("site", "product", "quarter")
    later = Filters(start="2025-07")
    with ruled(demo, tmp_path / "a", public={}).asked_by(PUBLIC):
        always = queries.counts(PUBLIC, later, STARTED, by)
    with ruled(demo, tmp_path / "b", public={"since": "2025-05"}).asked_by(PUBLIC):
        since = queries.counts(PUBLIC, later, STARTED, by)
    assert since.equals(always)


def test_a_page_says_what_the_network_does_not_show(demo: Demo, tmp_path: Path) -> None:
    rule = {"groups": ["batches", "capacity", "criteria"], "since": SINCE}
    shown = ruled(demo, tmp_path, public=rule).snapshots
    assert queries.about(shown, PUBLIC).unseen == (
        "By the network's rule you are shown of others nothing of “Deviations and"
        f" corrective actions”, nothing before {SINCE}."
    )
    assert queries.about(shown, SITE).unseen == ""


def test_where_nobody_signed_in_time_no_figure_of_others_is_told_or_fails(
    demo: Demo, tmp_path: Path
) -> None:
    """Then no site is in any pool, not even in one of which nothing is told."""
    rule = '{"sign_off": {"effect": "withhold", "deadline_days": 28}}'
    unsigned = altered(
        demo,
        tmp_path,
        f"update meta set value = json_merge_patch(value, '{rule}')"
        " where key = 'config'",
    )
    waiting = (queries.queue, queries.orders_waiting, queries.slots_ahead)
    for viewer in (SITE, AUTHORITY, PUBLIC):
        with unsigned.asked_by(viewer) as filters:
            for ask in (*ASKED.values(), *waiting):
                assert told_of(ask(viewer, filters)) <= {viewer.site}


def test_no_wider_selection_is_offered_than_is_shown(
    demo: Demo, tmp_path: Path
) -> None:
    with ruled(demo, tmp_path, public={"since": "2025-05"}).asked_by(PUBLIC):
        everything = queries.left_out(PUBLIC, Filters())
        narrow = queries.left_out(PUBLIC, Filters(start="2026-02"))
    assert everything and everything.wider is None
    assert narrow and narrow.wider and "2025-05" <= str(narrow.wider.start) < "2026-02"
