"""The services of systemd and the container, as far as neither has to be running."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboard.commands.units import command
from tests.confined import confined, needs_root
from tests.etl.drops import write_network
from tests.serving import ROOT

POCNET = [sys.executable, "-c", "from dashboard.cli import main; main()"]


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    words = ["--user", "root", "--out", str(tmp_path / "units"), str(tmp_path)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    return [Path(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_to_say_about_the_units(units: list[Path]) -> None:
    assert [unit.name for unit in units] == [
        "pocnet-run.service",
        "pocnet-serve.service",
    ]
    for unit in units:
        # Its program is this test's own, which is no command.
        text = re.sub(
            r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M
        )
        unit.write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    for unit in units:
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--no-pager", unit],
            capture_output=True,
            text=True,
        )
        (exposure,) = re.findall(r"exposure level for \S+: ([\d.]+)", rated.stdout)
        assert float(exposure) < 2.5


def test_a_unit_begins_a_command_that_there_is(units: list[Path]) -> None:
    for unit in units:
        (line,) = re.findall(r"^ExecStart=\S+ (.*)$", unit.read_text(), re.MULTILINE)
        name, *words = line.split()
        help_said = subprocess.run(
            [*POCNET, name, "--help"], capture_output=True, text=True, cwd=ROOT
        ).stdout
        for word in words:
            assert not word.startswith("--") or word in help_said


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / ".container" / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_container_runs_as_nobody_a_command_that_there_is() -> None:
    said = instructions()
    last = [what for what, _ in said][-6:]
    assert last == ["USER", "WORKDIR", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"]
    named = dict(said)
    assert int(named["USER"].split(":")[0]) > 0
    words = json.loads(named["CMD"])
    assert words[0] == "run"
    assert json.loads(named["ENTRYPOINT"]) == ["pocnet"]
    copied = [words.split()[0] for what, words in said if what == "COPY"]
    ours = [name for name in copied if not name.startswith("--")]
    assert all((ROOT / name).exists() for name in ours)


@needs_root
def test_a_pull_needs_no_rights_and_writes_nothing_but_the_data(tmp_path: Path) -> None:
    network = write_network(tmp_path / "network", ("alpha",))
    place = tmp_path / "root"
    place.mkdir()
    who = confined(place, network, "sh", "-c", f"id -u; touch {network}/x {ROOT}/x /x")
    assert who.stdout == "65534\n"
    assert who.stderr.count("Read-only file system") == 3
    done = confined(place, network, *POCNET, "pull", str(network), "--json")
    assert (done.returncode, done.stderr.count("rror")) == (0, 0), done.stderr
    assert json.loads(done.stdout)["run"] == 1
