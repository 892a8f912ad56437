import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from connectors.standins import serve
from etl.collect import Collection, Window
from etl.contract.schemas import KEYS, SENT
from etl.demo import Plan, World, demo_environ, generate, standin_sites, write_network
from etl.demo.entries import sent
from etl.network import Network, check_network, load_network
from etl.pseudonym import PSEUDONYM
from etl.rules import find
from tests.etl.checking import Arrived, arrived
from tests.etl.drawn import rows_drawn

Key = tuple[str, str]


@dataclass(frozen=True)
class Written:
    """A made-up network in a folder, its truth file and what arrived from its sites."""

    world: World
    folder: Path
    truth: dict
    network: Network
    arrived: dict[Key, Arrived]

    def counts(self) -> dict[Key, dict[str, int]]:
        """The counts that the truth file expects, by sender and dataset."""
        return {(c["site"], c["dataset"]): c for c in self.truth["counts"]}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    world = generate(Plan(scale=0.15))
    folder = tmp_path_factory.mktemp("network")
    with serve(standin_sites(world)) as address:
        write_network(world, folder, address)
        truth = json.loads((folder / "truth.json").read_text())
        network = load_network(folder, demo_environ(folder))
        yield Written(world, folder, truth, network, _arrived(network))


def _arrived(network: Network) -> dict[Key, Arrived]:
    found: dict[Key, Arrived] = {}
    for slug, site in network.sites.items():
        collection = Collection(site, {}, Window(full=True))
        for bundle in collection.bundles(lambda step: None, threading.Event()):
            found[slug, bundle.manifest.dataset] = arrived(bundle, network)
        assert collection.failures == []
    return found


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_network(generate(Plan(scale=0.1)), tmp_path / name)
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    assert len(one) > 100
    assert one == two


def test_the_written_settings_have_no_mistake(written: Written) -> None:
    assert check_network(written.folder, demo_environ(written.folder)) == []
    assert len(written.network.sites) == 24


def test_every_kind_of_system_is_among_the_sites(written: Written) -> None:
    kinds = [
        source.kind
        for site in written.network.sites.values()
        for source in site.sources.values()
    ]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "files": 13,
        "sql": 5,
        "redcap": 3,
        "rest": 3,
    }


def test_no_secret_stands_in_a_settings_file(written: Written) -> None:
    text = "".join(p.read_text() for p in written.folder.glob("sites/*.toml"))
    for path in (written.folder / "secrets").iterdir():
        assert path.read_text().strip() not in text


def test_every_dataset_of_every_site_is_counted(written: Written) -> None:
    held = {
        (part.member.slug, dataset)
        for part in written.world.parts
        for dataset in SENT
        if not sent(written.world, part, dataset).is_empty()
    }
    assert set(written.counts()) == set(written.arrived) == held


def test_what_arrived_is_what_the_truth_file_counts(written: Written) -> None:
    for key, told in written.counts().items():
        arrival = written.arrived[key]
        assert {
            "site": key[0],
            "dataset": key[1],
            "records": arrival.manifest.records,
            "read": arrival.manifest.read,
            "good": arrival.good_rows,
            "repeated": arrival.repeated,
            "rejected": arrival.rejected,
        } == told
        assert told["read"] == told["good"] + told["rejected"]


def test_every_good_row_is_as_the_generator_drew_it(written: Written) -> None:
    for (site, dataset), arrival in written.arrived.items():
        drawn = rows_drawn(written.world, site, dataset)
        stray = [finding["batch"] for finding in written.truth["findings"]]
        good = arrival.good.drop("origin", "ref")
        if dataset == "result":
            good = good.filter(~pl.col("batch").is_in(stray))
        assert_frame_equal(
            good.sort(KEYS[dataset]),
            drawn.select(good.columns).sort(KEYS[dataset]),
        )


def test_each_planted_flaw_is_refused_by_its_rule_and_nothing_else_is(
    written: Written,
) -> None:
    found = [
        reject
        for arrival in written.arrived.values()
        for reject in arrival.rejects.select("site", "dataset", "rule").rows()
    ]
    planted = [(r["site"], r["dataset"], r["rule"]) for r in written.truth["rejects"]]
    assert sorted(found) == sorted(planted)
    assert len({rule for *_, rule in planted}) >= 6


def test_the_only_finding_over_several_datasets_is_the_planted_one(
    written: Written,
) -> None:
    tables = {
        dataset: pl.concat(
            arrival.good
            for (_, name), arrival in written.arrived.items()
            if name == dataset
        )
        for dataset in SENT
    }
    found = find(tables).findings.select("site", "dataset", "rule", "batch")
    assert found.to_dicts() == written.truth["findings"]
    assert found.height == 1


def test_no_batch_leaves_a_site_under_its_own_number(written: Written) -> None:
    for (_, dataset), arrival in written.arrived.items():
        if "batch" in arrival.good.columns:
            told = arrival.good["batch"].drop_nulls()
            assert told.str.contains(PSEUDONYM).all(), dataset


def test_the_laboratory_sends_results_under_the_owners_pseudonyms(
    written: Written,
) -> None:
    rows = written.arrived["elbmarsch", "result"].good
    owners = set(rows["site"])
    assert len(owners) == 5
    for owner in owners:
        own = written.arrived[owner, "batch"].good
        theirs = rows.filter(pl.col("site") == owner)
        assert theirs.join(own, on="batch", how="anti").is_empty()
        assert "elbmarsch" in written.network.sites[owner].info.laboratories


def test_without_the_laboratory_its_clients_send_their_own_results() -> None:
    world = generate(Plan(sites=12, scale=0.1))
    part = world.by_slug["havelmark"]
    assert "elbmarsch" not in world.by_slug
    assert sent(world, part, "result").height == part.frames["result"].height
