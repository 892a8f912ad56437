from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import mean, median

import duckdb
import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import _assay_gap, _assay_pairs, _assay_scores, assays
from dashboard.viewer import Viewer
from etl.demo.truth import assays as planted
from etl.demo.world import World
from tests.dashboard.republishing import republished
from tests.demo import LEAD, PUBLIC, Demo

Ask = Callable[[Viewer], AbstractContextManager[Filters]]
LOW = Viewer("site", site="malarvik")


def test_the_laboratory_that_reads_low_and_the_worse_product_are_found_and_no_other(
    ask: Ask, world: World
) -> None:
    truth = planted(world)
    with ask(LEAD) as filters:
        frame = _assay_gap.taken_apart(LEAD, filters)
    told = frame.drop_nulls("verdict")
    assert told.height > 20
    for verdict in ("assay", "product"):
        found = set(told.filter(pl.col("verdict") == verdict)["site"])
        assert found == set(truth[verdict])
    assert "both" not in set(told["verdict"])
    rows = {row["site"]: row for row in told.to_dicts()}
    assert rows["malarvik"]["assay_lower"] < -5 < rows["malarvik"]["assay_upper"] + 1.5
    assert rows["lutecine"]["product_lower"] < -4 < rows["lutecine"]["product_upper"]


@pytest.mark.parametrize("test", ["cd3_purity", "vcn"])
def test_nothing_is_found_where_nothing_was_planted(ask: Ask, test: str) -> None:
    with ask(LEAD) as filters:
        frame = _assay_gap.taken_apart(LEAD, filters.option("test", test))
    assert frame["parameter"].unique().to_list() == [test]
    assert set(frame.drop_nulls("verdict")["verdict"]) == {"neither"}


def test_a_test_with_censored_results_has_no_mean_and_says_so(ask: Ask) -> None:
    with ask(LEAD) as filters:
        frame = _assay_gap.taken_apart(LEAD, filters.option("test", "endotoxin"))
        assert _assay_gap.CARD.draw is not None
        _assay_gap.CARD.draw(frame)
    assert frame["gap"].null_count() == frame.height
    assert set(frame["state"]) == {"not_applicable"}
    assert frame["reason"].str.contains("beyond what can be measured").all()


def test_a_gap_is_a_recount_of_the_rows(ask: Ask, world: World) -> None:
    with ask(LEAD) as filters:
        only = Filters(product=("nk-expanded",))
        frame = queries.measured(LEAD, only, "viability")
    counted = {
        (r["site"], r["batch"])
        for r in world.frame("batch").to_dicts()
        if r["product"] == "nk-expanded"
        and r["pathway"] not in ("validation", "engineering")
        and r["site"] != "skanelund"
    }
    values: dict[str, list[float]] = {}
    for row in world.frame("result").to_dicts():
        if (
            (row["site"], row["batch"]) in counted
            and (row["parameter"], row["stage"]) == ("viability", "final_product")
            and row["state"] == "valid"
        ):
            values.setdefault(row["site"], []).append(row["value"])
    assert filters == Filters()
    assert {r["site"]: r["n"] for r in frame.to_dicts()} == {
        site: len(found) for site, found in values.items()
    }
    assert len(values) == 2
    one, other = (mean(values[site]) for site in sorted(values))
    assert frame["gap"].to_list() == pytest.approx([one - other, other - one])


def test_a_score_is_a_recount_of_the_rows(ask: Ask, world: World) -> None:
    with ask(LEAD) as filters:
        frame = _assay_scores.trials(LEAD, filters.option("test", "vcn"))
    rows = [
        r for r in world.frame("ring_trial").to_dicts()
        if (r["laboratory"], r["parameter"]) == ("turiana", "vcn")
    ]  # fmt: skip
    mine = frame.filter(pl.col("laboratory") == "turiana")
    assert mine["replicates"].sum() == len(rows)
    for score in mine.to_dicts():
        same = [
            r for r in rows
            if (r["round"], r["specimen"]) == (score["round"], score["specimen"])
        ]  # fmt: skip
        read = mean(r["value"] for r in same)
        z = (read - same[0]["assigned_value"]) / same[0]["assigned_sd"]
        assert score["score"] == pytest.approx(z)
        assert score["kind"] == "z"


def test_the_page_opens_on_the_laboratory_that_is_furthest_off(ask: Ask) -> None:
    with ask(LEAD) as filters:
        assert _assay_pairs.about(LEAD, filters) == "malarvik"
        said = _assay_pairs.CARD.sentence(_assay_pairs.pairs(LEAD, filters))
        other = filters.option("about", "turiana")
        assert set(_assay_pairs.pairs(LEAD, other)["laboratory"]) == {"turiana"}
        scored = _assay_scores.CARD.sentence(_assay_scores.trials(LEAD, filters))
    assert "Mälarvik universitetssjukhus reads -6.3 %" in said
    assert "more than once at Mälarvik universitetssjukhus" in scored


@pytest.mark.parametrize("viewer", [LOW, Viewer("authority", "SE33"), PUBLIC])
def test_who_sees_no_laboratory_by_name_reads_no_score_of_it(
    ask: Ask, viewer: Viewer
) -> None:
    with ask(viewer) as filters:
        frames = [card.frame(viewer, filters) for card in assays_cards()]
        options = _assay_pairs.laboratories(viewer, filters)
        assays._top(viewer, filters.option("about", "lutecine"))
    own = {"malarvik"} if viewer == LOW else set()
    assert set(options) <= own
    for frame in frames:
        assert set(frame["site"]) | set(frame["laboratory"]) <= own


def assays_cards() -> list[object]:
    return [_assay_gap.CARD, _assay_scores.CARD, _assay_pairs.CARD]


def test_one_s_own_gap_never_tells_a_few_others_apart(ask: Ask) -> None:
    with ask(LOW):
        # Two members make it: the gap to the other would be the other's mean.
        alone = queries.measured(LOW, Filters(product=("nk-expanded",)), "viability")
        whole = queries.measured(LOW, Filters(), "viability")
    assert alone["n"][0] > 0
    assert alone["gap"].to_list() == [None]
    assert whole["gap"][0] < -3


def test_a_mean_of_a_few_readings_is_told_to_nobody_who_sees_not_all(
    demo: Demo, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "snapshots" / "1.duckdb"
    path.parent.mkdir(parents=True)
    republished(demo, path)
    with duckdb.connect(path) as database:
        database.execute(
            "update ring_trial set assigned_value = null, assigned_sd = null;"
            " delete from ring_trial where laboratory not in"
            " ('malarvik', 'turiana', 'lutecine', 'llobrera') and round = '2026'"
        )
    with Demo(tmp_path).asked_by(LOW) as filters:
        seen = queries.ring_trials(LOW, filters)
    few = seen.filter(pl.col("round") == "2026")
    assert set(few["state"]) == {"suppressed"}
    for number in ("value", "reference", "spread", "score"):
        assert few[number].null_count() == few.height
    many = seen.filter(pl.col("round") != "2026")
    assert set(many["state"]) == {"data"}
    assert many["reference"].null_count() == 0
    with Demo(tmp_path).asked_by(LEAD) as filters:
        told = queries.ring_trials(LEAD, filters).filter(pl.col("p") == 4)
        assert set(told["state"]) == {"data"}
        viability = told.filter(pl.col("parameter") == "viability")
        a = viability.filter(pl.col("specimen") == "a")
        assert abs(a["reference"][0] - median(a["value"])) < 2
