"""A proxy on loopback that stands before a real server and spoils what it says.

One connection is one unit: an HTTP answer (asked for with `Connection: close`), or one
session of another protocol. The units of the plan meet their fault, all others pass
untouched, so that a server can fail at the third page and be well again at the fifth.
"""

import random
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 65536
Fault = Callable[["Unit"], None]


@dataclass
class Unit:
    """One connection: the client, what it asked (HTTP only), and the way onwards."""

    client: socket.socket
    request: bytes
    connect: Callable[[], socket.socket]
    closing: threading.Event

    def pass_on(self, limit: int | None = None) -> None:
        """Let both sides talk; of what the server says only `limit` bytes get through.

        Two threads, as either side may speak at any time.
        """
        with self.connect() as server:
            server.sendall(self.request)
            if not self.request:
                threading.Thread(
                    target=_pour, args=(self.client, server), daemon=True
                ).start()
            _pour(server, self.client, limit)

    def hold(self) -> None:
        """Say nothing more, for as long as anybody waits."""
        self.closing.wait(120)


def _pour(here: socket.socket, there: socket.socket, limit: int | None = None) -> None:
    left = limit
    try:
        while left is None or left > 0:
            data = here.recv(CHUNK if left is None else min(CHUNK, left))
            if not data:
                break
            there.sendall(data)
            left = None if left is None else left - len(data)
    except OSError:
        return


def reset(after: int) -> Fault:
    """The connection is torn down (RST) after so many bytes of the answer."""

    def fault(unit: Unit) -> None:
        unit.pass_on(after)
        time.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        unit.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return fault


def cut(after: int) -> Fault:
    """The answer ends, politely, after so many bytes."""
    return lambda unit: unit.pass_on(after)


def stall(after: int) -> Fault:
    """Nothing more comes after so many bytes, and nobody hangs up."""

    def fault(unit: Unit) -> None:
        unit.pass_on(after)
        unit.hold()

    return fault


def garbage(after: int) -> Fault:
    """After so many bytes the answer goes on with noise."""

    def fault(unit: Unit) -> None:
        unit.pass_on(after)
        unit.client.sendall(random.Random(after).randbytes(4096))

    return fault


def says(answer: bytes) -> Fault:
    """The proxy itself answers, and hangs up."""
    return lambda unit: unit.client.sendall(answer)


def endless(head: bytes, drop: bytes, pause: float) -> Fault:
    """An answer of which a piece more comes for ever, every `pause` seconds."""

    def fault(unit: Unit) -> None:
        unit.client.sendall(head)
        while not unit.closing.wait(pause):
            unit.client.sendall(drop)

    return fault


@dataclass
class Proxy:
    """Listens on a free port of loopback; a context manager."""

    target: tuple[str, int]
    http: bool = True
    certificate: Path | None = None
    units: int = 0
    asked: list[bytes] = field(default_factory=list)
    _plan: dict[int, Fault] = field(default_factory=dict)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Proxy":
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listening.close()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def spoil(self, fault: Fault, first: int, times: int) -> None:
        """Meet the units `first`, `first + 1`, … of those to come with a fault."""
        self.units = 0
        self._plan = dict.fromkeys(range(first, first + times), fault)

    def behave(self) -> None:
        self.units, self._plan = 0, {}

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(client,), daemon=True).start()

    def _meet(self, client: socket.socket) -> None:
        try:
            with self._secured(client) as secured:
                request = _request(secured) if self.http else b""
                if self.http and not request:
                    return
                self.asked.append(request)
                fault = self._plan.get(self.units, Unit.pass_on)
                self.units += 1
                connect = lambda: socket.create_connection(self.target)  # noqa: E731
                fault(Unit(secured, request, connect, self._closing))
                if not self.http:
                    # A thread that still listens keeps a closed socket open.
                    secured.shutdown(socket.SHUT_RD)
                    time.sleep(0.05)
        except OSError:
            return

    def _secured(self, client: socket.socket) -> socket.socket:
        if self.certificate is None:
            return client
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context.wrap_socket(client, server_side=True)


def _request(client: socket.socket) -> bytes:
    """One request, asking for a connection of its own."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(CHUNK)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if found := re.search(rb"(?i)content-length: *(\d+)", head):
        while len(body) < int(found[1]):
            body += client.recv(CHUNK)
    head = re.sub(rb"(?im)^connection:.*\r\n", b"", head + b"\r\n")
    return head + b"Connection: close\r\n\r\n" + body
