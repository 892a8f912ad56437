from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from dashboard import queries, scenarios
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages import _what_if_saved
from dashboard.scenarios import NotSavedError
from dashboard.simulation.scenario import Known, Scenario, read
from dashboard.viewer import Request, Viewer, asking
from tests.demo import LEAD, PUBLIC, Demo

SITE = Viewer("site", site="manzanera")
OTHER = Viewer("site", site="turiana")
AUTHORITY = Viewer("authority", region="ES30")
GIVEN = {"name": "Summer", "why": "Can the others carry it?"}
KNOWN = Known(
    sites=("alpha", "beta"),
    vectors=("lentiviral",),
    laboratories=("delta",),
    regions=("ES30",),
    first=date(2026, 11, 16),
)
FULL = {
    "close": "alpha:8,beta:2",
    "staff": "alpha:-1",
    "device": "beta:1",
    "vector": "lentiviral:6",
    "laboratory": "delta:5",
    "demand": "ES30:1.25",
    "divert": "any",
    "since": "2027-01-11",
}


@pytest.fixture
def room(demo: Demo, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A journal of its own, entered by several viewers."""
    journal = Journal(tmp_path / "journal.sqlite")

    @contextmanager
    def entered_by(viewer: Viewer) -> Iterator[None]:
        about = queries.about(demo.snapshots, viewer)
        with asking(Request(viewer, demo.snapshots, journal, about)):
            yield

    return entered_by


def test_an_address_that_is_read_is_written_the_same() -> None:
    scenario, left_out = read(FULL, KNOWN)
    assert left_out == ()
    assert scenario.written() == FULL
    assert read(scenario.written(), KNOWN)[0] == scenario
    assert hash(read(FULL, KNOWN)[0]) == hash(scenario)


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("close", "gamma:2", "There is no site “gamma” to change"),
        ("close", "alpha", "There is no site “alpha” to change"),
        ("close", "alpha:0", "“0” is no number of weeks from 1 to 52"),
        ("close", "alpha:53", "from 1 to 52"),
        ("staff", "alpha:1.5", "“1.5” is no number of starts a week"),
        ("demand", "ES30:-1", "“-1” is no number of times as many from 0 to 5"),
        ("demand", "ES30:nan", "“nan” is no number"),
        ("vector", "retroviral:3", "There is no kind of vector “retroviral”"),
        ("divert", "near", "“near” is no number of kilometres from 0 to 9999"),
        ("since", "soon", "“soon” is no day. Write it like 2026-11-16"),
        ("since", "2029-01-01", "lies outside the simulated year"),
        ("since", "2026-11-15", "lies outside the simulated year"),
    ],
)
def test_what_cannot_be_right_is_left_out_with_a_reason(
    key: str, text: str, why: str
) -> None:
    scenario, (said,) = read({key: text}, KNOWN)
    assert scenario.written() == {}
    assert why in said and said.endswith("It was left out.")


def test_weeks_begin_on_mondays_also_across_the_years_end_and_the_clocks_change() -> (
    None
):
    for day, monday in {
        "2026-12-31": "2026-12-28",
        "2027-01-03": "2026-12-28",
        "2027-03-28": "2027-03-22",
        "2027-10-31": "2027-10-25",
    }.items():
        assert read({"since": day}, KNOWN)[0].written() == {"since": monday}
    assert read({"since": "2026-11-18"}, KNOWN)[0].written() == {}


def test_a_scenario_is_saved_named_and_compared(room) -> None:  # type: ignore[no-untyped-def]
    with room(LEAD):
        number = scenarios.save(Scenario(close={"manzanera": 4}), GIVEN)
        (found,) = scenarios.saved(LEAD)
        assert (found.number, found.name, found.by) == (number, "Summer", "lead")
        assert found.scenario.written() == {"close": "manzanera:4"}
        filters = Filters(extra={"with": str(number), "staff": "padanella:1"})
        frame = _what_if_saved.side_by_side(LEAD, filters)
    assert frame["scenario"].to_list() == ["as recorded", "this scenario", "Summer"]
    assert frame["added"][0] == 0
    assert frame["added"][1] < 0 < frame["added"][2]


def test_the_leads_scenarios_are_read_by_who_may_see_what_they_name(room) -> None:  # type: ignore[no-untyped-def]
    with room(LEAD):
        scenarios.save(Scenario(close={"manzanera": 4}), GIVEN)
    with room(SITE):
        scenarios.save(Scenario(staff={"manzanera": -1}), {**GIVEN, "name": "Ours"})
    seen = {}
    for viewer in (LEAD, SITE, OTHER, AUTHORITY, PUBLIC):
        with room(viewer):
            seen[str(viewer)] = [each.name for each in scenarios.saved(viewer)]
    assert seen == {
        "lead": ["Summer", "Ours"],
        "site:manzanera": ["Summer", "Ours"],
        "site:turiana": [],
        "authority:ES30": ["Summer"],
        "public": [],
    }


def test_nothing_is_saved_without_a_change_a_name_a_reason_or_twice(room) -> None:  # type: ignore[no-untyped-def]
    closed = Scenario(close={"manzanera": 4})
    with room(LEAD):
        for scenario, given, why in (
            (Scenario(), GIVEN, "Nothing is changed yet"),
            (closed, {**GIVEN, "name": " "}, "Give it a name"),
            (closed, {**GIVEN, "why": None}, "say what it is to answer"),
        ):
            with pytest.raises(NotSavedError, match=why):
                scenarios.save(scenario, given)
        scenarios.save(closed, GIVEN)
        with pytest.raises(NotSavedError, match="“summer” already"):
            scenarios.save(closed, {**GIVEN, "name": "summer"})
    with room(PUBLIC), pytest.raises(NotSavedError, match="public cannot save"):
        scenarios.save(closed, GIVEN)
