"""Serving an application on loopback while a test runs."""

import fcntl
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

ROOT = Path(__file__).parents[1]
STATE = ROOT / "tests" / ".state"


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Alone among the processes that run tests: the others wait, and find it made."""
    STATE.mkdir(exist_ok=True)
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address at which `app` answers, from a thread of this process."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, thread.is_alive)
        yield url
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def serving_process(arguments: Sequence[str], port: int) -> Iterator[str]:
    """The address at which `python ARGUMENTS` answers, from a process of its own.

    Dash keeps its pages for a whole process, so an application with other pages than
    the dashboard's needs another one.
    """
    with serving_command([sys.executable, *arguments], port, ROOT) as url:
        yield url


@contextmanager
def serving_command(
    command: Sequence[str],
    port: int,
    folder: Path,
    environ: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The address at which a command answers that is run in `folder`."""
    with subprocess.Popen(command, cwd=folder, env=environ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, lambda: process.poll() is None)
            yield url
        finally:
            process.terminate()


def _wait(url: str, alive: object, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while callable(alive) and alive() and time.monotonic() < end:
        try:
            httpx.get(f"{url}/healthz", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"The server at {url} did not come up.")
