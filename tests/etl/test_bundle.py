import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from connectors import PocnetError
from etl.bundle import Archive, Bundle, Manifest, Part

ROWS = pl.DataFrame(
    {
        "batch": ["k1-0123456789abcdef", "k1-fedcba9876543210"],
        "started": ["15/03/24", None],
        "_origin": ["lotes_2024.csv", "lotes_2024.csv"],
        "_ref": ["line 2", "line 3"],
        "_part": [0, 0],
    }
)
REJECTS = pl.DataFrame(
    schema={"row": pl.Int64, "ref": pl.String, "rule": pl.String, "read": pl.String}
)


def a_bundle(rows: pl.DataFrame = ROWS) -> Bundle:
    part = Part(
        source="main",
        kind="files",
        location="lotes_*.csv",
        records=2,
        read=2,
        styles={"started": {"dates": "dmy"}},
    )
    manifest = Manifest(
        site="alpha",
        dataset="batch",
        extracted_at=datetime(2026, 11, 16, 4, 30, tzinfo=UTC),
        full=True,
        empty=False,
        mapping="0",
        records=2,
        read=2,
        parts=(part,),
    )
    return Bundle(manifest, rows.lazy(), REJECTS.lazy())


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_a_bundle_comes_back_as_it_was_put(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    put = archive.put(a_bundle())
    assert list(archive.names()) == [("alpha", put.name)]
    loaded = archive.load(archive.manifest("alpha", put.name))
    assert loaded.manifest == put
    assert loaded.rows.collect().equals(ROWS)
    assert loaded.rejects.collect().equals(REJECTS)
    assert loaded.manifest.parts[0].styles == {"started": {"dates": "dmy"}}


def test_the_same_content_gives_the_same_bytes_in_any_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Archive(tmp_path / name).put(a_bundle(ROWS.clone()))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_putting_a_bundle_again_writes_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.put(a_bundle())
    before = {p: p.stat().st_ino for p in tmp_path.rglob("*.*")}
    archive.put(a_bundle())
    assert {p: p.stat().st_ino for p in tmp_path.rglob("*.*")} == before


def test_a_manifest_names_the_hashes_of_its_objects(tmp_path: Path) -> None:
    manifest = Archive(tmp_path).put(a_bundle())
    objects = {p.stem for p in (tmp_path / "objects").iterdir()}
    assert objects == {manifest.rows, manifest.rejects}


def test_other_rows_make_another_bundle(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    other = a_bundle(ROWS.with_columns(started=pl.lit("16/03/24")))
    assert archive.put(a_bundle()).name != archive.put(other).name
    assert len(list(archive.names())) == 2


def test_a_bundle_cut_off_before_its_manifest_is_not_there(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.put(a_bundle())
    (manifest,) = (tmp_path / "manifests").rglob("*.json")
    os.remove(manifest)
    litter = tmp_path / "incoming" / "half-written"
    litter.write_bytes(b"PAR1")
    assert list(archive.names()) == []
    archive.sweep()
    assert not litter.exists()
    archive.put(a_bundle())
    assert len(list(archive.names())) == 1


@pytest.mark.parametrize("what", ["objects/*.parquet", "manifests/*/*.json"])
def test_damaged_bytes_are_refused_and_named(tmp_path: Path, what: str) -> None:
    archive = Archive(tmp_path)
    put = archive.put(a_bundle())
    path = next(tmp_path.glob(what))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PocnetError, match="damaged") as caught:
        archive.load(archive.manifest("alpha", put.name))
    assert "backup" in str(caught.value)


def test_a_manifest_of_an_earlier_version_keeps_its_name(tmp_path: Path) -> None:
    written = a_bundle().manifest.model_dump(mode="json")
    for later in ("keys",):
        del written[later]
    for later in ("gone", "present", "compared"):
        del written["parts"][0][later]
    raw = json.dumps(written, indent=1).encode() + b"\n"
    name = hashlib.sha256(raw).hexdigest()
    path = Archive(tmp_path).manifest_path("alpha", name)
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    manifest = Archive(tmp_path).manifest("alpha", name)
    assert manifest.name == name
    assert (manifest.keys, manifest.parts[0].gone) == ("", 0)


def test_keys_are_an_object_of_their_own_only_where_there_are_any(
    tmp_path: Path,
) -> None:
    archive, without = Archive(tmp_path), a_bundle()
    assert archive.put(without).keys == ""
    keys = pl.LazyFrame({"_part": [0], "ref": ["record k1-0"], "said": ["gone"]})
    (part,) = without.manifest.parts
    parts = (part.model_copy(update={"gone": 1}),)
    manifest = without.manifest.model_copy(update={"parts": parts})
    put = archive.put(replace(without, manifest=manifest, keys=keys))
    assert put.objects == (put.rows, put.rejects, put.keys)
    loaded = archive.load(archive.manifest("alpha", put.name))
    assert loaded.keys.collect().equals(keys.collect())


def test_pieces_of_any_size_give_the_same_bytes(tmp_path: Path) -> None:
    many = pl.concat([ROWS] * 5_000)
    names = set()
    for name, height in (("one", 10_000), ("two", 700), ("three", 3_333)):
        pieces = [many.slice(at, height).lazy() for at in range(0, 10_000, height)]
        bundle = replace(a_bundle(), rows=pl.concat(pieces))
        names.add(Archive(tmp_path / name).put(bundle).rows)
    assert len(names) == 1


def test_a_later_bundle_ranks_higher() -> None:
    first = a_bundle().manifest
    later = first.model_copy(
        update={"extracted_at": datetime(2026, 11, 17, tzinfo=UTC)}
    )
    assert first.rank < later.rank
