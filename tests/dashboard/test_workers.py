import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, free_port, serving_command

NETWORK = '[network]\nname = "Test"\ntoday = 2026-11-16\n'
ASKED = 12
# Longer than uvicorn would wait of its own accord for a process to say that it lives.
BUSY = 7.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports at which two processes answer, and at which they tell what they did."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "network.toml").write_text(NETWORK)
    port, watched = free_port(), free_port()
    pocnet = str(Path(sys.executable).with_name("pocnet"))
    command = [pocnet, "serve", str(folder), "--port", str(port)]
    both = ["--workers", "2", "--metrics", str(watched)]
    with serving_command([*command, *both], port, ROOT):
        yield port, watched


def test_the_pages_that_were_kept_are_gone_when_a_process_ends(tmp_path: Path) -> None:
    (tmp_path / "network.toml").write_text(NETWORK)
    (spare := tmp_path / "spare").mkdir()
    port, pocnet = free_port(), str(Path(sys.executable).with_name("pocnet"))
    command = [pocnet, "serve", str(tmp_path), "--port", str(port)]
    with serving_command(command, port, ROOT, {**os.environ, "TMPDIR": str(spare)}):
        (kept,) = spare.iterdir()
        assert kept.stat().st_mode & 0o077 == 0
    assert [*spare.iterdir()] == []


def answered(watched: int) -> float:
    """How many answers at one address all the processes have counted."""
    told = httpx.get(f"http://127.0.0.1:{watched}/metrics").text
    counts = r'pocnet_request_seconds_count\{page="/methods",part="frame"\} (\S+)'
    return sum(float(count) for count in re.findall(counts, told))


def workers(port: int) -> set[int]:
    """The processes that answer: those that the one with this port began."""
    (command,) = (n for n in processes() if {"serve", str(port)} <= {*words(n)})
    began = {n for n in processes() if parent(n) == command}
    return {n for n in began if any("spawn_main" in word for word in words(n))}


def processes() -> list[int]:
    return [int(place.name) for place in Path("/proc").glob("[0-9]*")]


def words(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except OSError:
        return []


def parent(process: int) -> int:
    try:
        said = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0
    return int(said.rsplit(")", 1)[1].split()[1])


def test_several_processes_answer_at_one_address_and_count_as_one(
    served: tuple[int, int],
) -> None:
    port, watched = served
    home = f"http://127.0.0.1:{port}/methods"
    # Each has a connection of its own, so that both processes get some.
    assert {httpx.get(home).status_code for _ in range(ASKED)} == {200}
    assert answered(watched) == ASKED
    told = httpx.get(f"http://127.0.0.1:{watched}/metrics").text
    assert "pocnet_snapshot 0.0" in told


def test_a_process_that_is_busy_for_long_is_not_ended(served: tuple[int, int]) -> None:
    """Stopped, it says as little as one that computes, and it takes no processor."""
    port, _ = served
    busy = workers(port)
    assert len(busy) == 2
    for process in busy:
        os.kill(process, signal.SIGSTOP)
    time.sleep(BUSY)
    for process in busy:
        os.kill(process, signal.SIGCONT)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=20).is_success
    assert workers(port) == busy
