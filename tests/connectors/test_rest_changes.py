from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from connectors import (
    ConfigError,
    Extract,
    Page,
    Source,
    SourceError,
    open_keys,
    open_source,
)
from connectors.rest import OVERLAP
from connectors.standins import serve
from tests.faults.proxy import Proxy, reset

COUNT = 10_000
SECRET = "s3cret-in-the-address"
PAGINGS = ("next", "cursor", "page", "offset")


def lot(number: int, revision: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"L{number}", "cells": number / 8 + revision, **more}


@dataclass
class Lims:
    """A list of lots, cut in each of the ways in which systems cut one."""

    lots: dict[str, dict[str, Any]] = field(default_factory=dict)
    stamps: dict[str, datetime] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def store(self, *lots: dict[str, Any], at: datetime | None = None) -> None:
        for one in lots:
            self.lots[one["id"]] = one
            self.stamps[one["id"]] = at or datetime.now(UTC)

    def routes(self) -> list[BaseRoute]:
        return [Route(f"/{paging}", getattr(self, paging)) for paging in PAGINGS]

    def _since(self, asked: Any) -> list[dict[str, Any]]:
        since = datetime.fromisoformat(asked.get("since", "1970-01-01T00:00:00Z"))
        return [one for name, one in self.lots.items() if self.stamps[name] >= since]

    def _cut(self, request: Request, first: int) -> tuple[list[Any], int | None]:
        self.asked.append(dict(request.query_params))
        if request.query_params.get("tenant") != SECRET:
            raise AssertionError("the site's own parameter is missing")
        found = self._since(request.query_params)
        last = first + int(request.query_params.get("limit", 1000))
        return found[first:last], last if last < len(found) else None

    async def page(self, request: Request) -> JSONResponse:
        limit = int(request.query_params["limit"])
        items, _ = self._cut(request, (int(request.query_params["page"]) - 1) * limit)
        return JSONResponse({"items": items})

    async def offset(self, request: Request) -> JSONResponse:
        items, _ = self._cut(request, int(request.query_params["offset"]))
        return JSONResponse({"items": items})

    async def cursor(self, request: Request) -> JSONResponse:
        first = int(request.query_params.get("cursor", "c0")[1:])
        items, last = self._cut(request, first)
        return JSONResponse({"items": items, "next": f"c{last}" if last else None})

    async def next(self, request: Request) -> JSONResponse:
        items, last = self._cut(request, int(request.query_params.get("at", 0)))
        url = str(request.url.include_query_params(at=last)) if last else None
        return JSONResponse({"items": items, "next": url})


@pytest.fixture
def lims() -> Lims:
    held = Lims()
    long_ago = datetime.now(UTC) - timedelta(days=1)
    held.store(*(lot(number) for number in range(COUNT)), at=long_ago)
    return held


@pytest.fixture
def base(lims: Lims) -> Iterator[str]:
    with serve({"lims": lims}) as address:
        yield f"{address}/lims"


def reading(paging: str, **more: Any) -> dict[str, Any]:
    return {
        "records": "items",
        "key": "id",
        "paging": paging,
        "page_size": 1000,
        "modified_parameter": "since",
        "parameters": {"tenant": SECRET},
        "deleted": "removed",
        "fields": ["removed"],
        **more,
    }


def read(
    base: str, paging: str, since: str | None = None
) -> tuple[list[Page], SourceError | None]:
    pages: list[Page] = []
    try:
        source = Source("alpha", "main", "rest", {"url": base})
        extract = Extract("batch", f"/{paging}", reading(paging))
        for page in open_source(source)(extract, since):
            pages.append(page)
    except SourceError as error:
        return pages, error
    return pages, None


def rows(pages: list[Page]) -> list[tuple[str, tuple[str, str]]]:
    return [
        (ref, row)
        for page in pages
        for ref, row in zip(
            page.refs, page.frame.select("id", "cells").rows(), strict=True
        )
    ]


def expected(lims: Lims, *names: str) -> dict[str, tuple[str, str]]:
    return {
        f"record {name}": (name, str(lims.lots[name]["cells"]))
        for name in names or lims.lots
        if "removed" not in lims.lots[name]
    }


@pytest.mark.parametrize("paging", PAGINGS)
def test_all_of_10_000_then_what_changed(lims: Lims, base: str, paging: str) -> None:
    pages, error = read(base, paging)
    assert error is None
    first = rows(pages)
    assert len(first) == COUNT
    assert dict(first) == expected(lims)
    later = datetime.fromisoformat(str(pages[-1].watermark)) + OVERLAP
    lims.store(lot(7, 1), lot(5000, 1), lot(9999, 1), lot(COUNT))
    lims.store(lot(12, removed="2026-11-16"))
    pages, error = read(base, paging, later.isoformat())
    assert error is None
    assert dict(rows(pages)) == expected(lims, "L7", "L5000", "L9999", f"L{COUNT}")
    assert [ref for page in pages for ref in page.gone] == ["record L12"]
    listed = open_keys(Source("alpha", "main", "rest", {"url": base}))
    assert listed
    refs = listed(Extract("batch", f"/{paging}", reading(paging)))
    assert sorted(ref for each in refs for ref in each) == sorted(expected(lims))


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("broken", [2, 6])
def test_a_read_that_breaks_goes_on_where_a_page_ended(
    lims: Lims, base: str, paging: str, broken: int
) -> None:
    port = int(base.split(":")[2].split("/")[0])
    with Proxy(("127.0.0.1", port)) as proxy:
        through = f"http://127.0.0.1:{proxy.port}/lims"
        proxy.spoil(reset(500), broken, times=20)
        first, error = read(through, paging)
        assert error is not None
        assert len(rows(first)) == (5000 if broken > 5 else 0)
        proxy.behave()
        lims.asked.clear()
        rest, error = read(through, paging, first[-1].resume if first else None)
    assert error is None
    to_the_end = 1 if paging in ("page", "offset") else 0
    assert len(lims.asked) == (5 if first else 10) + to_the_end
    read_rows = rows([*first, *rest])
    assert len(read_rows) == COUNT
    assert dict(read_rows) == expected(lims)
    for page in first:
        assert SECRET not in str(page.resume)
        assert page.watermark == rest[-1].watermark


def test_a_page_of_deletions_alone_has_the_columns_of_the_mapping(
    lims: Lims, base: str
) -> None:
    lims.store(lot(1, removed="2026-11-16"), lot(2, removed=0))
    since = (datetime.now(UTC) + OVERLAP - timedelta(seconds=30)).isoformat()
    source = Source("alpha", "main", "rest", {"url": base})
    extract = Extract("batch", "/cursor", reading("cursor"), ("id", "cells"))
    [page] = open_source(source)(extract, since)
    assert page.refs.to_list() == ["record L2"]
    assert page.gone == ("record L1",)
    lims.store(lot(2, removed=True))
    [page] = open_source(source)(extract, since)
    assert page.frame.is_empty()
    assert page.gone == ("record L1", "record L2")
    assert {"id", "cells"} <= set(page.frame.columns)


def test_what_is_deleted_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="needs `key` beside `deleted`"):
        source = Source("alpha", "main", "rest", {"url": "https://h"})
        open_source(source)(Extract("batch", "/lots", {"deleted": "removed"}), None)
