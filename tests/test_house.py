"""The house's rules that tools can check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = {
    "ruff finds nothing": ["ruff", "check", "."],
    "ruff would change no line": ["ruff", "format", "--check", "."],
    "mypy finds every type": ["mypy"],
    "imports run one way": ["lint-imports"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tools_agree(tool: str) -> None:
    name, *arguments = TOOLS[tool]
    command = [str(Path(sys.executable).parent / name), *arguments]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
