"""A drop: a place where a site leaves files, and which of them can be believed.

A file that is still being written must not be read, for half of it would look as if the
other half had been deleted. So a file counts as complete when

* a marker stands beside it, `lots.csv.done` beside `lots.csv`, not older than the file
  (a drop in which one file has a marker is one in which each needs one), or
* it has not changed for a while by the drop's own clock, or has the same size and time
  when it is looked at again;

and after reading it must still be what it was before.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from connectors._errors import SourceError
from connectors._page import Source

QUIET = 2.0
"""Seconds without a change after which a file is no longer being written."""

DONE = ".done"
UNFINISHED = {".part", ".partial", ".filepart", ".tmp", ".crdownload", ".upload"}
"""What programs that upload add to the name of a file until they have finished."""

SLOWEST = 2**16
PATIENCE = 60.0
"""Bytes a second, and seconds more than that, for which an answer is waited."""


@dataclass(frozen=True)
class Dropped:
    """A file as its listing tells of it; `changed` is seconds since 1970.

    What a listing does not tell is null: a web server may know neither.
    """

    path: str
    size: int | None
    changed: float | None
    etag: str | None = None


class Drop(Protocol):
    """A place with files, already open; what goes wrong there is a SourceError."""

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The files that match any of the patterns, in order of path."""

    def quiet_since(self) -> float:
        """Since when nothing must have changed, by the drop's own clock."""

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        """The content of a file, from its start, as it arrives."""


class Delivery:
    """What a site has left in a drop under a pattern, read whole or not at all.

    No file may have more than `most` bytes, whatever its server sends.
    """

    def __init__(self, source: Source, drop: Drop, pattern: str, most: int) -> None:
        self._source, self._drop, self._pattern = source, drop, pattern
        self._most = most

    def complete(self) -> list[Dropped]:
        """The files that match, every one complete; else a SourceError."""
        files, markers = self._looked()
        if not files:
            raise self._source.error(
                f"no file matches {self._pattern!r} in the drop; check `from`, and "
                f"whether the site has sent its files"
            )
        for file in files:
            if PurePosixPath(file.path).suffix.lower() in UNFINISHED:
                raise self._half(file, "is an upload that has not ended")
        if markers:
            self._expect_markers(files, markers)
        elif any((f.changed or 0) > self._drop.quiet_since() for f in files):
            time.sleep(QUIET)
            self.expect_unchanged(files)
        return files

    def expect_unchanged(self, files: Iterable[Dropped]) -> None:
        """Nothing, while each file is still what it was; else a SourceError."""
        now = {file.path: file for file in self._looked()[0]}
        for file in files:
            if now.get(file.path) != file:
                raise self._half(file, "is being written: it has just changed")

    def distinct(self, files: Sequence[Dropped]) -> Mapping[Dropped, tuple[str, ...]]:
        """Each different content once, under its first name, with its other names.

        A copy left beside its original says nothing more. Only files of equal size are
        read for this: many listings tell nothing of the content, and a web server's
        etag is made of size and time.
        """
        sizes = Counter(file.size for file in files)
        once: dict[object, list[Dropped]] = {}
        for file in files:
            alike = file.size and sizes[file.size] > 1
            key = self._digest(file) if alike else file.path
            once.setdefault(key, []).append(file)
        return {
            first: tuple(copy.path for copy in copies)
            for first, *copies in once.values()
        }

    def content(self, file: Dropped) -> Iterator[bytes]:
        """All of a file, or a SourceError; bounded in size and in time.

        The time that the reader takes between two blocks is not the sender's.
        """
        if (file.size or 0) > self._most:
            raise self._too_large(file, f"has {(file.size or 0) // 2**20} MiB")
        received, spent = 0, 0.0
        blocks = self._drop.blocks(file)
        while True:
            began = time.monotonic()
            block = next(blocks, None)
            spent += time.monotonic() - began
            if block is None:
                break
            received += len(block)
            if received > self._most:
                raise self._too_large(file, "goes on without end")
            if file.size is not None and received > file.size:
                break
            if spent > PATIENCE + received / SLOWEST:
                raise self._source.error(
                    f"{file.path} arrives too slowly; pull again later"
                )
            yield block
        if file.size is not None and received != file.size:
            raise self._half(file, f"should have {file.size} bytes and had {received}")

    def _looked(self) -> tuple[list[Dropped], dict[str, Dropped]]:
        # Excel and LibreOffice leave ~$ and .~lock files beside an open workbook.
        listed = [
            file
            for file in self._drop.look((self._pattern, self._pattern + DONE))
            if not PurePosixPath(file.path).name.startswith((".", "~$"))
        ]
        ends = [file for file in listed if file.path.endswith(DONE)]
        markers = {file.path.removesuffix(DONE): file for file in ends}
        return [file for file in listed if file not in ends], markers

    def _expect_markers(
        self, files: Iterable[Dropped], markers: Mapping[str, Dropped]
    ) -> None:
        for file in files:
            marker = markers.get(file.path)
            if marker is None:
                raise self._half(
                    file, f"has no {file.path}{DONE} beside it, as other files here do"
                )
            if (marker.changed or math.inf) < (file.changed or 0):
                raise self._half(file, f"was changed after its {file.path}{DONE}")

    def _digest(self, file: Dropped) -> bytes:
        digest = hashlib.sha256()
        for block in self.content(file):
            digest.update(block)
        return digest.digest()

    def _half(self, file: Dropped, why: str) -> SourceError:
        return self._source.error(
            f"{file.path} {why}, so it may be half uploaded and was not taken; pull "
            f"again when it is complete"
        )

    def _too_large(self, file: Dropped, what: str) -> SourceError:
        return self._source.error(
            f"{file.path} {what}, and no more than {self._most // 2**20} MiB are read "
            f"of one file; split it, or raise `max_mb` if that is right"
        )
