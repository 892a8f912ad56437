import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from connectors import Extract, Source, open_source
from connectors.fhir import OVERLAP
from tests.connectors.fhir_made_up import (
    COLUMNS,
    Resource,
    Row,
    delete,
    keys,
    observation,
    put,
    read,
    row,
    rows,
)
from tests.connectors.servers.installed import once
from tests.connectors.servers.medplum import medplum
from tests.connectors.servers.sekmet import sekmet
from tests.faults.proxy import Proxy, reset


@dataclass
class Factory:
    """A server with results in it, and what they truly are."""

    base: str
    holds: dict[str, Resource]
    page_size: int
    history: bool

    def put(self, *resources: Resource) -> None:
        put(self.base, resources)
        self.holds |= {one["id"]: one for one in resources}

    def delete(self, name: str) -> None:
        delete(self.base, [f"Observation/{name}"])
        del self.holds[name]

    def expected(self, *names: str) -> dict[str, Row]:
        return {
            f"record Observation/{name}": row(self.holds[name])
            for name in names or self.holds
        }

    def read(self, since: str | None = None, base: str | None = None):
        return read(
            base or self.base,
            "Observation",
            since,
            columns=COLUMNS,
            page_size=self.page_size,
        )


def later(watermark: str) -> str:
    """A watermark as if the overlap before it had been quiet."""
    return (datetime.fromisoformat(watermark) + OVERLAP).isoformat()


def of_10_000(folder: Path) -> None:
    """A server's folder that holds 10,000 results."""
    with sekmet(folder) as base:
        put(base, [observation(number) for number in range(10_000)])


SERVERS = [
    pytest.param(("sekmet", 10_000), id="sekmet"),
    pytest.param(("medplum", 2_000), id="medplum"),
    pytest.param(("medplum", 10_000), id="medplum-10000", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=SERVERS)
def factory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Factory]:
    name, count = request.param
    folder = tmp_path_factory.mktemp(name)
    history = name == "sekmet"
    if history:
        for part in once("sekmet-10000", of_10_000).glob("sekmet.db*"):
            shutil.copy(part, folder)
    holds = {f"o{number}": observation(number) for number in range(count)}
    with (sekmet if history else medplum)(folder) as base:
        if not history:
            put(base, list(holds.values()))
        time.sleep(1.1)  # a watermark is of whole seconds
        yield Factory(base, holds, count // 10, history)


def test_a_full_read_gives_every_resource_once(factory: Factory) -> None:
    pages, error = factory.read()
    assert error is None
    read_rows = rows(pages, COLUMNS)
    assert len(read_rows) == len(factory.holds)
    assert dict(read_rows) == factory.expected()
    assert {page.origin for page in pages} == {"GET /Observation"}
    assert len({page.watermark for page in pages}) == 1


def test_a_later_read_gives_what_changed_is_new_and_is_gone(
    factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    [*_, last], _ = factory.read()
    since = later(str(last.watermark))
    factory.put(*(observation(number, 99.5) for number in (3, 700, 1999)))
    factory.put(observation(20_000))
    factory.delete("o11")
    pages, error = factory.read(since)
    assert error is None
    changed = factory.expected("o3", "o700", "o1999", "o20000")
    assert sorted(rows(pages, COLUMNS)) == sorted(changed.items())
    gone = [ref for page in pages for ref in page.gone]
    assert gone == (["record Observation/o11"] if factory.history else [])
    said = [one.getMessage() for one in caplog.records if one.levelno > logging.INFO]
    assert bool(said) is not factory.history
    assert all("keeps no history of Observation" in text for text in said)
    assert sorted(keys(factory.base, "Observation", page_size=1000)) == sorted(
        factory.expected()
    )


def test_what_the_overlap_repeats_is_as_it_was(factory: Factory) -> None:
    [*_, last], _ = factory.read()
    factory.put(observation(5, 12.25))
    time.sleep(1.1)
    [*_, next_one], _ = factory.read(last.watermark)
    again, error = factory.read(next_one.watermark)
    assert error is None
    repeated = dict(rows(again, COLUMNS))
    assert "record Observation/o5" in repeated
    assert repeated.items() <= factory.expected().items()
    bound = datetime.fromisoformat(str(next_one.watermark)) - OVERLAP
    for page in (page for page in again if page.frame.height):
        for moment in page.frame["meta.lastUpdated"]:
            assert datetime.fromisoformat(moment) >= bound


@pytest.mark.parametrize("broken", [1, 4, 9])
def test_a_read_that_breaks_goes_on_where_it_broke(
    factory: Factory, broken: int
) -> None:
    target = ("127.0.0.1", httpx.URL(factory.base).port or 0)
    with Proxy(target) as proxy:
        through = f"http://127.0.0.1:{proxy.port}/fhir"
        proxy.spoil(reset(3_000), broken, times=50)
        first, error = factory.read(base=through)
        assert error is not None
        assert len(first) == broken
        proxy.behave()
        rest, error = factory.read(first[-1].resume, base=through)
    assert error is None
    read_rows = rows([*first, *rest], COLUMNS)
    assert len(read_rows) == len(factory.holds)
    assert dict(read_rows) == factory.expected()
    assert {page.watermark for page in rest} == {first[0].watermark}


def test_a_break_in_a_later_read_forgets_no_deletion(factory: Factory) -> None:
    [*_, last], _ = factory.read()
    since = later(str(last.watermark))
    factory.put(*(observation(number, 1.5) for number in range(100, 130)))
    factory.delete("o40")
    source = Source("alpha", "main", "fhir", {"url": factory.base})
    extract = Extract("result", "Observation", {"page_size": 10}, COLUMNS)
    pages = open_source(source)(extract, since)
    first = next(pages)
    pages.close()  # type: ignore[attr-defined]
    rest, error = factory.read(first.resume)
    assert error is None
    changed = factory.expected(*(f"o{number}" for number in range(100, 130)))
    assert sorted(rows([first, *rest], COLUMNS)) == sorted(changed.items())
    gone = [ref for page in rest for ref in page.gone]
    assert gone == (["record Observation/o40"] if factory.history else [])


def test_what_changes_while_it_is_read_hides_nothing(factory: Factory) -> None:
    source = Source("alpha", "main", "fhir", {"url": factory.base})
    reading = {"page_size": factory.page_size}
    extract = Extract("result", "Observation", reading, COLUMNS)
    pages = []
    for page in open_source(source)(extract, None):
        pages.append(page)
        if len(pages) <= 5:
            # An early resource moves to the end, and all behind it one place up.
            factory.put(observation(200 + len(pages), 77.5))
    read_rows = rows(pages, COLUMNS)
    assert dict(read_rows) == factory.expected()
    assert len(read_rows) == len(factory.holds) + 5
