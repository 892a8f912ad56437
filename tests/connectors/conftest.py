import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors import Extract, Page, Source, _http, open_source
from tests.connectors.scripted import Scripted
from tests.connectors.servers.mariadb import mariadb as a_mariadb
from tests.connectors.servers.postgresql import postgresql as a_postgresql

Read = Callable[..., list[Page]]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = _http.RETRY.copy_with(total=2, backoff_factor=0.01)
    monkeypatch.setattr(_http, "RETRY", quick)


@pytest.fixture
def read() -> Read:
    def everything(
        kind: str,
        options: dict[str, object],
        location: str,
        since: str | None = None,
        **reading: object,
    ) -> list[Page]:
        source = Source("alpha", "main", kind, options)
        extract = Extract("batch", location, reading)
        return list(open_source(source)(extract, since))

    return everything


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[dict[str, Any]]:
    with a_postgresql() as options:
        yield options


@pytest.fixture(scope="session")
def mariadb() -> Iterator[dict[str, Any]]:
    with a_mariadb() as options:
        yield options
