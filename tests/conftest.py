from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from connectors import _drop
from tests.demo import Demo, made
from tests.etl.pulling import one_paper
from tests.serving import free_port, serving_process

# No test fails because a machine is busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# One test, and the longest of all: begun last, everybody would wait for it.
LONGEST = "test_run_killed.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, then with those that have most tests."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name != LONGEST, -tests[item.path]))


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
