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
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors import PocnetError

CONTRACT: Final = "1"
PART: Final = "_part"
ROW_GROUP: Final = 65_536


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str = CONTRACT
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
    """The bundles of one network folder: `objects/` and `manifests/<site>/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / "incoming"

    def put(self, bundle: Bundle) -> Manifest:
        """The manifest under which the bundle now lies in the archive for good.

        Objects first, manifest last, each under a temporary name until its bytes are
        on the disk. Putting the same bundle again changes nothing.
        """
        tables = {"rows": bundle.rows, "rejects": bundle.rejects}
        if any(part.gone or part.present is not None for part in bundle.manifest.parts):
            tables["keys"] = bundle.keys
        objects = {name: self._put_table(table) for name, table in tables.items()}
        manifest = bundle.manifest.model_copy(update=objects)
        target = self.manifest_path(manifest.site, manifest.name)
        temporary = self._temporary()
        temporary.write_bytes(manifest.to_bytes())
        self._commit(temporary, target)
        return manifest

    def take_in(self, other: "Archive", manifest: Manifest) -> None:
        """Move a bundle here from another archive on the same disk, manifest last."""
        for name in manifest.objects:
            self._commit(other.object_path(name), self.object_path(name))
        place = (manifest.site, manifest.name)
        self._commit(other.manifest_path(*place), self.manifest_path(*place))

    def names(self) -> Iterator[tuple[str, str]]:
        """Site and name of every bundle, without opening any."""
        folder = self.folder / "manifests"
        for path in sorted(folder.glob("*/*.json")):
            yield path.parent.name, path.stem

    def manifest(self, site: str, name: str) -> Manifest:
        """One manifest, checked against the hash it is named by."""
        path = self.manifest_path(site, name)
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != name:
            raise PocnetError(_damaged(path))
        try:
            return Manifest.model_validate_json(raw)
        except ValidationError as error:
            raise PocnetError(
                f"{path} was written by another version of pocnet "
                f"({error.error_count()} fields differ). Update it, then pull again."
            ) from None

    def load(self, manifest: Manifest) -> Bundle:
        """The bundle of a manifest, its objects checked against their hashes.

        An object never changes, so what is read from it later is what was checked.
        """
        keys = self._load(manifest.keys) if manifest.keys else _no_keys()
        rows, rejects = self._load(manifest.rows), self._load(manifest.rejects)
        return Bundle(manifest, rows, rejects, keys)

    def sweep(self) -> None:
        """Remove what a killed run left half-written; only the writer calls this."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def _put_table(self, table: pl.LazyFrame) -> str:
        temporary = self._temporary()
        # Fixed row groups: the same rows give the same bytes on any number of cores.
        table.sink_parquet(
            temporary, compression="zstd", row_group_size=ROW_GROUP, engine="streaming"
        )
        name = _sha256(temporary)
        self._commit(temporary, self.object_path(name))
        return name

    def _load(self, name: str) -> pl.LazyFrame:
        path = self.object_path(name)
        if not path.is_file() or _sha256(path) != name:
            raise PocnetError(_damaged(path))
        return pl.scan_parquet(path, glob=False)

    def _temporary(self) -> Path:
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / uuid.uuid4().hex

    def _commit(self, temporary: Path, target: Path) -> None:
        if target.exists():
            temporary.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(temporary)
        temporary.rename(target)
        sync(target.parent)

    def object_path(self, name: str) -> Path:
        """Where the object of this hash lies, if it is here."""
        return self.folder / "objects" / f"{name}.parquet"

    def manifest_path(self, site: str, name: str) -> Path:
        """Where the manifest of this name lies, if it is here."""
        return self.folder / "manifests" / site / f"{name}.json"


def sync(path: Path) -> None:
    """Have the file's bytes, or the folder's entries, on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path) -> str:
    return (
        f"{path} is missing or damaged: its bytes do not match its name. "
        "Bring it back from a backup of the archive, or move its manifest away "
        "and pull the site again with --full."
    )
