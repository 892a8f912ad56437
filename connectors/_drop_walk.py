"""The files below a folder that match a pattern, found folder by folder.

Only folders that the pattern can mean are opened: each may cost a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache

from connectors._drop import Dropped
from connectors._page import Source

DEEPEST = 8
MOST_FILES = 10_000
MAGIC = frozenset("*?[")

Listing = tuple[Sequence[Dropped], Sequence[str]]
"""The files of a folder, and the paths of the folders in it."""


def walk(
    listing: Callable[[str], Listing], patterns: Sequence[str], source: Source
) -> list[Dropped]:
    """Every file that one of the patterns means, in order of path.

    As elsewhere `*` stays within a folder and `**` stands for any folders, eight deep.
    """
    once = cache(listing)
    found: dict[str, Dropped] = {}
    for pattern in patterns:
        for file in _below(once, "", tuple(pattern.split("/")), 0):
            found[file.path] = file
            if len(found) > MOST_FILES:
                raise source.error(
                    f"more than {MOST_FILES} files match {pattern!r}; have old ones "
                    f"moved into a folder of their own, or write a narrower `from`"
                )
    return [found[path] for path in sorted(found)]


def _below(
    listing: Callable[[str], Listing], folder: str, parts: tuple[str, ...], depth: int
) -> Iterator[Dropped]:
    first, rest = parts[0], parts[1:]
    if rest and not MAGIC & set(first):
        yield from _below(listing, within(folder, first), rest, depth)
        return
    files, folders = listing(folder)
    if not rest:
        yield from (file for file in files if fnmatchcase(_name(file.path), first))
    elif first == "**":
        yield from _below(listing, folder, rest, depth)
        for inner in folders if depth < DEEPEST else ():
            yield from _below(listing, inner, parts, depth + 1)
    else:
        for inner in folders:
            if fnmatchcase(_name(inner), first):
                yield from _below(listing, inner, rest, depth)


def within(folder: str, name: str) -> str:
    """The path of a name in a folder; the drop's own folder is ''."""
    return f"{folder}/{name}" if folder else name


def _name(path: str) -> str:
    return path.rpartition("/")[2]
