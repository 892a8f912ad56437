import sys
from pathlib import Path

import httpx
from click.testing import CliRunner

from dashboard.commands.serve import command
from tests.serving import ROOT, free_port, serving_command

NETWORK = '[network]\nname = "Test"\ntoday = 2026-11-16\n'


def test_several_processes_answer_at_one_address(tmp_path: Path) -> None:
    (tmp_path / "network.toml").write_text(NETWORK)
    port = free_port()
    pocnet = str(Path(sys.executable).with_name("pocnet"))
    served = [pocnet, "serve", str(tmp_path)]
    with serving_command([*served, "--port", str(port), "--workers", "2"], port, ROOT):
        answers = [httpx.get(f"http://127.0.0.1:{port}/healthz") for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}


def test_several_processes_cannot_be_counted_as_one(tmp_path: Path) -> None:
    words = [str(tmp_path), "--metrics", "9464", "--workers", "2"]
    said = CliRunner().invoke(command, words)
    assert said.exit_code == 2
    assert "leave out --metrics or --workers" in said.output
