"""The archive in a bucket: the same commands, over a server that speaks S3."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from connectors import ConfigError, PocnetError
from etl.archive_place import archive_of
from etl.backup import backup, restore
from etl.bundle import Archive, manifest_name, object_name
from etl.difference import differences
from etl.network import NetworkError, check_network, load_network
from etl.rebuild import as_of, rebuild
from etl.run import pull
from etl.sound import load_known
from etl.verification import verify
from etl.withdrawing import named_by, withdraw
from tests.connectors.servers.moto import ObjectStore, moto
from tests.etl.drops import ENVIRON, write_network
from tests.etl.pulling import leave_more, rows
from tests.etl.withdrawn import GONE, STAYS, holding, write

KEYS = {"POCNET_ARCHIVE_ACCESS": "AKIAEXAMPLE", "POCNET_ARCHIVE_SECRET": "right-secret"}
PLACE = """
[archive]
address = "s3://drop/{prefix}"
endpoint = "{endpoint}"
access_key = {{ env = "POCNET_ARCHIVE_ACCESS" }}
secret_key = {{ env = "POCNET_ARCHIVE_SECRET" }}
"""
ALL = {**ENVIRON, **KEYS}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with moto(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unpulled(store: ObjectStore, tmp_path: Path, environ: None) -> Path:
    """A network that will keep its archive in a bucket."""
    return in_a_bucket(write_network(tmp_path / "network", ("alpha", "beta")), store)


def in_a_bucket(network: Path, store: ObjectStore) -> Path:
    """The network, told to keep its archive in a part of the bucket of its own."""
    file = network / "network.toml"
    place = PLACE.format(prefix=network.parent.name, endpoint=store.url)
    file.write_text(file.read_text() + place)
    return network


@pytest.fixture
def folder(unpulled: Path) -> Path:
    """A network whose archive is a bucket, after its first run."""
    pull(load_network(unpulled, ALL))
    return unpulled


def bucket(folder: Path) -> Archive:
    return archive_of(load_known(folder).network, ALL)


def raw(store: ObjectStore) -> S3Store:
    return S3Store(
        "drop",
        endpoint=store.url,
        region="us-east-1",
        access_key_id="a",
        secret_access_key="b",
        client_options={"allow_http": True},
    )


def test_pull_verify_build_and_backup_work_over_a_bucket(
    folder: Path, tmp_path: Path
) -> None:
    """One long way, because each part needs what the one before it left."""
    archive = bucket(folder)
    assert not (folder / "data" / "archive" / "objects").exists()
    assert verify(archive).whole
    assert len([*archive.names()]) >= 6
    first = rows(folder / "data" / "snapshots" / "1.duckdb", "batch")
    leave_more(folder)
    second = rows(pull(load_network(folder, ALL)).snapshot, "batch")
    changed = differences(folder / "data" / "warehouse.duckdb", 1, 2)
    file = tmp_path / "kept.tar"
    kept = backup(folder, file)
    # All is lost but the bucket.
    shutil.rmtree(folder / "data")
    network = load_known(folder).network
    assert rows(as_of(network, 1).snapshot, "batch") == first
    again = rebuild(network)
    assert rows(again.snapshot, "batch") == second != first
    assert differences(folder / "data" / "warehouse.duckdb", 1, 2) == changed
    # And now the bucket is: a restored archive goes to where the settings keep it.
    held = [*archive.shelf.names()]
    for name in held:
        archive.shelf.remove(name)
    restored = tmp_path / "restored"
    assert restore(file, restored) == kept
    assert {*bucket(restored).shelf.names()} == {*held} - recorded_later(held)
    assert verify(bucket(restored)).whole
    assert not (restored / "data" / "archive").exists()


def recorded_later(names: list[str]) -> set[str]:
    """The record of the run that `rebuild` made after the backup."""
    return {name for name in names if name.startswith("runs/00000003")}


def test_what_is_there_is_kept_and_every_kind_of_damage_is_found(
    folder: Path, store: ObjectStore, tmp_path: Path
) -> None:
    archive, prefix = bucket(folder), bucket(folder).shelf.place("").split("/", 3)[3]
    name = next(archive.shelf.names("manifests"))
    before = archive.shelf.read(name)
    other = tmp_path / "other"
    other.write_bytes(b"another")
    archive.shelf.put(name, other)
    assert archive.shelf.read(name) == before
    assert not other.exists()
    site, gone = next(archive.names())
    told = archive.manifest(site, gone)
    # What only a manifest speaks of that is gone is not missed.
    its = {object_name(each) for each in (told.rows, told.rejects, told.keys)}
    altered, lacking = [n for n in archive.shelf.names("objects") if n not in its][:2]
    manifest = manifest_name(site, gone)
    obstore.put(raw(store), f"{prefix}{altered}", b"changed")
    archive.shelf.remove(lacking)
    archive.shelf.remove(manifest)
    obstore.put(raw(store), f"{prefix}note.txt", b"mine")
    found = {(each.kind, each.path) for each in verify(archive).findings}
    assert {
        ("altered", altered),
        ("missing", lacking),
        ("missing", manifest),
        ("stray", "note.txt"),
    } <= found


@pytest.mark.slow
def test_a_damaged_object_is_not_built_from(folder: Path, store: ObjectStore) -> None:
    archive, prefix = bucket(folder), bucket(folder).shelf.place("").split("/", 3)[3]
    for name in archive.shelf.names("objects"):
        obstore.put(raw(store), f"{prefix}{name}", b"changed")
    with pytest.raises(PocnetError, match="s3://drop/.*damaged"):
        rebuild(load_known(folder).network)


def test_a_store_that_does_not_answer_is_one_clear_message(unpulled: Path) -> None:
    file = unpulled / "network.toml"
    file.write_text(file.read_text().replace("s3://drop", "s3://nobody"))
    with pytest.raises(PocnetError, match="no such bucket; check `address`") as told:
        pull(load_network(unpulled, ALL))
    assert "right-secret" not in str(told.value)


def test_a_secret_that_is_not_set_is_named_before_anything_runs(
    unpulled: Path,
) -> None:
    with pytest.raises(NetworkError, match="POCNET_ARCHIVE_SECRET is not set"):
        load_network(unpulled, {**ALL, "POCNET_ARCHIVE_SECRET": ""})
    network = load_known(unpulled).network
    with pytest.raises(ConfigError, match=r"archive\.access_key: .*ACCESS is not set"):
        archive_of(network, {})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('address = "s3://drop/x"', "needs access_key and secret_key"),
        ('address = "ftp://drop"', "must be a folder or s3://"),
        ('address = "kept"\nregion = "eu-1"', "a folder needs nothing beside"),
        ('address = "s3://d/x"\nsecret_key = "plain"', "must not stand in this file"),
    ],
)
def test_mistakes_are_named_with_their_place(
    tmp_path: Path, written: str, said: str
) -> None:
    made = write_network(tmp_path / "network", ("alpha",))
    file = made / "network.toml"
    file.write_text(f"{file.read_text()}\n[archive]\n{written}\n")
    problems = check_network(made, ENVIRON)
    assert any(said in str(p) and "network.toml:" in str(p) for p in problems), problems


def test_another_folder_keeps_the_archive_where_the_settings_say(
    tmp_path: Path,
) -> None:
    made = write_network(tmp_path / "network", ("alpha",))
    file = made / "network.toml"
    file.write_text(f'{file.read_text()}\n[archive]\naddress = "../kept"\n')
    pull(load_network(made, ENVIRON))
    assert [*(tmp_path / "kept" / "manifests" / "alpha").iterdir()]
    assert not (made / "data" / "archive").exists()
    assert verify(archive_of(load_known(made).network)).whole


def test_hosts_that_share_an_archive_go_through_each_others_runs(
    tmp_path: Path,
) -> None:
    here, there = tmp_path / "here" / "network", tmp_path / "there" / "network"
    for made in (here, there):
        write_network(made, ("alpha", "beta"))
        file = made / "network.toml"
        file.write_text(f'{file.read_text()}\n[archive]\naddress = "../../kept"\n')
    pull(load_network(here, ENVIRON))
    leave_more(there)
    assert pull(load_network(there, ENVIRON)).run == 2
    leave_more(here)
    assert pull(load_network(here, ENVIRON)).run == 3
    warehouses = [made / "data" / "warehouse.duckdb" for made in (here, there)]
    first, second = (differences(each, 1, 2) for each in warehouses)
    assert first == second
    (batches,) = [each for each in first if each.dataset == "batch"]
    assert (batches.site, batches.opened) == ("beta", 1)


@pytest.mark.slow
def test_a_withdrawn_batch_leaves_no_byte_in_the_bucket(
    store: ObjectStore, tmp_path: Path, environ: None
) -> None:
    made = in_a_bucket(write(tmp_path / "network"), store)
    network = load_network(made, ALL)
    pull(network)
    assert GONE in held_by(bucket(made), tmp_path / "before")
    withdraw(network, named_by(network, "alpha", GONE), "asked")
    assert GONE not in held_by(bucket(made), tmp_path / "after")
    assert STAYS in held_by(bucket(made), tmp_path / "again")
    assert holding(made / "data", GONE) == []
    assert verify(bucket(made)).findings == ()


def held_by(archive: Archive, copy: Path) -> set[str]:
    """Which of two batches any object of a bucket names."""
    for name in archive.shelf.names():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.shelf.read(name))
    return {each for each in (GONE, STAYS) if holding(copy, each)}
