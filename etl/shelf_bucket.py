"""An archive in a bucket: create-only puts, and copies on this machine to read from.

A put names the object that must not exist yet, so that of two hosts with the same
bundle one writes it and the other is told that it is there; the store shows an object
only when it is complete. What is read is fetched once in a run, into a folder that
the next one empties.
"""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from connectors import PocnetError
from connectors._bucket import Bucket, open_bucket, reason

_INCOMING: Final = "incoming"
_FETCHED: Final = "fetched"
# Names are listed so many at a time, bytes are hashed so many at a time.
_LISTED: Final = 1_000
_BLOCK: Final = 8 << 20
_Answer = TypeVar("_Answer")


class BucketShelf:
    """The objects below a prefix of a bucket; `folder` holds copies of some."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self.folder = folder
        self._bucket, self._store = bucket, open_bucket(bucket)

    def names(self, under: str = "") -> Iterator[str]:
        """Every name that begins with the folder `under`, in order."""
        listed = obstore.list(self._store, prefix=under or None, chunk_size=_LISTED)
        while batch := self._asked(lambda: next(listed, None)):
            for each in batch:
                yield each["path"]

    def holds(self, name: str) -> bool:
        """Whether there is an object of this name."""
        try:
            self._asked(lambda: obstore.head(self._store, name))
        except FileNotFoundError:
            return False
        return True

    def put(self, name: str, temporary: Path) -> None:
        """Send a file, unless there is an object of that name already."""
        content = temporary.read_bytes()
        with suppress(AlreadyExistsError):
            self._asked(
                lambda: obstore.put(
                    self._store, name, content, mode="create", use_multipart=False
                )
            )
        temporary.unlink()

    def read(self, name: str) -> bytes:
        """A whole small object; FileNotFoundError where there is none."""
        return bytes(self._asked(lambda: obstore.get(self._store, name).bytes()))

    def path(self, name: str) -> Path:
        """A copy on this machine, fetched if it was not yet; nothing if it is gone."""
        target = self.folder / _FETCHED / name
        if not target.exists():
            temporary = self.temporary()
            try:
                with temporary.open("wb") as file:
                    for block in self._blocks(name):
                        file.write(block)
            except FileNotFoundError:
                temporary.unlink()
                return target
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
        return target

    def digest(self, name: str) -> str:
        """The SHA-256 of the bytes as the store gives them now."""
        made = hashlib.sha256()
        for block in self._blocks(name):
            made.update(block)
        return made.hexdigest()

    def remove(self, name: str) -> None:
        """Take an object away, if it is there, and the copy of it."""
        (self.folder / _FETCHED / name).unlink(missing_ok=True)
        self._asked(lambda: obstore.delete(self._store, name))

    def temporary(self) -> Path:
        """A name for a file to be written on this machine and then put."""
        incoming = self.folder / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        return incoming / uuid.uuid4().hex

    def sweep(self) -> None:
        """Remove copies, and what a killed run left on this machine."""
        for litter in (_INCOMING, _FETCHED):
            shutil.rmtree(self.folder / litter, ignore_errors=True)

    def place(self, name: str) -> str:
        """The object as a person would look for it."""
        prefix = f"{self._bucket.prefix}/" if self._bucket.prefix else ""
        return f"s3://{self._bucket.name}/{prefix}{name}"

    def _blocks(self, name: str) -> Iterator[bytes]:
        stream = self._asked(lambda: obstore.get(self._store, name)).stream(_BLOCK)
        while block := self._asked(lambda: next(stream, None)):
            yield bytes(block)

    def _asked(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except (AlreadyExistsError, FileNotFoundError):
            raise
        except (BaseError, OSError, ValueError) as error:
            said = reason(str(error))
        raise PocnetError(f"The archive ({self._bucket.place}): {said}.")
