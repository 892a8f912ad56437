"""PostgreSQL: a cluster of its own on a free port, its session's zone not UTC."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.servers.installed import free_port

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "right-password"


@contextmanager
def postgresql() -> Iterator[dict[str, Any]]:
    """The settings that reach a running server, as its owner."""
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("needs Debian's package postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="pocnet-pg-"))
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        # A server that inherits a pipe keeps it open: its output goes nowhere.
        subprocess.run(
            [str(PROGRAMS / program), "-D", str(folder / "data"), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_owner,
        )

    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "password").chmod(0o644)
    run("initdb", "-A", "scram-sha-256", "-U", "owner", "--pwfile=password")
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} "
        "-c fsync=off -c timezone=America/Bogota"
    )
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield {
            "driver": "postgresql",
            "host": "127.0.0.1",
            "port": port,
            "database": "postgres",
            "user": "owner",
            "password": PASSWORD,
        }
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)
