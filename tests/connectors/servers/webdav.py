"""rclone as a WebDAV server: its etags are digests of what is in the files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.connectors.servers.installed import free_port
from tests.connectors.servers.programs import Program, Served, debian
from tests.connectors.servers.sshd import QUICK


@contextmanager
def rclone_webdav(home: Path) -> Iterator[Served]:
    """A server that asks for a user and password."""
    program = debian("rclone", "rclone")
    folder = home / "drop"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [program, "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}"]
    login = ["--user", "hub", "--pass", "right-password", "--read-only"]
    server = Program(
        [*command, *login, "--etag-hash", "MD5", *QUICK], port, home / "rclone.log"
    )
    server.start()
    options = {
        "address": f"http://127.0.0.1:{port}",
        "protocol": "webdav",
        "user": "hub",
        "password": "right-password",
    }
    yield Served(server, folder, options)
    server.kill()
