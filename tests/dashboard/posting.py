"""A request whose body is sent by hand, as slowly as a test wants."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def held_open(url: str) -> Iterator[socket.socket]:
    """A connection on which a long body was announced and nothing of it sent."""
    at = urlsplit(url)
    head = (
        f"POST /api/v1/bundles HTTP/1.1\r\nHost: {at.netloc}\r\n"
        "Content-Length: 100000000000\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        connection.sendall(head.encode())
        yield connection
