"""A stand-in for eLabFTW's API, quirks included.

Built from eLabFTW's API description and source, never seen beside a real server:
pinned entries first whatever the order, 15 entries and no extra fields unless asked,
unknown orders ignored, local times, and deleted entries that are only marked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

UNASKED = 15
SHORT = ("id", "title", "category", "category_title", "state", "created_at")
ORDERS = {"id": "id", "lastchange": "modified_at", "title": "title"}

Entity = dict[str, Any]


@dataclass(eq=False)
class Elabftw:
    """An instance with `items`, `experiments` and `events`, which may be changed.

    An entity has at least an `id` and a `modified_at` (`2026-03-02 16:14:14`, the
    server's local time); `state` is 1 unless it says 2 (archived) or 3 (deleted),
    and `extra` holds its extra fields.
    """

    api_key: str
    items: list[Entity] = field(default_factory=list)
    experiments: list[Entity] = field(default_factory=list)
    events: list[Entity] = field(default_factory=list)
    pinned: frozenset[int] = frozenset()
    knows_full: bool = True

    def routes(self) -> list[BaseRoute]:
        """The lists below `/api/v2`."""
        return [
            Route("/api/v2/items", self._entities),
            Route("/api/v2/experiments", self._entities),
            Route("/api/v2/events", self._events),
            Route("/api/v2/{path:path}", self._unknown),
        ]

    async def _events(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse(self.events)

    async def _unknown(self, request: Request) -> Response:
        return _error(404, "Resource not found", "Nothing to show with this id")

    async def _entities(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused:
            return refused
        asked = request.query_params
        states = [int(s) for s in asked.get("state", "1").split(",")]
        wanted = [int(c) for c in asked.get("cat", "").split(",") if c]
        listed = [
            entity
            for entity in getattr(self, request.url.path.rpartition("/")[2])
            if entity.get("state", 1) in states
            and (not wanted or entity.get("category") in wanted)
        ]
        by = ORDERS.get(asked.get("order", ""), "modified_at")
        newest_first = asked.get("sort", "desc") != "asc"
        listed.sort(key=lambda e: (e[by], e["id"]), reverse=newest_first)
        listed.sort(key=lambda e: e["id"] not in self.pinned)
        first, limit = int(asked.get("offset", 0)), int(asked.get("limit", UNASKED))
        full = self.knows_full and asked.get("full") == "1"
        shown = [self._shown(e, full) for e in listed[first : first + limit]]
        return JSONResponse(shown)

    def _shown(self, entity: Entity, full: bool) -> Entity:
        shown = {"state": 1, **entity, "is_pinned": int(entity["id"] in self.pinned)}
        extra = shown.pop("extra", None)
        if not full:
            return {k: shown.get(k) for k in (*SHORT, "modified_at", "is_pinned")}
        metadata = json.dumps({"extra_fields": extra}) if extra else None
        return {**shown, "body": "<p>…</p>", "metadata": metadata}

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == self.api_key:
            return None
        return _error(401, "Unauthorized", "Authentication required")


def _error(status: int, message: str, description: str) -> Response:
    said = {"code": status, "message": message, "description": description}
    return JSONResponse(said, status_code=status)
