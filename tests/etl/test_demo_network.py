import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from connectors import open_source
from connectors.standins import serve
from etl.contract.schemas import SENT
from etl.demo import Plan, World, demo_environ, generate, standin_sites, write_network
from etl.demo.entries import sent
from etl.guard import guard
from etl.mapping import map_page, styles
from etl.network import Network, Site, check_network, load_network
from etl.pseudonym import PSEUDONYM, pseudonymise
from tests.etl.reading import typed


@dataclass
class Pulled:
    """What came from one site for one dataset, mapped and under pseudonyms.

    `typed` holds the same rows as read under the site's styles, own numbers kept.
    """

    records: int = 0
    read: int = 0
    empty: list[pl.DataFrame] = field(default_factory=list)
    rows: list[pl.DataFrame] = field(default_factory=list)
    typed: list[pl.DataFrame] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """A made-up network in a folder, its truth file and what its sites answered."""

    world: World
    folder: Path
    truth: dict
    network: Network
    pulled: dict[tuple[str, str], Pulled]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    world = generate(Plan(scale=0.3))
    folder = tmp_path_factory.mktemp("network")
    with serve(standin_sites(world)) as address:
        write_network(world, folder, address)
        truth = json.loads((folder / "truth.json").read_text())
        network = load_network(folder, demo_environ(folder))
        yield Written(world, folder, truth, network, _pull(network))


def _pull(network: Network) -> dict[tuple[str, str], Pulled]:
    pulled: dict[tuple[str, str], Pulled] = {}
    for slug, site in network.sites.items():
        for rules in site.datasets:
            into = pulled.setdefault((slug, rules.name), Pulled())
            source = site.sources[str(rules.source)]
            said = styles(rules, site.style)
            for page in open_source(source)(rules.extract, None):
                mapped = map_page(page, rules, slug)
                into.records += mapped.records
                into.read += mapped.frame.height + mapped.rejects.height
                into.empty.append(mapped.rejects)
                into.rows.append(protected(mapped.frame, rules.name, site))
                into.typed.append(typed(mapped.frame, rules.name, said))
    return pulled


def protected(frame: pl.DataFrame, dataset: str, site: Site) -> pl.DataFrame:
    privacy = site.privacy
    assert privacy is not None
    return pseudonymise(frame, dataset, site.slug, privacy.key, privacy.key_id)


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


def test_each_site_answers_what_the_truth_file_counts(written: Written) -> None:
    counted = {(c["site"], c["dataset"]): c for c in written.truth["counts"]}
    assert set(written.pulled) == set(counted)
    for key, pulled in written.pulled.items():
        told = counted[key]
        assert (pulled.records, pulled.read) == (told["records"], told["read"]), key
        assert told["read"] == told["good"] + told["rejected"]


def test_the_counted_rows_are_the_generators_rows(written: Written) -> None:
    world = written.world
    for count in written.truth["counts"]:
        part = world.by_slug[count["site"]]
        rows = sent(world, part, count["dataset"])
        assert count["good"] - count["repeated"] == rows.height
    counted = {(c["site"], c["dataset"]) for c in written.truth["counts"]}
    held = {
        (part.member.slug, dataset)
        for part in world.parts
        for dataset in SENT
        if not sent(world, part, dataset).is_empty()
    }
    assert counted == held


def test_every_row_comes_back_as_the_generator_drew_it(written: Written) -> None:
    for (site, dataset), pulled in written.pulled.items():
        drawn = sent(written.world, written.world.by_slug[site], dataset)
        rows = pl.concat(pulled.typed, how="diagonal")
        unsaid = [name for name in drawn.columns if name not in rows.columns]
        for name in unsaid:
            assert name == "sample" or drawn[name].null_count() == drawn.height
        drawn = drawn.drop(unsaid)
        lost = drawn.join(rows, on=drawn.columns, how="anti", nulls_equal=True)
        assert lost.is_empty(), (site, dataset, lost)
        added = rows.join(drawn, on=drawn.columns, how="anti", nulls_equal=True)
        planted = [
            reject
            for reject in written.truth["rejects"]
            if (reject["site"], reject["dataset"]) == (site, dataset)
            and reject["rule"] != "empty_record"
        ]
        assert added.height == len(planted), (site, dataset, added)


def test_the_gate_stops_what_was_planted_for_it_and_nothing_else(
    written: Written,
) -> None:
    stopped = [
        f.select("site", "dataset", "rule")
        for p in written.pulled.values()
        for f in p.empty
    ]
    for dataset in SENT:
        rows = [
            f
            for (_, name), p in written.pulled.items()
            for f in p.rows
            if name == dataset
        ]
        guarded = guard(pl.concat(rows, how="diagonal"), dataset, "-")
        stopped.append(guarded.rejects.select("site", "dataset", "rule"))
    found = [(dataset, rule) for _, dataset, rule in pl.concat(stopped).rows()]
    planted = [
        (r["dataset"], r["rule"])
        for r in written.truth["rejects"]
        if r["rule"] in ("identifier", "empty_record")
    ]
    assert sorted(found) == sorted(planted)
    assert len(set(planted)) == 2


def test_no_batch_leaves_a_site_under_its_own_number(written: Written) -> None:
    for (_, dataset), pulled in written.pulled.items():
        for frame in pulled.rows:
            if "batch" in frame.columns:
                told = frame["batch"].drop_nulls()
                assert told.str.contains(PSEUDONYM).all(), dataset


def test_the_laboratory_sends_results_under_the_owners_pseudonyms(
    written: Written,
) -> None:
    rows = pl.concat(written.pulled["elbmarsch", "result"].rows)
    owners = set(rows["site"])
    assert len(owners) == 5
    for owner in owners:
        own = pl.concat(written.pulled[owner, "batch"].rows)
        theirs = rows.filter(pl.col("site") == owner)
        assert theirs.join(own, on="batch", how="anti").is_empty()
        assert "elbmarsch" in written.network.sites[owner].info.laboratories


def test_without_the_laboratory_its_clients_send_their_own_results() -> None:
    world = generate(Plan(sites=12, scale=0.1))
    part = world.by_slug["havelmark"]
    assert "elbmarsch" not in world.by_slug
    assert sent(world, part, "result").height == part.frames["result"].height
