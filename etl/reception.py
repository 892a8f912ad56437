"""The reception: packages come in here, by whatever way, or are turned away.

Whoever it is that sends, three questions are asked in this order: whose signature is
this, is every byte as it was signed, and would these rows have been let out by an
honest site. Only then is anything kept. The same bundle may come any number of times
and gets the same answer, so that a sender who heard none just sends again.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from etl.archive_place import archive_of
from etl.bundle import Archive, Bundle
from etl.check import check
from etl.confined import MEMORY, in_confinement
from etl.examination import too_large
from etl.network import NETWORK_FILE, SITES_FOLDER, Network
from etl.package import SUFFIX, Unpacked, unpack
from etl.receipt import Receipt, receipt_of, refusal_of
from etl.shelf import sync
from etl.signature import RefusedError, Signed
from etl.sound import load_desk
from etl.withdrawal import named, register_of, without

# What a killed reception left so long ago, nobody is at work on any more.
_FORGOTTEN: Final = 86_400
RECEIPT: Final = ".receipt.json"
Examination = Callable[[Path, Unpacked], Receipt]


def confined(folder: Path, unpacked: Unpacked, memory: int = MEMORY) -> Receipt:
    """A bundle looked through where it can do no harm, in a process of its own."""
    manifest = unpacked.manifest
    package = unpacked.archive.folder
    said = in_confinement(folder, package, manifest.site, manifest.name, memory)
    if said is None:
        raise too_large()
    if "refused" in said:
        raise RefusedError(str(said["refused"]), str(said["message"]))
    return Receipt.model_validate(said)


@dataclass(frozen=True)
class Answer:
    """What came of one package; `refused` says why it was not let in.

    A stranger's package has no receipt.
    """

    package: Path
    receipt: Receipt | None
    refused: RefusedError | None = None


@dataclass(frozen=True)
class Reception:
    """Where one network folder takes in what its sites send."""

    folder: Path
    examination: Examination = confined

    @property
    def network(self) -> Network:
        """The network as it is known now, without any secret."""
        files = [self.folder / NETWORK_FILE, *(self.folder / SITES_FOLDER).iterdir()]
        return _network(self.folder, tuple(path.stat().st_mtime_ns for path in files))

    @cached_property
    def archive(self) -> Archive:
        """Where accepted bundles lie, for the next run to build in."""
        return archive_of(self.network)

    def receive(self, package: Path) -> Receipt:
        """What is answered to a package: its receipt, new or as it was given before.

        RefusedError if it is not let in; then nothing of it stays.
        """
        with _opened(package) as file:
            return self.receive_from(file, _claimed_name(package))

    def answer(self, package: Path) -> Answer:
        """The same with a refusal as an answer, because others may be good."""
        known: list[Signed] = []
        try:
            with _opened(package) as file:
                receipt = self.receive_from(file, _claimed_name(package), known.append)
        except RefusedError as error:
            refusal = refusal_of(known[0], error) if known else None
            return Answer(package, refusal, error)
        return Answer(package, receipt)

    def collect(self, package: Path) -> Answer:
        """The answer to a package of a drop folder, left beside it for its sender.

        What a known site has sent is taken away; what a stranger has left stays, for
        the hub's data manager to look at.
        """
        answer = self.answer(package)
        if answer.receipt:
            put(package.with_name(package.name + RECEIPT), answer.receipt.to_bytes())
            package.unlink()
        return answer

    def receive_from(
        self,
        file: BinaryIO,
        name: str | None = None,
        admitted: Callable[[Signed], None] = lambda signed: None,
    ) -> Receipt:
        """The same for a package that is open already, perhaps named by its hash.

        `admitted` hears who sent it, once that is sure.
        """

        def admit(signed: Signed) -> None:
            self.admit(signed)
            admitted(signed)

        with self._aside() as aside:
            unpacked = unpack(file, admit, aside)
            if name not in (None, unpacked.name):
                raise RefusedError(
                    "altered",
                    "The package is not the one that its name says. Send it again; "
                    "`pocnet agent` still has it.",
                )
            return self._known(unpacked) or self._new(unpacked, aside)

    def admit(self, signed: Signed) -> None:
        """RefusedError unless a site of this network has signed this claim for it."""
        claim = signed.claim
        site = self.network.sites.get(claim.site)
        if site is None or site.agent is None:
            raise RefusedError(
                "key",
                "No key is known of the site that is said to have sent this. A site "
                "that sends for itself has `public_key` in [agent] of its file.",
                stranger=True,
            )
        signed.verify(site.agent.rules.public_key)
        if claim.network != self.network.name:
            raise RefusedError(
                "network",
                f"{claim.site} has signed this for the network “{claim.network}”, not "
                f"for “{self.network.name}”. Compare `name` in both network.toml.",
                stranger=True,
            )

    def _known(self, unpacked: Unpacked) -> Receipt | None:
        manifest = unpacked.manifest
        place = self._receipt(manifest.site, manifest.name)
        kept = self.archive.holds(manifest.site, manifest.name)
        if not (kept and place.is_file()):
            return None
        return Receipt.model_validate_json(place.read_bytes())

    def _new(self, unpacked: Unpacked, aside: Path) -> Receipt:
        """The order makes a killed reception one that never happened: manifest last."""
        receipt = self.examination(self.folder, unpacked)
        manifest, marks = unpacked.manifest, register_of(self.archive).marks
        bundle = unpacked.archive.load(manifest)
        gone = named(bundle, marks) if marks else []
        if gone:
            receipt = self._left_out(bundle, gone)
        place = self._receipt(manifest.site, manifest.name)
        put(place, receipt.to_bytes(), aside)
        claim = f"claims/{manifest.site}/{manifest.name}.json"
        self.archive.put_bytes(claim, unpacked.signed.to_bytes())
        if not gone:
            self.archive.take_in(unpacked.archive, manifest)
        return receipt

    def _left_out(self, bundle: Bundle, gone: list[str]) -> Receipt:
        """Keep what is left of a bundle without withdrawn batches, and answer that."""
        kept = self.archive.put(without(bundle, gone))
        arrival = check(self.archive.load(kept), self.network)
        said = f"{kept.withdrawn} rows of batches that the site has withdrawn were not "
        said += "kept. To send them again, have the hub lift the withdrawal."
        answer = receipt_of(self.network.name, arrival)
        update = {"bundle": bundle.manifest.name, "message": said}
        return answer.model_copy(update=update)

    def _receipt(self, site: str, name: str) -> Path:
        return self.folder / "data" / "receipts" / site / f"{name}.json"

    def place(self) -> Path:
        """Where packages lie while they are looked at, on the archive's disk."""
        desk = self.folder / "data" / "reception"
        desk.mkdir(parents=True, exist_ok=True)
        return desk

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """A folder on the same disk as the archive, gone afterwards."""
        desk = self.place()
        for litter in desk.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - litter.stat().st_mtime > _FORGOTTEN:
                    shutil.rmtree(litter, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(dir=desk))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@lru_cache(maxsize=4)
def _network(folder: Path, changed: tuple[int, ...]) -> Network:
    """The network's files, read again only when one of them has changed."""
    return load_desk(folder)


def packages_in(folder: Path) -> list[Path]:
    """The packages that lie in a drop folder, or in a folder of it for each site."""
    found = [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}")]
    return sorted(found, key=lambda path: (path.parent, path.name))


def put(target: Path, content: bytes, aside: Path | None = None) -> None:
    """A small file, there whole or not at all; what a link stands for is untouched."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=aside or target.parent, prefix=".part-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o644)
    sync(Path(temporary))
    os.replace(temporary, target)
    sync(target.parent)


@contextmanager
def _opened(package: Path) -> Iterator[BinaryIO]:
    """The package open, if it is a file: others write into a drop folder."""
    try:
        handle = os.open(package, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if not package.is_symlink():
            raise
        raise _no_file() from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file()
        yield file


def _claimed_name(package: Path) -> str | None:
    """The hash that the file is named by, if it is named by one."""
    stem = package.name.removesuffix(SUFFIX)
    return stem if len(stem) == 64 and package.name.endswith(SUFFIX) else None


def _no_file() -> RefusedError:
    return RefusedError(
        "unsigned",
        "This is no package of `pocnet agent` but a link or a device.",
        stranger=True,
    )
