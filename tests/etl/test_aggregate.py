import shutil
from datetime import date
from pathlib import Path

import pytest

from etl.contract.reporting import BATCH_LEVEL, COUNTED, STRATUM
from etl.outbox import Outbox
from etl.reception import Reception, packages_in
from etl.signature import RefusedError
from tests.etl.agents import loaded, sent, site_folder
from tests.etl.drops import drop, edit
from tests.etl.pulling import pulled, rows
from tests.etl.sending import here, hub

SHARE = 'share = "aggregates"'
# How a batch fared, and nothing that only the whole network can say.
RATES = (
    "site, product, pathway, trial, process, starting_material, counted, month, "
    "started, in_process, ended, harvested, released, infused, "
    + ", ".join(f"{name}, {name}_of" for name in COUNTED)
)


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    return tmp_path / "carried"


@pytest.fixture
def site(tmp_path: Path, carried: Path) -> Path:
    return site_folder(tmp_path / "site", to=str(carried), more=SHARE)


@pytest.fixture
def desk(tmp_path: Path) -> Reception:
    folder = hub(tmp_path / "hub", ("alpha",))
    edit(folder, "alpha", "[style]", f"{SHARE}\n[style]")
    return Reception(folder, here)


@pytest.fixture(scope="module")
def by_batches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub of the same site, which here sent its batches, and its snapshot."""
    place = tmp_path_factory.mktemp("batches")
    site = site_folder(place / "site", to=str(place / "carried"))
    desk = Reception(hub(place / "hub", ("alpha",)), here)
    sent(site)
    for package in packages_in(place / "carried"):
        desk.receive(package)
    return pulled(desk.folder).snapshot


def test_the_same_site_counts_the_same_as_batches_and_as_counts(
    site: Path, carried: Path, desk: Reception, by_batches: Path
) -> None:
    sent(site)
    for package in packages_in(carried):
        assert desk.receive(package).accepted
    by_counts = pulled(desk.folder).snapshot
    one, other = (rows(each, "rollup_batch", RATES) for each in (by_counts, by_batches))
    assert one == other
    assert len(one) == 3
    assert rows(by_counts, "fact_batch") == []
    owed = [
        rows(each, "report", "dataset, period, expected_rows, received_rows")
        for each in (by_counts, by_batches)
    ]
    assert [r for r in owed[0] if r[0] == "batch"] == [
        r for r in owed[1] if r[0] == "batch"
    ]
    assert {r[0] for r in owed[0]} == {"batch"}


def test_no_batch_leaves_a_site_that_sends_counts(site: Path) -> None:
    sent(site)
    box = Outbox(loaded(site).data)
    manifests = {each.dataset: each for each in box.manifests()}
    assert set(manifests) == {STRATUM, "declared"}
    bundles = [box.archive.load(each) for each in manifests.values()]
    tables = [table for each in bundles for table in (each.rows, each.rejects)]
    said = str([table.collect().rows() for table in tables])
    said += str([each.to_bytes() for each in manifests.values()])
    assert "hospital_exemption" in said and "2026-08" in said
    for word in ("alpha-001", "k1-", "13/08/2026", "2026-08-13", "batches.csv"):
        assert word not in said


def test_the_site_is_told_what_is_in_no_count(site: Path) -> None:
    (note,) = sent(site).notes
    assert note == (
        "Of 5 rows of `batch`, 1 were refused here and are in no count: "
        "started: no_such_day (1)."
    )


def test_nothing_is_counted_while_what_decides_cannot_be_read(site: Path) -> None:
    (site / "drops" / "alpha" / "releases.csv").unlink()
    done = sent(site)
    assert {each.dataset for each in done.waiting} == {"declared"}
    assert "release could not be read" in done.notes[-1]


def test_counts_that_were_corrected_take_the_place_of_the_earlier_ones(
    tmp_path: Path, site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    fewer = "Batch,Start,Harvest,End,Path\nalpha-001,03/08/2026,13/08/2026,,EC\n"
    drop(site, "alpha", {"batches.csv": fewer})
    sent(site)
    for package in reversed(packages_in(carried)):
        desk.receive(package)
    snapshot = pulled(desk.folder).snapshot
    counted = rows(snapshot, "rollup_batch", "month, started")
    assert counted == [(date(2026, 8, 1), 1)]


def test_a_site_that_shares_counts_is_not_let_in_with_batches_nor_the_reverse(
    tmp_path: Path, site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    batches = Reception(hub(tmp_path / "other", ("alpha",)), here)
    answers = [batches.answer(package) for package in packages_in(carried)]
    refused = [each.refused for each in answers if each.refused]
    assert [each.rule for each in refused] == ["share"]
    edit(site, "alpha", SHARE, "")
    before = packages_in(carried)
    sent(site)
    for package in set(packages_in(carried)) - {*before}:
        try:
            dataset = desk.receive(package).dataset
        except RefusedError as error:
            assert error.rule == "share"
        else:
            assert dataset not in BATCH_LEVEL


def test_batches_from_before_are_not_counted_twice(
    tmp_path: Path, site: Path, carried: Path, by_batches: Path
) -> None:
    folder = Path(shutil.copytree(by_batches.parents[2], tmp_path / "n", symlinks=True))
    before = rows(by_batches, "rollup_batch", RATES)
    edit(folder, "alpha", "[style]", f"{SHARE}\n[style]")
    sent(site)
    desk = Reception(folder, here)
    for package in packages_in(carried):
        desk.receive(package)
    assert rows(pulled(folder).snapshot, "rollup_batch", RATES) == before
