import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors import Extract, Page, Source, SourceError, open_keys, open_source
from connectors.standins import serve

Read = Callable[..., list[Page]]

TAPE = Path(__file__).parent / "recorded" / "senaite.jsonl"
USER = "Basic YWRtaW46YWRtaW4tcGFzc3dvcmQ="
BEFORE = "2026-11-22T05:36:00+00:00"


class Recorded:
    """What a real SENAITE 2.6.0 answered, by who asked and what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = ""
        self.answers = {
            (line["who"], *self._key(line["asked"])): line
            for line in map(json.loads, TAPE.read_text().splitlines())
        }

    def _key(self, asked: str) -> tuple[str, frozenset[tuple[str, str]]]:
        path, _, query = asked.partition("?")
        return path, frozenset(parse_qsl(query))

    def routes(self) -> list[BaseRoute]:
        return [Route("/{path:path}", self._answer)]

    async def _answer(self, request: Request) -> Response:
        sent = request.headers.get("authorization")
        who = "stranger" if not sent else "user" if sent == USER else "wrong"
        asked = f"{request.path_params['path']}?{request.url.query}"
        self.asked.append(asked)
        if self.broken and self.broken in asked:
            return JSONResponse({"message": "made to break"}, status_code=500)
        answer = self.answers[(who, *self._key(asked))]
        return JSONResponse(answer["body"], status_code=answer["status"])


@pytest.fixture
def tape() -> Recorded:
    return Recorded()


@pytest.fixture
def lims(tape: Recorded) -> Iterator[dict[str, object]]:
    with serve({"senaite": tape}) as address:
        yield {
            "url": f"{address}/senaite",
            "user": "admin",
            "password": "admin-password",
            "requests_per_minute": 6000,
        }


def test_every_analysis_is_read_once_page_after_page(
    read: Read, lims: dict[str, object], tape: Recorded
) -> None:
    [page] = read("senaite", lims, "Analysis", page_size=4)
    assert page.frame.height == 9
    assert page.frame["uid"].n_unique() == 9
    assert page.refs[0] == f"record {page.frame['uid'][0]}"
    assert sorted(page.frame["getRequestID"].unique()) == [
        "FP-0001",
        "FP-0002",
        "FP-0003",
    ]
    assert page.frame["Result"].drop_nulls().to_list() == ["91,5"]
    assert page.frame["AnalysisService.uid"].n_unique() == 3
    assert page.origin == "SENAITE Analysis"
    assert sum("b_start" in asked for asked in tape.asked) == 3


def test_what_changed_comes_by_the_samples_that_changed(
    read: Read, lims: dict[str, object], tape: Recorded
) -> None:
    [page] = read("senaite", lims, "Analysis", since=BEFORE, page_size=4)
    assert set(page.frame["getRequestID"]) == {"FP-0001"}
    assert page.frame["Result"].drop_nulls().to_list() == ["91,5"]
    assert page.watermark is not None
    assert page.resume is None
    [samples] = read("senaite", lims, "AnalysisRequest", since=BEFORE, page_size=4)
    assert samples.frame["id"].to_list() == ["FP-0001"]
    [services] = read("senaite", lims, "AnalysisService", since=BEFORE, page_size=4)
    assert services.frame.is_empty()


def test_a_condition_that_a_catalog_ignores_is_not_trusted(tape: Recorded) -> None:
    late = [
        line["body"]["count"]
        for (_, path, query), line in tape.answers.items()
        if path.endswith("search")
        and ("modified.query:record:date", "2200-01-01T00:00:00+00:00") in query
        and ("catalog", "senaite_catalog_analysis") in query
    ]
    assert late == [9]


def test_the_keys_come_from_the_catalog_alone(
    read: Read, lims: dict[str, object], tape: Recorded
) -> None:
    source = Source("alpha", "main", "senaite", lims)
    keys = open_keys(source)
    assert keys is not None
    listed = [
        ref
        for refs in keys(Extract("result", "Analysis", {}))
        for ref in refs.to_list()
    ]
    [page] = read("senaite", lims, "Analysis", page_size=4)
    assert listed == page.refs.to_list()
    assert not any("complete" in asked for asked in tape.asked[:2])


def test_a_broken_read_goes_on_after_the_last_key(
    lims: dict[str, object], tape: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.senaite.KEYS", 4)
    read = open_source(Source("alpha", "main", "senaite", lims))
    extract = Extract("result", "Analysis", {"page_size": 4})
    tape.broken = "b_start=8"
    got: list[Page] = []
    with pytest.raises(SourceError, match="answered 500 and says: made to break"):
        got.extend(read(extract, None))
    whole = read(extract, None)
    got = [next(whole), next(whole)]
    assert got[-1].resume is not None
    tape.broken = ""
    rest = list(read(extract, got[-1].resume))
    keys = [ref for page in [*got, *rest] for ref in page.refs]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == 9
    assert rest[-1].watermark == got[0].watermark


def test_a_shrinking_list_is_not_taken_for_a_whole_one(
    read: Read, lims: dict[str, object], tape: Recorded
) -> None:
    last = next(
        line
        for (who, _, query), line in tape.answers.items()
        if who == "user" and ("b_start", "8") in query
    )
    last["body"]["count"] = 8
    with pytest.raises(SourceError, match="records disappeared from SENAITE while"):
        read("senaite", lims, "Analysis", page_size=4)


@pytest.mark.parametrize(
    ("more", "location", "words"),
    [
        ({"password": "wrong"}, "Analysis", "SENAITE does not know this user, and"),
        ({}, "Batch", "SENAITE lists no Batch at all; check the rights of the user"),
    ],
)
def test_an_empty_answer_is_no_success(
    read: Read,
    lims: dict[str, object],
    more: dict[str, object],
    location: str,
    words: str,
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        read("senaite", {**lims, **more}, location)
    assert "wrong" not in str(caught.value)


def test_none_yet_may_be_said_to_be_right(read: Read, lims: dict[str, object]) -> None:
    [page] = read("senaite", lims, "Batch", may_be_empty=True)
    assert page.frame.is_empty()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, None, "answered 500 and says: 'NoneType' object has no attribute"),
        (404, None, "answered 404 and says: Not Found; check `url`"),
        (200, {"items": None}, "answered without a list of items"),
        (200, {"items": [{"id": "x"}], "count": 1}, "lists items without a key"),
    ],
)
def test_a_refusal_is_told_in_the_servers_own_words(
    read: Read,
    lims: dict[str, object],
    tape: Recorded,
    status: int,
    body: object,
    words: str,
) -> None:
    said = next((a for a in tape.answers.values() if a["status"] == status), None)
    for (_, path, _query), line in tape.answers.items():
        if path.endswith("search") and line["status"] == 200:
            line["body"] = body or (said or {})["body"]
            line["status"] = status
    with pytest.raises(SourceError, match=words):
        read("senaite", lims, "Analysis", page_size=4)
