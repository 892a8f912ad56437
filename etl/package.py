"""Packages: one bundle on its way, as one file that is named by its own hash.

A tar that can be written in one way only: the signed claim, the manifest, then each
object in the manifest's order, nothing compressed, every other field fixed. It is read
as a stream and each header is compared with the one it must be, so that there is no
name to climb out of a folder with, no link, nothing that unfolds, and no byte that
could be changed without being noticed. Any `tar` can open it.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import ValidationError

from etl.bundle import Archive, Manifest
from etl.contract.version import CONTRACT, is_known
from etl.shelf import sync
from etl.signature import RefusedError, Signed

SUFFIX: Final = ".pocnet"
CLAIM: Final = "claim.json"
MANIFEST: Final = "manifest.json"
MOST_BYTES: Final = 1 << 30
_MOST_CLAIM: Final = 4096
_MOST_MANIFEST: Final = 4 << 20
_MOST_OBJECTS: Final = 1000
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK: Final = 1 << 20
# By the time that this much has come, the claim has.
HEAD: Final = _BLOCK + _MOST_CLAIM
_OCTAL: Final = frozenset(b"01234567")
_END: Final = bytes(2 * _BLOCK)


def pack(archive: Archive, manifest: Manifest, signed: Signed, into: Path) -> Path:
    """The package of a bundle, written into a folder under its own name."""
    temporary = into / f"{manifest.name}.part"
    with temporary.open("wb") as file:
        _write_bytes(file, CLAIM, signed.to_bytes())
        _write_bytes(file, MANIFEST, manifest.to_bytes())
        for name in manifest.objects:
            path = archive.object_path(name)
            file.write(_header(_object(name), path.stat().st_size))
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    file.write(chunk)
            file.write(bytes(-file.tell() % _BLOCK))
        file.write(_END)
    sync(temporary)
    with temporary.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()
    return temporary.rename(into / f"{name}{SUFFIX}")


@dataclass(frozen=True)
class Unpacked:
    """A package whose every byte is accounted for, laid out as a small archive."""

    signed: Signed
    manifest: Manifest
    archive: Archive
    name: str


def read_claim(head: bytes) -> Signed:
    """The claim at the head of a package, of which HEAD bytes or all were read."""
    return _claim(_Stream(iter((head,)).__next__))


def unpack(file: BinaryIO, admit: Callable[[Signed], None], into: Path) -> Unpacked:
    """The bundle of a package, written into the folder `into` and nowhere else.

    `admit` looks at the claim before anything else is read, and raises RefusedError.
    So does whatever is not exactly as it was signed.
    """
    stream = _Stream(lambda: file.read(_CHUNK))
    signed = _claim(stream)
    admit(signed)
    raw = stream.member(MANIFEST, _MOST_MANIFEST)
    manifest = _manifest(raw, signed)
    archive = Archive(into)
    for name in manifest.objects:
        _keep(stream, name, archive.object_path(name))
    if stream.take(len(_END)) != _END or stream.take(1):
        raise _altered("does not end where its manifest does")
    place = archive.manifest_path(manifest.site, manifest.name)
    place.parent.mkdir(parents=True)
    place.write_bytes(raw)
    return Unpacked(signed, manifest, archive, stream.digest())


class _Stream:
    """A package read from its beginning, a bounded number of bytes in all."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more, self._held = more, b""
        self._seen = 0
        self._hash = hashlib.sha256()

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or what is left of the package."""
        while len(self._held) < count:
            try:
                chunk = self._more()
            except StopIteration:
                chunk = b""
            if not chunk:
                break
            self._hash.update(chunk)
            self._seen += len(chunk)
            if self._seen > MOST_BYTES:
                raise _too_large()
            self._held += chunk
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def size(self, name: str, most: int) -> int:
        """The size of the next member, which must be `name` and as we write it."""
        header = self.take(_BLOCK)
        digits = header[124:135]
        if not digits or set(digits) - _OCTAL or int(digits, 8) > most:
            raise _altered(f"has no proper {name}")
        size = int(digits, 8)
        if header != _header(name, size):
            raise _altered(f"has something else in the place of {name}")
        return size

    def pieces(self, size: int) -> Iterator[bytes]:
        """The bytes of a member, and the zeros behind it that fill its last block."""
        left = size
        while left:
            piece = self.take(min(left, _CHUNK))
            if not piece:
                raise _altered("ends too early")
            left -= len(piece)
            yield piece
        padding = bytes(-size % _BLOCK)
        if self.take(len(padding)) != padding:
            raise _altered("holds something between its members")

    def member(self, name: str, most: int) -> bytes:
        """A whole small member."""
        return b"".join(self.pieces(self.size(name, most)))

    def digest(self) -> str:
        """The hash of all that was read."""
        return self._hash.hexdigest()


def _claim(stream: _Stream) -> Signed:
    try:
        raw = stream.member(CLAIM, _MOST_CLAIM)
    except RefusedError as error:
        said = f"This is no package of `pocnet agent`: {error}"
        raise RefusedError("unsigned", said, stranger=True) from None
    return Signed.read(raw)


def _manifest(raw: bytes, signed: Signed) -> Manifest:
    claim = signed.claim
    # What an older agent sends is translated when it is read, as the archive is.
    if not is_known(claim.contract):
        raise RefusedError(
            "contract",
            f"The bundle follows version {claim.contract} of the contract and the hub "
            f"version {CONTRACT}. Install the newer pocnet at the hub, too.",
        )
    if hashlib.sha256(raw).hexdigest() != claim.manifest:
        raise _altered("has another manifest than was signed")
    try:
        manifest = Manifest.model_validate_json(raw)
    except (ValidationError, RecursionError):
        manifest = None
    if manifest is None or manifest.to_bytes() != raw:
        raise RefusedError(
            "contract",
            "The manifest was written by another version of pocnet. Use the same "
            "version at the hub and at the site.",
        )
    if (manifest.site, manifest.contract) != (claim.site, claim.contract):
        raise RefusedError(
            "site", f"{claim.site} has signed a bundle of {manifest.site}."
        )
    if len(manifest.objects) > _MOST_OBJECTS or not all(
        map(_is_hash, manifest.objects)
    ):
        raise _altered("names objects that are no hashes")
    return manifest


def _keep(stream: _Stream, name: str, path: Path) -> None:
    size = stream.size(_object(name), MOST_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for piece in stream.pieces(size):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != name:
        raise _altered("holds an object that is not the one its manifest names")


def _write_bytes(file: BinaryIO, name: str, content: bytes) -> None:
    file.write(_header(name, len(content)))
    file.write(content)
    file.write(bytes(-len(content) % _BLOCK))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _object(name: str) -> str:
    return f"objects/{name}.parquet"


def _is_hash(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _altered(how: str) -> RefusedError:
    return RefusedError(
        "altered",
        f"The package was altered or cut off on its way: it {how}. Send it again; "
        "`pocnet agent` still has it.",
    )


def _too_large() -> RefusedError:
    return RefusedError(
        "size",
        f"The package is larger than {MOST_BYTES >> 20} MiB. Send more often, or fewer "
        "datasets at a time.",
    )
