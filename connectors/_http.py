"""A patient, suspicious HTTP client: the one through which sites are asked.

It waits where a server asks it to, gives up after a bounded time, takes no more than
a bounded answer, follows no redirect to another host (the secret would follow), and
believes no `200 OK` before the body is the JSON that was asked for.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from json import JSONDecodeError

import httpx
from httpx_retries import Retry, RetryTransport

from connectors._errors import SourceError, TooMuchError
from connectors._page import Source
from connectors._text import parse_json

MAX_BYTES = 256 * 2**20
MAX_SECONDS = 300.0
REDIRECTS = 3
TIMEOUT = httpx.Timeout(60.0, connect=10.0)

Usable = Callable[[httpx.Response], object]


class Unusable(httpx.TransportError):
    """An answer that came with `200 OK` and is not what was asked for."""


class _Endless(httpx.TransportError):
    """An answer larger or slower than any that is expected; asking again is no use."""


RETRY = Retry(
    total=4,
    allowed_methods=["GET", "POST"],
    status_forcelist=[429, 500, 502, 503, 504],
    retry_on_exceptions=[
        *(httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError),
        Unusable,
    ],
    backoff_factor=1.0,
    max_backoff_wait=60.0,
    total_timeout=120.0,
)
"""Every request here only reads, a REDCap export by POST too: all may be repeated."""


class Pace:
    """One request in flight, and at most so many begun in any minute."""

    def __init__(self, per_minute: int) -> None:
        self._begun: deque[float] = deque(maxlen=per_minute)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        if len(self._begun) == self._begun.maxlen:
            time.sleep(max(0.0, self._begun[0] + 60.0 - time.monotonic()))
        self._begun.append(time.monotonic())

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@cache
def _pace(host: bytes, per_minute: int) -> Pace:
    # Servers count by caller, not by project: all sources on a host share one pace.
    return Pace(per_minute)


class _Bounded(httpx.BaseTransport):
    """Reads each answer whole, within its bounds, before it can be judged or retried.

    A body cut short is otherwise noticed only after the retrying is over.
    """

    def __init__(self, per_minute: int) -> None:
        self._inner = httpx.HTTPTransport()
        self._per_minute = per_minute

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _pace(request.url.netloc, self._per_minute):
            deadline = time.monotonic() + MAX_SECONDS
            answer = self._inner.handle_request(request)
            try:
                body = b"".join(_within(answer.iter_bytes(), deadline))
            finally:
                answer.close()
        headers = [
            (name, value)
            for name, value in answer.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(answer.status_code, headers=headers, content=body)

    def close(self) -> None:
        self._inner.close()


def _within(chunks: Iterable[bytes], deadline: float) -> Iterable[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            raise _Endless(f"sent more than {MAX_BYTES // 2**20} MiB in one answer")
        if time.monotonic() > deadline:
            raise _Endless(f"was still sending after {MAX_SECONDS:.0f} seconds")
        yield chunk


def json_body(response: httpx.Response) -> object:
    """The JSON of an answer; Unusable, with the reason, when there is none.

    Numbers come as the text they were written as.
    """
    if not response.content.strip():
        raise Unusable("sent an empty answer")
    try:
        return parse_json(response.content)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        pass
    html = response.content.lstrip()[:1] == b"<"
    if html or "html" in response.headers.get("content-type", ""):
        raise Unusable(
            "sent a web page where data was expected: a login page, a firewall's "
            "notice or a crash; open the address in a browser to see it"
        )
    raise Unusable("sent JSON that breaks off or is damaged")


class Client:
    """Asks one source over HTTP; every failure is a SourceError in plain words.

    A context manager: it keeps its connection until it is left.
    """

    def __init__(
        self,
        source: Source,
        *,
        per_minute: int,
        secrets: Iterable[str] = (),
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._source = source
        self._secrets = [secret for secret in secrets if secret]
        self.clock: datetime | None = None
        """What time the server said it was, in its last answer."""
        self._client = httpx.Client(
            transport=RetryTransport(_Bounded(per_minute), RETRY),
            timeout=TIMEOUT,
            auth=auth,
            headers=headers,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: httpx.URL, without: Collection[int] = ()) -> object:
        """The JSON at an address; None where it answers with a status in `without`.

        Those say that a server does not offer what was asked for.
        """
        request = self._client.build_request("GET", url)
        return self._json(request, json_body, without)

    def post(
        self,
        url: str,
        form: Mapping[str, str],
        usable: Usable = json_body,
        without: Collection[int] = (),
    ) -> object:
        """The JSON a form is answered with; None for a status in `without`, as above.

        `usable` reads the answer and raises Unusable for one that is to be asked for
        again, as servers under load send errors as `200 OK`.
        """
        request = self._client.build_request("POST", url, data=form)
        return self._json(request, usable, without)

    def _json(
        self, request: httpx.Request, usable: Usable, without: Collection[int] = ()
    ) -> object:
        try:
            response = self._send(request, usable)
            self.clock = _time_there(response) or self.clock
            if response.status_code in without:
                return None
            if not response.is_success:
                raise self._refused(response)
            return usable(response)
        except httpx.HTTPError as error:
            raise self._failed(request.url, error) from None

    def _send(self, request: httpx.Request, usable: Usable) -> httpx.Response:
        def judge(response: httpx.Response) -> None:
            if response.is_success:
                usable(response)

        request.extensions["retry"] = RETRY.copy_with(validate_response=judge)
        response = self._client.send(request)
        for _ in range(REDIRECTS):
            if response.next_request is None:
                break
            request = self._redirected(request, response.next_request)
            response = self._client.send(request)
        return response

    def _redirected(self, asked: httpx.Request, told: httpx.Request) -> httpx.Request:
        here, there = (
            (one.url.scheme, one.url.host, one.url.port, one.method)
            for one in (asked, told)
        )
        if here != there:
            raise self._source.error(
                f"{asked.url.host} redirects to "
                f"{told.url.scheme}://{told.url.host}{told.url.path}; nothing was sent "
                f"there. If that is right, write it in `url`"
            )
        return told

    def _refused(self, response: httpx.Response) -> SourceError:
        status, host = response.status_code, response.request.url.host
        advice = {
            401: "check the user, password, token or key",
            403: "check the token or key and the rights of its user",
            404: "check `url` and the dataset's `from`",
            413: "it was asked for too much at once",
            410: "what it promised to go on with has expired; pull again",
            429: "it asks for patience; pull later or lower `requests_per_minute`",
        }.get(status, "it is failing; pull later" if status >= 500 else "check `read`")
        said = self.clean(server_message(response))
        words = f" and says: {said}" if said else ""
        refused = self._source.error(f"{host} answered {status}{words}; {advice}")
        return TooMuchError.of(refused) if status in (413, 500, 504) else refused

    def _failed(self, url: httpx.URL, error: httpx.HTTPError) -> SourceError:
        host = f"{url.host}:{url.port}" if url.port else url.host
        if isinstance(error, Unusable | _Endless):
            return self._source.error(f"{host} {self.clean(str(error))}")
        if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
            return self._source.error(f"{host} broke off in mid-answer; pull again")
        if isinstance(error, httpx.TimeoutException):
            late = self._source.error(
                f"{host} did not answer in time; pull again later"
            )
            return TooMuchError.of(late)
        if "CERTIFICATE" in str(error):
            return self._source.error(
                f"{host} shows a certificate that is not trusted; put the hospital's "
                f"own authority into the file named by SSL_CERT_FILE"
            )
        return self._source.error(
            f"{host} cannot be reached ({self.clean(str(error))}); "
            f"check `url`, the network and the firewall"
        )

    def clean(self, text: str) -> str:
        """The text without the source's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _time_there(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None


def server_message(response: httpx.Response) -> str:
    """What the server's JSON says went wrong, shortened, without markup; "" if none."""
    try:
        body = parse_json(response.content)
    except (ValueError, RecursionError):
        return ""
    known = ["error_description", "error", "message", "detail", "exception"]
    known += ["issue", "diagnostics", "details", "text"]  # FHIR's OperationOutcome
    text = None
    while isinstance(body, dict):
        body = next((body[name] for name in known if name in body), None)
        body = text = body[0] if isinstance(body, list) and body else body
    return re.sub(r"<[^>]*>", " ", text)[:200].strip() if isinstance(text, str) else ""
