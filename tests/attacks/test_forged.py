"""Forged questions: what is forbidden and what is not there are one and the same."""

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from dashboard.filters import SHARED
from dashboard.journal import Journal
from tests.attacks import forging, leaks, walking
from tests.attacks.conftest import OTHER, REGION, Guarded
from tests.attacks.harvester import CALLBACK
from tests.serving import ROOT

WRITING = {"POST", "PUT", "DELETE", "PATCH"}
pooled = pytest.mark.parametrize("role", ["authority", "site", "auditor", "public"])


def written(guarded: Guarded) -> int:
    return len(Journal(guarded.folder / "data" / "journal.sqlite").read())


@pooled
def test_an_address_of_others_is_answered_as_one_that_is_not_there(
    guarded: Guarded, role: str
) -> None:
    forging.addresses_tell_nothing(guarded.walk(role), forging.ADDRESSES)


@pytest.mark.parametrize("role", ["auditor", "public"])
def test_a_proposal_that_may_not_be_read_is_none(guarded: Guarded, role: str) -> None:
    number = guarded.proposal
    for kind in ("xlsx", "pdf"):
        address = f"/api/v1/proposals/{{}}.{kind}"
        which = [(address, str(number), str(number + 900))]
        forging.addresses_tell_nothing(guarded.walk(role), which)


@pytest.mark.parametrize("role", ["site", "public"])
def test_a_page_about_others_is_the_page_about_nobody(
    guarded: Guarded, role: str
) -> None:
    forging.pages_tell_nothing(guarded.walk(role))


@pooled
def test_forged_callbacks_write_and_tell_nothing(guarded: Guarded, role: str) -> None:
    before = written(guarded)
    batch = min(guarded.batches(OTHER))
    forging.callbacks_tell_nothing(guarded.walk(role), batch)
    vote = {"vote_choice": "yes", "vote_why": "x", "proposal_number": "999"}
    forging.forged(guarded.walk(role), "proposal-written.children..", **vote)
    assert written(guarded) == before


@pytest.mark.parametrize("role", ["authority", "public"])
def test_wrong_values_and_outputs_are_answered_in_general_words(
    guarded: Guarded, role: str
) -> None:
    walk = guarded.walk(role)
    answers = [*forging.wrong_values(walk), *forging.other_outputs(walk)]
    assert len(answers) > 100
    told = {a.content for a in answers if a.status >= 500}
    assert len(told) == 1
    leaks.says_no_place(answers, str(guarded.folder), str(ROOT))
    unseen = {s: n for s, (n, r) in guarded.sites().items() if r != REGION}
    unseen.pop(forging.THERE)
    leaks.names_nobody(answers, unseen)


def test_no_parameter_is_sql(guarded: Guarded) -> None:
    keys = [*SHARED, "by", "per", "step", "lot", "number", "of"]
    forging.questions_stay_questions(guarded.walk("public"), keys)
    assert len(guarded.sites()) > 20


def test_no_address_leads_out_of_what_is_served(guarded: Guarded) -> None:
    targets = ["/etc/passwd", str(guarded.folder / "data" / "access.sqlite")]
    secret = guarded.walk("public").client.cookies["pocnet"]
    forging.nothing_outside_is_read(guarded.url, f"pocnet={secret}", targets)


def test_what_is_forbidden_takes_no_longer_than_what_is_missing(
    guarded: Guarded,
) -> None:
    walk = guarded.walk("public")

    def asking(address: str) -> Callable[[], httpx.Response]:
        return lambda: walk.client.get(address)

    for address, there, nowhere in forging.ADDRESSES[:3]:
        pair = (asking(address.format(slug)) for slug in (there, nowhere))
        forging.takes_as_long(*pair, times=15)


def test_the_method_is_what_the_request_says(guarded: Guarded) -> None:
    walk = guarded.walk("public")
    address = "/api/v1/cards/attention"
    plain = walk.get(address)
    for header in ("x-http-method-override", "x-http-method", "x-method-override"):
        other = walk.ask("GET", address, headers={header: "POST"})
        leaks.alike(plain, other, {})
    statuses = [
        walk.ask(method, address).status
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE")
    ]
    assert {*statuses} <= {405, 404}


def test_another_name_is_refused_on_every_route(guarded: Guarded) -> None:
    cookies = guarded.walk("lead").client.cookies
    for address in ("/", "/failures", "/api/v1/", "/healthz", "/sign-in/", CALLBACK):
        rebound = {"host": "elsewhere.example"}
        answer = httpx.get(guarded.url + address, headers=rebound, cookies=cookies)
        assert answer.status_code == 403
    walk = guarded.walk("public")
    plain = walk.get("/api/v1/")
    for header in ("x-forwarded-host", "x-host", "forwarded"):
        sent = walk.ask("GET", "/api/v1/", headers={header: "elsewhere.example"})
        leaks.alike(plain, sent, {})


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
@pytest.mark.parametrize("address", ["/sign-in/", CALLBACK])
def test_a_body_that_is_too_long_is_not_read(
    guarded: Guarded, address: str, chunked: bool
) -> None:
    cookie = guarded.walk("public").client.cookies["pocnet"]
    at = urlsplit(guarded.url)
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 9000000000"
    head = (
        f"POST {address} HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: pocnet={cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n{length}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n" if chunked else b"x" * 65_536
    with socket.create_connection((at.hostname, at.port), timeout=60) as connection:
        connection.sendall(head.encode())
        answered = b""
        try:
            for _ in range(64):
                connection.sendall(chunk)
            answered = connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answered = answered or connection.recv(4096)
    assert b" 413 " in answered.splitlines()[0]


def test_every_route_that_writes_refuses_pages_of_others(guarded: Guarded) -> None:
    before = written(guarded)
    routes = [
        way.name
        for way in walking.ways(guarded.app)
        if WRITING & {*(getattr(way.route, "methods", None) or ())}
    ]
    assert {CALLBACK, "/sign-in/", "/sign-in/out"} <= {*routes}
    cookies = guarded.walk("lead").client.cookies
    addresses = [route for route in routes if "{" not in route]
    forging.no_page_elsewhere_writes(guarded.url, cookies, addresses)
    assert written(guarded) == before
    assert guarded.walk("lead").client.get("/api/v1/").status_code == 200
