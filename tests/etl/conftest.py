"""The fixtures of tests that pull a whole network."""

import shutil
from pathlib import Path

import pytest

from etl.run import RunResult
from tests.etl.drops import write_network
from tests.etl.pulling import pulled


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A network folder and what its first run came to."""
    folder = write_network(tmp_path_factory.mktemp("first") / "network")
    return folder, pulled(folder)


@pytest.fixture
def folder(first: tuple[Path, RunResult], tmp_path: Path) -> Path:
    """A copy of the network folder after its first run."""
    copied = shutil.copytree(first[0], tmp_path / "network", symlinks=True)
    return Path(copied)
