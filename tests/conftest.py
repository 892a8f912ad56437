from collections.abc import Iterator

import pytest

from tests.serving import free_port, serving_process


@pytest.fixture(scope="session")
def toy() -> Iterator[str]:
    """The address of the dashboard with made-up pages: the shell without any data."""
    port = free_port()
    with serving_process(["-m", "tests.browser.toy", str(port)], port) as url:
        yield url
