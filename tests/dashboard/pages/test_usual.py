from collections import defaultdict

import polars as pl

from dashboard.pages._usual import _said, judged_alike
from dashboard.viewer import Viewer
from tests.demo import LEAD, Demo

STRICT = "rhodanie"


def test_own_and_usual_counts_are_a_recount_of_the_batches(demo: Demo) -> None:
    rows = demo.rows(
        "select site, fails_own, fails_usual, in_process from fact_batch where counted"
    ).to_dicts()
    with demo.asked_by() as filters:
        frame = judged_alike(LEAD, filters).drop_nulls("n")
    for shown in frame.to_dicts():
        mine = [r for r in rows if r["site"] == shown["site"] and not r["in_process"]]
        usual = [r["fails_usual"] for r in mine if r["fails_usual"] is not None]
        own = [r["fails_own"] for r in mine if r["fails_own"] is not None]
        assert (shown["events"], shown["n"]) == (sum(usual), len(usual))
        assert (shown["own_events"], shown["own_n"]) == (sum(own), len(own))
        assert shown["undetermined"] == len(mine) - len(usual)


def test_what_the_strict_site_is_spared_failed_by_its_viability_limit_alone(
    demo: Demo,
) -> None:
    """Recounted from results and the limits of the others, without replaying."""
    limits = demo.rows(
        "select product, limit_low, count(*) as n from criterion"
        " where parameter = 'viability' and gate = 'provisional' and valid_to is null"
        " and site in (select site from site where kind <> 'published') group by all"
    ).to_dicts()
    highest: dict[str, float] = defaultdict(float)
    for row in limits:
        if row["limit_low"] < 90:
            highest[row["product"]] = max(highest[row["product"]], row["limit_low"])
    failed = demo.rows(
        "select j.batch, j.product, list(distinct j.parameter) as failing,"
        " min(j.value) filter (j.parameter = 'viability') as viability"
        " from judged as j join fact_batch as b using (site, batch)"
        f" where site = '{STRICT}' and b.counted and b.fails_own"
        " and b.ended_as = 'completed' and j.status = 'release'"
        " and j.outcome = 'fail' group by all"
    ).to_dicts()
    spared = [
        row["batch"]
        for row in failed
        if row["failing"] == ["viability"]
        and row["viability"] > highest[row["product"]]
    ]
    with demo.asked_by() as filters:
        frame = judged_alike(LEAD, filters)
    row = frame.row(by_predicate=pl.col("site") == STRICT, named=True)
    assert row["own_events"] - row["events"] == len(spared) > 20


def test_harmless_differences_of_criteria_change_nothing(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = judged_alike(LEAD, filters).drop_nulls("n")
    others = frame.filter(pl.col("site") != STRICT)
    assert others["events"].to_list() == others["own_events"].to_list()


def test_the_sentence_names_where_the_criteria_matter(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = judged_alike(LEAD, filters)
        said = _said(frame)
    row = frame.row(by_predicate=pl.col("site") == STRICT, named=True)
    assert (
        "The criteria matter most at Centre Rhodanie de Biothérapies:"
        f" {row['own_events']} of {row['own_n']} fail by its own"
    ) in said


def test_the_definition_of_failure_plays_no_part(demo: Demo) -> None:
    with demo.asked_by() as filters:
        late = judged_alike(LEAD, filters.option("definition", "late_failure"))
        assert late.rows() == judged_alike(LEAD, filters).rows()


def test_a_site_sees_itself_beside_its_peers(demo: Demo) -> None:
    viewer = Viewer("site", site=STRICT)
    with demo.asked_by(viewer) as filters:
        frame = judged_alike(viewer, filters)
    assert frame["site"].to_list() == ["peers", STRICT]
