"""A page is made once for all who may see the same, and answered as it was made.

What a page says depends on the published files, on the entries of the journal, on the
thresholds agreed in network.toml, on the viewer with all rights, and on its address.
All of it stands in what a page is kept under. What would depend on more says so while
it is made (`dashboard.making`) and is made anew each time. It never depends on the
person who asks: it is made for nobody by name.
"""

import asyncio
import gzip
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import dash
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import queries, shell
from dashboard.kept import Kept, MadeOf
from dashboard.making import Making, making
from dashboard.viewer import Request, Viewer, asking, current_request

_CALLBACKS: Final = "/_dash-update-component"
_CONTENT: Final = "_pages_content.children"
_JSON: Final = "application/json"
# So many pages are made at once by a process for who waits for them: more would only
# take turns. In seconds, how often it is looked whether another process is done.
_AT_ONCE, _LOOK = 4, 0.1


@dataclass(frozen=True)
class Asked:
    """A page as a browser asks for it: an address of this dashboard."""

    path: str
    search: str


@dataclass(frozen=True)
class Answer:
    """A page as it was answered.

    `address` is under what a look at it is put on record. One that `lasts` is packed
    JSON, and may be told again to whoever asks for the same.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    address: str
    lasts: bool

    @classmethod
    def of(cls, parts: list[Message], noted: Making) -> "Answer":
        """What was sent, with what was noted while it was made."""
        begun, *rest = parts
        body = b"".join(part.get("body", b"") for part in rest)
        status, headers = begun["status"], tuple(begun["headers"])
        whole = status == 200 and _packed(Headers(raw=begun["headers"]))
        if noted.lasts and whole and noted.address:
            # Dash says of what kind nothing is that it answers.
            return cls(status, _HEADERS, body, noted.address, True)
        return cls(status, headers, body, noted.address, False)

    @classmethod
    def read(cls, page: bytes) -> "Answer":
        """An answer as it was `written`."""
        address, _, body = page.partition(b"\n")
        return cls(200, _HEADERS, body, json.loads(address), True)

    def written(self) -> bytes:
        """One that lasts, as bytes."""
        return json.dumps(self.address).encode() + b"\n" + self.body

    def response(self, packed: bool) -> Response:
        """The answer for who understands a `packed` one, or not."""
        headers, body = Headers(raw=[*self.headers]), self.body
        if not packed and _packed(headers):
            return Response(gzip.decompress(body), self.status, media_type=_JSON)
        response = Response(body, self.status)
        response.raw_headers = [*self.headers]
        if "content-length" not in headers:
            response.headers["content-length"] = str(len(body))
        return response


_HEADERS: Final = (
    (b"content-type", _JSON.encode()),
    (b"content-encoding", b"gzip"),
    (b"vary", b"Accept-Encoding"),
)


def _packed(headers: Headers) -> bool:
    return headers.get("content-encoding") == "gzip"


@dataclass(frozen=True)
class _Page:
    """A page that is asked for, what it is made of, and what may stand in for it."""

    scope: Scope
    asked: Asked
    made_of: MadeOf
    before: tuple[MadeOf, ...]


class Keeper:
    """Middleware inside the gate: pages that were made before are not made again.

    `ask` is what is asked on behalf of a viewer whom nobody knows by name. While a
    process is busy with other pages, one of the run before may stand in for one that is
    still to be made, which is made afterwards.
    """

    def __init__(
        self, app: ASGIApp, kept: Kept, ask: Callable[[Viewer], Request]
    ) -> None:
        self._app, self._kept, self._ask = app, kept, ask
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._one_by_one = asyncio.Semaphore(1)
        self._waited_for: dict[object, asyncio.Task[Answer]] = {}
        self._afterwards: dict[object, asyncio.Task[Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a page's content; leave all else to the dashboard."""
        if scope["type"] != "http" or scope["path"] != _CALLBACKS:
            await self._app(scope, receive, send)
            return
        message = await _whole(receive)
        asked = question(message["body"])
        if asked is None or current_request().about.built is None:
            await self._app(scope, _first(message, receive), send)
            return
        try:
            answer = await self._answer(_Page(scope, asked, *made_of(asked)))
        except queries.NoSnapshotError:
            await self._app(scope, _first(message, receive), send)
            return
        if answer.address:
            request = current_request()
            deed = shell.viewed(request, answer.address)
            await asyncio.to_thread(request.journal.record, deed)
        packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        await answer.response(packed)(scope, receive, send)

    async def _answer(self, page: "_Page") -> Answer:
        self._kept.keep_of(each[0] for each in (page.made_of, *page.before))
        if answer := self._known(page.made_of):
            return answer
        if self._waited_for or self._afterwards:
            for each in page.before:
                if answer := self._known(each):
                    self._begin(page, self._afterwards, self._make_afterwards)
                    return answer
        making = self._begin(page, self._waited_for, self._make_in_turn)
        return await asyncio.shield(making)

    def _known(self, made_of: MadeOf) -> Answer | None:
        page = self._kept.get(made_of)
        return Answer.read(page) if page else None

    def _begin(
        self,
        page: "_Page",
        among: dict[object, asyncio.Task[Answer]],
        make: Callable[["_Page"], Coroutine[Any, Any, Answer]],
    ) -> asyncio.Task[Answer]:
        """The making of a page, which all share who wait for it."""
        if page.made_of not in among:
            task = asyncio.create_task(make(page))
            task.add_done_callback(lambda _: among.pop(page.made_of, None))
            among[page.made_of] = task
        return among[page.made_of]

    async def _make_in_turn(self, page: "_Page") -> Answer:
        return await self._once(page, self._at_once)

    async def _make_afterwards(self, page: "_Page") -> Answer:
        """The page, for which nobody waits: made when nobody waits for another."""
        async with self._one_by_one:
            while self._waited_for:
                await asyncio.sleep(_LOOK)
            if made_of(page.asked)[0] != page.made_of:
                # Of a run that is no longer shown: nobody would be told it.
                raise asyncio.CancelledError
            return await self._once(page, nullcontext())

    async def _once(
        self, page: "_Page", turns: AbstractAsyncContextManager[None]
    ) -> Answer:
        """The page, made unless it was meanwhile, or is being made elsewhere."""
        while True:
            with self._kept.alone(page.made_of) as alone:
                if answer := self._known(page.made_of):
                    return answer
                if alone:
                    async with turns:
                        return await self._make(page)
            await asyncio.sleep(_LOOK)

    async def _make(self, page: "_Page") -> Answer:
        """The page made by the dashboard, and kept if it lasts."""
        parts: list[Message] = []

        async def collect(message: Message) -> None:
            parts.append(message)

        viewer, body = current_request().viewer, _body(page.asked)
        with asking(self._ask(viewer)), queries.answering_from_one(), making() as noted:
            await self._app(_plain(page.scope, body), _first(body), collect)
            answer = Answer.of(parts, noted)
            # What changed meanwhile may be in it, and may not.
            if answer.lasts and made_of(page.asked)[0] == page.made_of:
                await asyncio.to_thread(self._kept.put, page.made_of, answer.written())
        return answer


def made_of(asked: Asked) -> tuple[MadeOf, tuple[MadeOf, ...]]:
    """All that a page depends on; then the same for pages that may stand in for it.

    Two pages of which all this is the same are the same.
    """
    request = current_request()
    now, before = queries.marks()
    rest = (
        *(repr(request.viewer), request.journal.newest(), queries.agreed_when()),
        *(asked.path, asked.search),
    )
    return (now, *rest), tuple((each, *rest) for each in before)


def question(body: bytes) -> Asked | None:
    """The page that a callback asks for; None for every other callback.

    Nothing else in the request has a bearing on a page, nor is it passed on.
    """
    try:
        said = json.loads(body)
        path, search = said["inputs"]
        asked = Asked(path["value"], search.get("value") or "")
        ends = [(each["id"], each["property"]) for each in (path, search)]
        output, state = said["output"], said.get("state")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    texts = all(type(each) is str for each in (asked.path, asked.search))
    whole = (output, ends) == _content() and not state
    return asked if texts and whole else None


def _content() -> tuple[str, list[tuple[str, str]]]:
    """The callback that brings a page's content, and what it is told."""
    known = dash.get_app().callback_map
    output = next(each for each in known if _CONTENT in each)
    return output, [(end["id"], end["property"]) for end in known[output]["inputs"]]


def _body(asked: Asked) -> Message:
    """The request for a page, always put in the same words."""
    output, ends = _content()
    outputs = [part.rsplit(".", 1) for part in output.strip(".").split("...")]
    told = zip(ends, (asked.path, asked.search), strict=True)
    said: Mapping[str, Any] = {
        "output": output,
        "outputs": [{"id": id_, "property": name} for id_, name in outputs],
        "inputs": [{"id": i, "property": p, "value": value} for (i, p), value in told],
        "changedPropIds": [f"{id_}.{name}" for id_, name in ends],
        "state": [],
    }
    return {"type": "http.request", "body": json.dumps(said).encode()}


def _plain(scope: Scope, body: Message) -> Scope:
    """The request without anything of the person who asks."""
    headers = [
        (b"accept-encoding", b"gzip"),
        (b"content-type", _JSON.encode()),
        (b"content-length", str(len(body["body"])).encode()),
    ]
    return {**scope, "headers": headers, "query_string": b"", "client": None}


async def _whole(receive: Receive) -> Message:
    """What a request says, in one message; the gate has seen to it that it is short."""
    said, more = b"", True
    while more:
        part = await receive()
        said += part.get("body", b"")
        more = part.get("more_body", False)
    return {"type": "http.request", "body": said}


def _first(message: Message, receive: Receive | None = None) -> Receive:
    """What gives a message that has come already, then whatever comes."""
    came = [message]

    async def again() -> Message:
        if came:
            return came.pop()
        return await receive() if receive else {"type": "http.disconnect"}

    return again
