import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from scipy.stats import binom

from dashboard import queries
from dashboard.attention import one_in
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.pages.overview import _attention_said
from dashboard.rates import compared
from dashboard.signals import signals
from dashboard.viewer import Request, Viewer, asking
from tests.demo import LEAD, PUBLIC, Demo

Ask = Callable[[Viewer], AbstractContextManager[None]]
BAD = "vector lot LV9317 (vectoria)"
NETWORK = ("events", "n", "expected", "flag_at", "chance")


@pytest.fixture
def snapshots(demo: Demo, tmp_path: Path) -> Path:
    """Two snapshots of the made-up network, the same but for what a test changes."""
    for run in (1, 2):
        shutil.copy((demo.snapshots / "current").resolve(), tmp_path / f"{run}.duckdb")
    (tmp_path / "current").symlink_to("2.duckdb")
    return tmp_path


@pytest.fixture
def ask(snapshots: Path) -> Ask:
    @contextmanager
    def ask(viewer: Viewer) -> Iterator[None]:
        about = queries.about(snapshots, viewer)
        journal = Journal(snapshots / "journal.sqlite")
        with asking(Request(viewer, snapshots, journal, about)):
            yield

    return ask


def change(snapshots: Path, run: int, *statements: str) -> None:
    with duckdb.connect(snapshots / f"{run}.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def seen(ask: Ask, viewer: Viewer, filters: Filters | None = None) -> pl.DataFrame:
    with ask(viewer):
        return signals(viewer, filters or Filters())


def known(frame: pl.DataFrame) -> dict[tuple[str, str], str]:
    rows = frame.select("kind", "site", "status").rows()
    return {(kind, site): status for kind, site, status in rows}


def planted(demo: Demo) -> set[tuple[str, str]]:
    kinds = {
        "double_failure_rate": "failure_rate",
        "stricter_criteria": "failure_rate",
        "product_mix": "failure_rate",
        "stopped_reporting": "silence",
        "discordant_releases": "discordance",
        "staff_shortage": "staff",
    }
    named = {(k, s) for plant, k in kinds.items() for s in demo.planted(plant)}
    return named | {("lot", BAD)}


def test_the_planted_truths_are_the_signals_and_each_is_new_at_first(
    demo: Demo, snapshots: Path, ask: Ask
) -> None:
    (snapshots / "1.duckdb").unlink()
    assert known(seen(ask, LEAD)) == dict.fromkeys(planted(demo), "new")


def test_a_signal_that_the_snapshot_before_had_too_is_an_existing_one(
    demo: Demo, ask: Ask
) -> None:
    assert known(seen(ask, LEAD)) == dict.fromkeys(planted(demo), "existing")


def test_what_came_and_what_went_since_the_snapshot_before_is_told_apart(
    demo: Demo, snapshots: Path, ask: Ask
) -> None:
    change(
        snapshots,
        1,
        "update rollup_material set failed = 0 where lot = 'LV9317'",
        "delete from source_error",
        "insert into source_error select max(run), 'turiana', 'main', 'timed out'"
        " from run",
    )
    frame = seen(ask, LEAD)
    assert known(frame) == {
        **dict.fromkeys(planted(demo), "existing"),
        ("lot", BAD): "new",
        ("no_answer", "turiana"): "resolved",
    }
    assert frame["status"].to_list() == ["new", *["existing"] * 6, "resolved"]
    assert frame["evidence"][-1] == "No longer so. It was: timed out"
    assert _attention_said(frame).startswith(
        "7 things need a look today, 1 new and 1 resolved since the pull before."
    )


def test_the_snapshot_before_the_one_before_is_not_asked(
    demo: Demo, snapshots: Path, ask: Ask
) -> None:
    shutil.copy(snapshots / "1.duckdb", snapshots / "0.duckdb")
    change(snapshots, 1, "update rollup_material set failed = 0 where lot = 'LV9317'")
    assert known(seen(ask, LEAD))["lot", BAD] == "new"


def test_another_way_of_counting_is_no_snapshot_to_compare_with(
    snapshots: Path, ask: Ask
) -> None:
    change(snapshots, 1, "update meta set value = 'other' where key = 'metrics'")
    with ask(LEAD):
        assert queries.previous() is None
    assert set(seen(ask, LEAD)["status"]) == {"new"}


def test_an_earlier_snapshot_is_read_under_the_rules_of_today(
    snapshots: Path, ask: Ask
) -> None:
    rules = {"reporting": {"days": 14}, "disclosure": {"site": {"threshold": 99}}}
    change(
        snapshots, 2,
        f"update meta set value = '{json.dumps(rules)}' where key = 'config'",
    )  # fmt: skip
    with ask(LEAD):
        earlier = queries.previous()
        assert earlier is not None
        assert earlier.path.stem == "1"
        assert earlier.rules == rules
        with queries.answering_from(earlier):
            assert queries.current() is earlier
        assert queries.current().path.stem == "2"


def own_counts(demo: Demo, site: str) -> tuple[int, int, int]:
    """Batches made with the bad lot, those that have ended, and failed: recounted."""
    part = demo.world.by_slug[site]
    used = set(part.frames["material"].filter(lot="LV9317")["batch"])
    decisions = part.frames["release"].to_dicts()
    out = {r["batch"] for r in decisions if r["decision"].startswith("released")}
    refused = {r["batch"] for r in decisions if r["decision"] == "rejected"}
    rows = {r["batch"]: r for r in part.frames["batch"].to_dicts()}
    counted = {
        b for b in used if rows[b]["pathway"] not in ("validation", "engineering")
    }
    ended = {b for b in counted if b in out | refused or rows[b]["ended"] is not None}
    return len(counted), len(ended), len(ended - out)


def test_each_site_that_used_the_lot_is_alerted_with_its_own_numbers(
    demo: Demo, ask: Ask
) -> None:
    users = demo.planted("bad_vector_lot")
    assert len(users) == 3
    for site in users:
        frame = seen(ask, Viewer("site", site=site)).filter(kind="lot")
        (row,) = frame.to_dicts()
        used, ended, failed = own_counts(demo, site)
        assert row["site"] == BAD
        assert row["evidence"].startswith("It is on the network's list.")
        assert (
            f"{used} batches used it; of {ended} that have ended, {failed} gave"
            in (row["evidence"])
        )


def test_nobody_is_told_who_else_used_the_lot_or_how_often(
    demo: Demo, ask: Ask
) -> None:
    users = demo.planted("bad_vector_lot")
    for site in users:
        viewer = Viewer("site", site=site)
        with ask(viewer):
            lots = queries.listed_lots(viewer, Filters())
            told = json.dumps(signals(viewer, Filters()).to_dicts())
        assert lots["site"].to_list() == [site]
        assert lots.select(NETWORK).null_count().row(0) == (1,) * len(NETWORK)
        for other in demo.world.parts:
            if other.member.slug != site:
                assert other.member.slug not in told
                assert other.member.name not in told


def test_a_site_that_did_not_use_the_lot_hears_nothing_of_it(
    demo: Demo, ask: Ask
) -> None:
    users = set(demo.planted("bad_vector_lot"))
    assert {"manzanera", "llobrera"}.isdisjoint(users)
    for viewer in (
        Viewer("site", site="manzanera"),
        Viewer("site", site="llobrera"),
        Viewer("authority", region="ES61"),
        PUBLIC,
    ):
        assert "lot" not in seen(ask, viewer)["kind"].to_list()


def test_a_site_with_the_lot_in_process_is_alerted_before_its_first_batch_ends(
    snapshots: Path, ask: Ask
) -> None:
    change(
        snapshots, 2,
        "insert into rollup_material select * replace ('llobrera' as site,"
        " 1 as batches, 0 as ended, 0 as failed) from rollup_material"
        " where lot = 'LV9317' limit 1",
    )  # fmt: skip
    frame = seen(ask, Viewer("site", site="llobrera")).filter(kind="lot")
    assert (
        "1 batch used it; of 0 that have ended, 0 gave no product"
        in (frame["evidence"][0])
    )


def test_an_authority_sees_the_lot_by_the_sites_of_its_region(
    demo: Demo, ask: Ask
) -> None:
    viewer = Viewer("authority", region="ES52")
    with ask(viewer):
        lots = queries.listed_lots(viewer, Filters())
    assert lots["site"].to_list() == ["turiana"]
    assert lots.select("used", "ended", "failed").row(0) == own_counts(demo, "turiana")


def test_small_counts_of_a_listed_lot_are_held_back_where_the_network_says_so(
    snapshots: Path, ask: Ask
) -> None:
    rules = {"reporting": {"days": 14}, "disclosure": {"authority": {"threshold": 99}}}
    change(
        snapshots, 2,
        f"update meta set value = '{json.dumps(rules)}' where key = 'config'",
    )  # fmt: skip
    (row,) = seen(ask, Viewer("authority", region="ES52")).filter(kind="lot").to_dicts()
    assert row["evidence"].endswith("Used at Hospital Turiana, Sala Blanca, in few"
                                    " batches.")  # fmt: skip


def test_the_list_is_the_network_s_whatever_is_filtered(demo: Demo, ask: Ask) -> None:
    with ask(LEAD):
        whole = queries.listed_lots(LEAD, Filters())
        one = queries.listed_lots(LEAD, Filters(site=("turiana",)))
        other = queries.listed_lots(LEAD, Filters(product=("msc-adipose",)))
    assert set(whole["site"]) == set(demo.planted("bad_vector_lot"))
    assert one["site"].to_list() == ["turiana"]
    assert one.select(NETWORK).row(0) == whole.select(NETWORK).row(0)
    assert other.is_empty()
    counts = [own_counts(demo, site) for site in sorted(whole["site"])]
    assert whole.select("used", "ended", "failed").rows() == counts
    assert (whole["n"][0], whole["events"][0]) == (
        sum(c[1] for c in counts),
        sum(c[2] for c in counts),
    )


def test_the_false_alarms_of_a_flagged_rate_are_summed_from_the_binomial(
    ask: Ask,
) -> None:
    with ask(LEAD):
        sites = compared(LEAD, Filters()).filter(pl.col("flagged") == "high998")
    told = dict(
        seen(ask, LEAD).filter(kind="failure_rate").select("site", "false_alarm").rows()
    )
    assert set(told) == set(sites["site"])
    for row in sites.to_dicts():
        n, centre, at = row["n"], row["centre"], row["flag_at998"]
        chance = sum(binom.pmf(k, n, centre) for k in range(at, n + 1))
        assert chance < 0.001
        words = one_in(chance, f"site of {n} batches")
        assert told[row["site"]] == f"By chance alone {words} is flagged."


def test_every_signal_says_how_often_there_would_be_one_without_a_cause(
    ask: Ask,
) -> None:
    rows: list[dict[str, Any]] = seen(ask, LEAD).to_dicts()
    assert all(row["false_alarm"].endswith(".") for row in rows)
    assert {row["kind"] for row in rows if "No chance" in row["false_alarm"]} == {
        "silence",
        "discordance",
    }


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.0008, "1 site in 1\u202f250"),
        (0.001, "1 site in 1\u202f000"),
        (1e-9, "fewer than 1 site in a million"),
        (0.0, "fewer than 1 site in a million"),
    ],
)
def test_a_chance_is_said_as_one_in_so_many(chance: float, words: str) -> None:
    assert one_in(chance, "site") == words
