import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.dashboard.access.conftest import PASSWORD, PEOPLE, Served, pocnet

# Whatever a browser asks for; none of it is given to somebody who has not signed in.
ADDRESSES = (
    "/",
    "/failures?site=manzanera",
    "/audit",
    "/no-such-page",
    "/_dash-layout",
    "/_dash-dependencies",
    "/api/v1/",
    "/api/v1/metrics",
    "/api/v1/openapi.json",
    "/api/v1/cards/failure-funnel",
    "/api/v1/cards/failure-funnel.csv",
    "/api/v1/cards/no-such-card",
    "/api/v1/proposals/1.pdf",
    "/readyz",
    "/viewer/lead",
)


def deeds(served: Served) -> list[dict[str, str]]:
    """The trail as its auditor reads it, the newest first."""
    answer = served.client("iris").get("/api/v1/cards/audit-deeds")
    return answer.json()["rows"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_stranger_is_given_nothing_and_told_the_same_everywhere(
    served: Served, address: str
) -> None:
    answer = served.stranger().get(address)
    assert answer.status_code == 303
    at = urlsplit(answer.headers["location"])
    assert (at.path, parse_qs(at.query)["next"]) == ("/sign-in/", [address])
    told = httpx.get(served.url + address)
    assert (told.status_code, told.json()) == (401, {"detail": "Sign in first."})


def test_a_stranger_cannot_call_back_either(served: Served) -> None:
    answer = httpx.post(f"{served.url}/_dash-update-component", json={})
    assert answer.status_code == 401


@pytest.mark.parametrize("name", PEOPLE)
def test_name_and_password_let_somebody_in_as_what_they_are(
    served: Served, name: str
) -> None:
    signed = served.sign_in(name, to="/failures")
    assert signed.answer.status_code == 303
    assert signed.answer.headers["location"] == "/failures"
    cookie = signed.answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    viewer = ":".join(PEOPLE[name][1::2])
    assert signed.client.get("/api/v1/").json()["viewer"] == viewer


def test_the_page_says_who_is_signed_in_and_signs_out(served: Served) -> None:
    client = served.sign_in("sofia").client
    layout = client.get("/_dash-layout").text
    assert "sofia, Site, manzanera" in layout
    assert "/viewer/" not in layout
    assert client.post("/sign-in/out").status_code == 303
    assert client.get("/api/v1/").status_code == 303


def test_a_session_that_was_signed_out_is_worth_nothing_to_who_kept_it(
    served: Served,
) -> None:
    client = served.sign_in("sofia").client
    kept = dict(client.cookies)
    client.post("/sign-in/out")
    assert httpx.get(f"{served.url}/api/v1/", cookies=kept).status_code == 401


def test_a_session_planted_before_is_not_the_one_after(served: Served) -> None:
    planted = {"pocnet": "planted-by-somebody-else"}
    form = {"name": "lena", "password": PASSWORD}
    answer = httpx.post(f"{served.url}/sign-in/", data=form, cookies=planted)
    assert answer.cookies["pocnet"] not in planted.values()
    assert httpx.get(f"{served.url}/api/v1/", cookies=planted).status_code == 401


def test_wrong_names_and_wrong_passwords_are_told_alike(served: Served) -> None:
    wrong = served.sign_in("anton", "not his password").answer
    unknown = served.sign_in("no-such-person", "not his password").answer
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text == unknown.text
    assert "do not belong together" in wrong.text


def test_the_door_stays_shut_after_a_few_failures(served: Served) -> None:
    answers = [served.sign_in("guessed", f"guess number {n}").answer for n in range(7)]
    assert [a.status_code for a in answers] == [403] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0
    assert served.sign_in("dora").answer.status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/x\r\nset-cookie: a=b",
        "/sign-in/out",
    ],
)
def test_signing_in_leads_nowhere_else(served: Served, to: str) -> None:
    assert served.sign_in("lena", to=to).answer.headers["location"] == "/"


def test_what_stands_in_the_address_stands_in_the_page_as_text(served: Served) -> None:
    planted = '/"><script>alert(1)</script>'
    text = served.stranger().get("/sign-in/", params={"next": planted}).text
    assert "<script" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    "address", ["/_dash-update-component", "/sign-in/", "/sign-in/out"]
)
def test_a_page_of_somebody_else_cannot_write_with_a_readers_cookie(
    served: Served, address: str, headers: dict[str, str]
) -> None:
    client = served.client("lena")
    assert client.post(address, json={}, headers=headers).status_code == 403
    assert client.get("/api/v1/").status_code == 200


def test_another_name_that_leads_here_is_refused(served: Served) -> None:
    rebound = {"host": "elsewhere.example", "accept": "text/html"}
    assert httpx.get(f"{served.url}/", headers=rebound).status_code == 403


def test_the_institution_lets_somebody_in_by_their_group(served: Served) -> None:
    signed = served.by_provider("carla.leads", to="/failures")
    assert signed.answer.headers["location"] == "/failures"
    assert signed.client.get("/api/v1/").json()["viewer"] == "lead"
    assert (
        "carla (carla.leads), Network lead" in signed.client.get("/_dash-layout").text
    )
    site = served.by_provider("pablo.others.manzanera").client
    assert site.get("/api/v1/").json()["viewer"] == "site:manzanera"


def test_somebody_in_no_group_stays_outside_and_is_told_so(served: Served) -> None:
    signed = served.by_provider("quentin.others")
    assert signed.answer.status_code == 403
    assert "none of your groups" in signed.answer.text
    assert signed.client.get("/api/v1/").status_code == 303


def test_an_answer_that_no_institution_gave_is_not_believed(served: Served) -> None:
    client = served.stranger()
    client.get("/sign-in/provider")
    forged = client.get("/sign-in/back", params={"code": "x", "state": "forged"})
    assert forged.status_code == 403
    assert client.get("/api/v1/").status_code == 303


def test_an_answer_is_good_for_the_browser_that_asked_and_once(served: Served) -> None:
    client = served.stranger()
    at = client.get("/sign-in/provider").headers["location"]
    asked = parse_qs(urlsplit(at).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert "nonce" in asked
    # The same state in another browser, as a planted link would bring it.
    other = served.stranger()
    state = {"code": "x", "state": asked["state"][0]}
    assert other.get("/sign-in/back", params=state).status_code == 403


def test_a_token_opens_its_scope_as_its_viewer_and_no_page(served: Served) -> None:
    done = pocnet(
        *("token", "add", "nightly", str(served.folder), "--json"),
        *("--role", "site", "--of", "manzanera", "--days", "1"),
    )
    token = json.loads(done.stdout)
    bearer = {"authorization": f"Bearer {token['token']}"}

    def status(path: str, **more: str) -> int:
        return httpx.get(served.url + path, headers=bearer | more).status_code

    assert status("/api/v1/cards/failure-funnel") == 200
    answer = httpx.get(f"{served.url}/api/v1/", headers=bearer)
    assert answer.json()["viewer"] == "site:manzanera"
    for shut in ("/", "/failures", "/_dash-layout", "/api/v1/proposals/1.pdf"):
        assert status(shut) == 401
    assert pocnet("token", "remove", "nightly", str(served.folder)).returncode == 0
    assert status("/api/v1/cards/failure-funnel") == 401


def test_what_people_did_is_on_record(served: Served) -> None:
    client = served.sign_in("sofia").client
    client.get("/api/v1/cards/failure-funnel.csv?pathway=clinical_trial")
    served.sign_in("sofia", "a wrong password")
    found = deeds(served)
    kinds = [(d["who"], d["kind"]) for d in found]
    assert ("sofia", "sign_in") in kinds
    assert ("sofia", "sign_in_refused") in kinds
    (export,) = [
        d for d in found if d["kind"] == "export" and "clinical_trial" in d["subject"]
    ]
    assert export["who"] == "sofia"
    assert {d["subject"] for d in found if d["kind"] == "account"} == {*PEOPLE}
    done = pocnet("audit", "verify", str(served.folder), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["deeds"] >= len(found)
    assert PASSWORD not in done.stdout + json.dumps(found)


@pytest.mark.parametrize("name", ["sofia", "anton", "dora"])
def test_the_trail_is_read_by_auditors_and_leads_alone(
    served: Served, name: str
) -> None:
    answer = served.client(name).get("/api/v1/cards/audit-deeds").json()
    assert answer["rows"] == []
    assert "/audit" not in re.findall(
        r'"href":"([^"]+)"', served.client(name).get("/_dash-layout").text
    )


def test_a_trail_without_its_end_is_told_by_a_checkpoint(served: Served) -> None:
    line = pocnet("audit", "checkpoint", str(served.folder)).stdout
    at, seq, seal = line.split()
    kept = served.folder / "kept"
    kept.write_text(f"{at} {int(seq) + 500} {seal}\n")
    done = pocnet(
        "audit", "verify", str(served.folder), "--checkpoints", str(kept), "--json"
    )
    assert done.returncode == 1
    (fault,) = json.loads(done.stdout)["faults"]
    assert fault.startswith("cut off")
