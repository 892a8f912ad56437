from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.timetable import At, Due, Every, Now, length, time_of_day

MADRID = ZoneInfo("Europe/Madrid")
NIGHT = At(time(2, 30), MADRID)


def at(wall: str, running: float = 0) -> Now:
    return Now(datetime.fromisoformat(wall).astimezone(UTC), running)


def moments(due: Due, wall: str, days: int) -> list[str]:
    """When a daily pull is begun, if each ends a minute after it began."""
    begun = []
    now = at(wall)
    for _ in range(days):
        begun.append(datetime.fromtimestamp(due.at, MADRID).isoformat())
        later = max(now.wall.timestamp(), due.at) + 60
        now = Now(datetime.fromtimestamp(later, UTC), 0)
        due = due.following(now)
    return begun


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90m", 5400), ("24h", 86400), ("7d", 604800)]
)
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert length(text) == Every(seconds)


@pytest.mark.parametrize("text", ["", "0h", "24", "h", "-1h", "1.5h", "24 h", "1w"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="24h"):
        length(text)


@pytest.mark.parametrize("text", ["", "2:30", "24:00", "02:60", "02.30", "02:30:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="02:30"):
        time_of_day(text)
    assert time_of_day("02:30") == At(time(2, 30))


def test_an_interval_is_from_start_to_start_beginning_now() -> None:
    due = Every(60).first(at("2026-11-30T12:00+00:00", 1000))
    assert due.left(at("2026-11-30T12:00+00:00", 1000)) == 0
    following = due.following(at("2026-11-30T12:00:20+00:00", 1020))
    assert (following.at, following.missed) == (1060, 0)


def test_beginnings_that_pass_during_a_pull_are_left_out() -> None:
    due = Every(60).first(at("2026-11-30T12:00+00:00", 1000))
    for took, begins, missed in ((59, 1060, 0), (61, 1120, 1), (200, 1240, 3)):
        following = due.following(at("2026-11-30T12:00+00:00", 1000 + took))
        assert (following.at, following.missed) == (begins, missed)


def test_a_clock_that_is_set_does_not_change_an_interval() -> None:
    due = Every(3600).first(at("2026-11-30T12:00+00:00", 50))
    following = due.following(at("2020-01-01T00:00+00:00", 60))
    assert following.left(at("2031-01-01T00:00+00:00", 3050)) == 600


def test_a_time_of_day_waits_for_the_next_time() -> None:
    first = NIGHT.first(at("2026-11-30T12:00+01:00"))
    assert moments(first, "2026-11-30T12:00+01:00", 2) == [
        "2026-12-01T02:30:00+01:00",
        "2026-12-02T02:30:00+01:00",
    ]


def test_a_time_that_the_day_lacks_is_taken_an_hour_later() -> None:
    first = NIGHT.first(at("2026-03-28T01:00+01:00"))
    assert moments(first, "2026-03-28T01:00+01:00", 3) == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_the_day_has_twice_is_taken_once() -> None:
    first = NIGHT.first(at("2026-10-24T12:00+02:00"))
    assert moments(first, "2026-10-24T12:00+02:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_a_clock_that_is_set_back_makes_no_days_pull_due_again() -> None:
    first = NIGHT.first(at("2026-11-30T01:00+01:00"))
    following = first.following(at("2026-11-30T01:15+01:00"))
    assert datetime.fromtimestamp(following.at, MADRID).day == 1


def test_a_clock_that_is_set_forward_makes_one_pull_due_and_no_more() -> None:
    first = NIGHT.first(at("2026-11-30T01:00+01:00"))
    late = at("2026-12-05T12:00+01:00")
    assert first.left(late) < 0
    following = first.following(late)
    assert following.missed == 5
    assert following.left(late) == timedelta(hours=14.5).total_seconds()
