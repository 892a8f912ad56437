import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from dashboard import reception
from etl import package as packages
from etl import transfer
from etl.agent import send
from tests.dashboard.posting import held_open
from tests.etl.agents import loaded, sent, site_folder
from tests.etl.sending import HONEST, PART, PRIVATE, STRANGE, hub, packed
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("short_library")

PERSON = "maria.garcia@example.org"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub(tmp_path_factory.mktemp("hub") / "n")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    app = FastAPI()
    app.include_router(reception.router(folder))
    with serving(app) as address:
        yield address


def posted(url: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/bundles", content=content, timeout=60)


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "data").rglob("*") if path.is_file())


def test_a_site_sends_by_http_and_hears_what_became_of_its_rows(
    tmp_path: Path, url: str
) -> None:
    site = site_folder(tmp_path / "site", to=url)
    done = sent(site)
    assert done.failures == () and done.waiting == ()
    answered = {receipt.dataset: receipt for receipt in done.receipts}
    assert set(answered) == {"batch", "release", "declared"}
    assert (answered["batch"].good, answered["batch"].rejected) == (4, 1)


def test_the_same_package_is_answered_in_the_same_words(
    tmp_path: Path, folder: Path, url: str
) -> None:
    package = packed(tmp_path).read_bytes()
    first = posted(url, package)
    before = kept(folder)
    again = posted(url, package)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert kept(folder) == before


@pytest.mark.parametrize(
    "claim", [{"site": "beta"}, {"site": "omega"}, {"network": "Other"}, {}]
)
def test_strangers_are_told_nothing_that_tells_them_apart(
    tmp_path: Path, folder: Path, url: str, claim: dict[str, str]
) -> None:
    before = kept(folder)
    key = PRIVATE if claim else STRANGE
    answer = posted(url, packed(tmp_path, claim=claim, key=key).read_bytes())
    nobody = posted(url, b"GET me in")
    assert answer.status_code == 403
    assert answer.content == nobody.content
    assert kept(folder) == before


def test_a_known_site_is_told_what_is_wrong_without_any_value(
    tmp_path: Path, folder: Path, url: str
) -> None:
    from tests.etl.test_reception_attacks import changed_cell

    before = kept(folder)
    rows = changed_cell("trial", PERSON)
    answer = posted(url, packed(tmp_path, rows=rows).read_bytes())
    assert answer.status_code == 422
    assert (answer.json()["accepted"], answer.json()["rule"]) == (False, "gate")
    assert PERSON not in answer.text
    assert kept(folder) == before


def test_a_package_that_was_cut_off_is_refused(
    tmp_path: Path, folder: Path, url: str
) -> None:
    before = kept(folder)
    answer = posted(url, packed(tmp_path).read_bytes()[:-600])
    assert (answer.status_code, answer.json()["rule"]) == (422, "altered")
    assert kept(folder) == before


def test_a_strangers_endless_body_is_not_read(url: str) -> None:
    """Only the claim is awaited: then the answer comes, and the rest is not taken."""
    with held_open(url) as connection:
        connection.sendall(b"x" * packages.HEAD)
        assert b" 403 " in connection.recv(200)


def test_a_larger_package_than_may_be_is_cut_off(
    tmp_path: Path, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "MOST_BYTES", 8_000)
    before = kept(folder)
    whole = packed(tmp_path).read_bytes()
    assert posted(url, whole + bytes(20_000)).status_code == 413
    assert kept(folder) == before


def test_a_claim_that_does_not_come_is_not_awaited_for_ever(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "SECONDS_FOR_A_CLAIM", 0.2)
    with held_open(url) as connection:
        connection.sendall(b"x")
        assert b" 408 " in connection.recv(200)


def test_there_is_nothing_to_read_there(url: str) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert httpx.request(method, f"{url}/api/v1/bundles").status_code == 405
    name = HONEST.name
    assert httpx.get(f"{url}/api/v1/bundles/{name}").status_code == 404


def test_a_new_key_in_the_sites_file_holds_at_once(
    tmp_path: Path, folder: Path, url: str
) -> None:
    own = folder / "sites" / "alpha.toml"
    before = own.read_text()
    package = packed(tmp_path).read_bytes()
    own.write_text(before.replace("public_key", "# public_key").replace("[agent]", ""))
    assert posted(url, package).status_code == 403
    own.write_text(before)
    assert posted(url, package).status_code == 200


def test_what_cannot_be_delivered_stays_and_goes_the_next_time(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    site = site_folder(tmp_path / "site", to=f"http://127.0.0.1:{port}")
    only_batches(site)
    failed = sent(site)
    assert [failure.source for failure in failed.failures] == ["agent"]
    assert "stays in the outbox" in failed.failures[0].message
    assert len(failed.waiting) == 1
    own = site / "sites" / "alpha.toml"
    own.write_text(own.read_text().replace(f"http://127.0.0.1:{port}", url))
    done = send(loaded(site))
    assert done.waiting == ()
    assert len(done.receipts) == 2


def only_batches(site: Path) -> None:
    own = site / "sites" / "alpha.toml"
    before, _, _ = own.read_text().partition('[[dataset]]\nname = "release"')
    own.write_text(before)


def test_the_answer_speaks_of_this_bundle_alone(tmp_path: Path, url: str) -> None:
    said = posted(url, packed(tmp_path).read_bytes()).json()
    assert {said["site"], said["bundle"]} >= {"alpha"}
    assert "beta" not in json.dumps(said)
    assert PART.read == said["read"]
