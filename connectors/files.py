"""Files that a site leaves in a drop: CSV, TSV, XLSX, JSON lines and Parquet.

The drop is a folder, or is reached over HTTPS, WebDAV (Nextcloud), SFTP or S3. A file
is read whole every time, for its date says when it was copied and not what changed; so
what was deleted is noticed. Which files are complete is decided in `_drop`.

What is read may name people, so it never touches this machine's disk. CSV and JSON
lines are streamed, and take a few MiB of memory however large they are; XLSX and
Parquet, which cannot be read from the front, are held in memory whole and may have
256 MiB. Nothing larger than `max_mb` (2 GiB) is read at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from connectors._drop import Delivery, Drop
from connectors._drop_folder import Folder
from connectors._drop_remote import remote
from connectors._drop_settings import Options
from connectors._errors import ConfigError
from connectors._file_kinds import Content, Read, file_frames
from connectors._page import Extract, Page, Source
from connectors._settings import settings
from connectors._tabular import UnreadableError

__all__ = ["Options", "Read", "pages"]


def pages(source: Source, extract: Extract, since: str | None) -> Iterator[Page]:
    """The rows of every file that matches `extract.location`, in order of name.

    `since` is not used. A reference is the line or row on which a record begins, so
    that it can be found again in the site's own file. A file whose records do not
    fit its header is a SourceError: in which column a value belongs is then a guess.
    Of several files with the same content one is read; `origin` names the others.
    """
    options = settings(Options, source.options, f"source.{source.name}")
    pattern, read = _asked(extract)
    with _opened(source, options) as drop:
        delivery = Delivery(source, drop, pattern, options.max_mb * 2**20)
        files = delivery.complete()
        for file, copies in delivery.distinct(files).items():
            if file.size == 0:
                raise source.error(f"{file.path} is empty; send it again")
            content = partial(delivery.content, file)
            try:
                yield from _pages(file.path, copies, content, read)
            except UnreadableError as error:
                raise source.error(f"{file.path} {error}") from None
        delivery.expect_unchanged(files)


def _asked(extract: Extract) -> tuple[str, Read]:
    """The pattern of the files to read, and how, the sheet included."""
    name = f"dataset {extract.dataset}"
    read = settings(Read, extract.options, f"{name}.read")
    pattern, _, sheet = extract.location.partition("#")
    if sheet and read.sheet and sheet != read.sheet:
        raise ConfigError(
            f"names another sheet than {name}.from", key=f"{name}.read.sheet"
        )
    if not pattern or pattern.startswith("/") or ".." in Path(pattern).parts:
        raise ConfigError(
            "must be a pattern inside the source's folder", key=f"{name}.from"
        )
    return pattern, read.model_copy(update={"sheet": sheet or read.sheet})


def _opened(source: Source, options: Options) -> AbstractContextManager[Drop]:
    """The drop, by the one way that its settings name."""
    if options.folder:
        return nullcontext(Folder(source, options.folder))
    return remote(source, options)


def _pages(
    name: str, copies: tuple[str, ...], content: Content, read: Read
) -> Iterator[Page]:
    origin, frames = file_frames(name, content, read)
    if copies:
        origin += f" (the same as {', '.join(copies)})"
    for frame, refs in frames:
        yield Page(frame, origin, refs)
