import os
import stat
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest
import uvicorn
from fastapi import FastAPI, Response

from connectors import ConfigError
from etl import transfer
from etl.network import Agent
from etl.receipt import Receipt
from etl.reception import RECEIPT, Reception, packages_in
from etl.settings import AgentRules
from etl.signature import RefusedError, new_key, written_key
from etl.transfer import UndeliveredError, open_way
from tests.connectors.servers.certificate import write_certificate
from tests.connectors.servers.programs import Served
from tests.connectors.servers.sshd import sshd
from tests.etl.agents import sent, site_folder
from tests.etl.drops import edit
from tests.etl.sending import PRIVATE, PUBLIC, here, hub, members, packed
from tests.serving import free_port, serving


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub's drop folder behind OpenSSH."""
    with sshd(tmp_path_factory.mktemp("sshd"), read_only=False) as served:
        yield served


def by_sftp(drop: Served, tmp_path: Path, **change: str) -> tuple[Path, dict[str, str]]:
    """alpha's folder that sends to the drop, and the environment of its agent."""
    said = {"host_key": str(drop.options["fingerprint"]), **change}
    to = str(drop.options["address"]).replace("//", f"//{drop.options['user']}@", 1)
    more = (
        f'host_key = "{said["host_key"]}"\nlogin_key = {{ env = "POCNET_LOGIN_ALPHA" }}'
    )
    site = site_folder(tmp_path / "site", said.get("to", to), more)
    key = said.get("login_key", str(drop.options["private_key"]))
    return site, {"POCNET_LOGIN_ALPHA": key}


def test_a_site_sends_by_sftp_and_fetches_the_answers_the_next_time(
    drop: Served, tmp_path: Path
) -> None:
    site, environ = by_sftp(drop, tmp_path)
    first = sent(site, environ)
    assert (len(first.waiting), first.receipts, first.failures) == (3, (), ())
    packages = packages_in(drop.folder)
    assert len(packages) == 3
    assert not [*drop.folder.glob("*.part")]
    desk = Reception(hub(tmp_path / "hub"), here)
    receipts = [desk.collect(package).receipt for package in packages]
    assert packages_in(drop.folder) == []
    second = sent(site, environ)
    assert {r.bundle for r in second.receipts} == {r.bundle for r in receipts if r}
    assert not [*drop.folder.glob(f"*{RECEIPT}")]


def test_a_package_that_lies_there_already_is_not_sent_again(
    drop: Served, tmp_path: Path
) -> None:
    site, environ = by_sftp(drop, tmp_path)
    sent(site, environ)
    before = {path: path.stat().st_mtime_ns for path in packages_in(drop.folder)}
    sent(site, environ)
    after = {path: path.stat().st_mtime_ns for path in packages_in(drop.folder)}
    assert after.items() >= before.items()


def test_a_machine_with_another_key_than_the_hubs_is_told_nothing(
    drop: Served, tmp_path: Path
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    site, environ = by_sftp(drop, tmp_path, host_key=other)
    before = packages_in(drop.folder)
    done = sent(site, environ)
    (failure,) = done.failures
    assert "another key" in failure.message
    assert packages_in(drop.folder) == before
    assert len(done.waiting) == 3


def test_an_account_that_is_not_known_there_keeps_everything(
    drop: Served, tmp_path: Path
) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    site, environ = by_sftp(drop, tmp_path, login_key=stranger.decode())
    done = sent(site, environ)
    assert "stays in the outbox" in done.failures[0].message
    assert len(done.waiting) == 3
    assert stranger.decode() not in done.failures[0].message


def test_a_login_key_that_is_none_is_not_repeated(drop: Served, tmp_path: Path) -> None:
    site, environ = by_sftp(drop, tmp_path, login_key="hunter2")
    with pytest.raises(ConfigError, match="login_key") as caught:
        sent(site, environ)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("what", ["host_key", "login_key"])
def test_sftp_needs_the_hubs_key_and_one_of_its_own(
    drop: Served, tmp_path: Path, what: str
) -> None:
    site, environ = by_sftp(drop, tmp_path)
    edit(site, "alpha", f"\n{what} =", f"\n# {what} =")
    with pytest.raises(ConfigError, match=f"{what} is missing"):
        sent(site, environ)


def test_the_hub_keeps_what_a_site_dropped_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    desk = Reception(hub(tmp_path / "hub"), here)
    folder = tmp_path / "drop" / "alpha"
    folder.mkdir(parents=True)
    package = packed(folder, claim={"network": "Other"})
    answer = desk.collect(package)
    assert answer.receipt is None
    assert isinstance(answer.refused, RefusedError)
    assert [*folder.glob("*.pocnet")] == [package]
    assert not [*folder.glob(f"*{RECEIPT}")]


def test_a_receipt_does_not_follow_a_link_that_was_laid_for_it(tmp_path: Path) -> None:
    desk = Reception(hub(tmp_path / "hub"), here)
    drop = tmp_path / "drop"
    drop.mkdir()
    package, precious = packed(drop), tmp_path / "precious"
    precious.write_text("mine")
    package.with_name(package.name + RECEIPT).symlink_to(precious)
    assert desk.collect(package).receipt
    assert precious.read_text() == "mine"


def test_any_tar_opens_a_package(tmp_path: Path) -> None:
    package = packed(tmp_path)
    with tarfile.open(package) as tar:
        names = tar.getnames()
        assert names[:2] == ["claim.json", "manifest.json"]
        assert {stat.S_IFMT(info.mode) for info in tar} == {0}
    assert len(members(package)) == len(names) == 4


def test_a_package_made_twice_is_the_same_file(tmp_path: Path) -> None:
    assert packed(tmp_path).name == packed(tmp_path).name


def an_agent(send: str) -> Agent:
    return Agent(AgentRules(public_key=PUBLIC, send=send), PRIVATE)


@pytest.mark.parametrize(
    "send", ["http://hub.example.org", "ftp://hub.example.org/in", "https+x://y"]
)
def test_an_address_that_others_can_read_along_is_refused(
    tmp_path: Path, send: str
) -> None:
    with (
        pytest.raises(ConfigError, match="agent.send"),
        open_way(an_agent(send), tmp_path),
    ):
        pass


@contextmanager
def answering(*answers: Response) -> Iterator[str]:
    """A hub that gives these answers, the last one for ever."""
    app, left = FastAPI(), [*answers]

    @app.post("/api/v1/bundles")
    def take() -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    with serving(app) as url:
        yield url


RECEIVED = Receipt(network="n", site="s", dataset="d", bundle="b", accepted=True)
GOOD = Response(RECEIVED.to_bytes(), media_type="application/json")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([Response("<html>Login</html>", 200)], "Login"),
        ([Response("", 302, {"Location": "https://other.example.org/"})], "302"),
        ([Response("no", 403)], "403 no"),
        ([Response("x" * 10_000, 401)], "401 x"),
        ([Response("busy", 503)], "503 busy"),
    ],
)
def test_an_answer_that_is_no_receipt_settles_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Response],
    said: str,
) -> None:
    monkeypatch.setattr("etl.transfer.time.sleep", lambda seconds: None)
    with answering(*answers) as url, open_way(an_agent(url), tmp_path) as way:
        with pytest.raises(UndeliveredError, match="outbox") as caught:
            way.deliver(packed(tmp_path))
        assert said in str(caught.value)
        assert len(str(caught.value)) < 700


def test_a_hub_that_is_busy_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.transfer.time.sleep", lambda seconds: None)
    busy = Response("busy", 503)
    with answering(busy, busy, GOOD) as url, open_way(an_agent(url), tmp_path) as way:
        assert way.deliver(packed(tmp_path)) == RECEIVED


def test_a_hub_whose_certificate_nobody_vouches_for_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TRIES", 1)
    write_certificate(tmp_path)
    port, app = free_port(), FastAPI()
    bodies = []

    @app.post("/api/v1/bundles")
    def take() -> Response:
        bodies.append(1)
        return GOOD

    with _over_tls(app, port, tmp_path) as url:
        with (
            open_way(an_agent(url), tmp_path) as way,
            pytest.raises(UndeliveredError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            way.deliver(packed(tmp_path))
        assert bodies == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with open_way(an_agent(url), tmp_path) as way:
            assert way.deliver(packed(tmp_path)) == RECEIVED


@contextmanager
def _over_tls(app: FastAPI, port: int, home: Path) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, ssl_certfile=home / "server.pem", log_level="error"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"https://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_a_signing_key_is_for_this_account_alone_and_never_overwritten(
    tmp_path: Path,
) -> None:
    private, _ = new_key()
    file = tmp_path / "alpha.key"
    before = os.umask(0)
    try:
        written_key(file, private)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        written_key(file, "another")
    assert file.read_text() == private
