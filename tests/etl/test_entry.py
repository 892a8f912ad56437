from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from connectors import Page
from etl import spool
from etl.entry import Entry, Start, bundle_of
from etl.network import Site, load_network
from etl.pseudonym import pseudonym
from etl.spool import Spool, State, sweep
from tests.etl.drops import ENVIRON, write_network

KEY = ENVIRON["POCNET_KEY_TEST"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return load_network(write_network(tmp_path / "network"), ENVIRON).sites["alpha"]


def a_page(*lots: str, resume: str | None = None, gone: tuple[str, ...] = ()) -> Page:
    frame = pl.DataFrame(
        {
            "Batch": lots,
            "Decision": ["released"] * len(lots),
            "Day": ["20/08/2026"] * len(lots),
        },
        schema_overrides={"Batch": pl.String, "Decision": pl.String, "Day": pl.String},
    )
    refs = pl.Series([f"record {lot}" for lot in lots], dtype=pl.String)
    return Page(frame, "table releases", refs, "2026-11-01", gone, resume)


def begun(
    site: Site, folder: Path, since: str | None = None, mapping: str = "m"
) -> Entry:
    return Entry(site, site.datasets[1], Start(since), mapping, Spool(folder))


def refs(entry: Entry) -> list[str]:
    return entry.rows(0, 0).collect()["_ref"].to_list()


def record(number: str) -> str:
    return f"record {pseudonym(number, 'alpha', KEY, 'k1')}"


def test_a_broken_entry_goes_on_from_its_last_page(site: Site, tmp_path: Path) -> None:
    broken = begun(site, tmp_path / "spool", "2026-10-01")
    broken.add(a_page("lot-1", "lot-2", resume="resume:1"))
    broken.add(a_page("lot-3", "", resume="resume:lot-3", gone=("record lot-9",)))
    broken.keep()
    entry = begun(site, tmp_path / "spool", "2026-10-01")
    assert entry.asked == "resume:lot-3"
    entry.add(a_page("lot-4"))
    whole = begun(site, tmp_path / "other", "2026-10-01")
    whole.add(a_page("lot-1", "lot-2"))
    whole.add(a_page("lot-3", "", gone=("record lot-9",)))
    whole.add(a_page("lot-4"))
    assert refs(entry) == refs(whole)
    assert (entry.records, entry.read, entry.gone) == (5, 5, 1)
    now = datetime.now(UTC)
    assert entry.part(now) == whole.part(now)
    one, other = (bundle_of(site, "release", "m", [each]) for each in (entry, whole))
    for table in ("rows", "rejects", "keys"):
        assert getattr(one, table).collect().equals(getattr(other, table).collect())
    assert one.keys.collect()["ref"].to_list() == [record("lot-9")]


def test_nothing_that_names_a_record_is_on_the_disk(site: Site, tmp_path: Path) -> None:
    entry = begun(site, tmp_path / "spool")
    entry.add(a_page("lot-4711", resume="resume:lot-4711", gone=("record lot-4711",)))
    entry.keep()
    files = [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        assert b"4711" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("since", "mapping", "key"),
    [("2026-10-02", "m", KEY), (None, "m", KEY), ("2026-10-01", "other", KEY),
     ("2026-10-01", "m", "another key of the site's")],
)  # fmt: skip
def test_another_question_mapping_or_key_begins_anew(
    site: Site, tmp_path: Path, since: str | None, mapping: str, key: str
) -> None:
    broken = begun(site, tmp_path / "spool", "2026-10-01")
    broken.add(a_page("lot-1", resume="resume:1"))
    broken.keep()
    assert site.privacy
    other = replace(site, privacy=replace(site.privacy, key=key))
    entry = begun(other, tmp_path / "spool", since, mapping)
    assert (entry.asked, entry.read, refs(entry)) == (since, 0, [])


def aged(folder: Path, age: timedelta) -> None:
    path = folder / "state.json"
    state = State.model_validate_json(path.read_bytes())
    state.began = datetime.now(UTC) - age
    path.write_text(state.model_dump_json())


@pytest.mark.parametrize("age", [timedelta(hours=25), timedelta(hours=-1)])
def test_what_is_older_than_a_day_begins_anew(
    site: Site, tmp_path: Path, age: timedelta
) -> None:
    broken = begun(site, tmp_path / "spool" / "alpha" / "release-0")
    broken.add(a_page("lot-1", resume="resume:1"))
    broken.keep()
    folder = tmp_path / "spool" / "alpha" / "release-0"
    aged(folder, timedelta(hours=23))
    sweep(tmp_path / "spool")
    assert begun(site, folder).asked == "resume:1"
    aged(folder, age)
    assert begun(site, folder).asked is None
    assert not folder.exists()


def test_a_place_from_which_no_source_goes_on_is_forgotten(
    site: Site, tmp_path: Path
) -> None:
    broken = begun(site, tmp_path / "spool")
    broken.add(a_page("lot-1", resume="resume:1"))
    broken.keep()
    for _ in range(spool.TRIES):
        vain = begun(site, tmp_path / "spool")
        assert vain.asked == "resume:1"
        vain.keep()
    assert begun(site, tmp_path / "spool").asked is None


def test_a_source_that_cannot_go_on_leaves_nothing(site: Site, tmp_path: Path) -> None:
    broken = begun(site, tmp_path / "spool")
    broken.add(a_page("lot-1", resume="resume:1"))
    broken.add(a_page("lot-2"))
    broken.keep()
    entry = begun(site, tmp_path / "spool")
    assert (entry.asked, refs(entry)) == (None, [])


def test_rows_laid_down_after_the_last_note_are_not_taken_twice(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 2)
    killed = begun(site, tmp_path / "spool")
    killed.add(a_page("lot-1", "lot-2", resume="resume:2"))
    killed.add(a_page("lot-3", "lot-4"))
    assert len(list((tmp_path / "spool").glob("rows-*"))) == 2
    entry = begun(site, tmp_path / "spool")
    assert (entry.asked, entry.read) == ("resume:2", 2)
    entry.add(a_page("lot-3", "lot-4"))
    assert refs(entry) == [record(f"lot-{n}") for n in (1, 2, 3, 4)]


def test_litter_of_a_killed_pull_is_swept(site: Site, tmp_path: Path) -> None:
    whole = begun(site, tmp_path / "alpha" / "release-0")
    whole.add(a_page("lot-1", resume="resume:1"))
    whole.keep()
    for name, state in (("batch-0", None), ("result-0", "{not json")):
        folder = tmp_path / "alpha" / name
        folder.mkdir()
        (folder / "rows-00000.parquet").write_bytes(b"PAR1")
        if state:
            (folder / "state.json").write_text(state)
    sweep(tmp_path)
    assert [path.name for path in (tmp_path / "alpha").iterdir()] == ["release-0"]


def test_keys_are_listed_under_pseudonyms_and_counted(site: Site) -> None:
    entry = Entry(site, site.datasets[1], Start("2026-10-01", None, comparing=True))
    assert entry.compare([pl.Series(["record a", "record b, event 1"])])
    part = entry.part(now := datetime.now(UTC))
    assert (part.present, part.compared) == (2, now)
    keys = entry.keys(3).collect().rows()
    assert keys == [
        (3, record("a"), "present"),
        (3, f"{record('b')}, event 1", "present"),
    ]


def test_an_empty_list_of_keys_stays_due(site: Site) -> None:
    last = datetime(2026, 11, 1, tzinfo=UTC)
    entry = Entry(site, site.datasets[1], Start("2026-10-01", last, comparing=True))
    assert entry.compare([])
    part = entry.part(datetime.now(UTC))
    assert (part.present, part.compared) == (0, last)


def test_rows_without_a_key_of_their_own_cannot_be_compared(site: Site) -> None:
    entry = Entry(site, site.datasets[1], Start("2026-10-01", None, comparing=True))
    assert not entry.compare([pl.Series(["row 1", "row 2"])])
    assert entry.keys(0).collect().is_empty()
