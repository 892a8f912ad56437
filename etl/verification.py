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

from etl.bundle import (
    MANIFEST_NAME,
    OBJECT_NAME,
    Archive,
    manifest_name,
    object_name,
)
from etl.contract.version import assert_known, said_by
from etl.run_record import RECORD_NAME
from etl.store import Warehouse
from etl.withdrawal import EVENT_NAME, register_of

# Litter is what a killed run leaves; nothing refers to it and nothing lacks it.
Kind = Literal["missing", "altered", "stray", "litter"]
Progress = Callable[[int, int], None]
_NAMED_OBJECTS: Final = ("rows", "rejects", "keys")
# Signed by a site: what it claims is checked when it comes in, and named by its bundle.
_CLAIM: Final = re.compile(r"claims/[^/]+/[0-9a-f]{64}\.json")
_INCOMING: Final = "incoming/"


@dataclass(frozen=True)
class Finding:
    """One file of the archive that is not as it should be, by its path in there."""

    kind: Kind
    path: str
    said: str


@dataclass(frozen=True)
class Verified:
    """How many manifests and objects were read, and what is not as it should be.

    The record of a run counts as a manifest: it names tables as one does.
    """

    manifests: int
    objects: int
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, altered or strange; litter does no harm."""
        return all(finding.kind == "litter" for finding in self.findings)


def applied(warehouse: Path) -> frozenset[tuple[str, str]]:
    """Site and name of every bundle that a warehouse was made of.

    Empty where there is no warehouse; one of an older version knows them too.
    PocnetError while another pocnet writes to it.
    """
    if not warehouse.is_file():
        return frozenset()
    with Warehouse(warehouse, older=True) as opened:
        rows = opened.query("select site, bundle from bundle").rows()
    return frozenset((str(site), str(name)) for site, name in rows)


def verify(
    archive: Archive,
    known: Collection[tuple[str, str]] = (),
    progress: Progress = lambda done, total: None,
) -> Verified:
    """Every file of the archive, its bytes compared with its name and what names it.

    `known` are bundles that are known to have been there: an object without a manifest
    looks the same whether its run was killed or its manifest was taken away. One file
    is read at a time, objects in pieces, so memory holds names only.
    """
    files = [*archive.shelf.names()]
    saying = [name for name in files if _says(name)]
    objects = [name for name in files if OBJECT_NAME.fullmatch(name)]
    found, claimed = list[Finding](), dict[str, str]()
    for done, name in enumerate((*saying, *objects), 1):
        judge = _saying if _says(name) else _object
        found += judge(archive, name, claimed)
        progress(done, len(saying) + len(objects))
    # What a withdrawal has replaced is gone for good, and rightly.
    gone = register_of(archive).replaced
    for site, bundle in known:
        claimed.setdefault(manifest_name(site, bundle), "the warehouse")
    right = {manifest_name(each.site, each.old) for each in gone.values()}
    found += _lacking(claimed, {*files} | right)
    found += _others(files)
    ordered = sorted(found, key=lambda each: (each.kind, each.path))
    return Verified(len(saying), len(objects), tuple(ordered))


def _says(name: str) -> bool:
    kinds = (MANIFEST_NAME, RECORD_NAME, EVENT_NAME)
    return any(kind.fullmatch(name) for kind in kinds)


def _saying(archive: Archive, name: str, claimed: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with a manifest or a record; what it names is claimed.

    NewerError for one of a version that may name what this one does not look for.
    """
    raw = archive.shelf.read(name)
    assert_known(said_by(raw), archive.shelf.place(name))
    said = _read(raw)
    for held in _names(said):
        claimed.setdefault(held, name)
    stem = Path(name).stem
    if hashlib.sha256(raw).hexdigest() != stem.rpartition("-")[2]:
        yield Finding("altered", name, "its bytes do not match its name")
    elif MANIFEST_NAME.fullmatch(name) and said.get("site") != Path(name).parent.name:
        yield Finding("stray", name, "it lies in the folder of another site")
    elif RECORD_NAME.fullmatch(name) and said.get("run") != int(stem.split("-")[0]):
        yield Finding("stray", name, "it is the record of another run")


def _read(raw: bytes) -> dict[str, object]:
    """What a manifest of any version says, and nothing where it cannot be read."""
    try:
        said = json.loads(raw)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _names(said: dict[str, object]) -> Iterator[str]:
    """The files that a manifest or a record names."""
    hub, bundles = said.get("hub"), said.get("bundles") if "run" in said else None
    tables = hub.values() if isinstance(hub, dict) else ()
    for held in (*(said.get(each) for each in _NAMED_OBJECTS), *tables):
        if held:
            yield object_name(str(held))
    for site, bundle in bundles if isinstance(bundles, list) else ():
        yield manifest_name(site, bundle)


def _object(archive: Archive, name: str, claimed: dict[str, str]) -> Iterator[Finding]:
    if archive.shelf.digest(name) != Path(name).stem:
        yield Finding("altered", name, "its bytes do not match its name")
    elif name not in claimed:
        yield Finding("litter", name, "no manifest names it: its run was killed")


def _lacking(claimed: dict[str, str], there: set[str]) -> Iterator[Finding]:
    for name, by in claimed.items():
        if name not in there:
            yield Finding("missing", name, f"{by} names it")


def _others(files: list[str]) -> Iterator[Finding]:
    for path in files:
        if path.startswith(_INCOMING):
            yield Finding("litter", path, "a killed run left it half-written")
        elif not (_says(path) or OBJECT_NAME.fullmatch(path) or _CLAIM.fullmatch(path)):
            yield Finding("stray", path, "no archive of pocnet holds such a file")
