import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from dashboard import console
from etl.collect import Window
from tests.etl.drops import ENVIRON, write_network
from tests.serving import free_port

pytestmark = pytest.mark.usefixtures("short_library")

ACCOUNT = {"MAIL_USER": "pocnet", "MAIL_PASSWORD": "s3same-0pen"}
LINK = "https://pocnet.example.org/"
SIGNALS = """
[signals]
host = "127.0.0.1"
port = {port}
sender = "pocnet@example.org"
recipients = ["quality@example.org", "lead@example.org"]
link = "{link}"
"""
LOGIN = 'user = { env = "MAIL_USER" }\npassword = { env = "MAIL_PASSWORD" }\n'


class Mailbox:
    """Keeps what a real SMTP server was given, and who logged in to give it."""

    def __init__(self, refused: str = "") -> None:
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refused = refused

    async def handle_RCPT(  # noqa: N802
        self, server: object, session: object, envelope: Envelope, to: str, _: list[str]
    ) -> str:
        if to == self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: object, session: object, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def let_in(self, server: object, session: object, envelope: object, mechanism: str,
               given: object) -> AuthResult:  # fmt: skip
        login, password = given.login, given.password  # type: ignore[attr-defined]
        self.logins.append((login, password))
        return AuthResult(success=password == b"s3same-0pen", handled=False)

    @property
    def mails(self) -> list[EmailMessage]:
        return [
            message_from_bytes(e.content, policy=policy.default)  # type: ignore
            for e in self.envelopes
        ]


@contextmanager
def answering(box: Mailbox, **options: object) -> Iterator[int]:
    port = free_port()
    server = Controller(box, hostname="127.0.0.1", port=port, **options)
    server.start()
    try:
        yield port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network after its first pull, to be copied."""
    folder = write_network(tmp_path_factory.mktemp("before") / "network")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRON.items():
            patch.setenv(name, value)
        pull(folder)
    return folder


@pytest.fixture
def network(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That network, of whose later pulls nobody has heard yet."""
    for name, value in (ENVIRON | ACCOUNT).items():
        monkeypatch.setenv(name, value)
    return Path(shutil.copytree(before, tmp_path / "network", symlinks=True))


def ask_for_mail(network: Path, port: int, more: str = "") -> None:
    file = network / "network.toml"
    asked = SIGNALS.format(port=port, link=LINK) + more
    file.write_text(file.read_text().partition("\n[signals]")[0] + asked)


def fall_silent(network: Path) -> None:
    shutil.move(network / "drops" / "beta", network / "elsewhere")


def mend(network: Path) -> None:
    shutil.move(network / "elsewhere", network / "drops" / "beta")


def pull(network: Path) -> None:
    console.pull(network, (), Window())


def test_a_new_signal_sends_one_e_mail_with_a_link_and_no_data(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Mailbox()
    with answering(box) as port:
        ask_for_mail(network, port)
        fall_silent(network)
        pull(network)
        assert len(box.envelopes) == 1
        pull(network)
        mend(network)
        pull(network)
    (envelope,), (mail,) = box.envelopes, box.mails
    told = [f"There is something new to look at: {LINK}"]
    assert mail.get_content().splitlines() == told
    assert mail["Subject"] == "pocnet"
    assert envelope.mail_from == mail["From"] == "pocnet@example.org"
    assert envelope.rcpt_tos == ["quality@example.org", "lead@example.org"]
    assert b"beta" not in envelope.content
    assert "e-mail" not in capsys.readouterr().err


def test_nothing_is_sent_unless_it_is_asked_for(network: Path) -> None:
    box = Mailbox()
    with answering(box):
        fall_silent(network)
        pull(network)
    assert box.envelopes == []


def test_a_mail_server_that_is_away_does_not_spoil_the_pull(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fall_silent(network)
    ask_for_mail(network, free_port())
    result = console.pull(network, (), Window())
    assert result.snapshot.exists()
    said = capsys.readouterr().err
    assert "did not take the e-mail" in said
    assert "refused" in said
    assert "Traceback" not in said


def test_a_recipient_who_is_refused_is_named_and_the_others_are_told(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Mailbox(refused="lead@example.org")
    fall_silent(network)
    with answering(box) as port:
        ask_for_mail(network, port)
        pull(network)
    assert [e.rcpt_tos for e in box.envelopes] == [["quality@example.org"]]
    assert "it refused lead@example.org" in capsys.readouterr().err


def test_a_password_is_never_sent_in_the_clear(
    network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Mailbox()
    fall_silent(network)
    options = {"authenticator": box.let_in, "auth_require_tls": False}
    with answering(box, **options) as port:
        ask_for_mail(network, port, LOGIN)
        pull(network)
    assert (box.logins, box.envelopes) == ([], [])
    said = capsys.readouterr().err
    assert "offers no encryption" in said
    assert "s3same" not in said


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine's loopback, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.mark.parametrize("trusted", [True, False])
def test_the_account_is_used_over_an_encrypted_and_trusted_connection_only(
    network: Path,
    certificate: tuple[Path, Path],
    trusted: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = Mailbox()
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    fall_silent(network)
    options = {"authenticator": box.let_in, "auth_required": True}
    with answering(box, tls_context=context, **options) as port:
        ask_for_mail(network, port, LOGIN)
        pull(network)
    said = capsys.readouterr().err
    if trusted:
        assert box.logins == [(b"pocnet", b"s3same-0pen")]
        assert len(box.mails) == 1
    else:
        assert (box.logins, box.envelopes) == ([], [])
        assert "certificate verify failed" in said
    assert "s3same" not in said
