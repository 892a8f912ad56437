"""Which files of a drop are taken, and which are left until they are complete."""

import os
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from connectors import (
    ConfigError,
    Extract,
    Page,
    Source,
    SourceError,
    _drop,
    open_source,
)
from connectors._drop import Delivery, Dropped
from connectors._drop_folder import Folder
from connectors._drop_listing import Named, listed
from connectors._drop_walk import DEEPEST, walk
from connectors._drop_webdav import _named
from tests.readme import blocks

Read = Callable[..., list[Page]]
SOURCE = Source("alpha", "main", "files", {})


def old(path: Path, content: str = "a\n1\n", age: float = 60) -> Path:
    path.write_text(content)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_file_that_grows_is_not_read_and_is_once_it_is_whole(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_drop, "QUIET", 0.4)
    path = tmp_path / "lots.csv"
    path.write_text("a\n")
    written = threading.Event()

    def upload() -> None:
        with path.open("a") as file:
            for number in range(12):
                file.write(f"{number}\n")
                file.flush()
                time.sleep(0.1)
        written.set()

    threading.Thread(target=upload).start()
    with pytest.raises(SourceError, match=r"lots\.csv is being written: it has just"):
        read("files", {"folder": tmp_path}, "*.csv")
    assert written.wait(5)
    [page] = read("files", {"folder": tmp_path}, "*.csv")
    assert page.frame.height == 12


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(_drop, "QUIET", 2.0)
    monkeypatch.setattr(_drop.time, "sleep", waited.append)
    return waited


def test_only_what_has_just_changed_is_looked_at_twice(
    read: Read, tmp_path: Path, waits: list[float]
) -> None:
    path = old(tmp_path / "lots.csv")
    read("files", {"folder": tmp_path}, "*.csv")
    assert waits == []
    path.touch()
    read("files", {"folder": tmp_path}, "*.csv")
    assert waits == [2.0]


def test_a_marker_says_at_once_that_a_file_is_complete(
    read: Read, tmp_path: Path, waits: list[float]
) -> None:
    (tmp_path / "lots.csv").write_text("a\n1\n")
    (tmp_path / "lots.csv.done").touch()
    assert len(read("files", {"folder": tmp_path}, "lots*")) == 1
    assert waits == []


def test_where_one_file_has_a_marker_each_needs_one_that_is_not_older(
    read: Read, tmp_path: Path
) -> None:
    old(tmp_path / "a.csv")
    old(tmp_path / "a.csv.done", "")
    b = old(tmp_path / "b.csv", "a\n2\n")
    with pytest.raises(SourceError, match=r"b\.csv has no b\.csv\.done beside it"):
        read("files", {"folder": tmp_path}, "*.csv")
    old(tmp_path / "b.csv.done", "", age=59)
    assert len(read("files", {"folder": tmp_path}, "*.csv")) == 2
    b.write_text("a\n3\n")
    with pytest.raises(SourceError, match=r"b\.csv was changed after its b\.csv\.done"):
        read("files", {"folder": tmp_path}, "*.csv")


@pytest.mark.parametrize("name", ["lots.csv.part", "lots.csv.filepart", "lots.csv.TMP"])
def test_an_upload_that_goes_on_is_called_that(
    read: Read, tmp_path: Path, name: str
) -> None:
    old(tmp_path / name)
    with pytest.raises(SourceError, match="is an upload that has not ended"):
        read("files", {"folder": tmp_path}, "lots*")


def test_a_file_that_changes_while_it_is_read_is_told_of(tmp_path: Path) -> None:
    path = old(tmp_path / "lots.csv")
    source = Source("alpha", "main", "files", {"folder": str(tmp_path)})
    pages = open_source(source)(Extract("batch", "*.csv", {}), None)
    next(pages)
    path.write_text("a\n2\n")
    with pytest.raises(SourceError, match="may be half uploaded and was not taken"):
        list(pages)


def test_the_same_content_under_two_names_is_read_once(
    read: Read, tmp_path: Path
) -> None:
    old(tmp_path / "lots (1).csv", "a\n1\n")
    old(tmp_path / "lots.csv", "a\n1\n")
    old(tmp_path / "other.csv", "a\n2\n")
    pages = read("files", {"folder": tmp_path}, "*.csv")
    assert [page.frame.item() for page in pages] == ["1", "2"]
    assert pages[0].origin == "lots (1).csv (the same as lots.csv)"


def test_a_file_larger_than_allowed_is_refused_before_it_is_read(
    read: Read, tmp_path: Path
) -> None:
    with (tmp_path / "lots.csv").open("wb") as file:
        file.truncate(10 * 2**30)
    began = time.monotonic()
    with pytest.raises(SourceError, match="has 10240 MiB, and no more than 2048 MiB"):
        read("files", {"folder": tmp_path}, "*.csv")
    with pytest.raises(SourceError, match="no more than 20000 MiB|character"):
        read("files", {"folder": tmp_path, "max_mb": 20_000}, "*.csv")
    assert time.monotonic() - began < 30


class Sending:
    """A drop with one file, whose sender does as told."""

    def __init__(self, file: Dropped, blocks: Iterator[bytes]) -> None:
        self.file, self.sent = file, blocks

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        return [self.file]

    def quiet_since(self) -> float:
        return time.time()

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        return self.sent


def endless(pause: float = 0) -> Iterator[bytes]:
    while True:
        time.sleep(pause)
        yield b"1,2,3\n" * 1000


def test_a_sender_without_end_or_haste_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Dropped("lots.csv", None, None)
    with pytest.raises(SourceError, match="goes on without end, and no more than 1 Mi"):
        list(Delivery(SOURCE, Sending(unknown, endless()), "*", 2**20).content(unknown))
    monkeypatch.setattr(_drop, "PATIENCE", 0.2)
    monkeypatch.setattr(_drop, "SLOWEST", 2**20)
    slow = Delivery(SOURCE, Sending(unknown, endless(0.02)), "*", 2**30)
    with pytest.raises(SourceError, match="arrives too slowly"):
        list(slow.content(unknown))


@pytest.mark.parametrize("sent", [b"", b"a\n1", b"a\n1\n2\n"])
def test_more_or_less_than_was_announced_is_no_file(sent: bytes) -> None:
    file = Dropped("lots.csv", 4, 0.0)
    delivery = Delivery(SOURCE, Sending(file, iter([sent])), "*", 2**20)
    with pytest.raises(SourceError, match="should have 4 bytes and had"):
        list(delivery.content(file))


TREE = {
    "": ["a.csv", "b.txt", "x/", "y/"],
    "x": ["c.csv", "deep/"],
    "x/deep": ["d.csv"],
    "y": ["e.csv"],
}


@pytest.mark.parametrize(
    ("pattern", "files", "opened"),
    [
        ("*.csv", ["a.csv"], {""}),
        ("x/*.csv", ["x/c.csv"], {"x"}),
        ("?/*.csv", ["x/c.csv", "y/e.csv"], {"", "x", "y"}),
        ("**/*.csv", ["a.csv", "x/c.csv", "x/deep/d.csv", "y/e.csv"], set(TREE)),
        ("x/**/d.csv", ["x/deep/d.csv"], {"x", "x/deep"}),
        ("[ab].*", ["a.csv", "b.txt"], {""}),
        ("*/d.csv", [], {"", "x", "y"}),
    ],
)
def test_only_folders_that_a_pattern_means_are_opened(
    tmp_path: Path, pattern: str, files: list[str], opened: set[str]
) -> None:
    asked: list[str] = []

    def listing(folder: str) -> tuple[list[Dropped], list[str]]:
        asked.append(folder)
        paths = [f"{folder}/{name}".lstrip("/") for name in TREE[folder]]
        found = [Dropped(path, 1, 0.0) for path in paths if path[-1] != "/"]
        return found, [path[:-1] for path in paths if path[-1] == "/"]

    found = walk(listing, (pattern, pattern + ".done"), SOURCE)
    assert [file.path for file in found] == files
    assert sorted(asked) == sorted(opened)
    for folder, names in TREE.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            if name[-1] != "/":
                (tmp_path / folder / name).touch()
    here = Folder(SOURCE, tmp_path).look([pattern])
    assert [file.path for file in here] == files


def test_a_folder_in_itself_is_not_followed_for_ever() -> None:
    asked: list[str] = []

    def listing(folder: str) -> tuple[list[Dropped], list[str]]:
        asked.append(folder)
        return [], [f"{folder}/again"]

    assert walk(listing, ("**/*.csv",), SOURCE) == []
    assert len(asked) == DEEPEST + 1


def test_links_out_of_a_listing_are_not_files_of_it() -> None:
    page = b"""<a href="../">up</a> <a href="/drop/lots%20%231.csv">x</a>
        <a href="?C=M;O=A">order</a> <a href="//other.example/drop/z.csv">z</a>
        <a href="2026/">f</a> <a href="2026/deep.csv">d</a> <a href="./b.csv">b</a>
        <a href="/elsewhere/c.csv">c</a> <a name="d.csv">d</a> <a href="b.csv">b</a>"""
    found = listed(page, "text/html; charset=utf-8", "https://h.example/drop/")
    assert found == [
        Named("lots #1.csv", False),
        Named("2026", True),
        Named("b.csv", False),
    ]


NEXTCLOUD = b"""<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"
xmlns:oc="http://owncloud.org/ns"><d:response><d:href>/remote.php/dav/files/hub/lots/
</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype>
<d:getetag>"6a"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>
<d:propstat><d:prop><d:getcontentlength/></d:prop><d:status>HTTP/1.1 404 Not Found
</d:status></d:propstat></d:response><d:response>
<d:href>/remote.php/dav/files/hub/lots/2026/</d:href><d:propstat><d:prop>
<d:getcontentlength/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>
<d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response><d:response>
<d:href>/remote.php/dav/files/hub/lots/a%20%231.csv</d:href><d:propstat><d:prop>
<d:resourcetype/><d:getcontentlength>12</d:getcontentlength>
<d:getlastmodified>Sun, 22 Nov 2026 05:13:34 GMT</d:getlastmodified>
<d:getetag>"7b"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>
</d:response></d:multistatus>"""


def test_what_a_folder_lacks_is_told_apart_as_nextcloud_does() -> None:
    assert list(_named(NEXTCLOUD)) == [
        Named("2026", True),
        Named("a #1.csv", False, 12, 1795324414.0, '"7b"'),
    ]


def test_a_listing_that_is_none_is_not_believed() -> None:
    for body, kind in (
        (b'{"error": "no"}', "application/json"),
        (b"7", "application/json"),
        (b'[{"nome": "x"}]', "application/json"),
        (b"[" * 100, "application/json"),
        (b"lots.csv", "text/plain"),
    ):
        with pytest.raises(ValueError):
            listed(body, kind, "https://h.example/")


def test_a_file_name_in_another_encoding_is_told(read: Read, tmp_path: Path) -> None:
    name = os.fsdecode("año.csv".encode("latin-1"))
    (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(SourceError, match=r"'a\\udcf1o\.csv' is not written in UTF-8"):
        read("files", {"folder": tmp_path}, "*.csv")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "source.main: give either folder or address"),
        ({"folder": "x", "address": "s3://b"}, "give either folder or address"),
        ({"folder": "x", "user": "u"}, "user is for https and sftp, not for folder"),
        ({"address": "ftp://h/x"}, "source.main.address: must be like https://host/"),
        ({"address": "http://h.example/x"}, "address: must start with https://"),
        ({"address": "https://u:p@h/x"}, "must not hold a user or password"),
        ({"address": "https://h/x?y=1"}, "without ? or #"),
        ({"address": "https://h/x", "user": "u"}, "user and password belong together"),
        ({"address": "sftp://h/x"}, "sftp needs user"),
        ({"address": "sftp://h/x", "user": "u"}, "sftp needs fingerprint"),
        (
            {"address": "sftp://h/x", "user": "u", "fingerprint": "SHA256:abc"},
            "source.main.fingerprint: must be the SHA256:",
        ),
        (
            {"address": "sftp://h", "user": "u", "fingerprint": "SHA256:" + "a" * 43},
            "sftp needs either password or private_key",
        ),
        ({"address": "s3://b", "access_key": "k"}, "s3 needs secret_key"),
        (
            {"address": "s3://b", "protocol": "webdav"},
            "protocol is for https, not for s3",
        ),
        (
            {"address": "s3://b", "endpoint": "http://h.example"},
            "source.main.endpoint: must start with https://",
        ),
    ],
)
def test_a_drop_is_reached_in_exactly_one_way(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(Source("alpha", "main", "files", options))
    assert words in str(caught.value)


def test_the_drops_that_the_readme_shows_can_be_opened() -> None:
    shown = [
        source
        for block in blocks("How to reach a file drop")
        for source in tomllib.loads(block.text)["source"].values()
    ]
    assert len(shown) == 4
    for written in shown:
        filled = {k: "s" if isinstance(v, dict) else v for k, v in written.items()}
        assert filled.pop("kind") == "files"
        open_source(Source("alpha", "main", "files", filled))
