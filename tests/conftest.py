from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import _drop
from tests.demo import Demo, made
from tests.etl.pulling import one_paper
from tests.serving import free_port, serving_process

# Files that take a minute or more: begun first, so that none is left over at the end.
_LONG = (
    "etl/test_run_killed", "browser/test_pages", "faults/test_faults",
    "dashboard/test_queries", "attacks/test_harvest", "etl/test_demo_network",
    "etl/test_as_of", "browser/test_shell", "test_cli", "connectors/test_files_remote",
    "browser/test_flows", "dashboard/test_recomputed", "etl/test_withdrawal",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the others keep their order."""
    tests = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).with_suffix("").as_posix()
        return _LONG.index(name) if name in _LONG else len(_LONG)

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def quiet_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drop, "QUIET", 0.0)


@pytest.fixture(scope="module")
def short_library() -> Iterator[None]:
    """One published paper beside the sites of a file's own small networks."""
    with one_paper():
        yield


@pytest.fixture(scope="session")
def demo() -> Demo:
    """The made-up network, pulled through its own source systems."""
    return made()


@pytest.fixture(scope="session")
def toy() -> Iterator[str]:
    """The address of the dashboard with made-up pages: the shell without any data."""
    port = free_port()
    with serving_process(["-m", "tests.browser.toy", str(port)], port) as url:
        yield url
