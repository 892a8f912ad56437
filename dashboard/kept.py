"""Pages as they were made, kept in a folder that all serving processes share.

Files, because each process would else make and hold every page for itself, and because
no well-kept library shares bytes between processes: cachetools is for one, and
diskcache has had no release since 2023 and unpickles what it finds.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

# A page is some fifteen kilobytes, compressed: thousands of them.
MOST: Final = 64 << 20
_SWEPT: Final = 64


# The runs that a page is of, and what else it was made of.
MadeOf = tuple[object, ...]


class Kept:
    """A folder of pages by what they were made of, at most so many bytes, newest kept.

    Whoever has a page under a name has one that was written whole. The folder is
    readable by this account alone, since it holds what every viewer may see.
    """

    def __init__(self, folder: Path | None = None, most: int = MOST) -> None:
        self._given, self._most, self._written = folder, most, 0
        self._of: frozenset[object] = frozenset()

    @cached_property
    def _folder(self) -> Path:
        """The one given; for a process that serves alone its own, gone when it ends.

        That is made when the first page is: who serves nothing leaves nothing.
        """
        return self._given or _own_folder()

    def keep_of(self, runs: Iterable[object]) -> None:
        """Keep only pages of these runs; those of others go when they change."""
        of = frozenset(runs)
        if of != self._of:
            self._of, named = of, {*map(_named, of)}
            for each in self._files():
                if each.name.partition("-")[0] not in named:
                    each.unlink(missing_ok=True)

    def get(self, made_of: MadeOf) -> bytes | None:
        """The page that was made of this; None where none is kept."""
        try:
            return self._at(made_of).read_bytes()
        except OSError:
            return None

    def put(self, made_of: MadeOf, page: bytes) -> None:
        """Keep a page; where the disk is full it is not kept, and nothing else."""
        with suppress(OSError):
            self._write(self._at(made_of), page)
            self._written += 1
            if self._written % _SWEPT == 0:
                self._sweep()

    def _write(self, at: Path, page: bytes) -> None:
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=f"{at.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(page)
            os.replace(draft, at)
        except OSError:
            Path(draft).unlink(missing_ok=True)
            raise

    @contextmanager
    def alone(self, made_of: MadeOf) -> Iterator[bool]:
        """Whether nobody else makes this page, in this process or another.

        A process that dies holds nothing any more.
        """
        at = self._at(made_of).with_suffix(".making")
        try:
            file = at.open("wb")
        except OSError:
            yield True
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            try:
                yield True
            finally:
                at.unlink(missing_ok=True)

    def _at(self, made_of: MadeOf) -> Path:
        return self._folder / f"{_named(made_of[0])}-{_named(made_of)}"

    def _files(self) -> list[Path]:
        """What is kept, what was written last first."""
        with_times = []
        for each in self._folder.iterdir():
            with suppress(OSError):
                with_times.append((each.stat().st_mtime_ns, each))
        return [each for _, each in sorted(with_times, reverse=True)]

    def _sweep(self) -> None:
        held = 0
        for each in self._files():
            with suppress(OSError):
                held += each.stat().st_size
                if held > self._most:
                    each.unlink()


def _named(made_of: object) -> str:
    return sha256(repr(made_of).encode()).hexdigest()


def _own_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="pocnet-pages-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
