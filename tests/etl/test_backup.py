import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors import ConfigError, PocnetError
from dashboard.commands.backup import command as backup_command
from dashboard.commands.restore import command as restore_command
from dashboard.journal import Journal
from etl.backup import Kept, backup, restore
from etl.rebuild import rebuild
from etl.sound import load_known
from tests.etl.drops import ENVIRON
from tests.etl.pulling import rows

FIGURES = ("batch", "release", "site", "product", "report", "rollup_batch", "judged")


@pytest.fixture(scope="module")
def kept(third: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Kept]:
    """A backup of the network after three runs, in whose journal somebody wrote."""
    place = tmp_path_factory.mktemp("kept")
    folder = Path(shutil.copytree(third, place / "network", symlinks=True))
    journal = Journal(folder / "data" / "journal.sqlite")
    journal.write("lead", "note", "beta", {"text": "asked why"}, "a gap")
    (folder / "data" / "archive" / "objects" / "litter.part").touch()
    file = place / "network.tar"
    return file, backup(folder, file)


def settings(folder: Path) -> dict[str, bytes]:
    files = [folder / "network.toml", *(folder / "sites").iterdir()]
    return {path.name: path.read_bytes() for path in files}


def altered(file: Path, change: Callable[[tarfile.TarInfo, bytes], bytes]) -> Path:
    """A copy of a backup, each file of which went through another's hands."""
    copy = file.with_name("altered.tar")
    with tarfile.open(file) as old, tarfile.open(copy, "w") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            raw = change(member, content.read())
            member.size = len(raw)
            new.addfile(member, io.BytesIO(raw))
    return copy


def test_a_restored_network_builds_equal_numbers(
    third: Path, kept: tuple[Path, Kept], tmp_path: Path
) -> None:
    file, said = kept
    folder = tmp_path / "network"
    assert restore(file, folder) == said
    assert settings(folder) == settings(third)
    result = rebuild(load_known(folder).network)
    for table in FIGURES:
        published = rows(third / "data" / "snapshots" / "3.duckdb", table)
        assert rows(result.snapshot, table) == published, table
    (entry,) = Journal(folder / "data" / "journal.sqlite").read("note")
    assert (entry.who, entry.body) == ("lead", {"text": "asked why"})


def test_neither_secrets_nor_litter_nor_exports_are_kept(
    kept: tuple[Path, Kept],
) -> None:
    raw = kept[0].read_bytes()
    for value in ENVIRON.values():
        assert value.encode() not in raw
    assert b"litter" not in raw
    assert b"beta-001" not in raw
    with tarfile.open(kept[0]) as tar:
        assert not [n for n in tar.getnames() if "warehouse" in n or "drops" in n]


def test_a_secret_in_a_settings_file_is_refused(folder: Path, tmp_path: Path) -> None:
    file = folder / "sites" / "beta.toml"
    secret = '{ env = "POCNET_KEY_TEST" }'
    file.write_text(file.read_text().replace(secret, '"quite secret"'))
    with pytest.raises(ConfigError, match=r"sites/beta\.toml:.*secret") as told:
        backup(folder, tmp_path / "network.tar")
    assert "quite secret" not in str(told.value)
    assert not [*tmp_path.glob("network.tar*")]


def test_a_damaged_archive_is_not_kept(folder: Path, tmp_path: Path) -> None:
    path = min((folder / "data" / "archive" / "objects").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(PocnetError, match="archive verify"):
        backup(folder, tmp_path / "network.tar")
    path.unlink()
    with pytest.raises(PocnetError, match="archive verify"):
        backup(folder, tmp_path / "network.tar")
    assert not [*tmp_path.glob("network.tar*")]


def test_nothing_that_is_there_is_written_over(
    third: Path, kept: tuple[Path, Kept], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="another name"):
        backup(third, kept[0])
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match="not empty"):
        restore(kept[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("of", ["network.toml", "journal.sqlite", "parquet", ".json"])
def test_an_altered_backup_is_turned_away(
    kept: tuple[Path, Kept], tmp_path: Path, of: str
) -> None:
    def turn(member: tarfile.TarInfo, raw: bytes) -> bytes:
        ours = member.name.endswith(of) and member.name != "backup.json"
        return raw[:-1] + bytes([raw[-1] ^ 1]) if ours else raw

    with pytest.raises(PocnetError, match="not as it was kept"):
        restore(altered(kept[0], turn), tmp_path / "network")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["../evil", "sites/../../evil.toml", "etc/passwd"])
def test_a_file_that_no_backup_holds_is_turned_away(
    kept: tuple[Path, Kept], tmp_path: Path, name: str
) -> None:
    def rename(member: tarfile.TarInfo, raw: bytes) -> bytes:
        member.name = name if member.name == "network.toml" else member.name
        return raw

    with pytest.raises(PocnetError, match="which no backup does"):
        restore(altered(kept[0], rename), tmp_path / "network")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("raw", [b"{", b"{}", b"[]"])
def test_a_backup_with_another_list_is_turned_away(
    kept: tuple[Path, Kept], tmp_path: Path, raw: bytes
) -> None:
    def other(member: tarfile.TarInfo, there: bytes) -> bytes:
        return raw if member.name == "backup.json" else there

    with pytest.raises(PocnetError, match="cannot be restored"):
        restore(altered(kept[0], other), tmp_path / "network")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_backup_that_was_cut_off_is_turned_away(
    kept: tuple[Path, Kept], tmp_path: Path, part: float
) -> None:
    raw = kept[0].read_bytes()
    file = tmp_path / "cut.tar"
    file.write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(PocnetError, match="cannot be restored"):
        restore(file, tmp_path / "network")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.tar"]


def test_the_commands_say_what_was_kept_and_what_to_do_next(
    folder: Path, tmp_path: Path
) -> None:
    file, place = tmp_path / "kept.tar", tmp_path / "again"
    run = CliRunner().invoke
    said = run(backup_command, [str(file), str(folder)], catch_exceptions=False)
    assert "bundles" in said.stdout
    shutil.rmtree(folder)
    said = run(restore_command, [str(file), str(place)], catch_exceptions=False)
    assert f"pocnet build {place}" in said.stderr
    assert (place / "network.toml").is_file()


def test_somebody_else_who_restores_meanwhile_is_not_written_over(
    kept: tuple[Path, Kept], tmp_path: Path
) -> None:
    folder = tmp_path / "network"

    def meanwhile(done: int, total: int) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "network.toml").write_text("of somebody else")

    with pytest.raises(PocnetError, match="somebody else has written"):
        restore(kept[0], folder, meanwhile)
    assert [path.name for path in tmp_path.rglob("*")] == ["network", "network.toml"]
