"""A hub and a site that sends for itself, and packages made honestly or otherwise."""

import hashlib
import shutil
import tarfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from etl.bundle import KEYS_SCHEMA, Archive, Bundle, Manifest, Part
from etl.contract.version import CONTRACT
from etl.examination import examined
from etl.mapping import REJECT_SCHEMA
from etl.package import CLAIM, MANIFEST, Unpacked, pack
from etl.receipt import Receipt
from etl.signature import Claim, Signed, new_key, sign
from etl.sound import load_desk
from tests.etl.drops import SITES, edit, write_network

PRIVATE = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINxdAxDBXK1LSKm0zpOdSObsIfVa1UhLn6vl3PHk1Bmp
-----END PRIVATE KEY-----
"""
PUBLIC = "035bbc9c6833228fca95d234fca59b6953357036ffa0be767cf009425bd4eff9"
STRANGE, _ = new_key()
AT = datetime(2026, 11, 16, 4, 30, tzinfo=UTC)
NETWORK = "Test network"
ROWS = pl.DataFrame(
    {
        "site": ["alpha", "alpha"],
        "batch": ["k1-0123456789abcdef", "k1-fedcba9876543210"],
        "product": ["car-t-cd19", "car-t-cd19"],
        "pathway": ["clinical_trial", "no such pathway"],
        "started": ["03/08/2026", "04/08/2026"],
        "trial": ["LEUK-1", None],
        "_origin": ["batches.csv", "batches.csv"],
        "_ref": ["line 2", "line 3"],
        "_row": pl.Series([0, 1], dtype=pl.Int64),
        "_part": pl.Series([0, 0], dtype=pl.Int32),
    }
)
REJECTS = pl.DataFrame(
    {
        "site": ["alpha"],
        "dataset": ["batch"],
        "row": [2],
        "origin": ["batches.csv"],
        "ref": ["line 4"],
        "column": ["trial"],
        "rule": ["identifier"],
        "read": ["Aaaa Aaaa"],
        "expected": ["no name; map another column, or none"],
    },
    schema=REJECT_SCHEMA,
)
NO_KEYS = pl.DataFrame(schema=KEYS_SCHEMA)
PART = Part(
    source="main",
    kind="files",
    location="batches*.csv",
    records=3,
    read=3,
    styles={"started": {"dates": "dmy"}},
)
HONEST = Manifest(
    site="alpha",
    dataset="batch",
    extracted_at=AT,
    full=True,
    empty=False,
    mapping="0",
    records=3,
    read=3,
    parts=(PART,),
)


def hub(folder: Path, sites: tuple[str, ...] = SITES) -> Path:
    """A network folder at the hub: alpha sends for itself, and its secrets are away."""
    write_network(folder, sites)
    edit(folder, "alpha", "[style]", f'[agent]\npublic_key = "{PUBLIC}"\n[style]')
    edit(folder, "alpha", "POCNET_KEY_TEST", "POCNET_KEY_AT_ALPHA")
    shutil.rmtree(folder / "drops" / "alpha")
    return folder


def here(folder: Path, unpacked: Unpacked) -> Receipt:
    """A bundle looked through in this process: what confines it has its own tests."""
    return examined(unpacked.archive, unpacked.manifest, load_desk(folder))


def packed(
    into: Path,
    rows: pl.DataFrame = ROWS,
    rejects: pl.DataFrame = REJECTS,
    keys: pl.DataFrame = NO_KEYS,
    manifest: Mapping[str, object] = {},
    claim: Mapping[str, str] = {},
    key: str = PRIVATE,
) -> Path:
    """A package with some of it changed before it was signed: what a hostile site
    can do."""
    changed = HONEST.model_copy(update=manifest)
    archive = Archive(into / uuid.uuid4().hex)
    written = archive.put(Bundle(changed, rows.lazy(), rejects.lazy(), keys.lazy()))
    return pack(archive, written, signed(written, claim, key), into)


def signed(manifest: Manifest, claim: Mapping[str, str], key: str = PRIVATE) -> Signed:
    said = {
        "contract": CONTRACT,
        "manifest": manifest.name,
        "network": NETWORK,
        "site": manifest.site,
        **claim,
    }
    return sign(Claim(**said), key)


def members(package: Path) -> dict[str, bytes]:
    """The members of a package, as any tar reads them."""
    with tarfile.open(package, "r:") as tar:
        held = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() for name, file in held.items() if file}


def retarred(package: Path, members: Mapping[str, bytes]) -> Path:
    """A package with other members, well-formed as a tar."""
    target = package.with_name(f"{uuid.uuid4().hex}.pocnet")
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    # Ours ends with two blocks; tarfile fills the last record.
    whole = target.read_bytes().rstrip(b"\0")
    target.write_bytes(whole + bytes(-len(whole) % 512 + 1024))
    return target


def resigned(package: Path, raw_manifest: bytes, **claim: str) -> Path:
    """A package with other bytes as its manifest, under an honest signature."""
    held = members(package)
    said = {
        "contract": CONTRACT,
        "manifest": hashlib.sha256(raw_manifest).hexdigest(),
        "network": NETWORK,
        "site": "alpha",
        **claim,
    }
    held[CLAIM] = sign(Claim(**said), PRIVATE).to_bytes()
    held[MANIFEST] = raw_manifest
    return retarred(package, held)
