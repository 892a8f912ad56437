import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboard.commands.archive import command
from etl.bundle import Archive
from etl.verification import Finding, Verified, applied, verify


def found(folder: Path) -> list[tuple[str, str]]:
    return [(each.kind, each.path) for each in verified(folder).findings]


def verified(folder: Path) -> Verified:
    data = folder / "data"
    return verify(Archive(data / "archive"), applied(data / "warehouse.duckdb"))


def some(folder: Path, pattern: str) -> Path:
    return min((folder / "data" / "archive").glob(pattern))


def inside(path: Path) -> str:
    parts = path.parts
    return "/".join(parts[parts.index("archive") + 1 :])


def test_an_archive_as_it_was_kept_is_whole(folder: Path) -> None:
    result = verified(folder)
    assert result.findings == ()
    assert result.whole
    names = [*Archive(folder / "data" / "archive").names()]
    runs = [*(folder / "data" / "archive" / "runs").iterdir()]
    assert result.manifests == len(names) + len(runs) >= 10
    assert result.objects == len([*(folder / "data/archive/objects").iterdir()])


@pytest.mark.parametrize(
    "pattern", ["objects/*.parquet", "manifests/beta/*.json", "runs/*.json"]
)
def test_one_changed_bit_is_found_and_named(folder: Path, pattern: str) -> None:
    path = some(folder, pattern)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert ("altered", inside(path)) in found(folder)


def test_a_file_that_was_cut_off_is_found(folder: Path) -> None:
    path = some(folder, "objects/*.parquet")
    os.truncate(path, path.stat().st_size - 1)
    assert found(folder) == [("altered", inside(path))]


def test_a_lost_object_is_named_with_a_manifest_that_names_it(folder: Path) -> None:
    path = some(folder, "objects/*.parquet")
    path.unlink()
    (finding,) = verified(folder).findings
    assert (finding.kind, finding.path) == ("missing", inside(path))
    manifest = folder / "data" / "archive" / finding.said.split()[0]
    assert path.stem in manifest.read_text()


def test_a_lost_manifest_is_missed_by_the_warehouse(folder: Path) -> None:
    path = some(folder, "manifests/beta/*.json")
    path.unlink()
    assert ("missing", inside(path)) in found(folder)


def test_a_lost_manifest_is_missed_by_the_record_of_its_run(folder: Path) -> None:
    (folder / "data" / "warehouse.duckdb").unlink()
    path = some(folder, "manifests/beta/*.json")
    path.unlink()
    assert ("missing", inside(path)) in found(folder)


def test_the_record_of_a_run_under_another_number_is_a_stray(folder: Path) -> None:
    path = some(folder, "runs/*.json")
    moved = path.with_name(path.name.replace("00000001", "00000002"))
    path.rename(moved)
    assert ("stray", inside(moved)) in found(folder)


def test_what_a_killed_run_leaves_is_told_apart(folder: Path) -> None:
    archive = folder / "data" / "archive"
    (archive / "incoming").mkdir(exist_ok=True)
    (archive / "incoming" / "0123").write_bytes(b"half a table")
    # Whole, under its hash, but killed before its manifest was written.
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (archive / "objects" / f"{empty}.parquet").touch()
    result = verified(folder)
    assert result.whole
    assert found(folder) == [
        ("litter", "incoming/0123"),
        ("litter", f"objects/{empty}.parquet"),
    ]


def test_a_file_of_another_hand_is_a_stray(folder: Path) -> None:
    copy = some(folder, "manifests/beta/*.json")
    moved = copy.parents[1] / "alpha" / copy.name
    copy.rename(moved)
    note = folder / "data" / "archive" / "objects" / "note.txt"
    note.touch()
    kinds = found(folder)
    assert ("stray", inside(moved)) in kinds
    assert ("stray", "objects/note.txt") in kinds


def test_the_command_names_what_is_wrong_and_fails(folder: Path) -> None:
    path = some(folder, "objects/*.parquet")
    path.unlink()
    code = "from dashboard.cli import main; main()"
    words = [sys.executable, "-c", code, "archive", "verify", str(folder), "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["whole"] is False
    assert said["findings"][0]["path"] == inside(path)
    assert "pocnet pull --full" in done.stderr


def test_the_command_says_in_words_that_all_is_well(folder: Path) -> None:
    done = CliRunner().invoke(command, ["verify", str(folder)])
    assert "read: whole." in done.stdout


def test_progress_is_told_to_the_last_file(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    archive = Archive(folder / "data" / "archive")
    result = verify(archive, progress=lambda done, total: told.append((done, total)))
    whole = result.manifests + result.objects
    assert told == [(n, whole) for n in range(1, whole + 1)]


def test_litter_alone_does_no_harm() -> None:
    litter = Finding("litter", "incoming/1", "")
    assert Verified(1, 1, (litter,)).whole
    assert not Verified(1, 1, (litter, Finding("stray", "x", ""))).whole
