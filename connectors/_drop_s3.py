"""A drop in a bucket of an object store that speaks S3."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError

from connectors._bucket import Bucket, open_bucket, reason
from connectors._drop import Dropped
from connectors._drop_walk import Listing, walk
from connectors._page import Source

if TYPE_CHECKING:
    from obstore import GetOptions

_BLOCK = 8 * 2**20
Answer = TypeVar("Answer")


class S3:
    """The objects below a prefix as files; each is there whole or not at all."""

    def __init__(self, source: Source, bucket: Bucket) -> None:
        self._source, self._bucket = source, bucket
        self._store = open_bucket(bucket)

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
            said = reason(str(error))
        raise self._source.error(f"{self._bucket.place}: {said}")
