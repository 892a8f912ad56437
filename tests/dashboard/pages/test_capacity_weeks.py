"""Weeks at the edges: each is drawn or said, through the queries and the figure."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard import queries
from dashboard.analysis import capacity as computed
from dashboard.filters import Filters
from dashboard.pages import _ahead, _lost, _map, _queue, _week_by_week, capacity
from dashboard.theme import STATES
from dashboard.viewer import Viewer
from etl.demo.world import TODAY, World
from tests.dashboard.pages.altered import altered
from tests.dashboard.republishing import republished
from tests.demo import LEAD, Demo

Ask = Callable[[Viewer], AbstractContextManager[None]]
LAST = date(2026, 11, 9)
WEEK = timedelta(weeks=1)
SHUT = date(2025, 12, 22)


@pytest.fixture
def lead(ask: Ask) -> Iterator[Viewer]:
    with ask(LEAD):
        yield LEAD


def slots(world: World, site: str) -> dict[date, dict[str, Any]]:
    frame = world.by_slug[site].frames["capacity"]
    return {r["week"]: r for r in frame.filter(pl.col("resource") == "slot").to_dicts()}


def shown(frame: pl.DataFrame, site: str, week: date | None = None) -> dict[str, Any]:
    mine = frame.filter(pl.col("site") == site)
    mine = mine if week is None else mine.filter(pl.col("x") == week)
    return mine.row(0, named=True)


def texts(figure: Any, row: str) -> dict[str, str]:
    """What a matrix shows in the cells of a row, signs included."""
    [heat] = figure.data
    place = [*figure.layout.yaxis.ticktext].index(row)
    found = dict(zip(heat.x, heat.text[place], strict=True))
    for sign in figure.layout.annotations:
        if sign.y == place:
            found[heat.x[sign.x]] = sign.text
    return found


@pytest.mark.parametrize("site", ["manzanera", "padanella"])
def test_every_figure_of_every_week_is_a_recount_of_the_rows(
    world: World, lead: Viewer, site: str
) -> None:
    frame = _week_by_week.by_period(lead, Filters()).filter(pl.col("site") == site)
    rows = slots(world, site)
    lost = world.by_slug[site].frames["loss"].to_dicts()
    assert frame["x"].to_list() == [LAST - i * WEEK for i in range(52)]
    for row in frame.to_dicts():
        told = rows[row["x"]]
        for name in ("theoretical", "staffed", "booked", "used"):
            assert row[name] == told[name]
        gone = {r["reason"]: r["lost"] for r in lost if r["week"] == row["x"]}
        assert row["lost"] == sum(gone.values())
        for reason, count in gone.items():
            assert f"{reason.replace('_', ' ')} {count:.0f}" in row["lost_to"]
        assert row["waiting"] == told["waiting"]
        past = [rows[row["x"] - i * WEEK]["used"] for i in range(12)]
        wait = told["waiting"] / (sum(past) / 12) if sum(past) else None
        assert row["wait"] == (None if wait is None else pytest.approx(wait))
        share = told["used"] / told["staffed"] if told["staffed"] else None
        assert row["utilisation"] == (None if share is None else pytest.approx(share))


def test_a_month_has_the_sums_of_its_weeks_and_the_queue_of_its_end(
    world: World, lead: Viewer
) -> None:
    frame = _week_by_week.by_period(lead, Filters().option("per", "month"))
    row = shown(frame, "thameslea", date(2026, 8, 1))
    weeks = [r for week, r in slots(world, "thameslea").items()
             if (week.year, week.month) == (2026, 8)]  # fmt: skip
    assert row["used"] == sum(r["used"] for r in weeks)
    assert row["waiting"] == max(weeks, key=lambda r: r["week"])["waiting"]
    assert row["period"] == "Aug 2026"


@pytest.mark.parametrize("show", _week_by_week.SHOWN)
def test_each_figure_can_be_drawn_by_site_and_by_region(
    lead: Viewer, show: str
) -> None:
    for by in ("site", "region"):
        asked = Filters().option("show", show).option("by", by)
        frame = _week_by_week.by_period(lead, asked)
        figure = _week_by_week._drawn(frame)
        assert len(figure.data[0].x) == 13
        assert _week_by_week._said(frame).startswith(_week_by_week.SHOWN[show])


def two_in_one_region(demo: Demo, folder: Path, *more: str) -> Demo:
    return altered(
        demo, folder, "update site set region = 'ES30' where site = 'turiana'", *more
    )


def test_a_region_is_the_sum_of_its_sites_in_every_figure(
    demo: Demo, tmp_path: Path
) -> None:
    by_region = Filters().option("by", "region")
    with two_in_one_region(demo, tmp_path).asked_by(LEAD):
        for figure, columns in (
            (capacity.by_site, ("theoretical", "staffed", "booked", "used")),
            (_queue.waiting, ("waiting", "used")),
            (_ahead.ahead, ("staffed", "booked", "in_process", "reported")),
        ):
            sites, regions = figure(LEAD, Filters()), figure(LEAD, by_region)
            both = sites.filter(pl.col("site").is_in(["manzanera", "turiana"]))
            row = shown(regions, "ES30")
            for column in columns:
                assert row[column] == both[column].sum()
        lost = _lost.lost(LEAD, by_region).filter(pl.col("site") == "ES30")
        own = _lost.lost(LEAD, Filters()).filter(
            pl.col("site").is_in(["manzanera", "turiana"])
        )
        assert lost["lost"].sum() == own["lost"].sum()
        mark = shown(_map.places(LEAD, by_region), "ES30")
        assert mark["name"] == "manzanera, turiana"
        assert 39.47 < mark["latitude"] < 40.42


def test_a_small_count_is_not_the_difference_of_a_region_and_its_other_site(
    demo: Demo, tmp_path: Path
) -> None:
    """The attack: manzanera's three starts from the region's 23 and turiana's 20."""
    told = two_in_one_region(
        demo, tmp_path / "a",
        "update capacity set used = 3, booked = 3, waiting = 3 where site ="
        " 'manzanera' and resource = 'slot' and week = '2026-11-09'",
        "update capacity set used = 20, booked = 20, waiting = 20 where site ="
        " 'turiana' and resource = 'slot' and week = '2026-11-09'",
    )  # fmt: skip
    path = tmp_path / "b" / "data" / "snapshots" / "1.duckdb"
    path.parent.mkdir(parents=True)
    republished(told, path, {"authority": {"threshold": 5, "rounding": 1}})
    viewer = Viewer("authority", region="ES30")
    with Demo(tmp_path / "b").asked_by(viewer):
        for asked in (Filters(), Filters().option("by", "region")):
            frame = _week_by_week.by_period(viewer, asked)
            week = frame.filter(pl.col("x") == LAST)
            hidden = week.filter(pl.col("state") == "suppressed")["site"].to_list()
            small = "manzanera" if asked == Filters() else "ES30"
            assert hidden == [small]
            row = shown(week, small)
            assert row["used"] is row["booked"] is row["staffed"] is None
            assert row["waiting"] is row["wait"] is None
        total = capacity.over_time(viewer, Filters())
        assert total.filter(pl.col("x") == LAST)["used"].to_list() == [None]
        queue = queries.queue(viewer, Filters(), "region")
        weekly = queries.queue_weekly(viewer, Filters(), ("region", "week"))
    told_ones = weekly.filter(site="ES30").drop_nulls("waiting").sort("week")
    assert told_ones["week"][-1] < LAST
    assert queue.filter(site="ES30")["waiting"][0] == told_ones["waiting"][-1]


def test_week_53_stands_between_the_years_once(demo: Demo, tmp_path: Path) -> None:
    """2020 had one, and 2026 has: the fifty-third week, and no week 1 twice."""
    told = [
        "insert into capacity by name select 'turiana' as site, 'slot' as resource,"
        f" date '{week}' as week, 4 as theoretical, 4 as staffed, 2 as booked,"
        f" {used} as used, 1 as waiting"
        for used, week in enumerate(
            ("2020-12-21", "2020-12-28", "2021-01-04", "2021-01-11"), 1
        )
    ]
    asked = Filters(start="2020-12", end="2021-01", site=("turiana",))
    with altered(demo, tmp_path, *told).asked_by(LEAD):
        frame = _week_by_week.by_period(LEAD, asked).sort("x").drop_nulls("used")
        ahead = _ahead.weekly(LEAD, Filters())
    assert frame["x"].dt.week().to_list() == [52, 53, 1, 2]
    assert frame["used"].to_list() == [1, 2, 3, 4]
    assert texts(_week_by_week._drawn(frame), "turiana")["28 Dec 2020"] == "50 %"
    assert ahead["x"].dt.week().to_list() == [*range(47, 54), *range(1, 6)]


def test_a_change_of_the_clock_neither_adds_nor_drops_a_week(lead: Viewer) -> None:
    asked = Filters(start="2026-03", end="2026-10", site=("thameslea",))
    before = _week_by_week.by_period(lead, asked)
    connection = queries.current().connection
    ((zone,),) = connection.sql("select current_setting('timezone')").fetchall()
    try:
        connection.execute("set timezone = 'Europe/Madrid'")
        after = _week_by_week.by_period(lead, asked)
    finally:
        connection.execute(f"set timezone = '{zone}'")
    days = before["x"].sort()
    assert {date(2026, 3, 30), date(2026, 10, 26)} <= set(days)
    assert set(days.diff().drop_nulls()) == {WEEK}
    assert before.equals(after)


def test_a_site_that_joined_mid_year_owes_no_week_before(
    demo: Demo, tmp_path: Path
) -> None:
    first = date(2026, 6, 1)
    joined = altered(
        demo, tmp_path,
        f"delete from capacity where site = 'turiana' and week < '{first}'",
        f"update site set joined = '{first}' where site = 'turiana'",
    )  # fmt: skip
    with joined.asked_by(LEAD):
        row = shown(capacity.by_site(LEAD, Filters()), "turiana")
        frame = _week_by_week.by_period(LEAD, Filters())
        earlier = shown(
            capacity.by_site(LEAD, Filters(start="2025-12", end="2026-03")), "turiana"
        )
    weeks = (LAST - first).days // 7 + 1
    assert (row["reported"], row["expected"]) == (weeks, weeks)
    mine = frame.filter(pl.col("site") == "turiana")
    assert (mine["x"].min(), mine.height) == (first, weeks)
    assert earlier["state"] == "not_reported"
    assert earlier["reason"] == "no capacity was reported in these weeks"


def test_a_closed_site_is_said_to_be_closed_and_has_no_figure_of_today(
    demo: Demo, tmp_path: Path
) -> None:
    closed = altered(
        demo, tmp_path,
        "update site set stage = 'closed' where site = 'turiana'",
        "delete from capacity where site = 'turiana' and week > '2026-06-01'",
        "update site set stage = 'closed' where site = 'lutecine'",
        "delete from capacity where site = 'lutecine' and week > '2024-06-03'",
    )  # fmt: skip
    with closed.asked_by(LEAD):
        frame = capacity.by_site(LEAD, Filters())
        past = capacity.by_site(LEAD, Filters(start="2026-01", end="2026-05"))
        weeks = _week_by_week.by_period(LEAD, Filters())
        marks = _map.places(LEAD, Filters())
        ahead = _ahead.ahead(LEAD, Filters())
    row = shown(frame, "turiana")
    assert (row["state"], row["utilisation"]) == ("not_applicable", None)
    assert row["reason"] == "closed; its last week was that of 2026-06-01"
    assert shown(frame, "lutecine")["reason"] == "closed before these weeks"
    assert "Closed: lutecine, turiana." in capacity._by_site_said(frame)
    assert shown(past, "turiana")["utilisation"] is not None
    mine = weeks.filter(pl.col("site") == "turiana")
    assert mine["x"].max() == date(2026, 6, 1)
    assert mine["state"].to_list().count("not_reported") == 0
    assert {shown(marks, s)["reason"] for s in ("turiana", "lutecine")} == {"closed"}
    assert not {"turiana", "lutecine"} & set(ahead["site"])


def test_a_week_in_which_nothing_was_staffed_is_no_nought_per_cent(
    lead: Viewer,
) -> None:
    asked = Filters(start="2025-12", end="2025-12")
    frame = _week_by_week.by_period(lead, asked)
    row = shown(frame, "thameslea", SHUT)
    assert (row["staffed"], row["used"], row["utilisation"]) == (0, 0, None)
    assert row["lost_to"].startswith("planned shutdown")
    drawn = texts(_week_by_week._drawn(frame), "thameslea")
    assert drawn["22 Dec 2025"] == STATES["not_applicable"].sign
    used = _week_by_week.by_period(lead, asked.option("show", "used"))
    assert texts(_week_by_week._drawn(used), "thameslea")["22 Dec 2025"] == "0"


def test_a_week_that_was_not_reported_is_a_gap_with_its_sign(lead: Viewer) -> None:
    frame = _week_by_week.by_period(lead, Filters())
    drawn = texts(_week_by_week._drawn(frame), "cheviotdale")
    assert drawn["9 Nov 2026"] == STATES["not_reported"].sign
    assert "%" in drawn["31 Aug 2026"]


def test_no_orders_are_none_and_orders_never_told_are_not(
    demo: Demo, tmp_path: Path
) -> None:
    told = altered(
        demo, tmp_path,
        "delete from demand where site in ('turiana', 'lutecine')",
        "update capacity set waiting = 0 where site = 'turiana' and used is not null",
        "update capacity set waiting = null where site = 'lutecine'",
    )  # fmt: skip
    with told.asked_by(LEAD):
        frame = _queue.waiting(LEAD, Filters())
        weeks = _week_by_week.by_period(LEAD, Filters().option("show", "waiting"))
    row = shown(frame, "turiana")
    assert (row["waiting"], row["weeks"], row["oldest"]) == (0, 0, None)
    assert shown(frame, "lutecine")["waiting"] is None
    drawn = _week_by_week._drawn(weeks)
    assert texts(drawn, "turiana")["9 Nov 2026"] == "0"
    assert texts(drawn, "lutecine")["9 Nov 2026"] == STATES["not_reported"].sign


def test_what_a_silent_site_had_booked_is_not_shown_as_booked(
    demo: Demo, tmp_path: Path
) -> None:
    old = altered(
        demo, tmp_path,
        "insert into capacity by name select 'cheviotdale' as site, 'slot' as"
        " resource, date '2026-11-23' as week, 4 as theoretical, 4 as staffed,"
        " 4 as booked",
    )  # fmt: skip
    with old.asked_by(LEAD):
        row = shown(_ahead.ahead(LEAD, Filters()), "cheviotdale")
        week = _ahead.weekly(LEAD, Filters())
        now = shown(capacity.by_site(LEAD, Filters()), "cheviotdale")
    assert (row["booked"], row["in_process"]) == (None, None)
    assert row["reason"] == "no current figure: last report 71 days old"
    assert week["silent"].unique().to_list() == [1]
    assert now["state"] == "not_reported"


def test_the_weeks_to_come_are_a_recount_of_the_bookings(
    world: World, lead: Viewer
) -> None:
    frame = _ahead.weekly(lead, Filters())
    rows = world.frame("capacity").filter(pl.col("used").is_null()).to_dicts()
    assert frame["x"].to_list() == [TODAY + i * WEEK for i in range(12)]
    for row in frame.to_dicts():
        mine = [r for r in rows if r["week"] == row["x"]]
        assert row["booked"] == sum(r["booked"] for r in mine)
        assert row["staffed"] == sum(r["staffed"] for r in mine)
        assert (row["reported"], row["expected_weeks"]) == (len(mine), 22)
    shut = frame.filter(pl.col("x") == date(2026, 12, 21)).row(0, named=True)
    assert (shut["state"], shut["share"]) == ("not_applicable", None)
    said = _ahead._weekly_said(frame)
    assert "Nothing is staffed in the week of 21 Dec 2026" in said
    assert "From the week of 11 Jan 2027 on not all who book tell it" in said


def test_the_harvests_to_expect_are_a_recount_by_product(
    world: World, lead: Viewer
) -> None:
    """Aalen and Johansen once more, batch by batch in plain Python."""
    frame = _ahead.weekly(lead, Filters())
    rejected = {
        (r["site"], r["batch"]): r["decided"]
        for r in world.frame("release").to_dicts()
        if r["decision"] == "rejected"
    }
    lives: dict[str, list[tuple[int, str]]] = {}
    for r in world.frame("batch").to_dicts():
        gone = r["ended"] or rejected.get((r["site"], r["batch"]))
        if r["pathway"] in ("validation", "engineering"):
            continue
        how = "ended" if r["harvested"] else "lost" if gone else "running"
        stop = r["harvested"] or gone or TODAY
        lives.setdefault(r["product"], []).append(((stop - r["started"]).days, how))
    wanted = [0.0] * 12
    for batches in lives.values():
        left, curve, lost = 1.0, {0: 0.0}, {0: 0.0}
        for day in sorted({d for d, _ in batches}):
            at_risk = sum(d >= day for d, _ in batches)
            ended, out = (
                sum(b == (day, how) for b in batches) for how in ("ended", "lost")
            )
            curve[day] = max(curve.values()) + left * ended / at_risk
            lost[day] = max(lost.values()) + left * out / at_risk
            left *= 1 - (ended + out) / at_risk

        def by(steps: dict[int, float], day: int) -> float:
            return max(v for d, v in steps.items() if d <= day)

        for age in (d for d, how in batches if how == "running"):
            still = 1 - by(curve, age) - by(lost, age)
            for week in range(12) if still > 1e-9 else ():
                after, until = max(age + 7 * week - 1, age), age + 7 * week + 6
                wanted[week] += (by(curve, until) - by(curve, after)) / still
    assert frame["expected"].to_list() == pytest.approx(wanted)
    assert frame["running"][0] == sum(
        how == "running" for batches in lives.values() for _, how in batches
    )
    assert (frame["lower"] <= frame["expected"]).all()
    assert (frame["expected"] <= frame["upper"]).all()


def test_how_surely_a_resource_binds_is_a_recount_of_the_weeks(
    world: World, lead: Viewer
) -> None:
    frame = _lost.resources(lead, Filters())
    rows = world.by_slug["padanella"].frames["capacity"].to_dicts()
    narrow: dict[str, int] = {}
    told = 0
    for week in (LAST - i * WEEK for i in range(52)):
        could = {r["resource"]: r["staffed"] for r in rows
                 if r["week"] == week and r["resource"] != "slot"}  # fmt: skip
        least, second = sorted(could.values())[:2]
        told += second > 0
        if least < second:
            [name] = [r for r, n in could.items() if n == least]
            narrow[name] = narrow.get(name, 0) + 1
    for row in frame.filter(pl.col("site") == "padanella").to_dicts():
        name = row["resource"].replace(" ", "_")
        assert (row["narrowest"], row["told"]) == (narrow.get(name, 0), told)
    binding = frame.filter("bottleneck").row(0, named=True)
    assert 0.5 < binding["often_lower"] < binding["often"] < binding["often_upper"]
    assert f"in {narrow['operator']} of {told} weeks" in _lost._resources_said(frame)


def test_a_mark_pales_with_the_age_of_its_news_until_there_is_none() -> None:
    ages = pl.DataFrame({"age": [0, 7, 26, 45, 400]})
    fade = ages.select(computed.fading(45))["fade"].to_list()
    assert fade[:2] == [1.0, 1.0]
    assert fade[2] == pytest.approx(0.65)
    assert fade[3:] == [pytest.approx(0.3), pytest.approx(0.3)]


def test_an_ageing_figure_is_drawn_paler_and_says_its_age(
    demo: Demo, tmp_path: Path
) -> None:
    late = altered(
        demo, tmp_path,
        "delete from capacity where site = 'turiana' and week > '2026-10-05'",
    )  # fmt: skip
    with late.asked_by(LEAD):
        frame = capacity.by_site(LEAD, Filters())
        marks = _map.places(LEAD, Filters())
    row = shown(frame, "turiana")
    assert (row["age"], row["state"]) == (36, "data")
    figure = capacity._by_site_drawn(frame)
    drawn = frame.filter(pl.col("state") == "data")["site"].to_list()
    opacity = figure.data[0].marker.opacity
    assert opacity[drawn.index("turiana")] == pytest.approx(row["fade"])
    assert row["fade"] < 0.5
    assert opacity[drawn.index("thameslea")] == 1
    hover = [h for t in _map._places_drawn(marks).data for h in t.hovertext]
    assert any("turiana" in h and "36 days old" in h for h in hover)


def test_sites_on_another_continent_have_a_map_of_their_own(lead: Viewer) -> None:
    frame = _map.places(lead, Filters())
    figure = _map._places_drawn(frame)
    low, high = figure.layout.geo.lonaxis.range
    assert high - low < 50
    away = [t for t in figure.data if t.geo == "geo2"]
    assert [t.lon[0] for t in away] == [121.47]
    assert [a.text for a in figure.layout.annotations] == ["pujiang"]
    assert figure.layout.geo.domain.x[1] < figure.layout.geo2.domain.x[0]
    assert sum(len(t.lon) for t in figure.data) == frame.height


def test_what_may_be_made_where_is_what_was_authorised(
    demo: Demo, world: World, tmp_path: Path
) -> None:
    told = altered(
        demo, tmp_path,
        "update authorisation set valid_to = '2026-01-31' where site = 'turiana'"
        " and product = 'car-t-bcma'",
        "update authorisation set valid_from = '2027-01-01' where site = 'vesuvina'"
        " and product = 'car-t-cd19'",
    )  # fmt: skip
    with told.asked_by(LEAD):
        frame = _map.authorised(LEAD, Filters())
    assert frame.height == world.frame("authorisation").height
    figure = _map._authorised_drawn(frame)
    turiana = texts(figure, "turiana")
    assert (turiana["any"], turiana["car-t-bcma"]) == ("M", "no more")
    assert turiana["car-t-cd19"] == "CT HE"
    ended = frame.filter(pl.col("standing") == "ended")
    assert set(ended["site"]) == {"turiana"}
    said = _map._authorised_said(frame)
    assert f"ended: {ended.height}, not yet in force: 1" in said
    assert texts(figure, "vesuvina")["car-t-cd19"] == "not yet"
