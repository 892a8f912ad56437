"""The gate: every request comes through here, and so does every answer.

Who asks is settled before anything looks at what is asked, and what leaves as a file is
put on record.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import shell
from dashboard.access.door import PACKAGES, READING, Door, Guest, is_open, refusal
from dashboard.access.fixed import Chosen
from dashboard.audit import Deed
from dashboard.journal import Journal
from dashboard.permalink import PATH as FIGURE
from dashboard.viewer import About, Request, Viewer, asking, current_request

SIGN_IN: Final = "/sign-in"
STRANGER: Final = Guest(Viewer("public"), "a stranger")
# What leaves for a file or a program, and is put on record as such.
_EXPORTED = (
    "/api/v1/cards/",
    "/api/v1/proposals/",
    "/api/v1/recalls/",
    "/api/v1/reports/",
)
# What people write is a few sentences; packages of sites have a limit of their own.
MOST_BYTES: Final = 1 << 20
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Sources:
    """Where answers come from: snapshots, the journal, and the header's facts.

    `about(snapshots, viewer)` gives the facts of the current snapshot as that viewer
    may know them; it is asked on every request and should cache. `door` says who asks
    and `desk` answers under `/sign-in`; without them everybody is on this machine and
    chooses as whom to look.
    """

    snapshots: Path
    journal: Journal
    about: Callable[[Path, Viewer], About]
    door: Door | None = None
    desk: ASGIApp | None = None

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """The viewers that can be chosen where nobody signs in."""
        return self.about(self.snapshots, Viewer("public")).viewers


def question(sources: Sources, guest: Guest) -> Request:
    """What is asked on behalf of a guest: of which snapshot, with which journal."""
    about = sources.about(sources.snapshots, guest.viewer)
    journal = sources.journal.of(guest.who)
    return Request(guest.viewer, sources.snapshots, journal, about, guest.who)


def nameless(sources: Sources, viewer: Viewer) -> Request:
    """What is asked on behalf of a viewer, whoever that is."""
    return question(sources, Guest(viewer))


class Gate:
    """Middleware: who asks is known to everything inside; safe headers leave with all.

    Written against ASGI itself, because Starlette's middleware helper runs the answer
    in another context, where the ContextVar would not be seen.
    """

    def __init__(self, app: ASGIApp, sources: Sources, policy: str) -> None:
        self._app = app
        self._sources = sources
        self._door = sources.door or Chosen(lambda: sources.viewers)
        self._headers = {**_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer on behalf of whoever asks, or turn them away."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(message, scope["path"])
            await send(message)

        if said := refusal(self._door, connection):
            await PlainTextResponse(said, 403)(scope, receive, answer)
            return
        guest = self._guest(connection)
        if guest is None:
            await _shut(connection)(scope, receive, answer)
            return
        body = await _within(connection, receive)
        if body is None:
            said = f"A request may have {MOST_BYTES >> 20} MiB."
            await PlainTextResponse(said, 413)(scope, receive, answer)
            return
        with asking(question(self._sources, guest)):
            await self._app(scope, body, _recording(connection, answer))

    def _guest(self, connection: HTTPConnection) -> Guest | None:
        """Who asks; a stranger where nothing of the network can be had."""
        if is_open(connection):
            return STRANGER
        return self._door.guest(connection)

    def _dress(self, message: Message, path: str) -> None:
        headers = MutableHeaders(scope=message)
        headers.update(self._headers)
        if not path.startswith(("/assets/", "/_dash-component-suites/")):
            headers["Cache-Control"] = "no-store"
        html = "text/html" in headers.get("content-type", "")
        page = html and not path.startswith((SIGN_IN, FIGURE))
        page = page and not (path.startswith("/api/") and path.endswith(".html"))
        if page and not shell.known(path):
            message["status"] = 404


def _shut(connection: HTTPConnection) -> Response:
    """The answer to somebody who has not signed in: alike for all addresses."""
    if "text/html" not in connection.headers.get("accept", ""):
        return JSONResponse({"detail": "Sign in first."}, 401)
    wanted = connection.url.path
    wanted += f"?{connection.url.query}" if connection.url.query else ""
    return RedirectResponse(f"{SIGN_IN}/?next={quote(wanted)}", status_code=303)


async def _within(connection: HTTPConnection, receive: Receive) -> Receive | None:
    """`receive` for a request that is short enough; None for a longer one.

    Read here, because forms and callbacks are taken whole into memory by whoever reads
    them, also a stranger's on the way to sign in.
    """
    if connection.scope["method"] in READING or connection.url.path == PACKAGES:
        return receive
    came: deque[Message] = deque()
    announced, size = int(connection.headers.get("content-length", 0)), 0
    while max(announced, size) <= MOST_BYTES:
        came.append(await receive())
        size += len(came[-1].get("body", b""))
        if not came[-1].get("more_body"):
            break
    else:
        return None

    async def again() -> Message:
        return came.popleft() if came else await receive()

    return again


def _recording(connection: HTTPConnection, send: Send) -> Send:
    """`send`, which puts on record what left by the API for somebody."""

    async def recorded(message: Message) -> None:
        path = connection.url.path
        given = message["type"] == "http.response.start" and message["status"] == 200
        if given and path.startswith(_EXPORTED):
            request = current_request()
            deed = Deed(
                request.who or str(request.viewer),
                "export",
                f"{path}?{connection.url.query}".removesuffix("?"),
            )
            await asyncio.to_thread(request.journal.record, deed)
        await send(message)

    return recorded
