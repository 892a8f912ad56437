"""Where an archive's files stand: named once, never written over, read by name.

A folder of this machine is one such shelf, a bucket another (`etl.shelf_bucket`). A
name is a path with slashes, such as `objects/….parquet`. What is put there is whole or
not there at all, whatever happens to the process that puts it.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

_INCOMING: Final = "incoming"


class Shelf(Protocol):
    """What every shelf can do; `folder` is where it keeps files on this machine."""

    folder: Path

    def names(self, under: str = "") -> Iterator[str]:
        """Every name that begins with the folder `under`, in order."""

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def put(self, name: str, temporary: Path) -> None:
        """Move a file here, unless there is one of that name already."""

    def read(self, name: str) -> bytes:
        """A whole small file; FileNotFoundError where there is none."""

    def path(self, name: str) -> Path:
        """Where the file can be opened on this machine, if it is here."""

    def digest(self, name: str) -> str:
        """The SHA-256 of the bytes as they lie there now."""

    def remove(self, name: str) -> None:
        """Take a file away, if it is there; only a withdrawal does."""

    def temporary(self) -> Path:
        """A name for a file to be written and then put."""

    def sweep(self) -> None:
        """Remove what a killed run left on this machine."""

    def place(self, name: str) -> str:
        """The file as a person would look for it."""


class FolderShelf:
    """A folder of this machine, in which a file appears by being renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / _INCOMING

    def names(self, under: str = "") -> Iterator[str]:
        """Every name that begins with the folder `under`, in order."""
        for path in sorted((self.folder / under).rglob("*")):
            if not path.is_dir() or path.is_symlink():
                yield path.relative_to(self.folder).as_posix()

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.folder / name).is_file()

    def put(self, name: str, temporary: Path) -> None:
        """Rename a file to its place once its bytes are on the disk."""
        target = self.folder / name
        if target.exists():
            temporary.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(temporary)
        temporary.rename(target)
        sync(target.parent)

    def read(self, name: str) -> bytes:
        """A whole small file; FileNotFoundError where there is none."""
        return (self.folder / name).read_bytes()

    def path(self, name: str) -> Path:
        """Where the file lies, if it is here."""
        return self.folder / name

    def digest(self, name: str) -> str:
        """The SHA-256 of the bytes as they lie there now."""
        return sha256(self.folder / name)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there; only a withdrawal does."""
        (self.folder / name).unlink(missing_ok=True)
        if (self.folder / name).parent.is_dir():
            sync((self.folder / name).parent)

    def temporary(self) -> Path:
        """A name for a file to be written and then put, on the same disk."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / uuid.uuid4().hex

    def sweep(self) -> None:
        """Remove what a killed run left half-written; only the writer calls this."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def place(self, name: str) -> str:
        """The file as a person would look for it."""
        return str(self.folder / name)


def sync(path: Path) -> None:
    """Have the file's bytes, or the folder's entries, on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
