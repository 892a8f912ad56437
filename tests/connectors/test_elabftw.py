from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors import ConfigError, Extract, Page, Source, SourceError, open_keys
from connectors import open_source as opened
from connectors.standins import Elabftw, serve
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]

KEY = "3-0123456789abcdef"
BEGAN = datetime(2026, 1, 1)
CHANGED = "2026-11-10 10:30:00"
SINCE = "2026-11-10T10:34:00+00:00"


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": f"Lot {number}",
        "category": 1 + number % 2,
        "modified_at": f"{BEGAN + timedelta(minutes=number):%Y-%m-%d %H:%M:%S}",
        "extra": {"Viability": {"type": "number", "value": f"{number % 100}.50"}},
        **more,
    }


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Elabftw]]:
    instance = Elabftw(KEY)
    with serve({"elab": instance}) as address:
        yield f"{address}/elab", instance


@pytest.fixture
def elab(served: tuple[str, Elabftw]) -> Elabftw:
    instance = served[1]
    instance.items = [item(number) for number in range(1, 10_001)]
    instance.experiments = []
    instance.events = []
    instance.pinned, instance.knows_full = frozenset({4000}), True
    return instance


@pytest.fixture
def where(served: tuple[str, Elabftw]) -> dict[str, object]:
    return {"url": served[0], "api_key": KEY, "requests_per_minute": 6000}


def test_every_entry_is_read_once_with_its_extra_fields(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    elab.items[41]["state"] = 3
    elab.items[42]["state"] = 2
    pages = read("elabftw", where, "items", page_size=3000)
    assert [page.frame.height for page in pages] == [2999, 2999, 2999, 1002]
    found = {
        row["id"]: (row["title"], row["extra.Viability"])
        for page in pages
        for row in page.frame.to_dicts()
    }
    assert found == {
        str(n): (f"Lot {n}", f"{n % 100}.50") for n in range(1, 10_001) if n != 42
    }
    assert pages[0].refs.to_list()[:2] == ["record 4000", "record 1"]
    assert pages[0].origin == "eLabFTW items"


@pytest.mark.parametrize(
    ("zone", "since"),
    [("UTC", SINCE), ("America/Bogota", "2026-11-10T15:34:00+00:00")],
)
def test_three_changed_one_new_one_deleted_of_ten_thousand(
    read: Read, where: dict[str, object], elab: Elabftw, zone: str, since: str
) -> None:
    for number in (7, 5000, 9999):
        elab.items[number - 1].update(title="Changed", modified_at=CHANGED)
    elab.items[41].update(state=3, modified_at=CHANGED)
    elab.items.append(item(10_001, modified_at=CHANGED))
    there = {**where, "time_zone": zone}
    [page] = read("elabftw", there, "items", since=since)
    assert dict(zip(page.refs, page.frame["title"], strict=True)) == {
        "record 7": "Changed",
        "record 5000": "Changed",
        "record 9999": "Changed",
        "record 10001": "Lot 10001",
    }
    assert page.gone == ("record 42",)
    keys = open_keys(Source("alpha", "main", "elabftw", there))
    assert keys is not None
    listed = [r for refs in keys(Extract("batch", "items", {})) for r in refs]
    assert len(listed) == len(set(listed)) == 10_000
    assert "record 42" not in listed


def test_a_pinned_old_entry_does_not_end_the_search(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    elab.pinned = frozenset({1, 2, 3})
    elab.items[6].update(modified_at=CHANGED)
    [page] = read("elabftw", where, "items", since=SINCE, page_size=2)
    assert page.refs.to_list() == ["record 7"]


def test_a_broken_read_goes_on_where_it_was(
    where: dict[str, object], elab: Elabftw
) -> None:
    extract = Extract("batch", "items", {"page_size": 3000})
    read = opened(Source("alpha", "main", "elabftw", where))
    broken = read(extract, None)
    got = [next(broken), next(broken)]
    elab.items.append(item(10_001))
    rest = list(read(extract, got[-1].resume))
    keys = [ref for page in [*got, *rest] for ref in page.refs]
    assert len(keys) == len(set(keys)) == 10_001
    assert rest[-1].watermark == got[0].watermark
    [nothing] = read(extract, rest[-1].resume)
    assert nothing.frame.is_empty()


@pytest.mark.parametrize("what", ["erased", "pinned"])
def test_a_list_that_moves_is_not_taken_for_a_whole_one(
    where: dict[str, object], elab: Elabftw, what: str
) -> None:
    extract = Extract("batch", "items", {"page_size": 3000})
    reading = opened(Source("alpha", "main", "elabftw", where))(extract, None)
    next(reading)
    if what == "erased":
        del elab.items[10]
    else:
        elab.pinned = frozenset({4000, 9000})
    with pytest.raises(SourceError, match="the list moved while it was being read"):
        next(reading)


def test_bookings_come_all_every_time(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    elab.events = [
        {"id": 13, "item_title": "Clean room 1", "start": "2026-03-04 17:30:00"},
        {"id": 14, "item_title": "Clean room 1", "start": "2026-03-05 17:30:00"},
    ]
    for since in (None, SINCE):
        [page] = read("elabftw", where, "events", since=since)
        assert page.refs.to_list() == ["record 13", "record 14"]
        assert page.watermark is None
        assert page.frame["start"][0] == "2026-03-04 17:30:00"


def test_only_the_wanted_categories_are_read(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    pages = read("elabftw", where, "items", category=[2])
    assert sum(page.frame.height for page in pages) == 5000
    assert {c for page in pages for c in page.frame["category"]} == {"2"}


def test_extra_fields_keep_their_unit_and_may_be_anything(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    several = {"Tests": {"type": "select", "value": ["CD3", "CD19"]}, "Odd": None}
    weighed = {"Cells": {"type": "number", "value": "1,5", "unit": "10^6"}}
    elab.items = [item(1, extra=weighed), item(2, extra=several), item(3, extra=None)]
    elab.pinned = frozenset()
    [page] = read("elabftw", where, "items")
    assert page.frame["extra.Cells"].to_list() == ["1,5", None, None]
    assert page.frame["extra.Cells.unit"].to_list() == ["10^6", None, None]
    assert page.frame["extra.Tests"].to_list() == [None, '["CD3", "CD19"]', None]


def test_a_server_that_shows_no_extra_fields_is_told_from_one_without(
    where: dict[str, object], elab: Elabftw
) -> None:
    elab.knows_full = False
    mapped = Extract("batch", "items", {}, columns=("title", "extra.Viability"))
    read = opened(Source("alpha", "main", "elabftw", where))
    with pytest.raises(
        SourceError, match=r"and extra\.Viability is one; have it updat"
    ):
        list(read(mapped, None))
    [page, *_] = read(Extract("batch", "items", {}, columns=("title",)), None)
    assert page.frame["title"][0] == "Lot 4000"


@pytest.mark.parametrize(
    ("more", "location", "words"),
    [
        ({"api_key": "wr0ng"}, "items", "answered 401 and says: Unauthorized; check"),
        ({}, "experiments", "eLabFTW lists no experiments at all; check the team and"),
        ({}, "events", "eLabFTW lists no events at all"),
    ],
)
def test_what_went_wrong_is_said_without_the_key(
    read: Read,
    where: dict[str, object],
    elab: Elabftw,
    more: dict[str, object],
    location: str,
    words: str,
) -> None:
    with pytest.raises(SourceError) as caught:
        read("elabftw", {**where, **more}, location)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_none_yet_may_be_said_to_be_right(
    read: Read, where: dict[str, object], elab: Elabftw
) -> None:
    for location in ("experiments", "events"):
        [page] = read("elabftw", where, location, may_be_empty=True)
        assert page.frame.is_empty()


def test_only_three_lists_are_known(read: Read, where: dict[str, object]) -> None:
    with pytest.raises(
        ConfigError, match="from: must be one of items, experiments, ev"
    ):
        read("elabftw", where, "users")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"items": []}', "eLabFTW answered without a list of items; check `url`"),
        ("[1]", "answered without a list of items"),
        ("<html>", "a web page where data was expected"),
    ],
)
def test_an_answer_that_is_no_list_is_refused(
    read: Read, scripted: Scripted, body: str, words: str
) -> None:
    scripted.will(answer(body))
    with pytest.raises(SourceError, match=words):
        read("elabftw", {"url": scripted.url, "api_key": KEY}, "items")
