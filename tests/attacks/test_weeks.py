"""Weeks of slots and queues of a pool, taken from each other.

Asked of the made-up network with its slots made rare, where most weeks of a pool are a
few patients of a few sites.
"""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pytest import MonkeyPatch

from dashboard import queries
from dashboard.filters import Filters
from dashboard.queries import disclosure, due
from tests.attacks import subtracting
from tests.attacks.leaks import LeakError
from tests.attacks.strict import LEAST, RULES, VIEWERS
from tests.attacks.subtracting import Ask, Counts, Lattice
from tests.dashboard.pages.altered import altered
from tests.dashboard.republishing import republished
from tests.demo import LEAD, Demo

# A site has a start in one week of four, and one at most.
RARE = "hash(site || cast(week as varchar)) % 4"
ALL_YEARS = Filters(start="2019-01", end="2026-12")
COUNTS = ("used", "booked", "starts")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rare(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("rare")
    few = altered(
        demo,
        folder / "few",
        *(
            f"update capacity set {column} = case when {RARE} = 0 then"
            f" least({column}, 1) else 0 end where {column} is not null"
            for column in ("used", "booked", "waiting")
        ),
        f"delete from rollup_start where {RARE} > 0",
        "update order_waiting set waiting = 0 where hash(site) % 4 > 0",
    )
    path = folder / "strict" / "data" / "snapshots" / "1.duckdb"
    path.parent.mkdir(parents=True)
    republished(few, path, RULES)
    return Demo(folder / "strict")


@pytest.fixture(scope="module", params=VIEWERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Weeks:
    """What a viewer is told of its pool's slots, and what was counted at its sites."""

    def __init__(self, demo: Demo, name: str) -> None:
        self.demo = demo
        self.viewer, self.pool = VIEWERS[name]
        with demo.asked_by(self.viewer):
            heads = disclosure.scope(
                queries.current(), self.viewer, Filters(), "capacity"
            )
        places = zip(heads.site, heads.shown, strict=True)
        self.members = [site for site, shown in places if shown == self.pool]

    def told(self, filters: Filters, *by: str) -> list[Row]:
        with self.demo.asked_by(self.viewer):
            rows = self._rows(self.viewer, filters, by)
        return rows.filter(pl.col("site") == self.pool).to_dicts()

    def really(self, filters: Filters, *by: str) -> list[Row]:
        with self.demo.asked_by(LEAD):
            rows = self._rows(LEAD, filters, by)
        return rows.filter(pl.col("site").is_in(self.members)).to_dicts()

    def _rows(self, viewer: Any, filters: Filters, by: tuple[str, ...]) -> pl.DataFrame:
        words = ["site", *by]
        use = queries.slot_use(viewer, filters, words)
        starts = queries.slot_starts(viewer, filters, words)
        return use.select(*words, "used", "booked", "state").join(
            starts.select(*words, "starts", starts_state="state"), on=words
        )

    @property
    def ask(self) -> Ask:
        def asked(filters: Filters) -> Counts | None:
            (row,) = self.told(filters)
            if {row["state"], row["starts_state"]} & {"suppressed", "not_reported"}:
                return None
            return summed([row])

        return asked

    @property
    def truth(self) -> Ask:
        return lambda filters: summed(self.really(filters))


def summed(rows: list[Row]) -> dict[str, int]:
    return {c: int(sum(r[c] or 0 for r in rows)) for c in COUNTS}


@pytest.fixture(scope="module")
def weeks(rare: Demo, name: str) -> Weeks:
    return Weeks(rare, name)


MONTHS = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 11)]


def test_no_window_of_slots_less_another_is_a_small_count(weeks: Weeks) -> None:
    lattice = Lattice(MONTHS, [], [], step=9)
    taken = subtracting.windows_tell_nothing(weeks.ask, weeks.truth, lattice, LEAST)
    assert taken > 3


WITHIN = pytest.mark.parametrize(
    "whole, part, every", [("quarter", "month", "1q"), ("month", "week", "1mo")]
)


def periods_tell_nothing(weeks: Weeks, whole: str, part: str, every: str) -> int:
    """How many periods tell more than those within them; a leak if it is little."""
    parts = (
        pl.DataFrame(weeks.told(ALL_YEARS, part))
        .group_by(pl.col(part).dt.truncate(every).alias(whole))
        .agg(pl.col(COUNTS).sum())
    )
    both = pl.DataFrame(weeks.told(ALL_YEARS, whole)).join(
        parts, on=whole, suffix="_parts"
    )
    left = [int(x) for c in COUNTS for x in (both[c] - both[f"{c}_parts"]).drop_nulls()]
    if small := [count for count in left if 0 < count < LEAST]:
        raise LeakError(f"{small} are what is left of a {whole}")
    return sum(count > 0 for count in left)


@WITHIN
def test_no_period_less_those_within_it_is_a_small_count(
    weeks: Weeks, whole: str, part: str, every: str
) -> None:
    assert periods_tell_nothing(weeks, whole, part, every) > 10


def test_weeks_held_back_one_by_one_are_found(
    weeks: Weeks, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "unhidden", lambda *asked: None)
    with pytest.raises(LeakError):
        periods_tell_nothing(weeks, "month", "week", "1mo")


def test_starts_of_one_product_are_told_of_no_pool(weeks: Weeks) -> None:
    with weeks.demo.asked_by(weeks.viewer):
        every = queries.slot_starts(weeks.viewer, Filters())
        one = queries.slot_starts(weeks.viewer, Filters(product=("car-t-cd19",)))
    pool = pl.col("site") == weeks.pool
    assert every.filter(pool)["state"].to_list() == ["data"]
    assert one.filter(pool)["state"].to_list() == ["suppressed"]
    assert one.filter(pool)["starts"].to_list() == [None]


def test_todays_queue_of_a_pool_is_that_of_a_week_that_is_told(weeks: Weeks) -> None:
    """Sites whose last week is an older one would be the difference of the two."""
    with weeks.demo.asked_by(weeks.viewer):
        today = queries.queue(weeks.viewer, Filters())
        weekly = queries.queue_weekly(weeks.viewer, Filters(), weeks=due.RECENT)
    pool = pl.col("site") == weeks.pool
    (now,) = today.filter(pool)["waiting"]
    told = weekly.filter(pool).drop_nulls("waiting").sort("week")
    assert now == (told["waiting"][-1] if told.height else None)
    assert all(count == 0 or count >= LEAST for count in told["waiting"])


def test_the_recent_use_of_a_pool_is_that_of_its_weeks(weeks: Weeks) -> None:
    """A site that has fallen silent would be the difference of the two."""
    with weeks.demo.asked_by(weeks.viewer):
        today = queries.queue(weeks.viewer, Filters())
        use = queries.slot_use(weeks.viewer, Filters(), weeks=due.RECENT)
    pool = pl.col("site") == weeks.pool
    assert today.filter(pool)["silent"][0] > 0
    assert today.filter(pool)["used"].to_list() == use.filter(pool)["used"].to_list()


def test_orders_that_wait_at_few_sites_are_told_of_no_pool(weeks: Weeks) -> None:
    with weeks.demo.asked_by(weeks.viewer):
        told = queries.orders_waiting(weeks.viewer, Filters())
    assert told.filter(site=weeks.pool)["state"].to_list() == ["suppressed"]


def test_where_no_site_reported_slots_nothing_is_told(
    demo: Demo, tmp_path: Path
) -> None:
    nothing = altered(demo, tmp_path, "delete from capacity")
    for viewer, _ in VIEWERS.values():
        with nothing.asked_by(viewer) as filters:
            for ask in (queries.slot_use, queries.queue, queries.slots_ahead):
                told = ask(viewer, filters)
                assert not {*told["state"]} & {"data", "zero"}
