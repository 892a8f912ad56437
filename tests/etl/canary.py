"""Made-up systems whose every cell, key, header and error names somebody.

A new kind of source joins by one line in `SYSTEMS`. Each system is given one table,
whose first column is the key of its records, and tells how a site's file reads it.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.standins import (
    Elabftw,
    LabkeyFolder,
    RedcapProject,
    RestApi,
    Standin,
    serve,
)
from tests.connectors.places import place

KEY = "id"
SECRET = "0123456789ABCDEF0123456789ABCDEF"


@dataclass(frozen=True)
class Asked:
    """What a site's file says of a system: its `[source]`, and where the table is.

    `names` are the system's names for columns that it cannot call as the table does.
    """

    source: Mapping[str, object]
    location: str
    read: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


System = Callable[[Path, pl.DataFrame], AbstractContextManager[Asked]]


def _dropped(write: Callable[[pl.DataFrame, Path], object], ending: str) -> System:
    @contextmanager
    def system(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
        folder = home / "drop"
        folder.mkdir()
        # A file, like a record, is often named by whom it is about.
        for number, part in enumerate(table.partition_by("file", include_key=False)):
            name = table["file"].unique(maintain_order=True)[number].replace("/", "-")
            write(part, folder / f"qc {name}.{ending}")
        read = {"delimiter": ","} if ending == "csv" else {}
        yield Asked({"kind": "files", "folder": str(folder)}, f"qc *.{ending}", read)

    return system


@contextmanager
def on_a_server(name: str, home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    """The same files in a drop on a real server: one of `tests.connectors.places`."""
    with place(name, home) as drop:
        for said, part in table.group_by("file", maintain_order=True):
            content = part.drop("file").write_csv().encode()
            drop.put(f"qc {str(said[0]).replace('/', '-')}.csv", content)
        source = {"kind": "files", **drop.options}
        yield Asked(source, "qc *.csv", {"delimiter": ","})


def _write_workbook(frame: pl.DataFrame, path: Path) -> None:
    sheet = re.sub(r"[\[\]:*?/\\']", " ", frame["nota"][0])[:31]
    frame.write_excel(path, worksheet=sheet)


@contextmanager
def _sqlite(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    names = ", ".join(f'"{name}"' for name in table.columns)
    marks = ", ".join("?" * table.width)
    with closing(sqlite3.connect(home / "lims.db")) as base:
        base.execute(f"create table qc ({names})")
        base.executemany(f"insert into qc values ({marks})", table.rows())
        base.commit()
    source = {"kind": "sql", "file": str(home / "lims.db")}
    yield Asked(source, "qc", {"key": KEY})


@contextmanager
def _served(standin: Standin, **asked: Any) -> Iterator[Asked]:
    with serve({"lims": standin}) as address:
        source = {"requests_per_minute": 60_000, **asked.pop("source")}
        yield Asked(source={"url": f"{address}/lims", **source}, **asked)


@contextmanager
def _redcap(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    fields = [name for name in table.columns if re.fullmatch("[a-z0-9_]+", name)]
    project = RedcapProject(SECRET, KEY, {"qc": table.select(fields)})
    source = {"kind": "redcap", "token": SECRET}
    with _served(project, source=source, location="qc") as asked:
        url = f"{asked.source['url']}/api/"
        yield Asked({**asked.source, "url": url}, "qc")


@contextmanager
def _rest(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    flat = table.rename({name: name.replace(".", " ") for name in table.columns})
    read = {"records": "items", "key": KEY, "paging": "cursor", "next": "next_cursor"}
    with _served(
        RestApi(SECRET, {"/qc": flat}),
        source={"kind": "rest", "api_key": SECRET},
        location="/qc",
        read=read,
    ) as asked:
        yield asked


@contextmanager
def _labkey(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    folder = LabkeyFolder(SECRET, {"lists/qc": table}, key=KEY)
    source = {"kind": "labkey", "api_key": SECRET, "folder": "Home/GMP"}
    with _served(folder, source=source, location="lists/qc") as asked:
        yield asked


class _Tired(LabkeyFolder):
    """A folder whose server has had enough after two answers with rows."""

    async def _select(self, request: Request) -> Response:
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked > 3:
            return JSONResponse({"exception": "out of memory"}, status_code=400)
        return await super()._select(request)


@contextmanager
def breaking(table: pl.DataFrame) -> Iterator[Asked]:
    """A system that breaks off in the middle, and can be gone on with from there."""
    folder = _Tired(SECRET, {"lists/qc": table}, key=KEY)
    source = {"kind": "labkey", "api_key": SECRET, "folder": "Home/GMP"}
    read = {"page_size": 50}
    with _served(folder, source=source, location="lists/qc", read=read) as asked:
        yield asked


@contextmanager
def _elabftw(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    entries = [
        {
            "id": number,
            "title": row["nota"],
            "modified_at": "2026-03-02 16:14:14",
            "extra": {name: {"type": "text", "value": v} for name, v in row.items()},
        }
        for number, row in enumerate(table.to_dicts(), 1)
    ]
    names = {name: f"extra.{name}" for name in table.columns}
    with _served(
        Elabftw(SECRET, items=entries),
        source={"kind": "elabftw", "api_key": SECRET},
        location="items",
        names=names,
    ) as asked:
        yield asked


class _Fhir:
    """One search with everything in one answer."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table

    def routes(self) -> list[BaseRoute]:
        return [Route("/Observation", self._search)]

    async def _search(self, request: Request) -> Response:
        rows = [] if "_lastUpdated" in request.query_params else self.table.to_dicts()
        told = [{"resource": self._resource(row)} for row in rows]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(told)}
        return JSONResponse({**bundle, "entry": told})

    def _resource(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": re.sub("[^A-Za-z0-9.-]", "", row[KEY])[:64],
            "meta": {"lastUpdated": "2026-03-02T16:14:14Z"},
            "status": "final",
            "subject": {"display": row["nota"]},
            "text": {"status": "generated", "div": f"<div>{row['nota']}</div>"},
            **{name: row[name] for name in row if name not in (KEY, "nota")},
        }


@contextmanager
def _fhir(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    with _served(
        _Fhir(table), source={"kind": "fhir"}, location="Observation"
    ) as asked:
        yield asked


class _Senaite:
    """A LIMS that knows everybody and lists everything at once."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.items = [
            {**row, "uid": row[KEY], "modified": "2026-03-02T16:14:14+00:00"}
            for row in table.sort(KEY).to_dicts()
        ]

    def routes(self) -> list[BaseRoute]:
        return [Route("/{path:path}", self._answer)]

    async def _answer(self, request: Request) -> Response:
        if request.url.path.endswith("users/current"):
            return JSONResponse({"items": [{"authenticated": True}]})
        first = int(request.query_params.get("b_start", 0))
        last = first + int(request.query_params.get("limit", 100))
        told = {"count": len(self.items), "items": self.items[first:last]}
        return JSONResponse(told)


@contextmanager
def _senaite(home: Path, table: pl.DataFrame) -> Iterator[Asked]:
    source = {"kind": "senaite", "user": "u", "password": SECRET}
    with _served(_Senaite(table), source=source, location="Analysis") as asked:
        yield asked


SYSTEMS: Mapping[str, System] = {
    "csv": _dropped(lambda frame, path: frame.write_csv(path), "csv"),
    "xlsx": _dropped(_write_workbook, "xlsx"),
    "jsonl": _dropped(lambda frame, path: frame.write_ndjson(path), "jsonl"),
    "parquet": _dropped(lambda frame, path: frame.write_parquet(path), "parquet"),
    "sqlite": _sqlite,
    "redcap": _redcap,
    "rest": _rest,
    "labkey": _labkey,
    "elabftw": _elabftw,
    "fhir": _fhir,
    "senaite": _senaite,
}


@dataclass(frozen=True)
class Spiteful:
    """A server that says somebody's name whatever it is asked."""

    said: str
    way: str

    def routes(self) -> list[BaseRoute]:
        """Every path, by any method."""
        return [Route("/{path:path}", self._answer, methods=["GET", "POST"])]

    async def _answer(self, request: Request) -> Response:
        if self.way == "page":
            return HTMLResponse(f"<html><title>{self.said}</title>{self.said}</html>")
        status, told = 400 if self.way == "refused" else 200, self._told()
        return JSONResponse(json.loads(told), status_code=status)

    def _told(self) -> str:
        said = f"The value '{self.said}' is not valid for the field lote"
        issue = [{"severity": "error", "code": "invalid", "diagnostics": said}]
        return json.dumps(
            {
                "error": said,
                "message": said,
                "exception": said,
                "description": said,
                "detail": said,
                "errors": [said],
                "resourceType": "OperationOutcome",
                "issue": issue,
                self.said: [self.said],
            }
        )


WAYS = ("refused", "page", "garbage")
SPITEFUL: Mapping[str, tuple[Mapping[str, object], str]] = {
    "redcap": ({"token": SECRET}, "qc"),
    "rest": ({"api_key": SECRET}, "/qc"),
    "labkey": ({"api_key": SECRET, "folder": "Home/GMP"}, "lists/qc"),
    "elabftw": ({"api_key": SECRET}, "items"),
    "fhir": ({}, "Observation"),
    "senaite": ({"user": "u", "password": SECRET}, "Analysis"),
}
