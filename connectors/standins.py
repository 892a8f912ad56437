"""Loopback servers that speak the protocols, for the demo and the tests.

They are stand-ins, built from the systems' documented behaviour and not from their
code: what works here is likely, not certain, to work against the real system.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from connectors._errors import ConfigError
from connectors._standin_elabftw import Elabftw
from connectors._standin_labkey import LabkeyFolder
from connectors._standin_redcap import RedcapProject
from connectors._standin_rest import RestApi

__all__ = ["Elabftw", "LabkeyFolder", "RedcapProject", "RestApi", "Standin", "serve"]


class Standin(Protocol):
    """A made-up system: anything with routes to serve."""

    def routes(self) -> list[BaseRoute]:
        """What it answers to, below its own name."""
        ...


@contextmanager
def serve(sites: Mapping[str, Standin], port: int = 0) -> Iterator[str]:
    """The address under which all the systems answer, each below its own name.

    With `{"alpha": RedcapProject(…)}` the API is at `{address}/alpha/api/`. One
    thread serves them all on loopback, on a free port unless one is given, until
    the block is left.
    """
    app = Starlette(
        routes=[Mount(f"/{name}", routes=site.routes()) for name, site in sites.items()]
    )
    listening = _bound(port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, daemon=True
    )
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _bound(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"port {port} cannot be used ({error.strerror}); choose another"
        ) from None
    return listening
