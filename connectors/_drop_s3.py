"""A drop in a bucket of an object store that speaks S3."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from connectors._drop import Dropped
from connectors._drop_walk import Listing, walk
from connectors._page import Source

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig

_BLOCK = 8 * 2**20
Answer = TypeVar("Answer")

REASONS: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket; check `address`",
    "InvalidAccessKeyId": "the key is refused; check `access_key` and `secret_key`",
    "SignatureDoesNotMatch": "the key is refused; check `access_key` and `secret_key`",
    "AccessDenied": "the key may not do that; have reading and listing granted to it",
    "PermanentRedirect": "the bucket is elsewhere; check `endpoint` and `region`",
    "AuthorizationHeaderMalformed": "check `region`",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
"""What the error codes that a drop can meet mean to whoever set it up."""


@dataclass(frozen=True)
class Bucket:
    """Where the objects are, and the key that may read them.

    Without an `endpoint` it is Amazon's; `authority` holds the certificates (PEM) of a
    private one.
    """

    name: str
    prefix: str
    endpoint: str | None
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    authority: bytes | None = None


class S3:
    """The objects below a prefix as files; each is there whole or not at all."""

    def __init__(self, source: Source, bucket: Bucket) -> None:
        self._source, self._bucket = source, bucket
        client: ClientConfig = {
            "allow_http": (bucket.endpoint or "").startswith("http://"),
            "connect_timeout": "10s",
            "timeout": "5m",
            "read_timeout": "60s",
        }
        if bucket.authority:
            client["root_certificate"] = bucket.authority
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            endpoint=bucket.endpoint,
            region=bucket.region,
            access_key_id=bucket.access_key,
            secret_access_key=bucket.secret_key,
            client_options=client,
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        )

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The objects that match, as the store lists them."""
        return walk(self._listing, patterns, self._source)

    def _listing(self, folder: str) -> Listing:
        listed = self._asked(
            lambda: obstore.list_with_delimiter(self._store, folder or None)
        )
        files = [
            Dropped(
                each["path"],
                each["size"],
                each["last_modified"].timestamp(),
                each["e_tag"],
            )
            for each in listed["objects"]
        ]
        return files, list(listed["common_prefixes"])

    def quiet_since(self) -> float:
        """Always long enough ago: an object appears when it is complete."""
        return math.inf

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        """The object, range by range, as long as it is the one that was listed."""
        for start in range(0, file.size or 0, _BLOCK):
            stop = min(start + _BLOCK, file.size or 0)
            yield from self._range(file, start, stop)

    def _range(self, file: Dropped, start: int, stop: int) -> Iterator[bytes]:
        only: GetOptions = {"range": (start, stop), "if_match": file.etag}
        answer = self._asked(lambda: obstore.get(self._store, file.path, options=only))
        stream = answer.stream()
        while block := self._asked(lambda: next(stream, None)):
            yield bytes(block)

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except (BaseError, OSError, ValueError) as error:
            said = _reason(str(error))
        where = self._bucket.endpoint or "Amazon S3"
        raise self._source.error(f"{where}, bucket {self._bucket.name}: {said}")


def _reason(message: str) -> str:
    """Why, by the store's code or status; its words may repeat the key."""
    code = re.search(r"<Code>(\w+)</Code>", message)
    if code and code[1] in REASONS:
        return REASONS[code[1]]
    status = re.search(r"status code: (\d{3})", message)
    told = code or status
    if re.search(r"certificate|UnknownIssuer", message):
        return (
            "its certificate is not trusted; put the hospital's own authority into a "
            "file and name that as `ca_file`"
        )
    if told:
        return f"it answered {told[1]}; pull again, or ask its IT"
    return "it cannot be reached or broke off; check `endpoint`, and pull again"
