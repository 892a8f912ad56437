"""The fixtures of tests that pull a whole network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.run import RunResult
from tests.etl.drops import BATCHES, drop, write_network
from tests.etl.pulling import LATER, one_paper, pulled

READ_WHOLE = {
    "test_published",
    "test_demo_network",
    "test_migration",
    "test_run_killed",
}


@pytest.fixture(scope="module", autouse=True)
def short_library(request: pytest.FixtureRequest) -> Iterator[None]:
    """One published paper beside the sites, but where the whole library is meant."""
    if request.path.stem in READ_WHOLE:
        yield
    else:
        with one_paper():
            yield


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A network folder and what its first run came to."""
    folder = write_network(tmp_path_factory.mktemp("first") / "network")
    with one_paper():
        return folder, pulled(folder)


@pytest.fixture
def folder(first: tuple[Path, RunResult], tmp_path: Path) -> Path:
    """A copy of the network folder after its first run."""
    copied = shutil.copytree(first[0], tmp_path / "network", symlinks=True)
    return Path(copied)


@pytest.fixture(scope="session")
def third(
    first: tuple[Path, RunResult], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The network folder after three runs, to be read only.

    In the second beta corrects two batches and adds one; in the third it takes that
    one back, and one of the corrections.
    """
    place = tmp_path_factory.mktemp("third") / "network"
    folder = Path(shutil.copytree(first[0], place, symlinks=True))
    corrected = BATCHES.format(slug="beta").replace("13/08/2026", "14/08/2026")
    corrected = corrected.replace("20/09/2026,15/10/2026", "21/09/2026,16/10/2026")
    drop(folder, "beta", {"batches.csv": corrected + LATER})
    back = corrected.replace("14/08/2026", "13/08/2026")
    with one_paper():
        pulled(folder)
        drop(folder, "beta", {"batches.csv": back})
        pulled(folder)
    return folder
