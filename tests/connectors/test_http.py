import gzip
import time
from collections.abc import Callable

import pytest

from connectors import Page, SourceError, _http
from tests.connectors.scripted import Scripted, answer

Read = Callable[..., list[Page]]

GOOD = answer('[{"id": 1}]')


def test_a_busy_server_is_waited_for_as_long_as_it_asks(
    read: Read, scripted: Scripted
) -> None:
    scripted.will(answer("{}", 429, Retry_After="1"), GOOD)
    began = time.monotonic()
    [page] = read("rest", {"url": scripted.url}, "/lots")
    assert page.frame.height == 1
    assert 0.9 < time.monotonic() - began < 5


def test_a_server_that_stays_busy_is_given_up(read: Read, scripted: Scripted) -> None:
    scripted.will(answer('{"message": "slow down"}', 429))
    with pytest.raises(
        SourceError, match="429 and says: slow down; it asks for patience"
    ):
        read("rest", {"url": scripted.url}, "/lots")
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_is_asked_again(
    read: Read, scripted: Scripted, status: int
) -> None:
    scripted.will(answer("oops", status), GOOD)
    assert len(read("rest", {"url": scripted.url}, "/lots")) == 1
    scripted.will(answer("oops", status))
    with pytest.raises(SourceError, match=f"answered {status}; it is failing"):
        read("rest", {"url": scripted.url}, "/lots")


@pytest.mark.parametrize(
    "cut",
    [
        GOOD[:-4],
        b"",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"id',
        answer(gzip.compress(b'[{"id": 1}]')[:-9] + b"?" * 9, Content_Encoding="gzip"),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again_and_then_an_error(
    read: Read, scripted: Scripted, cut: bytes
) -> None:
    scripted.will(cut)
    with pytest.raises(SourceError, match="broke off|breaks off"):
        read("rest", {"url": scripted.url}, "/lots")
    scripted.will(GOOD[:-4], GOOD)
    assert len(read("rest", {"url": scripted.url}, "/lots")) == 1


def test_compressed_answers_are_read(read: Read, scripted: Scripted) -> None:
    scripted.will(answer(gzip.compress(b'[{"id": 1}]'), Content_Encoding="gzip"))
    [page] = read("rest", {"url": scripted.url}, "/lots")
    assert page.frame["id"].to_list() == ["1"]


def test_a_web_page_in_place_of_data_is_said(read: Read, scripted: Scripted) -> None:
    scripted.will(answer("<!DOCTYPE html><p>Sign in</p>", kind="text/html"))
    with pytest.raises(SourceError, match="a web page where data was expected"):
        read("rest", {"url": scripted.url}, "/lots")


def test_an_answer_without_end_is_refused(
    read: Read, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http, "MAX_BYTES", 2**20)
    bomb = gzip.compress(b" " * 2**22)
    scripted.will(answer(bomb, Content_Encoding="gzip"))
    with pytest.raises(SourceError, match="more than 1 MiB in one answer"):
        read("rest", {"url": scripted.url}, "/lots")
    assert len(scripted.requests) == 1
    monkeypatch.setattr(_http, "MAX_SECONDS", 0.0)
    scripted.will(GOOD)
    with pytest.raises(SourceError, match="still sending"):
        read("rest", {"url": scripted.url}, "/lots")


def test_the_secret_follows_no_redirect_to_another_host(
    read: Read, scripted: Scripted
) -> None:
    options: dict[str, object] = {"url": scripted.url, "api_key": "k3y"}
    scripted.will(answer("", 302, Location="http://elsewhere.example/lots"))
    with pytest.raises(SourceError, match="redirects to http://elsewhere.example/lots"):
        read("rest", options, "/lots")
    scripted.will(answer("", 302, Location="/here"), GOOD)
    assert len(read("rest", options, "/lots")) == 1
    assert b"k3y" in scripted.requests[-1]
    assert scripted.requests[-1].startswith(b"GET /here ")


def test_an_endless_redirect_is_given_up(read: Read, scripted: Scripted) -> None:
    scripted.will(answer("", 302, Location="/lots"))
    with pytest.raises(SourceError, match="answered 302"):
        read("rest", {"url": scripted.url}, "/lots")


def test_a_secret_that_a_server_repeats_is_not_shown(
    read: Read, scripted: Scripted
) -> None:
    scripted.will(answer('{"error": {"message": "<b>no key</b> k3y-9"}}', 400))
    with pytest.raises(SourceError) as caught:
        read("rest", {"url": scripted.url, "api_key": "k3y-9"}, "/lots")
    assert "says: no key *** ; check `read`" in str(caught.value).replace(
        "***;", "*** ;"
    )


def test_no_more_requests_are_begun_in_a_minute_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    pace, begun = _http.Pace(3), []
    for _ in range(7):
        with pace:
            begun.append(clock[0])
            clock[0] += 1
    assert begun == [0, 1, 2, 60, 61, 62, 120]
