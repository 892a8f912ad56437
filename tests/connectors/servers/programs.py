"""Servers of other people that a test may kill in the middle, and start again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def debian(program: str, package: str) -> str:
    """Where a program is; without it the test is skipped."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip(f"needs Debian's package {package}")
    return path


@dataclass
class Program:
    """A program that listens on a port of loopback, with all that it starts."""

    command: Sequence[str]
    port: int
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    patience: int = 600

    def start(self) -> None:
        """Running and listening, or nothing of it left."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )
        try:
            self._listening()
        except BaseException:
            self.kill()
            raise

    def _listening(self) -> None:
        for _ in range(self.patience):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()[-2000:]
                time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-2000:])

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def kill(self) -> None:
        """Gone from one moment to the next, as when the power fails."""
        # First the one that would start the others again.
        for process in (self._process.pid, *below(self._process.pid)):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(10)


@dataclass
class Served:
    """A server, the folder it shows, and the settings that reach it."""

    program: Program
    folder: Path
    options: dict[str, object]


def below(process: int) -> list[int]:
    """The processes that this one started, and those that these did."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(each) for thread in threads for each in thread.read_text().split()]
    return [p for child in children for p in (*below(child), child)]
