import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for package in ("connectors", "etl", "dashboard")
    for path in (ROOT / package).rglob("*.py")
)
LONGEST_FILE = 330
LONGEST_FUNCTION = 45


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_mypy_finds_nothing() -> None:
    run("mypy")


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_can_be_held_in_the_head(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= LONGEST_FUNCTION, f"{node.name} has {size} lines"


def test_no_work_is_left_lying_about() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [path.name for path in SOURCES if left.search(path.read_text())]
    assert found == []


def test_every_dependency_stays_below_its_next_major_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    assert all(re.search(r">=.+,<", requirement) for requirement in named)


def test_analysis_and_metrics_do_no_input_or_output() -> None:
    pure = [ROOT / "dashboard" / "metrics.py"]
    pure += [
        path
        for folder in ("analysis", "simulation")
        for path in (ROOT / "dashboard" / folder).glob("*")
    ]
    forbidden = re.compile(
        r"^(from|import) (duckdb|dash|httpx|dashboard\.(queries|viewer|journal))\b",
        re.M,
    )
    assert [
        p.name for p in pure if p.suffix == ".py" and forbidden.search(p.read_text())
    ] == []


def test_only_queries_opens_the_snapshot() -> None:
    opening = re.compile(r"^(from|import) duckdb\b", re.M)
    readers = {
        path.relative_to(ROOT / "dashboard").parts[0]
        for path in (ROOT / "dashboard").rglob("*.py")
        if opening.search(path.read_text())
    }
    assert readers == {"queries"}
