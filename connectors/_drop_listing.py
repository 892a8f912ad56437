"""What a web server says is in a folder: as nginx's JSON, or as a page of links."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from connectors._drop import Dropped
from connectors._drop_walk import Listing, within


@dataclass(frozen=True)
class Named:
    """A name in a folder, and what the listing tells of it; null where it does not."""

    name: str
    is_folder: bool
    size: int | None = None
    changed: float | None = None
    etag: str | None = None


def placed(folder: str, entries: Sequence[Named]) -> Listing:
    """What a listing names, as files and folders below the drop's own folder."""
    files = [
        Dropped(within(folder, each.name), each.size, each.changed, each.etag)
        for each in entries
        if not each.is_folder
    ]
    return files, [within(folder, each.name) for each in entries if each.is_folder]


def listed(body: bytes, kind: str, url: str) -> list[Named]:
    """The names in a listing; ValueError when it is neither JSON nor a web page."""
    if "json" in kind:
        told = json.loads(body)
        return [_from_json(entry) for entry in (told if type(told) is list else [told])]
    if "html" in kind:
        page = _Links()
        page.feed(body.decode("utf-8", "replace"))
        return [Named(*each) for each in dict.fromkeys(_inside(page.links, url))]
    raise ValueError(kind)


def moment(text: str | None) -> float | None:
    """Seconds since 1970 of a date as HTTP writes it; null if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None


def _from_json(entry: object) -> Named:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise ValueError("no names")
    size = entry.get("size")
    return Named(
        entry["name"],
        entry.get("type") == "directory",
        size if isinstance(size, int) else None,
        moment(entry.get("mtime")),
    )


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def _inside(links: Sequence[str], url: str) -> Iterator[tuple[str, bool]]:
    """The links to what lies in the folder itself, not above, elsewhere or deeper.

    Listings also link to themselves in another order (`?C=M;O=A`).
    """
    folder = urlsplit(url)
    above = unquote(folder.path)
    for link in links:
        there = urlsplit(urljoin(url, link))
        path = unquote(there.path)
        if (there.scheme, there.netloc) != (folder.scheme, folder.netloc):
            continue
        name = path.removeprefix(above).removesuffix("/")
        if path.startswith(above) and name and "/" not in name and not there.query:
            yield name, path.endswith("/")
