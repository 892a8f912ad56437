"""Bundles: what leaves a site, and the append-only archive that keeps them.

A bundle is one (site, dataset, pull): the mapped and pseudonymised rows, still text,
the rows that were stopped on the way, and the keys of records that are gone or still
there, as Parquet objects named by their own SHA-256, and a manifest that names them.
The manifest is written last: a bundle whose manifest exists is whole, anything else is
litter of a killed run. Nothing is ever overwritten, so the archive is the truth from
which a warehouse can be rebuilt.

The three tables are lazy on both sides: `Archive.put` streams them to the disk and
`Archive.load` opens them where they lie, so that no bundle has to fit into memory.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors import PocnetError
from etl.contract import version
from etl.contract.version import CONTRACT, FIRST, assert_known, said_by
from etl.shelf import FolderShelf, Shelf, sha256

PART: Final = "_part"
ROW_GROUP: Final = 65_536
MANIFEST_NAME: Final = re.compile(r"manifests/([^/]+)/([0-9a-f]{64})\.json")
OBJECT_NAME: Final = re.compile(r"objects/([0-9a-f]{64})\.parquet")


class Part(BaseModel):
    """One `[[dataset]]` entry of a site's file, as it was read in one pull.

    `styles` says how the site wrote each column (decimal sign, date order, time
    zone), which the text alone does not tell. `since` is null when everything was
    read; `watermark` is where the next pull may start. `precision` says how exact the
    dates are that the site lets out.

    `gone` counts the records that the source says were deleted, `present` those it
    listed as being there (null where it was not asked for the list). `compared` is
    when all its records, or all their keys, were last read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    kind: str
    location: str
    since: str | None = None
    watermark: str | None = None
    records: int
    read: int
    styles: Mapping[str, Mapping[str, object]] = {}
    precision: Literal["day", "week"] = "day"
    gone: int = 0
    present: int | None = None
    compared: datetime | None = None

    @property
    def entry(self) -> str:
        """The entry by name: records of two entries may carry the same number."""
        return f"{self.source}: {self.location}"


class Manifest(BaseModel):
    """What a bundle holds and where it came from; its hash is the bundle's name.

    `full` bundles speak for everything the site has: a row they do not hold is gone.
    `empty` marks a full read that found nothing at all, which is never believed to
    mean that everything is gone. `mapping` is a fingerprint of the site's mapping: when
    it changes, an incremental pull would leave old rows read in the old way.

    Where a batch was withdrawn, the bundle without it says which bundle it `replaces`
    (nothing if none was ever kept), and how many rows were `withdrawn` from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str = FIRST
    site: str
    dataset: str
    extracted_at: datetime
    full: bool
    empty: bool
    mapping: str
    records: int
    read: int
    parts: tuple[Part, ...]
    rows: str = ""
    rejects: str = ""
    keys: str = ""
    replaces: str = ""
    withdrawn: int = 0

    @property
    def rank(self) -> tuple[datetime, str]:
        """Where this bundle stands among others: later ones supersede earlier ones."""
        return (self.extracted_at, self.name)

    @property
    def name(self) -> str:
        """The SHA-256 of the manifest's bytes, which also covers both objects."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def objects(self) -> tuple[str, ...]:
        """The hash of every object that belongs to the bundle, once each."""
        named = (self.rows, self.rejects, self.keys)
        return tuple(dict.fromkeys(name for name in named if name))

    def to_bytes(self) -> bytes:
        """The manifest as it lies in the archive.

        Only what was said is written: a manifest of an earlier version keeps its
        bytes, and so its name, when a later one has more to say.
        """
        said = self.model_dump_json(indent=1, exclude_unset=True)
        return said.encode() + b"\n"


KEYS_SCHEMA: Final = pl.Schema({PART: pl.Int64, "ref": pl.String, "said": pl.String})
# What `said` may be: deleted at the source, or in the list of all there is.
GONE: Final = "gone"
PRESENT: Final = "present"


def _no_keys() -> pl.LazyFrame:
    return pl.LazyFrame(schema=KEYS_SCHEMA)


@dataclass(frozen=True)
class Bundle:
    """A manifest with its tables, each of which may be larger than memory.

    `rows` is a mapped frame (contract columns as text, `_origin`, `_ref`) with
    `_part`, the position in `manifest.parts` of the entry each row was read by.
    `rejects` is a reject frame: what the mapping or the gate stopped. `keys` has
    `_part`, `ref` and `said` (GONE or PRESENT), a record a row, pseudonymised.
    """

    manifest: Manifest
    rows: pl.LazyFrame
    rejects: pl.LazyFrame
    keys: pl.LazyFrame = field(default_factory=_no_keys)


class Archive:
    """The bundles of one network: `objects/` and `manifests/<site>/` on a shelf.

    The shelf is a folder of this machine, or what `etl.archive_place` says.
    """

    def __init__(self, place: Path | Shelf) -> None:
        self.shelf: Shelf = FolderShelf(place) if isinstance(place, Path) else place

    @property
    def folder(self) -> Path:
        """Where it lies on this machine; of a bucket only copies do."""
        return self.shelf.folder

    def put(self, bundle: Bundle) -> Manifest:
        """The manifest under which the bundle now lies in the archive for good.

        Objects first, manifest last, each under a temporary name until its bytes are
        on the disk. Putting the same bundle again changes nothing.
        """
        tables = {"rows": bundle.rows, "rejects": bundle.rejects}
        if any(part.gone or part.present is not None for part in bundle.manifest.parts):
            tables["keys"] = bundle.keys
        objects = {name: self.put_table(table) for name, table in tables.items()}
        manifest = bundle.manifest.model_copy(update=objects)
        self.put_bytes(manifest_name(manifest.site, manifest.name), manifest.to_bytes())
        return manifest

    def take_in(self, other: "Archive", manifest: Manifest) -> None:
        """Move a bundle here from a folder on the same disk, manifest last."""
        for name in manifest.objects:
            self.shelf.put(object_name(name), other.object_path(name))
        place = (manifest.site, manifest.name)
        self.shelf.put(manifest_name(*place), other.manifest_path(*place))

    def names(self) -> Iterator[tuple[str, str]]:
        """Site and name of every bundle, without opening any."""
        for name in self.shelf.names("manifests"):
            if found := MANIFEST_NAME.fullmatch(name):
                yield found[1], found[2]

    def holds(self, site: str, name: str) -> bool:
        """Whether the bundle is here."""
        return self.shelf.holds(manifest_name(site, name))

    def manifest(self, site: str, name: str) -> Manifest:
        """One manifest, checked against the hash it is named by."""
        raw = self.shelf.read(manifest_name(site, name))
        place = self.shelf.place(manifest_name(site, name))
        if hashlib.sha256(raw).hexdigest() != name:
            raise PocnetError(_damaged(place))
        assert_known(said_by(raw), place)
        try:
            return Manifest.model_validate_json(raw)
        except ValidationError as error:
            raise PocnetError(
                f"{place} was written by another version of pocnet "
                f"({error.error_count()} fields differ). Update it, then pull again."
            ) from None

    def load(self, manifest: Manifest) -> Bundle:
        """The bundle of a manifest, its objects checked against their hashes.

        An object never changes, so what is read from it later is what was checked.
        """
        keys = self.table(manifest.keys) if manifest.keys else _no_keys()
        rows, rejects = self.table(manifest.rows), self.table(manifest.rejects)
        return Bundle(manifest, rows, rejects, keys)

    def sweep(self) -> None:
        """Remove what a killed run left half-written; only the writer calls this."""
        self.shelf.sweep()

    def put_table(self, table: pl.LazyFrame) -> str:
        """The hash under which a table now lies in the archive."""
        temporary = self.shelf.temporary()
        # Fixed row groups: the same rows give the same bytes on any number of cores.
        table.sink_parquet(
            temporary, compression="zstd", row_group_size=ROW_GROUP, engine="streaming"
        )
        name = sha256(temporary)
        self.shelf.put(object_name(name), temporary)
        return name

    def put_bytes(self, name: str, content: bytes) -> None:
        """Put a small file here, whole or not at all, unless it is there."""
        temporary = self.shelf.temporary()
        temporary.write_bytes(content)
        self.shelf.put(name, temporary)

    def table(self, name: str) -> pl.LazyFrame:
        """The table of this hash, opened where it lies."""
        path = self.object_path(name)
        if not path.is_file() or sha256(path) != name:
            raise PocnetError(_damaged(self.shelf.place(object_name(name))))
        return pl.scan_parquet(path, glob=False)

    def object_path(self, name: str) -> Path:
        """Where the object of this hash can be opened, if it is here."""
        return self.shelf.path(object_name(name))

    def manifest_path(self, site: str, name: str) -> Path:
        """Where the manifest of this name can be opened, if it is here."""
        return self.shelf.path(manifest_name(site, name))


def translated(bundle: Bundle) -> Bundle:
    """The bundle as this version of the contract would have said it, to be read.

    It lies in the archive under the name of what was said, which stays.
    """
    manifest = bundle.manifest
    of = manifest.dataset, manifest.contract
    rows, parts = version.translated(bundle.rows, *of), manifest.parts
    for upgrade in version.upgrades(*of):
        parts = tuple(_restyled(part, upgrade.renamed) for part in parts)
    said = manifest.model_copy(update={"contract": CONTRACT, "parts": parts})
    return replace(bundle, manifest=said, rows=rows)


def _restyled(part: Part, renamed: Mapping[str, str]) -> Part:
    styles = {renamed.get(name, name): how for name, how in part.styles.items()}
    return part.model_copy(update={"styles": styles})


def object_name(name: str) -> str:
    """An object's place on the shelf."""
    return f"objects/{name}.parquet"


def manifest_name(site: str, name: str) -> str:
    """A manifest's place on the shelf."""
    return f"manifests/{site}/{name}.json"


def _damaged(place: str) -> str:
    return (
        f"{place} is missing or damaged: its bytes do not match its name. "
        "Bring it back from a backup of the archive, or move its manifest away "
        "and pull the site again with --full."
    )
