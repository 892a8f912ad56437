import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import Extract, Page, Source, _http, open_source

POSTGRESQL = Path("/usr/lib/postgresql/15/bin")

Read = Callable[..., list[Page]]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = _http.RETRY.copy_with(total=2, backoff_factor=0.01)
    monkeypatch.setattr(_http, "RETRY", quick)


@pytest.fixture
def read() -> Read:
    def everything(
        kind: str,
        options: dict[str, object],
        location: str,
        since: str | None = None,
        **reading: object,
    ) -> list[Page]:
        source = Source("alpha", "main", kind, options)
        extract = Extract("batch", location, reading)
        return list(open_source(source)(extract, since))

    return everything


class Scripted:
    """A server that sends, byte for byte, what it was told to, and then hangs up."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def will(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.requests.append(self._request(peer))
                last = len(self.answers) == 1
                peer.sendall(self.answers[0] if last else self.answers.pop(0))

    def _request(self, peer: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        ]
        while lengths and len(body) < lengths[0]:
            body += peer.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def answer(
    body: str | bytes, status: int = 200, kind: str = "application/json", **more: Any
) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": kind, "Content-Length": len(content), **more}
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    head = f"HTTP/1.1 {status} Word\r\nConnection: close\r\n{lines}\r\n"
    return head.encode() + content


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    if not (POSTGRESQL / "initdb").exists():
        pytest.skip("needs Debian's package postgresql-15")
    folder = Path(
        subprocess.check_output(["mktemp", "-d", "/tmp/pocnet-pg-XXXXXX"], text=True)[
            :-1
        ]
    )
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        # A server that inherits a pipe keeps it open: its output goes nowhere.
        subprocess.run(
            [str(POSTGRESQL / program), "-D", str(folder / "data"), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_owner,
        )

    (folder / "password").write_text("right-password\n")
    (folder / "password").chmod(0o644)
    run("initdb", "-A", "scram-sha-256", "-U", "owner", "--pwfile=password")
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} "
        "-c fsync=off -c timezone=America/Bogota"
    )
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield {
        "driver": "postgresql",
        "host": "127.0.0.1",
        "port": port,
        "database": "postgres",
        "user": "owner",
        "password": "right-password",
    }
    run("pg_ctl", "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)
