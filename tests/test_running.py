"""`pocnet run` and `pocnet serve` as services: real processes, watched from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from connectors import ConfigError
from dashboard.commands.run import command
from tests.etl.drops import ENVIRON, SITES, write_network
from tests.serving import ROOT, free_port

POCNET = [sys.executable, "-c", "from dashboard.cli import main; main()"]
PATIENCE = 120.0


@contextmanager
def service(log: Path, *words: str, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that goes on, with its stderr in a file; killed at the latest."""
    environ = {**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT), "POCNET_LOG": "json"}
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [*POCNET, *words], env={**environ, **more}, stderr=stderr, cwd=ROOT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def lines(log: Path) -> list[dict[str, Any]]:
    whole, _, _ = log.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def told(log: Path, event: str) -> list[dict[str, Any]]:
    return [line for line in lines(log) if line["event"] == event]


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def ended(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


def metrics(port: int) -> dict[str, float]:
    return metrics_of(httpx.get(f"http://127.0.0.1:{port}/metrics").text)


def metrics_of(text: str) -> dict[str, float]:
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    return {name: float(value) for name, value in pairs}


def names_a_site(text: str) -> bool:
    return any(site in text for site in SITES)


def test_pulls_go_on_whatever_comes_and_are_told_without_a_sites_name(
    tmp_path: Path,
) -> None:
    folder = write_network(tmp_path / "network")
    settings = folder / "network.toml"
    right = settings.read_text()
    log, port = tmp_path / "log", free_port()
    words = ("run", "--every", "1s", "--metrics", str(port), str(folder))
    with service(log, *words) as process:
        until(lambda: told(log, "pull ended"))
        settings.write_text(right.replace("days", "dais"))
        until(lambda: [e for e in told(log, "pull ended") if "run" not in e])
        settings.write_text(right)
        until(lambda: [e for e in told(log, "pull ended") if e.get("run", 0) > 1])
        (folder / "drops" / "beta" / "batches.csv").unlink()
        until(lambda: told(log, "pull ended")[-1]["outcome"] == "partial")
        said = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        shown = metrics(port)
        begun = len(told(log, "pull begins"))
        until(lambda: len(told(log, "pull begins")) > begun)
        assert ended(process) == 130
    first, *_ = pulls = told(log, "pull ended")
    assert (first["outcome"], first["run"]) == ("complete", 1)
    assert first["rows_read"] == first["rows_good"] + first["rows_rejected"] > 0
    assert first["sites_answered"] == 3
    wrong = next(each for each in pulls if "run" not in each)
    assert (wrong["outcome"], wrong["level"]) == ("configuration", "warning")
    kept = folder / "data" / "problems" / f"{wrong['reference']}.txt"
    assert "network.toml" in kept.read_text() and "dais" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert told(log, "pull took longer than its interval")
    events = [line["event"] for line in lines(log) if line["event"].startswith("pull ")]
    happening = [e for e in events if e in ("pull begins", "pull ended")]
    assert happening[: 2 * len(pulls)] == ["pull begins", "pull ended"] * len(pulls)
    assert shown['pocnet_pulls_total{outcome="configuration"}'] >= 1
    assert shown['pocnet_pulls_total{outcome="partial"}'] >= 1
    assert shown['pocnet_sites{state="failed"}'] == 1
    assert shown['pocnet_sites{state="answered"}'] == 2
    assert shown['pocnet_rows{state="good"}'] > 0
    assert 0 <= shown["pocnet_snapshot_age_seconds"] < PATIENCE
    assert not names_a_site(said)
    assert not names_a_site(log.read_text())


def test_the_dashboard_is_watched_by_page_and_ends_when_it_is_told_to(
    tmp_path: Path,
) -> None:
    folder = write_network(tmp_path / "alpha-network", ("alpha",))
    port, watched = free_port(), free_port()
    log = tmp_path / "log"
    words = ("serve", "--port", str(port), "--metrics", str(watched), str(folder))
    home = f"http://127.0.0.1:{port}"
    with service(log, *words) as process:
        until(lambda: told(log, "said"))

        def answers() -> bool:
            try:
                return httpx.get(f"{home}/healthz").is_success
            except httpx.TransportError:
                return False

        until(answers)
        for path in (
            "/",
            "/site?site=alpha",
            "/proposal/7",
            "/failures",
            "/api/v1/",
            "/etc/passwd",
        ):
            httpx.get(home + path)
        text = httpx.get(f"http://127.0.0.1:{watched}/metrics").text
        assert httpx.get(f"{home}/metrics").status_code == 404
        assert ended(process) == 0
    pages = set(re.findall(r'pocnet_request_seconds_count\{page="([^"]*)"', text))
    assert pages == {"/", "/site", "/proposal/<number>", "/failures", "/api", ""}
    assert metrics_of(text)["pocnet_snapshot"] == 0
    assert "alpha" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--every", "1h", "--at", "02:30"], "exclude each other"),
        (["--every", "soon"], "24h"),
        (["--at", "25:00"], "02:30"),
        (["--metrics", "here"], "9464"),
        (["HERE"], "no network.toml"),
    ],
)
def test_what_cannot_be_meant_is_said_and_nothing_runs(
    words: list[str], said: str, tmp_path: Path
) -> None:
    words = [word.replace("HERE", str(tmp_path)) for word in words]
    done = CliRunner().invoke(command, words)
    assert isinstance(done.exception, SystemExit | ConfigError)
    assert said in done.stderr + str(done.exception)
