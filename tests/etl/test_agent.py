import fcntl
import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import ConfigError, PocnetError
from etl.bundle import Bundle, Manifest
from etl.network import load_network
from etl.outbox import Outbox
from etl.receipt import Receipt
from etl.reception import Reception, packages_in
from etl.run import pull
from etl.site_folder import load_site
from etl.sound import load_sound
from tests.etl.agents import AT_SITE, loaded, sent, site_folder
from tests.etl.drops import BATCHES, ENVIRON, drop, edit, write_network
from tests.etl.pulling import pulled, rows
from tests.etl.sending import AT, HONEST, PART, REJECTS, ROWS, STRANGE, here, hub

ROOT = Path(__file__).parents[2]


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    """Where a person carries packages from and answers to."""
    return tmp_path / "carried"


@pytest.fixture
def site(tmp_path: Path, carried: Path) -> Path:
    return site_folder(tmp_path / "site", to=str(carried))


@pytest.fixture
def desk(tmp_path: Path) -> Reception:
    return Reception(hub(tmp_path / "hub", ("alpha",)), here)


def taken_in(desk: Reception, carried: Path) -> list[Receipt | None]:
    """The hub's answers to what was carried to it."""
    return [desk.collect(package).receipt for package in packages_in(carried)]


def test_a_site_that_sends_itself_gives_the_same_rows_as_one_that_is_pulled(
    tmp_path: Path, site: Path, carried: Path, desk: Reception
) -> None:
    assert len(sent(site).waiting) == 3
    assert all(each and each.accepted for each in taken_in(desk, carried))
    by_agent = pulled(desk.folder)
    by_hub = pulled(write_network(tmp_path / "other", ("alpha",)))
    for table in ("batch", "release", "declared", "fact_batch", "reject"):
        both = [rows(run.snapshot, table) for run in (by_agent, by_hub)]
        assert both[0] == both[1]
        assert both[0]


def test_the_hub_needs_none_of_the_sites_secrets(desk: Reception) -> None:
    assert "POCNET_KEY_AT_ALPHA" not in ENVIRON
    sound = load_sound(desk.folder, ENVIRON)
    assert sound.problems == ()
    assert sound.network.sites["alpha"].sources == {}


def test_a_site_that_sends_itself_is_not_asked_and_cannot_be(desk: Reception) -> None:
    network = load_network(desk.folder, ENVIRON)
    assert pull(network).sites == ()
    with pytest.raises(ConfigError, match="sends for itself"):
        pull(network, ["alpha"])


def test_the_answer_counts_every_row_and_says_where_the_refused_ones_stand(
    site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    taken_in(desk, carried)
    answered = {receipt.dataset: receipt for receipt in sent(site).receipts}
    batch = answered["batch"]
    assert (batch.records, batch.read, batch.good) == (5, 5, 4)
    assert (batch.repeated, batch.rejected) == (1, 1)
    (reject,) = batch.rejects
    assert (reject.ref, reject.column, reject.rule) == (
        "line 6",
        "started",
        "no_such_day",
    )
    assert "line 6: started: read '32/10/2026', expected" in batch.in_words()


def test_an_answered_bundle_leaves_neither_rows_nor_packages_behind(
    site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    taken_in(desk, carried)
    first = Outbox(loaded(site).data)
    named = {name for each in first.manifests() for name in each.objects}
    changed = BATCHES.format(slug="alpha") + "alpha-005,01/11/2026,,,HE\n"
    drop(site, "alpha", {"batches.csv": changed})
    sent(site)
    kept = Outbox(loaded(site).data)
    needed = {name for each in kept.waiting() for name in each.objects}
    there = {path.stem for path in (kept.archive.folder / "objects").iterdir()}
    assert there == needed
    assert named - needed
    assert not [*carried.glob("*.receipt.json")]


def test_the_same_package_gets_the_same_answer_and_changes_nothing(
    site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    packages = packages_in(carried)
    first = [desk.receive(package) for package in packages]
    before = sorted(p for p in desk.folder.rglob("*") if p.is_file())
    assert [desk.receive(package) for package in packages] == first
    assert sorted(p for p in desk.folder.rglob("*") if p.is_file()) == before


def test_bundles_that_come_late_and_in_any_order_give_the_same_state(
    tmp_path: Path, site: Path, carried: Path, desk: Reception
) -> None:
    sent(site)
    earlier = packages_in(carried)
    changed = BATCHES.format(slug="alpha") + "alpha-005,01/11/2026,,,HE\n"
    drop(site, "alpha", {"batches.csv": changed})
    sent(site)
    later = [package for package in packages_in(carried) if package not in earlier]
    for package in later:
        desk.receive(package)
    pulled(desk.folder)
    for package in earlier:
        desk.receive(package)
    backwards = pulled(desk.folder)
    ordered = Reception(hub(tmp_path / "ordered", ("alpha",)), here)
    for package in (*earlier, *later):
        ordered.receive(package)
    forwards = pulled(ordered.folder)
    assert rows(backwards.snapshot, "batch") == rows(forwards.snapshot, "batch")
    assert len(rows(forwards.snapshot, "fact_batch", "batch")) == 4


def test_what_the_hub_refused_is_read_again_in_full(tmp_path: Path) -> None:
    box = Outbox(tmp_path)

    def made(day: int, since: str | None) -> Manifest:
        part = PART.model_copy(update={"since": since, "watermark": f"to {day}"})
        said = {"extracted_at": AT.replace(day=day), "parts": (part,)}
        manifest = HONEST.model_copy(update=said)
        return box.archive.put(Bundle(manifest, ROWS.lazy(), REJECTS.lazy()))

    box.settle(made(1, None), answer(box, 1, accepted=True))
    made(2, "to 1")
    assert box.marks()["batch"].watermarks == ("to 2",)
    box.settle(box.manifests()[1], answer(box, 2, accepted=False))
    assert box.marks() == {}
    made(3, "to 2")
    assert box.marks() == {}
    made(4, None)
    assert box.marks()["batch"].watermarks == ("to 4",)


def test_an_outbox_forgets_what_nobody_needs_and_knows_where_to_go_on(
    tmp_path: Path,
) -> None:
    box = Outbox(tmp_path)
    since = (None, "to 1", None, "to 3", "to 4", "to 5")
    for day, start in enumerate(since, start=1):
        part = PART.model_copy(update={"since": start, "watermark": f"to {day}"})
        said = {"extracted_at": AT.replace(day=day), "parts": (part,)}
        manifest = HONEST.model_copy(update=said)
        box.archive.put(Bundle(manifest, ROWS.lazy(), REJECTS.lazy()))
        if day < 6:
            box.settle(box.manifests()[-1], answer(box, day, accepted=day != 2))
    before = box.marks()
    box.forget()
    assert [m.extracted_at.day for m in box.manifests()] == [3, 6]
    assert box.marks() == before and before["batch"].watermarks == ("to 6",)
    assert len(box.waiting()) == 1
    assert len([*(tmp_path / "receipts").iterdir()]) == 1
    box.settle(box.waiting()[0], answer(box, 2, accepted=False))
    box.forget()
    assert box.marks() == {}


def answer(box: Outbox, number: int, accepted: bool) -> Receipt:
    return Receipt(
        network="Test network",
        site="alpha",
        dataset="batch",
        bundle=box.manifests()[number - 1].name,
        accepted=accepted,
    )


def _bundle_of(site: Path, package: Path) -> str:
    with tarfile.open(package) as tar:
        claim = tar.extractfile("claim.json")
        assert claim
        name: str = json.load(claim)["manifest"]
        return name


def test_a_site_signs_with_the_key_that_the_hub_knows_or_is_not_let_in(
    site: Path, carried: Path, desk: Reception
) -> None:
    sent(site, {"POCNET_SIGNING_KEY_ALPHA": STRANGE})
    assert taken_in(desk, carried) == [None, None, None]
    assert len(packages_in(carried)) == 3


def test_a_signing_key_that_is_none_is_said_before_anything_is_read(
    site: Path,
) -> None:
    with pytest.raises(ConfigError, match="pocnet keys"):
        sent(site, {"POCNET_SIGNING_KEY_ALPHA": "secret"})
    assert not (site / "agent").exists()


def test_two_agents_of_one_site_do_not_run_at_a_time(site: Path) -> None:
    data = loaded(site).data
    data.mkdir(parents=True)
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PocnetError, match="Another agent"):
            sent(site)


KILLED = """
import os, sys
from pathlib import Path
from etl import agent, bundle, outbox, transfer
target, count = sys.argv[2], int(sys.argv[3])
owner, name = {
    "put": (bundle.Archive, "put"),
    "deliver": (transfer._Folder, "deliver"),
    "settle": (outbox.Outbox, "settle"),
    "clear": (transfer._Folder, "clear"),
}[target]
whole = getattr(owner, name)
calls = 0
def killed(*args):
    global calls
    calls += 1
    if calls > count:
        os._exit(9)
    done = whole(*args)
    if calls == count:
        os._exit(9)
    return done
setattr(owner, name, killed)
from tests.etl.agents import sent
sent(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    "at",
    [
        "put",
        "settle",
        pytest.param("deliver", marks=pytest.mark.slow),
        pytest.param("clear", marks=pytest.mark.slow),
    ],
)
def test_an_agent_that_is_killed_anywhere_loses_nothing_and_repeats_nothing(
    site: Path,
    carried: Path,
    desk: Reception,
    in_one_go: dict[str, list[object]],
    at: str,
) -> None:
    if at in ("settle", "clear"):
        sent(site)
        taken_in(desk, carried)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(site), at, "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert killed.returncode == 9
    sent(site)
    taken_in(desk, carried)
    assert sent(site).failures == ()
    assert said(desk) == in_one_go


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """What the hub knows of a site whose agent was never killed."""
    place = tmp_path_factory.mktemp("whole")
    desk = Reception(hub(place / "hub"), here)
    sent(site_folder(place / "site", to=str(place / "carried")))
    taken_in(desk, place / "carried")
    return said(desk)


def said(desk: Reception) -> dict[str, list[object]]:
    """The rows and rejects of the newest bundle of each dataset at the hub."""
    manifests = [desk.archive.manifest(*place) for place in desk.archive.names()]
    newest = {each.dataset: each for each in sorted(manifests, key=lambda m: m.rank)}
    loaded = {name: desk.archive.load(each) for name, each in newest.items()}
    return {
        name: [bundle.rows.collect().rows(), bundle.rejects.collect().rows()]
        for name, bundle in loaded.items()
    }


def test_a_site_that_cannot_be_read_sends_the_rest(site: Path, carried: Path) -> None:
    (site / "drops" / "alpha" / "releases.csv").unlink()
    done = sent(site)
    assert len(done.failures) == 1
    assert {each.dataset for each in done.waiting} == {"batch", "declared"}


def test_a_receipt_of_another_bundle_settles_nothing(site: Path, carried: Path) -> None:
    sent(site)
    one, other, _ = packages_in(carried)
    foreign = Receipt(
        network="Test network",
        site="alpha",
        dataset="batch",
        bundle=_bundle_of(site, other),
        accepted=True,
    )
    for package in packages_in(carried):
        answer = package.with_name(package.name + ".receipt.json")
        answer.write_bytes(foreign.to_bytes())
    done = sent(site)
    assert [failure.source for failure in done.failures] == ["agent"]
    assert one


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('signing_key = { env = "POCNET_SIGNING_KEY_ALPHA" }', "", "pocnet keys"),
        ('env = "POCNET_SIGNING_KEY_ALPHA"', 'env = "NOT_SET"', "NOT_SET"),
        ("public_key", "publik_key", "public_key"),
        ('key_id = "k1"', "", "key_id"),
    ],
)
def test_what_is_missing_at_the_site_is_named(
    site: Path, old: str, new: str, said: str
) -> None:
    edit(site, "alpha", old, new)
    with pytest.raises(ConfigError, match=said):
        load_site(site, "alpha", AT_SITE)


def test_a_private_key_in_the_file_is_refused_without_being_repeated(
    site: Path,
) -> None:
    secret = "MC4CAQAwBQYDK2VwBCIEIJ"
    edit(site, "alpha", '{ env = "POCNET_SIGNING_KEY_ALPHA" }', f'"{secret}"')
    with pytest.raises(ConfigError, match="must not stand in this file") as caught:
        load_site(site, "alpha", AT_SITE)
    assert secret not in str(caught.value)


def test_the_site_needs_to_know_no_other_member(site: Path) -> None:
    edit(site, "alpha", "joined =", 'laboratories = ["some-lab"]\njoined =')
    assert loaded(site).site.info.laboratories == ("some-lab",)


def test_a_bundle_of_tomorrow_is_said_before_anything_is_read(site: Path) -> None:
    late = HONEST.model_copy(
        update={"extracted_at": datetime.now(UTC) + timedelta(days=1)}
    )
    box = Outbox(loaded(site).data)
    box.archive.put(Bundle(late, ROWS.lazy(), REJECTS.lazy()))
    with pytest.raises(PocnetError, match="clock"):
        sent(site)
