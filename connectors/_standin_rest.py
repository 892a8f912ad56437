"""A stand-in for a JSON API: lists cut by a cursor, behind a key or a bearer token.

Made after what such interfaces have in common, not after any one product.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

LARGEST = 1_000
"""The most records in one answer, whatever `limit` asks for."""


@dataclass(frozen=True, eq=False)
class RestApi:
    """A system that lists each of `frames` at its path, `{"/lots": frame}`.

    A column `sample.id` becomes a nested object. Asked with `modified_since`, it
    lists the records whose column `modified` (an instant) is not before it. It lets
    in who sends `api_key` as X-API-Key, or a token that POST /token gave for
    `client`, an id and its secret.
    """

    api_key: str
    frames: Mapping[str, pl.DataFrame]
    client: tuple[str, str] | None = None
    token_seconds: float = 3600.0
    modified: str = "modified"
    _tokens: dict[str, float] = field(default_factory=dict)

    def routes(self) -> list[BaseRoute]:
        """One route for each frame, and `/token`."""
        listed: list[BaseRoute] = [
            Route(path, self._list, name=path) for path in self.frames
        ]
        return [*listed, Route("/token", self._token, methods=["POST"])]

    async def _token(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        pair = ":".join(self.client) if self.client else ""
        if not pair or given != base64.b64encode(pair.encode()).decode():
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        token = secrets.token_urlsafe(16)
        self._tokens[token] = time.monotonic() + self.token_seconds
        return JSONResponse(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": self.token_seconds,
            }
        )

    def _lets_in(self, request: Request) -> bool:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0.0) > time.monotonic():
            return True
        return request.headers.get("x-api-key") == self.api_key

    async def _list(self, request: Request) -> Response:
        if not self._lets_in(request):
            return JSONResponse({"error": "not signed in"}, status_code=401)
        asked = request.query_params
        frame = self.frames[request.scope["route"].path]
        if "modified_since" in asked:
            since = pl.lit(asked["modified_since"]).str.to_datetime(time_zone="UTC")
            frame = frame.filter(pl.col(self.modified) >= since)
        try:
            first = int(asked.get("cursor", "0"))
            limit = min(int(asked.get("limit", "100")), LARGEST)
        except ValueError:
            return JSONResponse({"error": "no such cursor"}, status_code=400)
        last = first + limit
        return JSONResponse(
            {
                "items": _records(frame.slice(first, limit)),
                "total": frame.height,
                "next_cursor": str(last) if last < frame.height else None,
            }
        )


def _records(frame: pl.DataFrame) -> list[dict[str, object]]:
    moments = [
        pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime)
    ]
    dates = pl.selectors.date().cast(pl.String)
    return [_nested(row) for row in frame.with_columns(*moments, dates).to_dicts()]


def _nested(row: Mapping[str, object]) -> dict[str, object]:
    nested: dict[str, object] = {}
    for name, value in row.items():
        *outer, last = name.split(".")
        place = nested
        for part in outer:
            place = place.setdefault(part, {})  # type: ignore[assignment]
        place[last] = value
    return nested
