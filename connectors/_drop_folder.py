"""A drop in a folder of this machine, or one that it has mounted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors import _drop
from connectors._drop import Dropped
from connectors._lines import BLOCK
from connectors._page import Source


class Folder:
    """The files of a folder; nothing outside of it is ever opened."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder
        if not folder.is_dir():
            raise source.error(f"there is no folder {folder.name!r}; check `folder`")

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The files that match, links out of the folder refused."""
        paths = {path for each in patterns for path in self._folder.glob(each)}
        inside = self._folder.resolve()
        found = []
        for path in sorted(path for path in paths if path.is_file()):
            if not path.resolve().is_relative_to(inside):
                raise self._source.error(
                    f"{path.name} is a link out of the folder; put a copy there"
                )
            try:
                status = path.stat()
            except FileNotFoundError:  # taken away since it was listed
                continue
            found.append(
                Dropped(self._name(path), status.st_size, status.st_mtime_ns / 1e9)
            )
        return found

    def _name(self, path: Path) -> str:
        name = path.relative_to(self._folder).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError:
            raise self._source.error(
                f"the file name {ascii(path.name)} is not written in UTF-8; rename it"
            ) from None
        return name

    def quiet_since(self) -> float:
        """A moment ago: the files are dated by this machine's clock."""
        return time.time() - _drop.QUIET

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        """What stands in the file."""
        try:
            with (self._folder / file.path).open("rb") as opened:
                while block := opened.read(BLOCK):
                    yield block
        except OSError as error:
            raise self._source.error(
                f"{file.path} cannot be read: {error.strerror}"
            ) from None
