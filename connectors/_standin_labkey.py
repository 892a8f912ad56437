"""A stand-in for one folder of a LabKey Server, quirks included.

Built from LabKey's API documentation and its client for Python, never seen beside a
real server: a hundred rows unless told otherwise, cells as of API 17.1, local times,
protected columns left out without a word, errors with an `exception`, and a sign-in
page, sent as `200 OK`, for a folder that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

UNASKED = 100
"""Rows in an answer to who does not say `query.maxRows`."""


@dataclass(eq=False)
class LabkeyFolder:
    """A folder's `queries`, `{"lists/Results": frame}`, each with the column `key`.

    A Datetime column without zone is the server's local time. `hidden` columns are
    protected: the key's user cannot see them. The frames may be exchanged while it
    is served.
    """

    api_key: str
    queries: dict[str, pl.DataFrame]
    key: str = "RowId"
    folder: str = "Home/GMP"
    hidden: frozenset[str] = frozenset()

    def routes(self) -> list[BaseRoute]:
        """The one action that is spoken to; anything else shows a page to sign in."""
        action = Route(f"/{self.folder}/query-selectRows.api", self._select)
        return [action, Route("/{path:path}", _sign_in)]

    async def _select(self, request: Request) -> Response:
        asked = request.query_params
        if request.headers.get("apikey") != self.api_key:
            return _refused(401, "User does not have permission to perform this action")
        name = f"{asked.get('schemaName')}/{asked.get('query.queryName')}"
        if name not in self.queries:
            return _refused(404, f"Couldn't find the query {name.partition('/')[2]!r}")
        found = self._found(self.queries[name], asked)
        if found is None:
            return _refused(400, "Could not convert the value of a filter")
        limit, first = int(asked.get("query.maxRows", UNASKED)), 0
        first = int(asked.get("query.offset", 0))
        shown = self._shown(found, asked.get("query.columns"))
        rows = shown.slice(first, limit if limit >= 0 else None).to_dicts()
        fields = [{"name": name, "fieldKey": name} for name in shown.columns]
        return JSONResponse(
            {
                "schemaName": asked["schemaName"],
                "queryName": asked["query.queryName"],
                "formatVersion": 17.1,
                "metaData": {"id": self.key, "root": "rows", "fields": fields},
                "rowCount": found.height,
                "rows": [_row(row, asked.get("apiVersion") == "17.1") for row in rows],
            }
        )

    def _found(
        self, frame: pl.DataFrame, asked: Mapping[str, str]
    ) -> pl.DataFrame | None:
        """The rows that pass the filters, in order; None for a value that is none."""
        for parameter, value in asked.items():
            column, tilde, operator = parameter.removeprefix("query.").partition("~")
            if not tilde or column not in frame.columns:
                continue
            kind = frame.schema[column]
            try:
                bound = (
                    pl.lit(datetime.fromisoformat(value))
                    if isinstance(kind, pl.Datetime)
                    else pl.lit(value).cast(kind)
                )
            except ValueError:
                return None
            cell = pl.col(column)
            frame = frame.filter(cell >= bound if operator == "gte" else cell > bound)
        order = asked.get("query.sort")
        return frame.sort(order.split(",")) if order else frame

    def _shown(self, frame: pl.DataFrame, wanted: str | None) -> pl.DataFrame:
        names = wanted.split(",") if wanted else frame.columns
        seen = [n for n in names if n in frame.columns and n not in self.hidden]
        return frame.select(seen)


def _row(row: Mapping[str, object], nested: bool) -> dict[str, object]:
    said = {
        name: value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }
    links: dict[str, object] = {f"_labkeyurl_{name}": f"/{name}" for name in said}
    if not nested:
        return {**said, **links}
    return {"data": {n: {"value": v, "url": f"/{n}"} for n, v in said.items()}}


def _refused(status: int, message: str) -> Response:
    error = {"exception": message, "exceptionClass": "x.y.Z", "success": False}
    return JSONResponse(error, status_code=status)


async def _sign_in(_: Request) -> Response:
    return HTMLResponse("<!DOCTYPE html><title>Sign In</title>")
