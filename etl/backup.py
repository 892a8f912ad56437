"""One file with all of a network that nothing else could make again, and the way back.

In it are the archive, the journal of what people wrote, and the settings. What is made
of these is left out, since `pocnet build` makes it; so are secrets, which stand in no
settings file. The bundles are taken by their manifests, so a backup is whole also
while a pull goes on, and holds no litter.
"""

import errno
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from connectors import ConfigError, PocnetError
from etl.archive_place import archive_of
from etl.bundle import OBJECT_NAME, Archive, manifest_name, object_name
from etl.network import NETWORK_FILE, SITES_FOLDER
from etl.run_record import recorded
from etl.settings_document import NetworkError, read_document
from etl.settings_secrets import plain_secrets
from etl.shelf import sync
from etl.sound import load_known
from etl.verification import verify

# Written last, so that a backup that was cut off has none.
_LIST: Final = "backup.json"
_JOURNAL: Final = "data/journal.sqlite"
_ARCHIVE: Final = "data/archive"
_NAME: Final = re.compile(
    r"network\.toml|sites/[a-z0-9-]+\.toml|data/journal\.sqlite"
    r"|data/archive/objects/[0-9a-f]{64}\.parquet"
    r"|data/archive/(manifests|claims)/[a-z0-9-]+/[0-9a-f]{64}\.json"
    r"|data/archive/withdrawals/[0-9a-f]{64}\.json"
    r"|data/archive/runs/[0-9]{8}-[0-9a-f]{64}\.json"
)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Kept:
    """How many bundles and files a backup holds."""

    bundles: int
    files: int


def backup(
    folder: Path, file: Path, progress: Progress = lambda done, total: None
) -> Kept:
    """Write the network of a folder into one tar file, which must not be there yet.

    NetworkError where a secret stands in a settings file; PocnetError where the archive
    is damaged, because a good backup must not give way to a bad one.
    """
    if file.exists():
        raise ConfigError(f"{file} is there already. Give the backup another name.")
    settings = _settings(folder)
    archive = archive_of(load_known(folder).network)
    part = file.with_name(f"{file.name}.{uuid.uuid4().hex}.part")
    try:
        with tarfile.open(part, "w") as tar:
            kept = _fill(_Filling(tar, folder, archive), settings, progress)
        sync(part)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    sync(file.absolute().parent)
    return kept


def restore(
    file: Path, folder: Path, progress: Progress = lambda done, total: None
) -> Kept:
    """Make the folder of a backup, each byte compared with what was kept.

    ConfigError for a folder with anything in it; PocnetError for a backup that is cut
    off, altered or holds what no backup does. Then nothing is left of it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty. Name a folder that is not there.")
    part = folder.absolute().with_name(f"{folder.absolute().name}.{uuid.uuid4().hex}")
    try:
        kept = _unpack(file, part, progress)
        _give_name(part, folder)
    except (tarfile.TarError, EOFError, ValueError, LookupError, TypeError) as error:
        raise _unfit(file, f"it cannot be read ({error})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync(folder.absolute().parent)
    return kept


def _give_name(part: Path, folder: Path) -> None:
    """Rename a whole folder to the one that was asked for, if that is still empty."""
    try:
        part.replace(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise PocnetError(
            f"{folder} was empty, and somebody else has written there meanwhile, so "
            "nothing was restored. Look at what is there, or name another folder."
        ) from None


def _settings(folder: Path) -> list[str]:
    """The settings files by name, when no secret stands in any."""
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} has no {NETWORK_FILE}, so it is no network's folder. Name the "
            "one that is, as DIR."
        )
    sites = sorted((folder / SITES_FOLDER).glob("*.toml"))
    names = [NETWORK_FILE, *(f"{SITES_FOLDER}/{path.name}" for path in sites)]
    documents = [read_document(folder, name) for name in names]
    if unread := [each.problem for each in documents if each.problem]:
        raise NetworkError(unread)
    problems = [
        each.locate(mistake)
        for each in documents
        for mistake in plain_secrets(Path(each.file).stem, each.data)
    ]
    if problems:
        raise NetworkError(problems)
    return names


class _Filling:
    """A tar file that is being written, and the hash of each file that is in it."""

    def __init__(self, tar: tarfile.TarFile, folder: Path, archive: Archive) -> None:
        self.tar, self.folder, self.archive = tar, folder, archive
        self.hashes: dict[str, str] = {}

    def add(self, name: str, path: Path | None = None) -> None:
        """Add a file once; its hash is that of the very bytes that are written."""
        if name in self.hashes:
            return
        with (path or self.folder / name).open("rb") as file:
            read = _Hashing(file)
            size = os.fstat(file.fileno()).st_size
            self.tar.addfile(_member(name, size), read)
        self.hashes[name] = read.hash.hexdigest()

    def add_archived(self, name: str) -> None:
        """Add a file of the archive, whose name ends with its hash."""
        inside = f"{_ARCHIVE}/{name}"
        try:
            self.add(inside, self.archive.shelf.path(name))
        except FileNotFoundError:
            raise _damaged(self.archive.shelf.place(name)) from None
        if self.hashes[inside] != Path(name).stem.rpartition("-")[2]:
            raise _damaged(self.archive.shelf.place(name))


class _Hashing(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.hash = hashlib.sha256()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.hash.update(data)
        return data


def _fill(filling: _Filling, settings: list[str], progress: Progress) -> Kept:
    for name in settings:
        filling.add(name)
    _add_journal(filling)
    archive = filling.archive
    # Before the bundles, which are there when a run is recorded that brought them.
    runs = [*recorded(archive)]
    bundles = [*archive.names()]
    for done, (site, name) in enumerate(bundles):
        for held in archive.manifest(site, name).objects:
            filling.add_archived(object_name(held))
        filling.add_archived(manifest_name(site, name))
        progress(done + 1, len(bundles))
    for name, record in runs:
        for held in record.hub.values():
            filling.add_archived(object_name(held))
        filling.add_archived(name)
    for name in archive.shelf.names("withdrawals"):
        filling.add_archived(name)
    for name in archive.shelf.names("claims"):
        filling.add(f"{_ARCHIVE}/{name}", archive.shelf.path(name))
    kept = Kept(len(bundles), len(filling.hashes))
    said = {"bundles": kept.bundles, "files": filling.hashes}
    raw = json.dumps(said, indent=1).encode()
    filling.tar.addfile(_member(_LIST, len(raw)), io.BytesIO(raw))
    return kept


def _add_journal(filling: _Filling) -> None:
    """Add the journal as it stands, also while somebody writes in it."""
    path = filling.folder / _JOURNAL
    if not path.is_file():
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / path.name
        with closing(_base(path)) as there, closing(_base(copy)) as here:
            there.backup(here)
            # One file, without a log beside it.
            here.execute("pragma journal_mode = delete")
        filling.add(_JOURNAL, copy)


def _base(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A plain file, for its owner's eyes; neither time nor account of this machine."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _unpack(file: Path, folder: Path, progress: Progress) -> Kept:
    folder.mkdir(parents=True)
    hashes: dict[str, str] = {}
    said = None
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None and member.name == _LIST:
                said = json.load(content)
            elif content is not None and _NAME.fullmatch(member.name):
                hashes[member.name] = _write(content, folder / member.name)
            else:
                raise _unfit(file, f"it holds {member.name}, which no backup does")
    if said is None:
        raise _unfit(file, "its end is missing")
    if hashes != said["files"]:
        wrong = sorted(dict(hashes.items() ^ said["files"].items()))
        raise _unfit(file, f"{wrong[0]} is not as it was kept")
    kept = Archive(folder / _ARCHIVE)
    verified = verify(kept, progress=progress)
    bundles = len([*kept.names()])
    if verified.findings or bundles != said["bundles"]:
        raise _unfit(file, "its archive is not whole")
    _put_back(kept, folder)
    return Kept(bundles, len(hashes))


def _put_back(kept: Archive, folder: Path) -> None:
    """Move the archive to where the settings keep it, if that is elsewhere.

    What is there already stays as it is. Manifests and records come last: what they
    name is there by then.
    """
    network = load_known(folder).network
    if network.archive is None:
        return
    archive = archive_of(network)
    names = sorted(kept.shelf.names(), key=lambda name: OBJECT_NAME.match(name) is None)
    for name in names:
        archive.shelf.put(name, kept.shelf.path(name))
    shutil.rmtree(kept.folder)


def _write(content: IO[bytes], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target:
        shutil.copyfileobj(content, target)
    sync(path)
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def _unfit(file: Path, why: str) -> PocnetError:
    return PocnetError(
        f"{file} cannot be restored: {why}. Nothing was written. Take another backup."
    )


def _damaged(place: str) -> PocnetError:
    return PocnetError(
        f"{place} is missing or damaged, so no backup was made. `pocnet archive "
        "verify` names all that is wrong, and what to do."
    )
