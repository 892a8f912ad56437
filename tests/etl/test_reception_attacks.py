import gzip
import json
import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from etl import package as packages
from etl.bundle import Manifest
from etl.package import CLAIM, MANIFEST, Unpacked
from etl.receipt import Receipt
from etl.reception import Reception, confined
from etl.signature import RefusedError
from tests.etl.drops import edit
from tests.etl.sending import (
    PART,
    REJECTS,
    ROWS,
    STRANGE,
    here,
    hub,
    members,
    packed,
    resigned,
    retarred,
)

Attack = Callable[[Path], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = hub(tmp_path_factory.mktemp("hub") / "n")
    # alpha's key also signs for nobody else; gamma sends for itself with another key.
    edit(folder, "gamma", "[style]", f'[agent]\npublic_key = "{"0" * 64}"\n[style]')
    return folder


@pytest.fixture
def desk(folder: Path) -> Reception:
    return Reception(folder, here)


def left(folder: Path) -> list[str]:
    kept = (folder / "data").rglob("*")
    return sorted(str(path.relative_to(folder)) for path in kept if path.is_file())


def refusal(desk: Reception, package: Path) -> RefusedError:
    """What is said to a package that must not come in; nothing of it stays."""
    before = left(desk.folder)
    with pytest.raises(RefusedError) as caught:
        desk.receive(package)
    assert left(desk.folder) == before
    return caught.value


def changed_cell(column: str, value: str) -> pl.DataFrame:
    cell = pl.Series([value, value], dtype=pl.String)
    return ROWS.with_columns(cell.alias(column))


def changed_reject(column: str, value: str) -> pl.DataFrame:
    return REJECTS.with_columns(pl.lit(value).alias(column))


def swapped_objects(into: Path) -> Path:
    """Two honest bundles, one with the rows of the other."""
    one = members(packed(into))
    other = members(packed(into, rows=changed_cell("trial", "LEUK-2")))
    (theirs,) = set(other) - set(one)
    (ours,) = set(one) - set(other)
    return retarred(packed(into), {**one, ours: other[theirs]})


def member_outside(into: Path) -> Path:
    held = members(packed(into))
    return retarred(packed(into), {**held, "../../../../tmp/out.parquet": b"x"})


def manifest_outside(into: Path) -> Path:
    """A signed manifest whose object is a path."""
    raw = packed_manifest(into)
    raw["rows"] = "../../sites/alpha"
    return resigned(packed(into), written(raw))


def packed_manifest(into: Path) -> dict[str, object]:
    said: dict[str, object] = json.loads(members(packed(into))[MANIFEST])
    return said


def written(said: dict[str, object]) -> bytes:
    return Manifest.model_validate_json(json.dumps(said)).to_bytes()


def link(into: Path) -> Path:
    """A member that is a link to the hub's own settings."""
    held, target = members(packed(into)), into / "link.pocnet"
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name.startswith("objects/"):
                info.size, info.type, info.linkname = 0, tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info, BytesIO(content))
    return target


def cut_off(into: Path) -> Path:
    package = packed(into)
    package.write_bytes(package.read_bytes()[:-1500])
    return renamed(package)


def appended(into: Path) -> Path:
    package = packed(into)
    package.write_bytes(package.read_bytes() + b"\0")
    return renamed(package)


def renamed(package: Path) -> Path:
    """Under a name that claims nothing, as a file may have that a person carried."""
    return package.rename(package.with_name("carried.pocnet"))


def compressed(into: Path) -> Path:
    package = packed(into)
    package.write_bytes(gzip.compress(package.read_bytes()))
    return renamed(package)


def unsigned(into: Path) -> Path:
    held = members(packed(into))
    return retarred(packed(into), {n: c for n, c in held.items() if n != CLAIM})


def emptied_signature(into: Path) -> Path:
    held = members(packed(into))
    said = {**json.loads(held[CLAIM]), "signature": ""}
    claim = json.dumps(said, sort_keys=True, indent=1).encode() + b"\n"
    return retarred(packed(into), {**held, CLAIM: claim})


def relabelled_site(into: Path) -> Path:
    """alpha's bundle with another site in its claim, the signature kept."""
    held = members(packed(into))
    claim = held[CLAIM].replace(b'"site": "alpha"', b'"site": "gamma"')
    return retarred(packed(into), {**held, CLAIM: claim})


def relabelled_dataset(into: Path) -> Path:
    held = members(packed(into))
    manifest = held[MANIFEST].replace(b'"dataset": "batch"', b'"dataset": "demand"')
    return retarred(packed(into), {**held, MANIFEST: manifest})


def later_label(into: Path) -> Path:
    """An old bundle with a new date, so that it would undo what came since."""
    held = members(packed(into))
    assert b"2026-11-16T" in held[MANIFEST]
    manifest = held[MANIFEST].replace(b"2026-11-16T", b"2026-11-17T")
    return retarred(packed(into), {**held, MANIFEST: manifest})


def spaced_manifest(into: Path) -> Path:
    raw = members(packed(into))[MANIFEST]
    return resigned(packed(into), raw.replace(b"{", b"{ ", 1))


def doubled_key(into: Path) -> Path:
    raw = members(packed(into))[MANIFEST]
    return resigned(packed(into), raw.replace(b"{", b'{"site": "beta",', 1))


def not_parquet(into: Path) -> Path:
    raw = packed_manifest(into)
    junk = b"PAR1" + bytes(500) + b"PAR1"
    held = members(packed(into))
    old = f"objects/{raw['rows']}.parquet"
    raw["rows"] = sha256(junk).hexdigest()
    new = {
        (f"objects/{raw['rows']}.parquet" if name == old else name): (
            junk if name == old else content
        )
        for name, content in held.items()
    }
    return resigned(retarred(packed(into), new), written(raw))


def huge_claim(into: Path) -> Path:
    held = members(packed(into))
    return retarred(packed(into), {**held, CLAIM: b" " * 100_000})


def huge_manifest(into: Path) -> Path:
    held = members(packed(into))
    return retarred(packed(into), {**held, MANIFEST: b" " * (5 << 20)})


def deep_claim(into: Path) -> Path:
    held = members(packed(into))
    return retarred(packed(into), {**held, CLAIM: b"[" * 4000})


def far(**ahead: float) -> dict[str, object]:
    return {"extracted_at": datetime.now(UTC) + timedelta(**ahead)}


def of_part(**change: object) -> dict[str, object]:
    return {"parts": (PART.model_copy(update=change),)}


KEYS = pl.DataFrame(
    {"_part": [0], "ref": ["record k1-0123456789abcdef"], "said": ["gone"]}
)
PERSON = "maria.garcia@example.org"
STRANGERS: dict[str, tuple[Attack, str]] = {
    "no signature at all": (unsigned, "unsigned"),
    "an empty signature": (emptied_signature, "signature"),
    "a claim of 100 kB": (huge_claim, "unsigned"),
    "a claim nested 4,000 deep": (deep_claim, "unsigned"),
    "a key that is nobody's": (lambda d: packed(d, key=STRANGE), "signature"),
    "another site's name on it": (relabelled_site, "signature"),
    "a site that sends nothing itself": (
        lambda d: packed(d, claim={"site": "beta"}),
        "key",
    ),
    "a site that is no member": (lambda d: packed(d, claim={"site": "omega"}), "key"),
    "a site named as a path": (
        lambda d: packed(d, claim={"site": "../alpha"}),
        "key",
    ),
    "another network's": (lambda d: packed(d, claim={"network": "Other"}), "network"),
    "a compressed package": (compressed, "unsigned"),
}
ALTERED: dict[str, tuple[Attack, str]] = {
    "cut off": (cut_off, "altered"),
    "one byte more": (appended, "altered"),
    "the rows of another bundle": (swapped_objects, "altered"),
    "a member outside the folder": (member_outside, "altered"),
    "a member that is a link": (link, "altered"),
    "another dataset's name on it": (relabelled_dataset, "altered"),
    "a later day written on it": (later_label, "altered"),
    "a manifest of 5 MB": (huge_manifest, "altered"),
    "a manifest that names a path": (manifest_outside, "altered"),
}
HOSTILE: dict[str, tuple[Attack, str]] = {
    "beta's bundle signed by alpha": (
        lambda d: packed(d, manifest={"site": "beta"}, claim={"site": "alpha"}),
        "site",
    ),
    "a contract that is not known": (
        lambda d: packed(d, manifest={"contract": "2"}, claim={"contract": "2"}),
        "contract",
    ),
    "a contract hidden in the manifest": (
        lambda d: packed(d, manifest={"contract": "2"}),
        "site",
    ),
    "a manifest written in another way": (spaced_manifest, "contract"),
    "a manifest that says a key twice": (doubled_key, "contract"),
    "a dataset that only the hub writes": (
        lambda d: packed(d, manifest={"dataset": "report"}),
        "dataset",
    ),
    "counts from a site that sends batches": (
        lambda d: packed(d, manifest={"dataset": "stratum"}),
        "share",
    ),
    "a dataset that there is not": (
        lambda d: packed(d, manifest={"dataset": "../batch"}),
        "dataset",
    ),
    "from next year": (lambda d: packed(d, manifest=far(days=400)), "clock"),
    "from no time zone": (
        lambda d: packed(d, manifest={"extracted_at": datetime(2026, 11, 16)}),
        "clock",
    ),
    "fewer rows than it says": (
        lambda d: packed(d, manifest={"read": 4, **of_part(read=4)}),
        "counts",
    ),
    "parts that do not add up": (lambda d: packed(d, manifest={"read": 9}), "counts"),
    "counts below zero": (
        lambda d: packed(d, manifest={"records": -1, **of_part(records=-1)}),
        "counts",
    ),
    "no part": (lambda d: packed(d, manifest={"parts": ()}), "counts"),
    "a style that is none": (
        lambda d: packed(d, manifest=of_part(styles={"started": {"dates": ["dmy"]}})),
        "style",
    ),
    "a style with more in it": (
        lambda d: packed(d, manifest=of_part(styles={"started": {"shell": "rm"}})),
        "style",
    ),
    "a time zone that is a path": (
        lambda d: packed(
            d, manifest=of_part(styles={"started": {"time_zone": "../../etc/passwd"}})
        ),
        "style",
    ),
    "a row counted twice": (
        lambda d: packed(d, rows=ROWS.with_columns(_row=pl.lit(0, pl.Int64))),
        "counts",
    ),
    "rows of a part that there is not": (
        lambda d: packed(d, rows=ROWS.with_columns(_part=pl.lit(7, pl.Int32))),
        "counts",
    ),
    "keys that it does not speak of": (
        lambda d: packed(d, keys=KEYS, manifest=of_part(gone=2)),
        "counts",
    ),
    "the site's own numbers among its keys": (
        lambda d: packed(
            d,
            keys=KEYS.with_columns(ref=pl.lit("record 102345")),
            manifest=of_part(gone=1),
        ),
        "gate",
    ),
    "no Parquet": (not_parquet, "rows"),
    "a column outside the contract": (
        lambda d: packed(d, rows=changed_cell("patient_name", "x")),
        "columns",
    ),
    "a column of numbers": (
        lambda d: packed(d, rows=ROWS.with_columns(trial=pl.lit(1))),
        "columns",
    ),
    "a hidden column of rejects": (
        lambda d: packed(d, rejects=REJECTS.with_columns(name=pl.lit("x"))),
        "columns",
    ),
    "another site's rows": (
        lambda d: packed(d, rows=changed_cell("site", "beta")),
        "site",
    ),
    "another site's rejects": (
        lambda d: packed(d, rejects=changed_reject("site", "beta")),
        "site",
    ),
    "an address in a cell": (
        lambda d: packed(d, rows=changed_cell("trial", PERSON)),
        "gate",
    ),
    "an address as a file's name": (
        lambda d: packed(d, rows=changed_cell("_origin", PERSON)),
        "gate",
    ),
    "an address in a reject": (
        lambda d: packed(d, rejects=changed_reject("read", PERSON)),
        "gate",
    ),
    "an address as a reject's place": (
        lambda d: packed(d, rejects=changed_reject("ref", PERSON)),
        "gate",
    ),
    "an address as a reject's advice": (
        lambda d: packed(d, rejects=changed_reject("expected", PERSON)),
        "gate",
    ),
    "an address as a source's name": (
        lambda d: packed(d, manifest=of_part(source=PERSON)),
        "gate",
    ),
    "the site's own batch numbers": (
        lambda d: packed(d, rows=changed_cell("batch", "HN-001")),
        "gate",
    ),
    "the site's own record numbers": (
        lambda d: packed(d, rows=changed_cell("_ref", "record 102345")),
        "gate",
    ),
    "the site's own record numbers in a reject": (
        lambda d: packed(d, rejects=changed_reject("ref", "record 102345")),
        "gate",
    ),
}


@pytest.mark.parametrize("name", [*STRANGERS, *ALTERED, *HOSTILE])
def test_it_is_refused_and_nothing_of_it_stays(
    desk: Reception, tmp_path: Path, name: str
) -> None:
    attack, rule = {**STRANGERS, **ALTERED, **HOSTILE}[name]
    refused = refusal(desk, attack(tmp_path))
    assert refused.rule == rule
    assert refused.stranger == (name in STRANGERS)
    said = str(refused)
    for value in (PERSON, "HN-001", "102345", "/etc/passwd"):
        assert value not in said


def test_the_package_that_the_attacks_change_is_let_in(
    tmp_path: Path,
) -> None:
    desk = Reception(hub(tmp_path / "n"), here)
    receipt = desk.receive(packed(tmp_path))
    assert receipt.accepted
    assert (receipt.read, receipt.good, receipt.rejected) == (3, 1, 2)


def test_no_byte_of_a_package_can_be_changed(desk: Reception, tmp_path: Path) -> None:
    whole = packed(tmp_path).read_bytes()
    target = tmp_path / "carried.pocnet"
    positions = [*range(1200), *range(1200, len(whole), 9)]
    let_in = []
    for position in positions:
        changed = bytearray(whole)
        changed[position] ^= 0x20 if position % 2 else 0x01
        target.write_bytes(changed)
        try:
            with target.open("rb") as file:
                packages.unpack(file, desk.admit, tmp_path / "out")
            let_in.append(position)
        except RefusedError:
            pass
        finally:
            _emptied(tmp_path / "out")
    assert let_in == []


def _emptied(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_package_is_not_what_its_name_says(desk: Reception, tmp_path: Path) -> None:
    honest = packed(tmp_path)
    other = packed(tmp_path, rows=changed_cell("trial", "LEUK-2"))
    assert honest != other
    other.replace(honest)
    assert refusal(desk, honest).rule == "altered"


def test_a_pipe_in_the_drop_folder_keeps_nobody_waiting(
    desk: Reception, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.pocnet"
    os.mkfifo(pipe)
    assert refusal(desk, pipe).rule == "unsigned"


def test_a_link_in_the_drop_folder_is_not_followed(
    desk: Reception, tmp_path: Path
) -> None:
    aside = tmp_path / "link.pocnet"
    aside.symlink_to(packed(tmp_path))
    assert refusal(desk, aside).rule == "unsigned"


def test_a_stranger_is_told_before_the_package_is_read(
    desk: Reception, tmp_path: Path
) -> None:
    package = packed(tmp_path, key=STRANGE)
    head = package.read_bytes()[: packages.HEAD]
    with pytest.raises(RefusedError):
        desk.admit(packages.read_claim(head))


def bomb(into: Path) -> Path:
    """A gigabyte of text, of which a package holds less than a megabyte."""
    cell = pl.format("LEUK-" + "A" * 3_000 + "-{}", pl.int_range(350_000))
    height = 350_000
    rows = pl.select(
        site=pl.lit("alpha"),
        batch=pl.lit("k1-0123456789abcdef"),
        trial=cell,
        _origin=pl.lit("batches.csv"),
        _ref=pl.lit("line 2"),
        _row=pl.int_range(height, dtype=pl.Int64),
        _part=pl.lit(0, pl.Int32),
    )
    part = PART.model_copy(update={"records": height, "read": height})
    said = {"records": height, "read": height, "parts": (part,)}
    return packed(into, rows=rows, rejects=REJECTS.clear(), manifest=said)


def test_what_unfolds_to_more_than_fits_is_refused_in_bounded_memory(
    folder: Path, tmp_path: Path
) -> None:
    package = bomb(tmp_path)
    assert package.stat().st_size < 10 << 20
    assert refusal(Reception(folder, small), package).rule == "size"


def small(folder: Path, unpacked: Unpacked) -> Receipt:
    return confined(folder, unpacked, memory=1200 << 20)


def test_a_bundle_that_makes_the_reader_crash_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    assert refusal(Reception(folder), not_parquet(tmp_path)).rule == "rows"


def test_a_laboratorys_results_come_in_where_the_owner_names_it(
    tmp_path: Path,
) -> None:
    folder = hub(tmp_path / "n")
    edit(folder, "alpha", 'kind = "manufacturer"', 'kind = "both"')
    edit(folder, "beta", "joined =", 'laboratories = ["alpha"]\njoined =')
    rows = pl.DataFrame(
        {
            "site": ["beta", "gamma"],
            "batch": ["k9-0123456789abcdef", "k9-0123456789abcdef"],
            "parameter": ["viability", "viability"],
            "population": ["cd3", "cd3"],
            "stage": ["final_product", "final_product"],
            "laboratory": ["alpha", "alpha"],
            "value": ["91.5", "91.5"],
            "unit": ["%", "%"],
            "_origin": ["qc.csv", "qc.csv"],
            "_ref": ["line 2", "line 3"],
            "_row": [0, 1],
            "_part": pl.Series([0, 0], dtype=pl.Int32),
        }
    )
    part = PART.model_copy(update={"records": 2, "read": 2, "styles": {}})
    said = {"dataset": "result", "records": 2, "read": 2, "parts": (part,)}
    package = packed(tmp_path, rows=rows, rejects=REJECTS.clear(), manifest=said)
    receipt = Reception(folder, here).receive(package)
    assert (receipt.good, receipt.rejected) == (1, 1)
    assert [(r.ref, r.rule) for r in receipt.rejects] == [("line 3", "owner")]
