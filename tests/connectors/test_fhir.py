import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import ConfigError, Page, SourceError
from tests.connectors.fhir_made_up import delete, observation, put, rows
from tests.connectors.fhir_made_up import read as ask
from tests.connectors.scripted import Scripted, answer
from tests.connectors.servers.medplum import medplum
from tests.connectors.servers.sekmet import sekmet

Read = Callable[..., list[Page]]
NOON = "2026-11-16T12:00:00.000Z"


def result(name: str, moment: str | None = NOON) -> dict[str, Any]:
    meta = {"meta": {"lastUpdated": moment}} if moment else {}
    return {"resourceType": "Observation", "id": name, "status": "final", **meta}


def bundle(*resources: dict[str, Any], **more: Any) -> bytes:
    links = more.pop("links", None)
    content = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one} for one in resources],
        **more,
    }
    if links is not None:
        told = [{"relation": name, "url": url} for name, url in links.items()]
        content["link"] = told
    return answer(json.dumps(content))


def outcome(severity: str, **issue: Any) -> dict[str, Any]:
    told = [{"severity": severity, "code": "processing", **issue}]
    return {"resourceType": "OperationOutcome", "issue": told}


def asked(scripted: Scripted) -> list[httpx.QueryParams]:
    """The parameters of each request."""
    lines = [request.split(b" ")[1].decode() for request in scripted.requests]
    return [httpx.URL(scripted.url + line).params for line in lines]


def names(pages: list[Page]) -> list[str]:
    return [ref.rpartition("/")[2] for page in pages for ref in page.refs]


def test_the_search_is_sent_strictly_and_in_order(scripted: Scripted) -> None:
    scripted.will(bundle(result("a"), total=1))
    _, error = ask(scripted.url + "/", "Observation?category=laboratory&code=x|1,y|2")
    assert error is None
    assert b"Prefer: handling=strict" in scripted.requests[0]
    assert b"Accept: application/fhir+json" in scripted.requests[0]
    assert scripted.requests[0].startswith(b"GET /Observation?")
    assert dict(asked(scripted)[0]) == {
        "category": "laboratory",
        "code": "x|1,y|2",
        "_sort": "_lastUpdated",
        "_count": "200",
    }


def test_a_since_is_five_minutes_early(scripted: Scripted) -> None:
    scripted.will(bundle(total=0), answer(b"", 501))
    _, error = ask(scripted.url, "Observation", "2026-11-16T12:00:00+01:00")
    assert error is None
    first, history = asked(scripted)
    assert first["_lastUpdated"] == "ge2026-11-16T10:55:00.000Z"
    assert history["_since"] == "2026-11-16T10:55:00.000Z"


@pytest.mark.parametrize(
    ("told", "ignored"),
    [
        ("/Observation?_sort=_lastUpdated", "category, code"),
        ("/Observation?category=laboratory", "code"),
        ("/Observation", "category, code"),
    ],
)
def test_a_parameter_that_was_ignored_is_an_error(
    scripted: Scripted, told: str, ignored: str
) -> None:
    scripted.will(bundle(result("a"), links={"self": scripted.url + told}))
    _, error = ask(scripted.url, "Observation?category=laboratory&code=x")
    assert f"ignored {ignored}; ask for what it can search by" in str(error)


def test_a_server_that_ignores_since_without_saying_so_is_told(
    scripted: Scripted,
) -> None:
    scripted.will(bundle(result("a", "2026-01-01T00:00:00Z"), total=1))
    _, error = ask(scripted.url, "Observation", NOON)
    assert "ignored _lastUpdated: it sends what changed long ago" in str(error)


def test_a_server_that_does_not_sort_is_followed_by_its_links(
    scripted: Scripted,
) -> None:
    links = {"self": "?_count=2", "next": f"{scripted.url}/next?page=2"}
    scripted.will(
        bundle(result("b", "2026-11-17T00:00:00Z"), result("a"), links=links),
        bundle(result("c"), links={"self": "?_count=2"}),
    )
    pages, error = ask(scripted.url, "Observation")
    assert error is None
    assert names(pages) == ["b", "a", "c"]
    assert scripted.requests[1].startswith(b"GET /next?page=2 ")
    assert [page.resume for page in pages] == [None, None]


def test_links_that_lead_in_a_circle_are_left(scripted: Scripted) -> None:
    here = {"self": "?_count=1"}
    scripted.will(
        *(
            bundle(result(name), links={**here, "next": f"/{then}"})
            for name, then in ("ax", "by", "cx", "dx")
        )
    )
    pages, error = ask(scripted.url, "Observation")
    assert names(pages) == ["a", "b", "c"]
    assert "as the next that was read already" in str(error)
    since = "2026-11-16T12:00:00Z"
    gone = {"request": {"method": "DELETE", "url": "Observation/a"}}
    history = {"resourceType": "Bundle", "type": "history", "entry": [gone]}
    history["link"] = [{"relation": "next", "url": "/x"}]
    scripted.will(bundle(total=0), answer(json.dumps(history)))
    _, error = ask(scripted.url, "Observation", since)
    assert "as the next that was read already" in str(error)


def test_resources_without_a_stamp_are_read_all_the_same(scripted: Scripted) -> None:
    scripted.will(
        bundle(result("a", None), total=2), bundle(result("b", None), total=2)
    )
    pages, error = ask(scripted.url, "Observation")
    assert error is None
    assert names(pages) == ["a", "b"]
    assert asked(scripted)[1]["_offset"] == "1"
    assert {page.resume for page in pages} == {None}


def test_many_of_one_instant_are_read_each_once(scripted: Scripted) -> None:
    """Two a page of five that were stored at once: no instant leads on."""
    all_five = [result(name) for name in "abcde"]
    pairs = [bundle(*all_five[at : at + 2], total=5) for at in (0, 0, 2, 4)]
    scripted.will(*pairs)
    pages, error = ask(scripted.url, "Observation", page_size=2)
    assert error is None
    assert names(pages) == ["a", "b", "c", "d", "e"]
    offsets = [parameters.get("_offset") for parameters in asked(scripted)]
    assert offsets == [None, None, "2", "4"]
    scripted.requests.clear()
    scripted.will(*pairs[1:])
    rest, error = ask(scripted.url, "Observation", pages[1].resume, page_size=2)
    assert error is None
    assert names(rest) == ["e"]


def test_what_comes_along_is_not_taken_for_a_result(scripted: Scripted) -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    warning = outcome("warning", diagnostics="slow today")
    scripted.will(bundle(result("a"), patient, warning, total=1))
    pages, error = ask(scripted.url, "Observation")
    assert error is None
    assert names(pages) == ["a"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (bundle(outcome("error", diagnostics="index lost")), "says: index lost"),
        (answer(json.dumps(outcome("fatal", details={"text": "no"}))), "says: no"),
        (answer(json.dumps(outcome("fatal"))), "says: processing"),
        (answer(json.dumps(result("a"))), "answered with a Observation, not with"),
        (answer('{"items": []}'), "something that is not FHIR; check `url`"),
        (answer("[]"), "something that is not FHIR; check `url`"),
        (bundle(total=3), "announces 3 resources and sends 0; pull again"),
        (bundle(result("a", None), total=3), "sends the same resources again and"),
        (bundle(result("a"), links={"next": "x"}), "sends the same resources again"),
        (answer(json.dumps(outcome("error")), 410), "has expired; pull again"),
        (
            answer(json.dumps(outcome("error", diagnostics="token t0k3n")), 403),
            "answered 403 and says: token [*]{3}; check the token",
        ),
        (
            bundle(outcome("error", diagnostics="token t0k3n is blocked")),
            "says: token [*]{3} is blocked",
        ),
    ],
)
def test_an_answer_that_is_no_answer_is_an_error(
    scripted: Scripted, body: bytes, words: str
) -> None:
    scripted.will(body)
    _, error = ask(scripted.url, "Observation", options={"token": "t0k3n"})
    with pytest.raises(SourceError, match=words):
        raise error or AssertionError("no error")


def test_a_next_answer_elsewhere_is_asked_for_only_where_it_was_allowed(
    tmp_path: Path,
) -> None:
    with sekmet(tmp_path, base="http://dead.example:81/fhir") as base:
        put(base, [observation(number) for number in range(9)])
        _, error = ask(base, "Observation", page_size=1)
        assert "goes on at another address, http://dead.example:81" in str(error)
        assert "rewrite_next = true" in str(error)
        options = {"rewrite_next": True}
        pages, error = ask(base, "Observation", page_size=1, options=options)
        assert error is None
        assert len(names(pages)) == 9
        delete(base, ["Observation/o3"])
        since = pages[-1].watermark
        pages, error = ask(base, "Observation", since, page_size=2, options=options)
    assert error is None
    assert [ref for page in pages for ref in page.gone] == ["record Observation/o3"]


def test_deletions_are_found_however_the_history_names_them(
    scripted: Scripted,
) -> None:
    gone = {"method": "DELETE"}
    entries = [
        {"request": {**gone, "url": "Observation/a"}},
        {"request": {**gone, "url": "https://h/fhir/Observation/b/_history/3"}},
        {"request": gone, "fullUrl": "https://h/fhir/Observation/c"},
        {"request": gone, "resource": result("d", "2026-11-20T00:00:00Z")},
        {"request": {"method": "PUT", "url": "Observation/a"}},
        {"request": {"method": "PUT", "url": "Observation/e"}, "resource": result("e")},
        {"request": {**gone, "url": "Observation/e"}},
    ]
    history = {"resourceType": "Bundle", "type": "history", "entry": entries}
    scripted.will(bundle(total=0), answer(json.dumps(history)))
    [page], error = ask(scripted.url, "Observation", NOON)
    assert error is None
    assert page.gone == tuple(f"record Observation/{name}" for name in "abcd")


def test_many_that_were_stored_at_once_are_each_read_once(tmp_path: Path) -> None:
    stored = [observation(number) for number in range(40)]
    with medplum(tmp_path) as base:
        put(base, stored)
        for size in (1, 2, 7):
            began = time.monotonic()
            pages, error = ask(base, "Observation", page_size=size, columns=("id",))
            assert error is None
            assert sorted(value for _, (value,) in rows(pages, ("id",))) == sorted(
                one["id"] for one in stored
            )
            assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("observation", "must be a type of resource"),
        ("Observation/1", "must be a type of resource"),
        ("https://elsewhere.example/Observation", "must be a type of resource"),
        ("Patient?_id=1", "must not be Patient: persons are never read"),
        ("Observation?_count=10", "must not set _count, which pocnet does"),
    ],
)
def test_a_location_is_a_type_and_what_to_search_by(
    read: Read, location: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=f"dataset batch.from: {words}"):
        read("fhir", {"url": "https://h/fhir"}, location)


def test_only_slots_are_counted(read: Read) -> None:
    with pytest.raises(ConfigError, match="from must be Slot"):
        read("fhir", {"url": "https://h/fhir"}, "Schedule", weeks="UTC")
