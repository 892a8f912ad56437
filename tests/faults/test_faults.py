import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from connectors import Page, SourceError, _drop, _drop_sftp, _http, _server, _told
from tests.connectors.servers.certificate import write_certificate
from tests.faults import rigs
from tests.faults.cases import Case, http_cases, socket_cases
from tests.faults.proxy import Proxy
from tests.faults.rigs import Rig

LONGEST = 60.0
LARGEST = 2**22
BY_JSON = ("rest", "redcap", "labkey", "fhir")
BY_FILE = ("webdav", "s3")
BY_SOCKET = ("https", "sftp", "postgresql", "mariadb")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of patience become moments; how often is asked stays as it is."""
    quick = _http.RETRY.copy_with(total=2, backoff_factor=0.01, total_timeout=20.0)
    monkeypatch.setattr(_http, "RETRY", quick)
    monkeypatch.setattr(_http, "TIMEOUT", httpx.Timeout(0.5))
    monkeypatch.setattr(_http, "MAX_SECONDS", 2.0)
    monkeypatch.setattr(_http, "MAX_BYTES", LARGEST)
    monkeypatch.setattr(_drop, "PATIENCE", 2.0)
    monkeypatch.setattr(_drop_sftp, "SECONDS", 2.0)
    monkeypatch.setattr(_told, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(_server, "CONNECT_SECONDS", 2.0)


@pytest.fixture(scope="module")
def systems() -> Iterator[dict[str, tuple[Rig, Proxy]]]:
    """Each system with the proxy before it, started when first asked for."""
    with ExitStack() as stack:
        yield _Started(stack)


class _Started(dict[str, tuple[Rig, Proxy]]):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, kind: str) -> tuple[Rig, Proxy]:
        rig: Rig = self._stack.enter_context(getattr(rigs, kind)())
        proxy = self._stack.enter_context(Proxy(rig.target, http=rig.http))
        self[kind] = (rig, proxy)
        return rig, proxy


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Proxy]:
    """A host that nobody has any business with; it counts who comes."""
    with Proxy(("127.0.0.1", 9)) as other:
        yield other


class Reading(threading.Thread):
    """A read that has a bounded time to end in, however it ends."""

    def __init__(self, rig: Rig, address: str, since: str | None) -> None:
        super().__init__(daemon=True)
        self._asked = (rig, address, since)
        self.pages: list[Page] = []
        self.error: SourceError | None = None
        self.start()
        self.join(LONGEST)
        assert not self.is_alive(), "the reading never ended"

    def run(self) -> None:
        rig, address, since = self._asked
        self.pages, self.error = rig.attempt(address, since)


def case_of(kind: str, elsewhere: str = "http://elsewhere") -> dict[str, Case]:
    """The cases that a kind of system is put to."""
    cases = http_cases(elsewhere) if kind not in BY_SOCKET else socket_cases()
    return {case.name: case for case in cases if (kind, case.name) not in NOT_ASKED}


# obstore's patience with an answer that does not come is a minute, and not ours to set.
NOT_ASKED = {
    ("s3", "silence once"),
    ("s3", "silence every time"),
    ("s3", "a byte a moment, for ever"),
}
CASES = [
    (kind, name) for kind in (*BY_JSON, *BY_FILE, *BY_SOCKET) for name in case_of(kind)
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_what_breaks_on_the_way_loses_no_row_and_doubles_none(
    systems: dict[str, tuple[Rig, Proxy]], elsewhere: Proxy, kind: str, name: str
) -> None:
    rig, proxy = systems[kind]
    case = case_of(kind, f"http://127.0.0.1:{elsewhere.port}")[name]
    address = f"http://127.0.0.1:{proxy.port}"
    first = rig.first if rig.http else 0
    proxy.spoil(case.made(rig.middle), first, case.times)
    spoilt = Reading(rig, address, None)
    assert proxy.units > first, "the fault met nothing"
    proxy.behave()
    kept = spoilt.pages
    if spoilt.error is not None:
        assert case.outcome == "told" or rig.streams
        _judge(str(spoilt.error), rig, case)
        kept = _went_on(rig, address, kept)
    else:
        assert case.outcome == "recovers"
    rows = rig.read(kept)
    assert dict(rows) == rig.rows
    assert len(rows) == len(rig.rows)
    if kind != "s3":
        assert not elsewhere.asked
    # obstore follows a redirect, without the key: nobody is told who is asking.
    assert not any(b"authorization" in each.lower() for each in elsewhere.asked)
    elsewhere.asked.clear()


def _judge(said: str, rig: Rig, case: Case) -> None:
    """One line, without a secret, and in the words that the fault deserves."""
    assert "\n" not in said
    assert not any(secret in said for secret in rig.secrets)
    if not rig.streams:
        assert re.search(case.said, said)


@pytest.mark.parametrize("kind", BY_JSON)
def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    systems: dict[str, tuple[Rig, Proxy]], tmp_path: Path, kind: str
) -> None:
    rig, _ = systems[kind]
    write_certificate(tmp_path)
    with Proxy(rig.target, certificate=tmp_path / "server.pem") as proxy:
        reading = Reading(rig, f"https://127.0.0.1:{proxy.port}", None)
        assert proxy.units == 0
    assert reading.error is not None
    assert "certificate that is not trusted" in str(reading.error)


@pytest.mark.parametrize("kind", BY_JSON)
def test_a_server_that_speaks_no_tls_is_told_nothing(
    systems: dict[str, tuple[Rig, Proxy]], kind: str
) -> None:
    rig, proxy = systems[kind]
    proxy.behave()
    reading = Reading(rig, f"https://127.0.0.1:{proxy.port}", None)
    assert proxy.units == 0
    assert reading.error is not None and "\n" not in str(reading.error)


def _went_on(rig: Rig, address: str, pages: list[Page]) -> list[Page]:
    """All pages, read to the end: on from the last place a connector named, or anew."""
    places = [number for number, page in enumerate(pages) if page.resume]
    kept = pages[: places[-1] + 1] if places else []
    reading = Reading(rig, address, kept[-1].resume if kept else None)
    assert reading.error is None
    return kept + reading.pages


def test_the_readme_shows_what_comes_of_every_fault() -> None:
    from tests.faults.table import markdown
    from tests.readme import chapter

    assert markdown() in chapter("What breaks on the way")
