"""A drop on a WebDAV server (RFC 4918), as Nextcloud and many web servers are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from connectors._drop import Dropped
from connectors._drop_listing import Named, moment, placed
from connectors._drop_walk import Listing, walk
from connectors._drop_web import Web

ASK = b"""<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>
<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"""

_DAV = "{DAV:}"


class WebDav(Web):
    """One folder of a WebDAV server, asked for what is in it one level at a time.

    Many servers refuse to list all levels at once.
    """

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The files that match, as the server lists them."""
        return walk(self._listing, patterns, self._source)

    def _listing(self, folder: str) -> Listing:
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        path = folder + "/" if folder else ""
        with self.asked("PROPFIND", path, headers=headers, content=ASK) as answer:
            told = self.body(answer)
            spoken = answer.status_code == 207
        try:
            entries = list(_named(told)) if spoken else None
        except ElementTree.ParseError:
            entries = None
        if entries is None:
            raise self._source.error(
                f"{self.host} does not answer as WebDAV does; check `address` "
                f"(Nextcloud's is https://HOST/remote.php/dav/files/USER/FOLDER)"
            )
        return placed(folder, entries)


def _named(body: bytes) -> Iterator[Named]:
    """What is in the folder; the folder itself, whose path is the shortest, is not."""
    responses = ElementTree.fromstring(body).findall(f"{_DAV}response")
    paths = [urlsplit(each.findtext(f"{_DAV}href") or "").path for each in responses]
    own = min((path.rstrip("/") for path in paths), key=len, default="")
    for path, response in zip(paths, responses, strict=True):
        name = unquote(path.rstrip("/").rpartition("/")[2])
        if path.rstrip("/") != own and name and "/" not in name:
            yield _told(name, response)


def _told(name: str, response: ElementTree.Element) -> Named:
    """What is told of one thing; what it lacks stands in a part of its own, empty."""
    props = f"{_DAV}propstat/{_DAV}prop/{_DAV}"

    def text(prop: str) -> str | None:
        found = (element.text for element in response.iterfind(props + prop))
        return next((each for each in found if each), None)

    size = text("getcontentlength")
    return Named(
        name,
        response.find(f"{props}resourcetype/{_DAV}collection") is not None,
        int(size) if size and size.isdecimal() else None,
        moment(text("getlastmodified")),
        text("getetag"),
    )
