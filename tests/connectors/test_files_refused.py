"""What each way to a drop says when it is not let in, or is led astray."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors import ConfigError, Page, SourceError, _drop_sftp, _http
from tests.connectors.scripted import Scripted, answer
from tests.connectors.servers.certificate import write_certificate
from tests.connectors.servers.moto import ObjectStore, moto
from tests.connectors.servers.nginx import nginx
from tests.connectors.servers.programs import Served
from tests.connectors.servers.sshd import rclone_sftp, sshd
from tests.connectors.servers.webdav import rclone_webdav
from tests.faults.proxy import Proxy, cut, says, stall

Read = Callable[..., list[Page]]
Home = pytest.TempPathFactory
FILE = b"lote;cd3\nL-1;97,5\n"


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: Home) -> Iterator[Served]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        (server.folder / "lots.csv").write_bytes(FILE)
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: Home) -> Iterator[Served]:
    with rclone_sftp(tmp_path_factory.mktemp("sftp")) as server:
        (server.folder / "lots.csv").write_bytes(FILE)
        yield server


@pytest.fixture(scope="module")
def dav(tmp_path_factory: Home) -> Iterator[Served]:
    with rclone_webdav(tmp_path_factory.mktemp("dav")) as server:
        (server.folder / "lots.csv").write_bytes(FILE * 40_000)
        yield server


@pytest.fixture(scope="module")
def web(tmp_path_factory: Home) -> Iterator[Served]:
    with nginx(tmp_path_factory.mktemp("web")) as server:
        (server.folder / "lots.csv").write_bytes(FILE)
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: Home) -> Iterator[ObjectStore]:
    with moto(tmp_path_factory.mktemp("s3")) as made:
        made.put("lots.csv", FILE)
        yield made


def refused(read: Read, options: dict[str, Any], pattern: str = "*.csv") -> str:
    """What is said; never a secret, and always in one line."""
    with pytest.raises(SourceError) as caught:
        read("files", options, pattern, delimiter=";")
    said = str(caught.value)
    assert said.startswith("site alpha, source main: ")
    assert "\n" not in said
    assert caught.value.__cause__ is None
    for secret in ("wrong-", "right-", "PRIVATE KEY", "L-1"):
        assert secret not in said
    return said


def other_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


def test_an_unknown_server_key_is_refused_before_anything_is_sent(
    read: Read, ssh: Served
) -> None:
    shown = str(ssh.options["fingerprint"])
    wrong = "SHA256:" + "A" * 43
    said = refused(read, ssh.options | {"fingerprint": wrong})
    assert f"shows the key {shown}, which is not the `fingerprint`" in said
    assert "nothing was sent" in said


def test_a_wrong_key_or_password_is_said(
    read: Read, ssh: Served, shared: Served
) -> None:
    said = refused(read, ssh.options | {"private_key": other_key()})
    assert "refused the user root; check user and secret" in said
    said = refused(read, shared.options | {"password": "wrong-password"})
    assert "refused the user hub; check user and secret" in said
    said = refused(read, ssh.options | {"private_key": "wrong-key"})
    assert "`private_key` is no private key that can be read" in said


def test_what_an_sftp_server_has_not_or_does_not_allow_is_said(
    read: Read, ssh: Served, tmp_path: Path
) -> None:
    gone = str(ssh.options["address"]) + "/gone"
    said = refused(read, ssh.options | {"address": gone})
    assert f"has no folder {ssh.folder}/gone; check `address`" in said
    assert "no file matches '*.xlsx'" in refused(read, ssh.options, "*.xlsx")
    with sshd(tmp_path, "-P open") as strict:
        (strict.folder / "lots.csv").write_bytes(FILE)
        said = refused(read, strict.options)
    assert "does not let the user root read lots.csv" in said


def test_the_folder_where_a_user_starts_can_be_named(
    read: Read, shared: Served
) -> None:
    home = str(shared.options["address"]) + "~/"
    [page] = read("files", shared.options | {"address": home}, "*.csv", delimiter=";")
    assert page.frame.rows() == [("L-1", "97,5")]


def test_a_name_in_another_encoding_hides_no_other_file(
    read: Read, ssh: Served
) -> None:
    odd = ssh.folder / os.fsdecode("año.tsv".encode("latin-1"))
    odd.write_bytes(FILE)
    [page] = read("files", ssh.options, "lots.*", delimiter=";")
    assert page.frame.rows() == [("L-1", "97,5")]
    assert "has no a\ufffdo.tsv" in refused(read, ssh.options, "*.tsv")


def test_the_user_of_this_machine_lends_no_key_of_their_own(
    read: Read, ssh: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    key = str(ssh.options["private_key"])
    (tmp_path / ".ssh" / "id_ed25519").write_text(key)
    (tmp_path / ".ssh" / "id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    options = ssh.options | {"password": "wrong-password"}
    del options["private_key"]
    assert "refused the user" in refused(read, options)


@pytest.mark.parametrize("way", ["json", "html", "dav"])
def test_a_web_server_that_does_not_let_us_in_says_why(
    read: Read, web: Served, way: str
) -> None:
    address = str(web.options["address"]).replace("/json", f"/{way}")
    options = web.options | {"address": address}
    if way == "dav":
        options["protocol"] = "webdav"
    said = refused(read, options | {"password": "wrong-password"})
    assert "answered 401; check user and password" in said
    assert "no file matches" in refused(read, options, "*.xlsx")
    gone = options | {"address": f"{address}/gone"}
    assert "answered 404; there is no such folder; check `address`" in refused(
        read, gone
    )


def test_a_folder_that_is_forbidden_is_said_to_be(read: Read, web: Served) -> None:
    address = str(web.options["address"]).replace("/json", "/forbidden")
    assert "answered 403" in refused(read, web.options | {"address": address})


def test_files_can_be_named_where_there_is_no_listing(read: Read, web: Served) -> None:
    address = str(web.options["address"]).replace("/json", "/bare")
    options = web.options | {"address": address}
    [page] = read("files", options, "lots.csv", delimiter=";")
    assert page.frame.rows() == [("L-1", "97,5")]
    assert "no file matches 'gone.csv'" in refused(read, options, "gone.csv")
    assert "answered 403" in refused(read, options, "*.csv")


def test_a_certificate_of_nobody_is_refused(
    read: Read, web: Served, tmp_path: Path
) -> None:
    options = {k: v for k, v in web.options.items() if k != "ca_file"}
    assert "not trusted; put the hospital's own authority" in refused(read, options)
    write_certificate(tmp_path)
    said = refused(read, options | {"ca_file": str(tmp_path / "ca.pem")})
    assert "name that as `ca_file`" in said
    (tmp_path / "none.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"main\.ca_file: cannot be read as cert"):
        read("files", options | {"ca_file": str(tmp_path / "none.pem")}, "*.csv")


def test_a_redirect_is_followed_here_and_nowhere_else(read: Read, web: Served) -> None:
    address = str(web.options["address"])
    moved = web.options | {"address": address.replace("/json", "/moved")}
    assert "redirects to https://elsewhere.example/drop/; nothing was sent" in refused(
        read, moved
    )
    near = web.options | {"address": address.replace("/json", "/near")}
    [page] = read("files", near, "*.csv", delimiter=";")
    assert page.frame.height == 1


def test_a_password_follows_no_redirect(
    read: Read, scripted: Scripted, web: Served
) -> None:
    there = Scripted()
    options = {"address": scripted.url, "user": "hub", "password": "right-password"}
    for protocol in ("webdav", "listing"):
        scripted.will(answer("", 301, Location=f"{there.url}/lots.csv"))
        said = refused(read, options | {"protocol": protocol})
        assert "redirects to" in said
    there.close()
    assert there.requests == []


def test_a_key_of_the_store_follows_no_redirect(read: Read, scripted: Scripted) -> None:
    there = Scripted()
    there.will(answer("<a/>", kind="application/xml"))
    scripted.will(answer("", 307, Location=f"{there.url}/drop"))
    options = {
        "address": "s3://drop",
        "endpoint": scripted.url,
        "access_key": "AKIAEXAMPLE",
        "secret_key": "right-secret",
    }
    refused(read, options)
    there.close()
    assert b"AKIA" in scripted.requests[0]
    assert not any(b"AKIA" in request for request in there.requests)


def test_a_store_that_does_not_let_us_in_says_why(
    read: Read, store: ObjectStore
) -> None:
    options = store.options
    nowhere = refused(read, options | {"address": "s3://nobody"})
    assert "bucket nobody: there is no such bucket; check `address`" in nowhere
    assert "no file matches" in refused(read, options | {"address": "s3://drop/gone"})
    key, secret = store.strict()
    try:
        said = refused(read, options)
        assert "the key is refused; check `access_key` and `secret_key`" in said
        right = options | {"access_key": key, "secret_key": secret}
        assert "the key may not do that" in refused(read, right)
        said = refused(read, right | {"secret_key": "wrong-secret"})
        assert "the key is refused" in said
        assert key not in said
    finally:
        store.lenient()


def test_a_store_shows_a_certificate_that_is_trusted_or_is_told_nothing(
    read: Read, store: ObjectStore, tmp_path: Path
) -> None:
    write_certificate(tmp_path)
    there = ("127.0.0.1", store.program.port)
    with Proxy(there, certificate=tmp_path / "server.pem") as proxy:
        options = store.options | {"endpoint": f"https://127.0.0.1:{proxy.port}"}
        assert "its certificate is not trusted" in refused(read, options)
        assert proxy.units == 0
        trusting = options | {"ca_file": str(tmp_path / "ca.pem")}
        [page] = read("files", trusting, "*.csv", delimiter=";")
    assert page.frame.rows() == [("L-1", "97,5")]


@pytest.mark.parametrize("kind", ["sftp", "webdav", "https", "s3"])
def test_a_server_that_is_not_there_is_said(
    read: Read, closed_port: int, kind: str, ssh: Served
) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    options: dict[str, Any] = {
        "sftp": ssh.options | {"address": f"sftp://127.0.0.1:{closed_port}/drop"},
        "webdav": {"address": url, "protocol": "webdav"},
        "https": {"address": url},
        "s3": {
            "address": "s3://drop",
            "endpoint": url,
            "access_key": "a",
            "secret_key": "right-secret",
        },
    }
    assert "cannot be reached" in refused(read, options[kind])


@pytest.fixture
def before_dav(dav: Served) -> Iterator[tuple[Proxy, dict[str, Any]]]:
    with Proxy(("127.0.0.1", dav.program.port)) as proxy:
        yield proxy, dav.options | {"address": f"http://127.0.0.1:{proxy.port}"}


def test_a_body_that_is_announced_as_ten_gigabytes_is_not_read(
    read: Read, before_dav: tuple[Proxy, dict[str, Any]]
) -> None:
    proxy, options = before_dav
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 10737418240"
    proxy.spoil(says(head + b"\r\n\r\nlote;cd3\n" + b"L-1;1\n" * 500_000), 1, 9)
    said = refused(read, options)
    assert "should have" in said or "broke off" in said
    listing = (
        b'<multistatus xmlns="DAV:"><response><href>/</href></response><response>'
        b"<href>/lots.csv</href><propstat><prop><getcontentlength>10737418240"
        b"</getcontentlength></prop></propstat></response></multistatus>"
    )
    told = answer(listing, 207, "application/xml")
    proxy.spoil(says(told), 0, 9)
    said = refused(read, options)
    assert "lots.csv has 10240 MiB, and no more than 2048 MiB are read" in said
    proxy.spoil(says(told), 0, 9)
    assert "raise `max_mb`" in refused(read, options | {"max_mb": 1})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (cut(100_000), "broke off in mid-answer"),
        (says(answer(b"<html>Sign in</html>", kind="text/html")), "sent a web page"),
        (says(answer(b"lote;cd3\nL-1;1\n")), "should have 720000 bytes and had"),
        (says(answer(b"", 503)), "answered 503; it is failing; pull later"),
        (says(b""), "broke off in mid-answer"),
    ],
)
def test_an_answer_spoilt_on_its_way_is_told_and_the_next_is_right(
    read: Read, before_dav: tuple[Proxy, dict[str, Any]], fault: Any, words: str
) -> None:
    proxy, options = before_dav
    # First comes the listing, then the file.
    proxy.spoil(fault, 1, 9)
    assert words in refused(read, options)
    proxy.behave()
    pages = read("files", options, "*.csv", delimiter=";")
    assert sum(page.frame.height for page in pages) == 79_999


def test_a_web_server_that_falls_silent_is_left(
    read: Read,
    before_dav: tuple[Proxy, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, options = before_dav
    monkeypatch.setattr(_http.TIMEOUT, "read", 0.5)
    proxy.spoil(stall(100_000), 1, 9)
    began = time.monotonic()
    assert "did not answer in time" in refused(read, options)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("after", [500, 3_000, 100_000])
@pytest.mark.parametrize("way", [cut, stall])
def test_an_sftp_server_that_breaks_off_or_falls_silent_is_left(
    read: Read, ssh: Served, monkeypatch: pytest.MonkeyPatch, way: Any, after: int
) -> None:
    monkeypatch.setattr(_drop_sftp, "SECONDS", 0.5)
    (ssh.folder / "big.csv").write_bytes(FILE * 40_000)
    with Proxy(("127.0.0.1", ssh.program.port), http=False) as proxy:
        address = str(ssh.options["address"]).replace(
            str(ssh.program.port), str(proxy.port)
        )
        proxy.spoil(way(after), 0, 1)
        began = time.monotonic()
        said = refused(read, ssh.options | {"address": address}, "big.csv")
        assert "broke off" in said or "in time" in said
        assert time.monotonic() - began < 30
        monkeypatch.undo()  # Half a second is for a server that never answers.
        pages = read(
            "files", ssh.options | {"address": address}, "big.csv", delimiter=";"
        )
    assert sum(page.frame.height for page in pages) == 79_999
