"""oidc-provider, a certified OpenID provider, and a gate that believes its tokens."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from connectors.standins import RestApi
from tests.connectors.servers.installed import free_port, modules_with, running
from tests.connectors.servers.programs import Program

SHELL = Path(__file__).with_name("oidc.mjs")
GATE = {"client_id": "gate", "client_secret": "g4te"}


@contextmanager
def provider(
    folder: Path, clients: Sequence[dict[str, Any]], seconds: int
) -> Iterator[str]:
    """The address of a provider that knows these clients; `/token` gives tokens."""
    modules = modules_with("oidc", {"oidc-provider": "^9"})
    port = free_port()
    known = json.dumps([*clients, GATE])
    command = ["node", str(SHELL), str(modules), str(port), known, str(seconds)]
    with running(Program(command, port, folder / "oidc.log")):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Gate:
    """Lets a request through to `api` when the provider says its token is good.

    `tokens` are those that were let through, in order; `lag` makes the API slow.
    """

    provider: str
    api: RestApi
    lag: float = 0.0
    tokens: list[str] = field(default_factory=list)

    def routes(self) -> list[BaseRoute]:
        self._inner = Starlette(routes=self.api.routes())
        return [Mount("/", app=self._answer)]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = dict(scope["headers"]).get(b"authorization", b"").decode()
        token = sent.removeprefix("Bearer ")
        await asyncio.sleep(self.lag)
        if not await asyncio.to_thread(self._is_good, token):
            refusal = JSONResponse({"error": "invalid_token"}, status_code=401)
            await refusal(scope, receive, send)
            return
        if token not in self.tokens:
            self.tokens.append(token)
        headers = [(b"x-api-key", self.api.api_key.encode())]
        await self._inner({**scope, "headers": headers}, receive, send)

    def _is_good(self, token: str) -> bool:
        told = httpx.post(
            f"{self.provider}/token/introspection",
            data={"token": token},
            auth=(GATE["client_id"], GATE["client_secret"]),
        )
        return bool(told.json().get("active"))
