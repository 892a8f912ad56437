"""MariaDB: a server of its own on a free port, its session's zone not UTC."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.connectors.servers.installed import free_port, running
from tests.connectors.servers.programs import Program, debian

PASSWORD = "right-password"
SETUP = f"""
DROP USER IF EXISTS ''@'localhost';
CREATE USER owner@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO owner@'%';
CREATE DATABASE lims CHARACTER SET utf8mb4;
"""


@contextmanager
def mariadb() -> Iterator[dict[str, Any]]:
    """The settings that reach a running server, and the folder of its socket."""
    server = debian("mariadbd", "mariadb-server")
    install = debian("mariadb-install-db", "mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="pocnet-my-"))
    as_owner = ["--user=mysql"] if os.geteuid() == 0 else []
    if as_owner:
        shutil.chown(folder, "mysql")
    data = [f"--datadir={folder}", *as_owner]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [install, "--auth-root-authentication-method=normal", *data],
        check=True,
        **quiet,  # type: ignore[call-overload]
    )
    port = free_port()
    command = [server, "--no-defaults", *data, f"--port={port}"]
    command += ["--bind-address=127.0.0.1", f"--socket={folder}/s.sock"]
    command += ["--default-time-zone=-05:00", "--innodb-flush-log-at-trx-commit=0"]
    with running(Program(command, port, folder / "log")):
        run(folder, SETUP, database="")
        yield {
            "driver": "mariadb",
            "host": "127.0.0.1",
            "port": port,
            "database": "lims",
            "user": "owner",
            "password": PASSWORD,
            "folder": folder,
        }
    shutil.rmtree(folder)


def run(folder: Path, script: str, database: str = "lims") -> None:
    """Have the server do this, as its root."""
    client = debian("mariadb", "mariadb-client")
    command = [
        client,
        "-S",
        f"{folder}/s.sock",
        "-u",
        "root",
        *([database] * bool(database)),
    ]
    subprocess.run(command, input=script, text=True, check=True)
