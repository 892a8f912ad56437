import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors import ConfigError, Page, SourceError
from connectors.standins import RestApi, serve
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]

START = datetime(2026, 11, 1, tzinfo=UTC)
LOTS = pl.DataFrame(
    {
        "id": [str(number) for number in range(250)],
        "sample.code": [f"S{number}" for number in range(250)],
        "cells": [number * 1.5 for number in range(250)],
        "modified": [START + timedelta(hours=number) for number in range(250)],
    }
)
CURSOR: dict[str, object] = {
    "records": "items",
    "key": "id",
    "paging": "cursor",
    "next": "next_cursor",
}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    sites = {
        "lims": RestApi(
            "k3y", {"/lots": LOTS, "/none": LOTS.clear()}, ("id", "s3cret")
        ),
        "brief": RestApi("k3y", {"/lots": LOTS}, ("id", "s3cret"), token_seconds=0.4),
    }
    with serve(sites) as address:
        yield address


def key(base: str) -> dict[str, object]:
    return {"url": f"{base}/lims", "api_key": "k3y"}


def client(base: str, name: str = "lims", secret: str = "s3cret") -> dict[str, object]:
    return {
        "url": f"{base}/{name}",
        "token_url": f"{base}/{name}/token",
        "client_id": "id",
        "client_secret": secret,
    }


def test_a_cursor_is_followed_to_the_end(read: Read, base: str) -> None:
    [page] = read("rest", key(base), "/lots", page_size=100, **CURSOR)
    assert page.frame["id"].to_list() == LOTS["id"].to_list()
    assert page.frame["sample.code"][-1] == "S249"
    assert page.frame["cells"][:2].to_list() == ["0.0", "1.5"]
    assert page.refs[-1] == "record 249"
    assert page.origin == "GET /lots"
    assert page.watermark is None


def test_since_is_five_minutes_early(read: Read, base: str) -> None:
    since = (START + timedelta(hours=248, minutes=5)).isoformat()
    [page] = read(
        "rest",
        key(base),
        "lots",
        since=since,
        modified_parameter="modified_since",
        **CURSOR,
    )
    assert page.frame["id"].to_list() == ["248", "249"]
    assert page.watermark is not None
    assert page.watermark > since


def test_client_credentials_let_in_and_are_refreshed(read: Read, base: str) -> None:
    [page] = read("rest", client(base), "/lots", **CURSOR)
    assert page.frame.height == 250
    [page] = read("rest", client(base, "brief"), "/lots", page_size=5, **CURSOR)
    assert page.frame.height == 250


def test_a_refused_token_is_fetched_once_more(read: Read, scripted: Scripted) -> None:
    token = answer('{"access_token": "t", "expires_in": 3600}')
    page_1 = answer('{"items": [{"id": "1"}], "next_cursor": "a"}')
    page_2 = answer('{"items": [{"id": "2"}]}')
    scripted.will(token, page_1, answer("{}", 401), token, page_2)
    [page] = read("rest", client(scripted.url), "/lots", **CURSOR)
    assert page.frame["id"].to_list() == ["1", "2"]
    assert b"Authorization: Bearer t" in scripted.requests[-1]


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_wrong_secret_is_said_without_showing_it(
    read: Read, base: str, wrong: str
) -> None:
    options = (
        {**key(base), "api_key": "wr0ng"}
        if wrong == "key"
        else client(base, secret="wr0ng")
    )
    said = {
        "key": "answered 401 .*check the user, password",
        "secret": "sign-in at 127.0.0.1 was answered with 401 .*check the client's id",
    }
    with pytest.raises(SourceError, match=said[wrong]) as e:
        read("rest", options, "/lots", **CURSOR)
    assert "wr0ng" not in str(e.value)


def test_basic_sign_in_is_sent(read: Read, scripted: Scripted) -> None:
    scripted.will(answer('[{"id": 1}]'))
    options = {"url": scripted.url, "user": "u", "password": "p"}
    [page] = read("rest", options, "/lots")
    assert b"Authorization: Basic dTpw" in scripted.requests[0]
    assert page.refs.to_list() == ["row 1"]


def test_a_next_link_is_followed_on_the_same_host_only(
    read: Read, scripted: Scripted
) -> None:
    options: dict[str, object] = {"url": scripted.url, "api_key": "k3y"}
    first = '{"data": {"rows": [{"id": 1}]}, "links": {"next": "%s"}}'
    last = '{"data": {"rows": [{"id": 2}]}, "links": {}}'
    reading = {"records": "data.rows", "paging": "next", "next": "links.next"}
    scripted.will(answer(first % "?p=2"), answer(last))
    [page] = read("rest", options, "/lots", **reading)
    assert page.frame["id"].to_list() == ["1", "2"]
    assert scripted.requests[1].startswith(b"GET /lots?p=2 ")
    scripted.will(answer(first % "http://elsewhere.example/lots"))
    with pytest.raises(SourceError, match="goes on at another host, elsewhere.example"):
        read("rest", options, "/lots", **reading)


@pytest.mark.parametrize(
    ("paging", "asked"),
    [
        ("page", [b"page=1", b"page=2", b"page=3"]),
        ("offset", [b"offset=0", b"offset=2", b"offset=3"]),
    ],
)
def test_numbered_answers_end_with_an_empty_one(
    read: Read, scripted: Scripted, paging: str, asked: list[bytes]
) -> None:
    scripted.will(answer('[{"id":1},{"id":2}]'), answer('[{"id":3}]'), answer("[]"))
    [page] = read("rest", {"url": scripted.url}, "/lots", paging=paging, page_size=2)
    assert page.frame["id"].to_list() == ["1", "2", "3"]
    assert page.refs.to_list() == ["row 1", "row 2", "row 3"]
    for sent, word in zip(scripted.requests, asked, strict=True):
        assert word in sent
        assert b"limit=2" in sent


@pytest.mark.parametrize(
    ("body", "reading", "words"),
    [
        ('[{"id":1}]', {"paging": "page"}, "the same records again and again"),
        ('{"items":[],"next":"?a=1"}', {"paging": "next"}, "was read already"),
        ('{"items":[{"id":1}],"next":{"a":7}}', {"paging": "next"}, "holds no text"),
        ('{"items":{"id":1}}', {}, "no list of records at items"),
        ('{"rows":[]}', {}, r"check read.records \(the answer has rows\)"),
        ('{"items":[]}', {}, "lists no record at all"),
        ('{"items":[{"a":1}]}', {"key": "id"}, "records without 'id'"),
    ],
)
def test_a_list_that_leads_astray_is_an_error(
    read: Read, scripted: Scripted, body: str, reading: dict[str, str], words: str
) -> None:
    scripted.will(answer(body))
    records = "" if body.startswith("[") else "items"
    with pytest.raises(SourceError, match=words):
        read("rest", {"url": scripted.url}, "/lots", records=records, **reading)


def test_an_empty_list_is_fine_where_it_was_announced(read: Read, base: str) -> None:
    reading = {**CURSOR, "fields": ["cells"]}
    [page] = read("rest", key(base), "/none", may_be_empty=True, **reading)
    assert page.frame.columns == ["id", "cells"]
    [page] = read("rest", key(base), "/none", since=START.isoformat(), **reading)
    assert page.frame.is_empty()


def test_fields_left_out_where_empty_are_columns_all_the_same(
    read: Read, scripted: Scripted
) -> None:
    scripted.will(answer('[{"id":1,"a":"x"},{"id":2,"b":null}]'))
    [page] = read("rest", {"url": scripted.url}, "/lots", fields=["c"])
    assert page.frame.rows(named=True) == [
        {"c": None, "id": "1", "a": "x", "b": None},
        {"c": None, "id": "2", "a": None, "b": None},
    ]


def test_a_location_is_a_path_and_nothing_else(read: Read, base: str) -> None:
    for location in ("https://elsewhere.example/x", "/../x", "/lots?all=1"):
        with pytest.raises(ConfigError, match="dataset batch.from: must be a path"):
            read("rest", key(base), location)


def test_a_path_that_is_gone_is_said(read: Read, base: str) -> None:
    with pytest.raises(SourceError, match="answered 404; check `url` and the dataset"):
        read("rest", key(base), "/lost")


def test_an_unreachable_host_is_said(read: Read, closed_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(
        SourceError, match="cannot be reached .*check `url`, the network"
    ):
        read("rest", {"url": f"http://127.0.0.1:{closed_port}"}, "/lots")
    assert time.monotonic() - began < 5
