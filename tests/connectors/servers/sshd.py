"""OpenSSH's own server, for SFTP: read-only, by key; and rclone's, by password."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.connectors.servers.installed import free_port
from tests.connectors.servers.programs import Program, Served, debian

QUICK = ("--dir-cache-time", "0", "--config", os.devnull)
"""What changes in the folder is seen at once."""


@contextmanager
def sshd(home: Path, more: str = "", read_only: bool = True) -> Iterator[Served]:
    """A server that lets the user of this test read `home/drop`.

    `more` is added to what its SFTP is started with.
    """
    program, rights = debian("sshd", "openssh-server"), "-R" if read_only else ""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    folder = home / "drop"
    folder.mkdir(parents=True, exist_ok=True)
    host, user = _new_key(), _new_key()
    host.write_private_key(home / "host_key")
    (home / "host_key").chmod(0o600)
    (home / "authorized").write_bytes(user.export_public_key())
    port = free_port()
    (home / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host_key\n"
        f"AuthorizedKeysFile {home}/authorized\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile none\nPermitRootLogin yes\n"
        f"MaxStartups 100\nSubsystem sftp internal-sftp {rights} {more}\n"
    )
    server = Program(
        [program, "-D", "-e", "-f", str(home / "sshd_config")], port, home / "sshd.log"
    )
    server.start()
    options = {
        "address": f"sftp://127.0.0.1:{port}{folder}",
        "user": getpass.getuser(),
        "private_key": user.export_private_key().decode(),
        "fingerprint": host.get_fingerprint(),
    }
    yield Served(server, folder, options)
    server.kill()


def _new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@contextmanager
def rclone_sftp(home: Path) -> Iterator[Served]:
    """A server that asks for a password, and starts its user in the drop."""
    program = debian("rclone", "rclone")
    folder = home / "drop"
    folder.mkdir(parents=True, exist_ok=True)
    host = _new_key()
    host.write_private_key(home / "host_key")
    port = free_port()
    command = [program, "serve", "sftp", str(folder), "--addr", f"127.0.0.1:{port}"]
    login = ["--user", "hub", "--pass", "right-password", "--read-only"]
    server = Program(
        [*command, *login, "--key", str(home / "host_key"), *QUICK],
        port,
        home / "rclone.log",
    )
    server.start()
    options = {
        "address": f"sftp://127.0.0.1:{port}/",
        "user": "hub",
        "password": "right-password",
        "fingerprint": host.get_fingerprint(),
    }
    yield Served(server, folder, options)
    server.kill()
