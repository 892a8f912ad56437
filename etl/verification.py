"""What is wrong with an archive, found by reading every byte of it again.

The archive is the truth from which everything else is made, and its names are the
hashes of what they name. So a file that was lost, changed, cut off or added by another
hand is found without asking anybody.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from etl.bundle import Archive
from etl.store import Warehouse

# Litter is what a killed run leaves; nothing refers to it and nothing lacks it.
Kind = Literal["missing", "altered", "stray", "litter"]
Progress = Callable[[int, int], None]
_NAMED_OBJECTS: Final = ("rows", "rejects", "keys")
_OBJECT: Final = re.compile(r"objects/([0-9a-f]{64})\.parquet")
_MANIFEST: Final = re.compile(r"manifests/([^/]+)/([0-9a-f]{64})\.json")
_INCOMING: Final = "incoming/"


@dataclass(frozen=True)
class Finding:
    """One file of the archive that is not as it should be, by its path in there."""

    kind: Kind
    path: str
    said: str


@dataclass(frozen=True)
class Verified:
    """How many manifests and objects were read, and what is not as it should be."""

    manifests: int
    objects: int
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, altered or strange; litter does no harm."""
        return all(finding.kind == "litter" for finding in self.findings)


def applied(warehouse: Path) -> frozenset[tuple[str, str]]:
    """Site and name of every bundle that a warehouse was made of.

    Empty where there is no warehouse. PocnetError while another pocnet writes to it.
    """
    if not warehouse.is_file():
        return frozenset()
    with Warehouse(warehouse) as opened:
        rows = opened.query("select site, bundle from bundle").rows()
    return frozenset((str(site), str(name)) for site, name in rows)


def verify(
    archive: Archive,
    known: Collection[tuple[str, str]] = (),
    progress: Progress = lambda done, total: None,
) -> Verified:
    """Every file of the archive, its bytes compared with its name and its manifest.

    `known` are bundles that are known to have been there: an object without a manifest
    looks the same whether its run was killed or its manifest was taken away. One file
    is read at a time, in pieces, so memory holds names only.
    """
    files = [*_files(archive.folder)]
    manifests = [path for path in files if _MANIFEST.fullmatch(path)]
    objects = [path for path in files if _OBJECT.fullmatch(path)]
    found, claimed, done = list[Finding](), dict[str, str](), 0
    for path in manifests:
        found += _manifest(archive.folder / path, path, claimed)
        done += 1
        progress(done, len(manifests) + len(objects))
    for path in objects:
        found += _object(archive.folder / path, path, claimed)
        done += 1
        progress(done, len(manifests) + len(objects))
    found += _lacking(claimed, objects)
    found += _lost(known, manifests)
    found += _others(files)
    ordered = sorted(found, key=lambda each: (each.kind, each.path))
    return Verified(len(manifests), len(objects), tuple(ordered))


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() or path.is_symlink():
            yield path.relative_to(folder).as_posix()


def _manifest(place: Path, path: str, claimed: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with a manifest; the objects it names are added to `claimed`."""
    raw = place.read_bytes()
    said = _read(raw)
    for name in _NAMED_OBJECTS:
        if said.get(name):
            claimed.setdefault(str(said[name]), path)
    if hashlib.sha256(raw).hexdigest() != place.stem:
        yield Finding("altered", path, "its bytes do not match its name")
    elif said.get("site") != place.parent.name:
        yield Finding("stray", path, "it lies in the folder of another site")


def _read(raw: bytes) -> dict[str, object]:
    """What a manifest of any version says, and nothing where it cannot be read."""
    try:
        said = json.loads(raw)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _object(place: Path, path: str, claimed: dict[str, str]) -> Iterator[Finding]:
    with place.open("rb") as file:
        whole = hashlib.file_digest(file, "sha256").hexdigest() == place.stem
    if not whole:
        yield Finding("altered", path, "its bytes do not match its name")
    elif place.stem not in claimed:
        yield Finding("litter", path, "no manifest names it: its run was killed")


def _lacking(claimed: dict[str, str], objects: list[str]) -> Iterator[Finding]:
    there = {Path(path).stem for path in objects}
    for name, manifest in claimed.items():
        if name not in there:
            path = f"objects/{name}.parquet"
            yield Finding("missing", path, f"{manifest} names it")


def _lost(
    known: Collection[tuple[str, str]], manifests: list[str]
) -> Iterator[Finding]:
    there = {*manifests}
    for site, name in known:
        path = f"manifests/{site}/{name}.json"
        if path not in there:
            yield Finding("missing", path, "the warehouse was made of it")


def _others(files: list[str]) -> Iterator[Finding]:
    for path in files:
        if path.startswith(_INCOMING):
            yield Finding("litter", path, "a killed run left it half-written")
        elif not (_MANIFEST.fullmatch(path) or _OBJECT.fullmatch(path)):
            yield Finding("stray", path, "no archive of pocnet holds such a file")
