"""A site that tells weeks: its durations are spans that hold what the days say."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from dashboard import figures, queries
from dashboard.filters import Filters
from dashboard.pages import _laboratory, _parting, _site_days, turnaround
from dashboard.viewer import Viewer
from etl.collect import Window
from etl.demo import Plan, World, demo_environ, generate, write_network
from etl.network import load_network
from etl.run import pull
from tests.demo import LEAD, Demo

WEEKLY, DAILY = "rhodanie", "guadalora"
STEPS = (("received", "started"), ("started", "harvested"))


@pytest.fixture(scope="module")
def small() -> World:
    return generate(Plan(sites=3, years=1))


@pytest.fixture(scope="module")
def weekly(small: World, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Two sites that leave files, pulled in earnest; one of them tells weeks."""
    folder = tmp_path_factory.mktemp("weekly")
    write_network(small, folder)
    told = folder / "sites" / f"{WEEKLY}.toml"
    told.write_text(told.read_text().replace("[privacy]\n", COARSE))
    network = load_network(folder, demo_environ(folder))
    pull(network, (WEEKLY, DAILY), Window(full=True))
    return Demo(folder)


COARSE = '[privacy]\ncoarsen = "week"\n'


@pytest.fixture
def lead(weekly: Demo) -> Iterator[Viewer]:
    with weekly.asked_by(LEAD):
        yield LEAD


def true_days(world: World, since: str, until: str) -> list[int]:
    """What the hub never hears: the days between the two, of the weekly site."""
    return sorted(
        (row[until] - row[since]).days
        for row in world.by_slug[WEEKLY].frames["batch"].to_dicts()
        if row["pathway"] != "validation" and row[since] and row[until]
    )


def one(frame: pl.DataFrame, **which: str) -> dict[str, Any]:
    return frame.filter(**which).row(0, named=True)


def test_the_manifests_say_which_site_tells_weeks(weekly: Demo, lead: Viewer) -> None:
    assert queries.weekly_sites(lead, Filters()) == [WEEKLY]
    told = weekly.rows("from coarse where site = 'rhodanie'")["dataset"].to_list()
    assert set(told) == {"demand", "batch", "release", "result"}
    days = weekly.rows(f"select started from batch where site = '{WEEKLY}'")
    assert set(days["started"].dt.weekday()) == {1}


@pytest.mark.parametrize(("since", "until"), STEPS)
def test_a_median_of_weeks_is_a_span_that_holds_the_median_of_the_days(
    small: World, lead: Viewer, since: str, until: str
) -> None:
    parts = _parting.parting(lead, Filters())
    row = one(parts, site=WEEKLY, step=f"{since}_{until}")
    assert row["q50_words"] == f"{row['q50_from']} to {row['q50_to']}"
    days = true_days(small, since, until)
    if row["competing"] + row["censored"] == 0:
        assert row["q50_from"] <= days[(len(days) + 1) // 2 - 1] <= row["q50_to"]
    assert row["q50_lower"] <= row["q50_from"]
    assert row["q50_upper"] is None or row["q50_upper"] >= row["q50_to"]


def test_the_shortest_and_the_longest_histogram_hold_the_true_one(
    small: World, lead: Viewer
) -> None:
    frame = queries.durations(lead, Filters(), between=True).filter(
        site=WEEKLY, step="started_harvested"
    )
    days = true_days(small, "started", "harvested")
    told = {
        known: sorted(
            day for day, n in rows.select("day", "ended").iter_rows() for _ in range(n)
        )
        for (known,), rows in frame.partition_by("known", as_dict=True).items()
    }
    assert len(told["shortest"]) == len(told["longest"]) == len(days)
    for low, true, high in zip(told["shortest"], days, told["longest"], strict=True):
        assert low <= true <= high
    assert told["shortest"] != told["longest"]
    counts = frame.group_by("known").agg(pl.col("ended", "competing", "censored").sum())
    assert counts.drop("known").unique().height == 1


def test_a_site_that_tells_days_keeps_its_points(lead: Viewer) -> None:
    for row in _parting.parting(lead, Filters()).filter(site=DAILY).to_dicts():
        assert row["q50_from"] == row["q50"] == row["q50_to"]
        assert row["q50_words"] == (None if row["q50"] is None else str(row["q50"]))


def test_the_figure_has_a_bar_for_weeks_and_no_point(lead: Viewer) -> None:
    asked = Filters().option("step", "started_harvested")
    frame = turnaround.by_site(lead, asked)
    drawn = figures.percentiles(frame, "days", 10)
    row = one(frame, site=WEEKLY)
    [bar] = [t for t in drawn.data if t.name == "median, known to the week"]
    assert [*bar.base] == [row["q50_from"]]
    assert [*bar.x] == [row["q50_to"] - row["q50_from"]]
    assert row["q50_words"] in bar.hovertext[0]
    [points] = [t for t in drawn.data if t.name == "median"]
    assert len(points.x) == frame.drop_nulls("q50").height - 1


def test_the_curve_of_weeks_is_a_band_between_shortest_and_longest(
    lead: Viewer,
) -> None:
    asked = Filters(site=(WEEKLY,)).option("step", "started_harvested")
    frame = turnaround.curve(lead, asked).filter(series=WEEKLY)
    frame = frame.drop_nulls(["low", "value", "high"])
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()
    assert (frame["high"] - frame["low"]).max() > 0.5
    assert frame["x"].is_sorted()


def test_laboratory_days_of_a_site_that_tells_weeks_are_spans_too(
    lead: Viewer,
) -> None:
    frame = _laboratory.by_laboratory(lead, Filters()).drop_nulls("q50")
    mine = frame.filter(laboratory=WEEKLY)
    assert mine.height > 3
    assert (mine["q50_to"] > mine["q50_from"]).all()
    other = frame.filter(laboratory=DAILY)
    assert (other["q50_to"] == other["q50_from"]).all()


def test_the_site_page_writes_the_span(lead: Viewer) -> None:
    frame = _site_days.turnaround(lead, Filters(site=(WEEKLY,)))
    words = frame.drop_nulls("q50_words")["q50_words"].to_list()
    assert words
    assert all(" to " in said for said in words)
    assert WEEKLY not in str(words)


def test_the_page_says_in_words_whose_dates_are_weeks(lead: Viewer) -> None:
    said = str(turnaround._top(lead, Filters()))
    assert "Centre Rhodanie de Biothérapies tells weeks instead of days" in said


def test_who_may_not_know_a_site_is_not_told_that_it_tells_weeks(
    weekly: Demo,
) -> None:
    public = Viewer("public")
    with weekly.asked_by(public):
        assert queries.weekly_sites(public, Filters()) == []
        assert "Rhodanie" not in str(turnaround._top(public, Filters()))
