"""Programs of other people that tests talk to: installed once, away from our own."""

import fcntl
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

HOME = Path(__file__).resolve().parents[2] / ".state" / "servers"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name`, made by whichever process of the tests comes first."""
    HOME.mkdir(parents=True, exist_ok=True)
    folder, done = HOME / name, HOME / name / ".done"
    with open(HOME / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def python_with(name: str, *requirements: str) -> Path:
    """The Python of a virtual environment of its own that holds these."""

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)], requirements)
        install = [str(folder / "bin/python"), "-m", "pip", "install", "-q"]
        _run([*install, *requirements], requirements)

    return once(f"{name}-venv", make) / "bin" / "python"


def modules_with(name: str, packages: Mapping[str, str]) -> Path:
    """The folder in whose `node_modules` these packages of npm are."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Debian's packages nodejs and npm")

    def make(folder: Path) -> None:
        content = {"private": True, "dependencies": packages}
        (folder / "package.json").write_text(json.dumps(content))
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "install", "--prefix", str(folder), *quiet], packages)

    return once(name, make)


def _run(command: list[str], wanted: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        names = ", ".join(map(str, wanted)) if wanted else ""  # type: ignore[call-overload]
        pytest.skip(f"needs {names}, which could not be installed here")


@contextmanager
def running(
    command: list[str], answers: str, environment: Mapping[str, str], log: Path
) -> Iterator[None]:
    """The program, from when it answers at an address until the block is left."""
    with open(log, "wb") as output:
        program = subprocess.Popen(
            command, stdout=output, stderr=output, env=dict(environment)
        )
    try:
        for _ in range(600):
            try:
                httpx.get(answers, timeout=5)
                break
            except httpx.TransportError:
                assert program.poll() is None, log.read_text()[-2000:]
                time.sleep(0.05)
        yield
    finally:
        program.terminate()
        program.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
