import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import Extract, Page, Source, _http, open_source
from tests.connectors.scripted import Scripted

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
def postgresql() -> Iterator[dict[str, Any]]:
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
