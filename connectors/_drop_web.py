"""A drop on a web server: what its listing names, or files whose names are known."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote

import httpx
from httpx_retries import RetryTransport

from connectors import _drop, _http
from connectors._drop import Dropped
from connectors._drop_listing import listed, moment, placed
from connectors._drop_walk import MAGIC, Listing, walk
from connectors._errors import SourceError
from connectors._page import Source

LISTING_BYTES = 2**24
_REDIRECTS = 3


class Web:
    """One folder of one web server; a context manager, for its connection.

    The user and password go to this server alone: a redirect elsewhere is refused.
    """

    def __init__(
        self,
        source: Source,
        url: str,
        login: tuple[str, str] | None,
        trusted: ssl.SSLContext | None,
    ) -> None:
        self._source, self._url = source, url.rstrip("/") + "/"
        self._clock = -math.inf
        retry = _http.RETRY.copy_with(allowed_methods=["GET", "HEAD", "PROPFIND"])
        transport = httpx.HTTPTransport(verify=trusted or ssl.create_default_context())
        self._client = httpx.Client(
            transport=RetryTransport(transport, retry),
            timeout=_http.TIMEOUT,
            auth=httpx.BasicAuth(*login) if login else None,
            # A packed answer has another size than the listing tells.
            headers={"Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The files that match: asked for by name, or found in the listing."""
        if not any(MAGIC & set(pattern) for pattern in patterns):
            asked = (self._head(pattern, missing=True) for pattern in patterns)
            return sorted((f for f in asked if f), key=lambda file: file.path)
        found = walk(self._listing, patterns, self._source)
        told = (f if f.size is not None else self._head(f.path) for f in found)
        return [file for file in told if file]

    def _listing(self, folder: str) -> Listing:
        with self.asked("GET", folder + "/" if folder else "") as answer:
            kind = answer.headers.get("content-type", "")
            body = self.body(answer)
        try:
            return placed(folder, listed(body, kind, str(answer.url)))
        except (ValueError, RecursionError):
            raise self._source.error(
                f"{self.host} sent no listing of {answer.url.path}: have its IT turn "
                f"the listing on, or name the files in `from` without * and ?"
            ) from None

    def _head(self, path: str, *, missing: bool = False) -> Dropped | None:
        """What the server tells of a file without sending it; null if it is not there.

        Some servers refuse to tell: then nothing is known until it is read.
        """
        with self.asked("HEAD", path, known=(404, 405, 501)) as answer:
            if answer.status_code == 404:
                if missing:
                    return None
                raise self.refused(answer, path)
            if not answer.is_success:
                return Dropped(path, None, None)
            size = answer.headers.get("content-length")
            return Dropped(
                path,
                int(size) if size and size.isdecimal() else None,
                moment(answer.headers.get("last-modified")),
                answer.headers.get("etag"),
            )

    def quiet_since(self) -> float:
        """A moment ago by the server's own clock, as it told it last."""
        return self._clock - _drop.QUIET

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        """The content of the file, as it arrives."""
        with self.asked("GET", file.path) as answer:
            if "html" in answer.headers.get("content-type", ""):
                raise self._source.error(
                    f"{self.host} sent a web page in place of {file.path}: a login "
                    f"page or a notice; open the address in a browser to see it"
                )
            yield from answer.iter_bytes()

    @contextmanager
    def asked(
        self,
        method: str,
        path: str,
        *,
        known: Sequence[int] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """The answer to a request below the folder, its body not yet read.

        Any failure, also while the body is read, is a SourceError; so is a refusal
        whose status is not among the `known`.
        """
        url = httpx.URL(self._url + quote(path))
        request = self._client.build_request(
            method, url, headers=headers, content=content
        )
        try:
            answer = self._sent(request)
            try:
                if not answer.is_success and answer.status_code not in known:
                    raise self.refused(answer, path)
                self._clock = moment(answer.headers.get("date")) or -math.inf
                yield answer
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise self._failed(error) from None

    def body(self, answer: httpx.Response) -> bytes:
        """The whole of a listing, within bounds."""
        body = bytearray()
        until = time.monotonic() + _http.MAX_SECONDS
        for block in answer.iter_bytes():
            body += block
            if len(body) > LISTING_BYTES or time.monotonic() > until:
                raise self._source.error(
                    f"the listing of {answer.url.path} on {self.host} goes on without "
                    f"end; have old files moved into a folder of their own"
                )
        return bytes(body)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        answer = self._client.send(request, stream=True)
        for _ in range(_REDIRECTS):
            if answer.next_request is None:
                break
            answer.close()
            answer = self._client.send(self._same(answer.next_request), stream=True)
        return answer

    def _same(self, told: httpx.Request) -> httpx.Request:
        asked = httpx.URL(self._url)
        if _origin(told.url) != _origin(asked):
            raise self._source.error(
                f"{self.host} redirects to {told.url.scheme}://{told.url.host}"
                f"{told.url.path}; nothing was sent there. If that is right, write it "
                f"in `address`"
            )
        return told

    @property
    def host(self) -> str:
        """The server's name, and port where it is not the usual one."""
        return httpx.URL(self._url).netloc.decode()

    def refused(self, answer: httpx.Response, path: str) -> SourceError:
        """What a status that means no says to whoever set up the drop."""
        status, what = answer.status_code, path or "the folder"
        advice = {
            401: "check user and password",
            403: f"the user may not read {what}; have it allowed, or check the user",
            404: f"there is no such {'file' if path else 'folder'}; check `address`",
            405: "check `protocol`: the server does not know it here",
            429: "it asks for patience; pull later",
        }.get(status, "it is failing; pull later" if status >= 500 else "ask its IT")
        return self._source.error(f"{self.host} answered {status}; {advice}")

    def _failed(self, error: httpx.HTTPError) -> SourceError:
        if isinstance(error, httpx.TimeoutException):
            said = "did not answer in time; pull again later"
        elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            said = "broke off in mid-answer; nothing was kept of it, pull again"
        elif "CERTIFICATE" in str(error):
            said = (
                "shows a certificate that is not trusted; put the hospital's own "
                "authority into a file and name that as `ca_file`"
            )
        else:
            said = "cannot be reached; check `address`, the network and the firewall"
        return self._source.error(f"{self.host} {said}")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
