"""Whose request it is: sessions and tokens planted, kept, stolen or forged."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from dashboard import service
from dashboard.access.accounts import Accounts
from dashboard.access.sessions import Sessions
from dashboard.access.store import Store
from dashboard.access.tokens import Tokens
from dashboard.journal import Journal
from dashboard.viewer import Viewer
from etl.access import Access
from etl.settings_access import SignIn
from tests.attacks.conftest import PASSWORD, Guarded
from tests.attacks.leaks import LeakError

FIGURE = "/api/v1/cards/attention"


def opens(guarded: Guarded, address: str = FIGURE, **headers: str) -> bool:
    """Whether an address is given to who comes with these headers alone."""
    return guarded.stranger(**headers).get(address).status_code == 200


def is_shut(guarded: Guarded, **headers: str) -> None:
    """A leak if anybody who comes with these headers is let in."""
    for address in (FIGURE, "/api/v1/", "/_dash-layout", "/"):
        if opens(guarded, address, **headers):
            raise LeakError(f"{address} is open to {sorted(headers)}")


def store(guarded: Guarded) -> Store:
    return Store(guarded.folder / "data" / "access.sqlite")


def replayed_after_leaving(guarded: Guarded) -> None:
    client = guarded.signed_in("public")
    kept = f"pocnet={client.cookies['pocnet']}"
    assert opens(guarded, cookie=kept)
    client.post("/sign-in/out")
    is_shut(guarded, cookie=kept)


def test_a_session_is_worth_nothing_once_it_was_left(guarded: Guarded) -> None:
    replayed_after_leaving(guarded)


def brought_along(guarded: Guarded) -> None:
    """A leak if a session begins with a secret that somebody planted before."""
    stranger = guarded.stranger()
    stranger.cookies.set("pocnet", "planted", domain="127.0.0.1")
    form = {"name": "public", "password": PASSWORD, "pocnet": "planted"}
    answer = stranger.post("/sign-in/?pocnet=planted", data=form)
    assert answer.status_code == 303
    try:
        is_shut(guarded, cookie="pocnet=planted")
    finally:
        Sessions(store(guarded), 0, 0).end("planted")


def test_no_session_begins_with_a_secret_that_was_brought(guarded: Guarded) -> None:
    brought_along(guarded)


@pytest.mark.parametrize("change", ["role", "password", "removed"])
def test_a_changed_account_ends_its_sessions_at_once(
    guarded: Guarded, change: str
) -> None:
    accounts = Accounts(store(guarded))
    accounts.add("passing", Viewer("lead"), PASSWORD)
    kept = f"pocnet={guarded.signed_in('passing').cookies['pocnet']}"
    assert opens(guarded, cookie=kept)
    if change == "role":
        accounts.change("passing", Viewer("public"), None)
    elif change == "password":
        accounts.change("passing", None, PASSWORD + " again")
    accounts.remove("passing")
    is_shut(guarded, cookie=kept)


def outlived(guarded: Guarded) -> None:
    """A leak if a session or a token still opens after its day."""
    session = f"pocnet={guarded.signed_in('public').cookies['pocnet']}"
    tokens = Tokens(store(guarded))
    secret, _ = tokens.add("for-a-day", Viewer("public"), ("figures",), 1)
    try:
        assert opens(guarded, authorization=f"Bearer {secret}")
        aged(guarded, 86_401)
        is_shut(guarded, cookie=session)
        is_shut(guarded, authorization=f"Bearer {secret}")
    finally:
        tokens.remove("for-a-day")


def aged(guarded: Guarded, seconds: float) -> None:
    """Let the newest session and the token of `outlived` be older."""
    with store(guarded).open() as database:
        newest = "began = (SELECT max(began) FROM session)"
        older = "began = began - ?, seen = seen - ?"
        database.execute(
            f"UPDATE session SET {older} WHERE {newest}", (seconds, seconds)
        )
        ours = "label = 'for-a-day'"
        database.execute(f"UPDATE token SET ends = ends - ? WHERE {ours}", (seconds,))


def test_nothing_opens_after_its_day(guarded: Guarded) -> None:
    outlived(guarded)


def test_a_token_is_good_for_its_scope_and_as_a_token_alone(guarded: Guarded) -> None:
    tokens = Tokens(store(guarded))
    secret, _ = tokens.add("nightly", Viewer("lead"), ("figures",), 1)
    bearer = f"Bearer {secret}"
    assert opens(guarded, authorization=bearer)
    number = guarded.proposal
    beyond = ("/", "/_dash-layout", f"/api/v1/proposals/{number}.pdf",
              "/api/v1/sites/vesuvina/report.html", "/api/v1/cards/../sites",
              "/api/v1/cards/%2e%2e/proposals/1.pdf")  # fmt: skip
    for address in beyond:
        assert not opens(guarded, address, authorization=bearer)
    is_shut(guarded, cookie=f"pocnet={secret}")
    is_shut(guarded, authorization=f"Basic {secret}")
    assert not opens(guarded, f"{FIGURE}?token={secret}&access_token={secret}")
    # A token beside a session counts as the token, never as more of either.
    session = guarded.signed_in("lead").cookies["pocnet"]
    both = {"authorization": bearer, "cookie": f"pocnet={session}"}
    assert not opens(guarded, "/", **both)
    tokens.remove("nightly")
    is_shut(guarded, authorization=bearer)


def test_a_session_is_no_token(guarded: Guarded) -> None:
    session = guarded.signed_in("lead").cookies["pocnet"]
    is_shut(guarded, authorization=f"Bearer {session}")


def test_a_role_cannot_be_chosen_where_people_sign_in(guarded: Guarded) -> None:
    client = guarded.stranger(cookie="pocnet_viewer=lead; viewer=lead")
    assert client.get("/api/v1/").status_code == 401
    client = guarded.signed_in("public")
    for more in ({"cookie": f"pocnet={client.cookies['pocnet']}; pocnet_viewer=lead"},
                 {"x-viewer": "lead"}, {"x-remote-user": "lead"}):  # fmt: skip
        answer = client.get("/api/v1/?viewer=lead&role=lead", headers=more)
        assert answer.json()["viewer"] == "public"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "https://pocnet.example"])
def test_a_session_travels_in_the_safest_cookie_that_there_is(
    guarded: Guarded, address: str
) -> None:
    journal = Journal(guarded.folder / "elsewhere" / "journal.sqlite")
    rules = SignIn.model_validate({"address": address})
    _, desk = service.reception_desk(Access(sign_in=rules), rules, journal, b"key")
    accounts = Accounts(Store(journal.path.with_name("access.sqlite")))
    name = f"anna{len(address)}"
    accounts.add(name, Viewer("public"), PASSWORD)
    app = FastAPI()
    app.mount("/sign-in", desk)

    async def signing_in() -> httpx.Response:
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url=address) as client:
            form = {"name": name, "password": PASSWORD}
            return await client.post("/sign-in/", data=form)

    cookie = asyncio.run(signing_in()).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    encrypted = address.startswith("https")
    assert ("Secure" in cookie) == encrypted
    assert cookie.startswith("__Host-pocnet=" if encrypted else "pocnet=")
