import re

import httpx
import pytest


def test_healthz_says_that_the_process_answers(toy: str) -> None:
    assert httpx.get(f"{toy}/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/", "/compare", "/_dash-layout", "/healthz"])
def test_nothing_from_elsewhere_is_let_in(toy: str, path: str) -> None:
    headers = httpx.get(toy + path).headers
    policy = headers["content-security-policy"]
    script = next(p for p in policy.split("; ") if p.startswith("script-src"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in script
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_every_inline_script_is_allowed_by_its_hash(toy: str) -> None:
    answer = httpx.get(f"{toy}/compare")
    scripts = re.findall(r"<script(?![^>]*(?:src=|json))[^>]*>", answer.text)
    assert answer.headers["content-security-policy"].count("sha256-") == len(scripts)


def test_everything_a_page_asks_for_is_served_from_home(toy: str) -> None:
    page = httpx.get(f"{toy}/").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        if not address.startswith("/api/"):
            assert httpx.get(toy + address).status_code == 200, address


def test_map_shapes_are_served_from_home(toy: str) -> None:
    shapes = httpx.get(f"{toy}/assets/topojson/world_50m.json").json()
    assert "countries" in shapes["objects"]


def test_an_address_without_a_page_is_not_found(toy: str) -> None:
    assert httpx.get(f"{toy}/nowhere").status_code == 404
    assert httpx.get(f"{toy}/site/bergen/x").status_code == 404
    assert httpx.get(f"{toy}/site/bergen").status_code == 200


def test_choosing_a_viewer_sets_a_cookie_and_goes_back(toy: str) -> None:
    came_from = {"referer": f"{toy}/compare?site=bergen"}
    answer = httpx.get(f"{toy}/viewer/authority:North", headers=came_from)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/compare?site=bergen"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]


@pytest.mark.parametrize("referer", ["https://elsewhere.example/x", "", "x"])
def test_going_back_never_leaves_this_site(toy: str, referer: str) -> None:
    answer = httpx.get(f"{toy}/viewer/public", headers={"referer": referer})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("who", ["root", "authority:Nowhere", "site:other"])
def test_a_viewer_the_network_does_not_have_cannot_be_chosen(
    toy: str, who: str
) -> None:
    assert httpx.get(f"{toy}/viewer/{who}").status_code == 404


@pytest.mark.parametrize(
    ("cookie", "words"),
    [
        (None, "Network lead"),
        ("site:bergen", "Site, bergen"),
        ("authority:North", "Authority, North"),
        ("public", "Public"),
        ("authority:Nowhere", "Public"),
        ("nonsense", "Public"),
    ],
)
def test_the_cookie_says_who_asks_and_a_wrong_one_gives_least(
    toy: str, cookie: str | None, words: str
) -> None:
    cookies = {"pocnet_viewer": cookie} if cookie else {}
    with httpx.Client(cookies=cookies) as client:
        layout = client.get(f"{toy}/_dash-layout").text
    summary = layout.split('"type":"Summary"')[0]
    assert summary.endswith(f'"{words}"]}},')


def test_no_socket_is_opened_past_the_viewer(toy: str) -> None:
    asks = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "x" * 22 + "==",
    }
    assert httpx.get(f"{toy}/_dash-ws-callback", headers=asks).status_code == 403
