import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.serving import ROOT, free_port, serving_command

# Ends whatever opens a file of the checkout, from the first line of the process.
GUARD = """\
import sys
FORBIDDEN = {forbidden!r}
def guard(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and arguments:
        if str(arguments[0]).startswith(FORBIDDEN):
            raise PermissionError(f"the checkout is read: {{arguments[0]}}")
sys.addaudithook(guard)
"""
LAZY = """\
import os, sys
os._exit = lambda code: print(code, sorted(
    {"dash", "polars", "duckdb", "pydantic"} & set(sys.modules)))
sys.argv = ["pocnet", "--version"]
from dashboard.cli import main
main()
"""


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment of its own, outside the checkout."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "elsewhere"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, in a folder that holds nothing of ours."""
        return subprocess.run(
            [self.folder / "venv" / "bin" / command[0], *command[1:]],
            cwd=self.home,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=900,
        )

    def demo(self, *arguments: str) -> list[dict[str, int]]:
        """The counts of the made-up network that it pulled into `home/network`."""
        done = self.run("pocnet", "demo", "--no-serve", "--json", "--dir", "network",
                        *arguments)  # fmt: skip
        assert done.returncode == 0, done.stderr
        datasets: list[dict[str, int]] = json.loads(done.stdout)["datasets"]
        return datasets


def environment() -> dict[str, str]:
    """What a stranger's shell has: nothing that leads to the checkout."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def installed(folder: Path, wheel: Path, *, clean: bool) -> Installed:
    """The wheel installed: with all it needs, or beside what the tests run with."""
    (folder / "elsewhere").mkdir()
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    alone = [] if clean else ["--no-deps"]
    pip("--python", str(python), "install", *alone, str(wheel))
    (site_packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    paths = (
        () if clean else {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    )
    forbidden = [
        f"{ROOT / name}/" for name in ("connectors", "etl", "dashboard", "assets")
    ]
    guard = GUARD.format(forbidden=(*forbidden,))
    (site_packages / "checkout_guard.py").write_text(guard)
    lines = ["import checkout_guard", *sorted(paths)]
    (site_packages / "tests.pth").write_text("\n".join(lines))
    return Installed(folder)


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (made,) = folder.glob("pocnet-*.whl")
    return made


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    """The wheel beside the libraries of the test environment, which saves minutes."""
    return installed(tmp_path_factory.mktemp("beside"), wheel, clean=False)


@pytest.fixture(scope="module")
def dashboard(beside: Installed) -> Iterator[str]:
    counts = beside.demo("--sites", "3", "--years", "1")
    assert len({row["site"] for row in counts}) >= 3
    assert all(row["read"] == row["good"] + row["rejected"] for row in counts)
    with serving(beside) as url:
        yield url


def serving(where: Installed) -> AbstractContextManager[str]:
    port = free_port()
    command = [str(where.folder / "venv" / "bin" / "pocnet"), "serve", "network"]
    return serving_command(
        [*command, "--port", str(port)], port, where.home, environment()
    )


def test_the_guard_would_notice_a_look_at_the_checkout(beside: Installed) -> None:
    look = f"open({str(ROOT / 'assets' / 'pocnet.css')!r})"
    assert "the checkout is read" in beside.run("python", "-c", look).stderr


def test_what_is_run_is_the_wheel(beside: Installed) -> None:
    asked = "import connectors, etl, dashboard as d; print(d.__file__)"
    said = beside.run("python", "-c", asked).stdout
    assert Path(said.strip()).is_relative_to(beside.folder / "venv")


def test_version_is_the_wheels_and_imports_nothing_slow(
    beside: Installed, wheel: Path
) -> None:
    version, imported = beside.run("python", "-c", LAZY).stdout.splitlines()
    assert version == f"pocnet, version {wheel.name.split('-')[1]}"
    assert imported == "0 []"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/methods",
        "/assets/pocnet.css",
        "/assets/pocnet.js",
        "/assets/topojson/world_110m.json",
        "/api/v1/",
        "/api/v1/cards/attention",
        "/api/v1/openapi.json",
        "/readyz",
    ],
)
def test_the_wheel_serves_pages_assets_and_the_api(dashboard: str, path: str) -> None:
    answer = httpx.get(dashboard + path)
    assert (answer.status_code, len(answer.content) > 0) == (200, True)


def test_every_asset_of_the_checkout_is_in_the_wheel(dashboard: str) -> None:
    files = [path for path in (ROOT / "assets").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        address = f"{dashboard}/assets/{path.relative_to(ROOT / 'assets')}"
        assert httpx.get(address).content == path.read_bytes(), address


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        names = {*packed.namelist()}
    there = {
        path.relative_to(ROOT).as_posix()
        for package in ("connectors", "etl", "dashboard")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(there) > 200
    assert there <= names


# With every file in it, a figure of the wheel is the figure that test_api.py asks.
@pytest.mark.slow
def test_every_figure_of_the_wheel_has_its_rows(dashboard: str) -> None:
    cards = httpx.get(f"{dashboard}/api/v1/").json()["cards"]
    # The first simulation after an installation is compiled before it runs.
    with httpx.Client(base_url=dashboard, timeout=120) as client:
        answers = {card: client.get(card).status_code for card in cards}
    assert len(answers) > 20
    assert set(answers.values()) == {200}, answers


@pytest.mark.slow
def test_the_wheel_brings_all_it_needs_into_an_empty_environment(
    tmp_path: Path, wheel: Path
) -> None:
    alone = installed(tmp_path, wheel, clean=True)
    assert alone.demo("--sites", "3", "--years", "1")
    with serving(alone) as url:
        assert httpx.get(f"{url}/readyz").json()["status"] == "ready"
        assert httpx.get(f"{url}/").status_code == 200
