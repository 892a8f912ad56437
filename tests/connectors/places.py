"""Drops on real servers, all of them with the same few things to do to them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.connectors.servers.moto import ObjectStore, moto
from tests.connectors.servers.nginx import nginx
from tests.connectors.servers.programs import Program, Served
from tests.connectors.servers.sshd import rclone_sftp, sshd
from tests.connectors.servers.webdav import rclone_webdav

PLACES = {
    "sftp": (sshd, {}),
    "sftp-rclone": (rclone_sftp, {}),
    "webdav-rclone": (rclone_webdav, {}),
    "webdav-nginx": (nginx, {"path": "dav", "protocol": "webdav"}),
    "https-json": (nginx, {"path": "json"}),
    "https-html": (nginx, {"path": "html"}),
}


@dataclass
class Place:
    """A drop on a server, the settings that reach it, and its site's hands in it."""

    options: dict[str, object]
    program: Program
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    revive: Callable[[], None]


@contextmanager
def place(name: str, home: Path) -> Iterator[Place]:
    """The drop of one of `PLACES`, or `s3`, empty and running."""
    with ExitStack() as stack:
        if name == "s3":
            yield _of_store(stack.enter_context(moto(home)))
            return
        serve, more = PLACES[name]
        yield _of_folder(stack.enter_context(serve(home)), **more)


def _of_store(store: ObjectStore) -> Place:
    def revive() -> None:
        store.program.start()
        store.make()

    return Place(store.options, store.program, store.put, store.remove, revive)


def _of_folder(
    served: Served, path: str | None = None, protocol: str | None = None
) -> Place:
    options = dict(served.options)
    if path:
        options["address"] = str(options["address"]).replace("/json", f"/{path}")
    if protocol:
        options["protocol"] = protocol

    def put(name: str, content: bytes) -> None:
        target = served.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def remove(name: str) -> None:
        (served.folder / name).unlink()

    return Place(options, served.program, put, remove, served.program.start)
