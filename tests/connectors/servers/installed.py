"""Programs of other people that tests talk to: installed once, away from our own."""

import fcntl
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.connectors.servers.programs import Program

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
def running(program: Program) -> Iterator[None]:
    """The program, until the block is left."""
    program.start()
    try:
        yield
    finally:
        program.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
