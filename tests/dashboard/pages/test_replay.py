from datetime import timedelta

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import _replay_matrix, _replay_under, _replayed
from dashboard.pages._specifications import asked
from dashboard.viewer import Viewer
from etl.outcome import batch_outcomes
from etl.replay import judge
from tests.demo import LEAD, PUBLIC, Demo

CD19 = Filters(product=("car-t-cd19",))
LITERALLY = CD19.option("cells", "named")
NO_DATA = Filters(start="2001-01", end="2001-02")
SITE = Viewer("site", site="manzanera")
AUTHORITY = Viewer("authority", region="ES30")
EVERYBODY = (LEAD, SITE, AUTHORITY, PUBLIC)


@pytest.fixture(scope="module")
def matrix(demo: Demo) -> pl.DataFrame:
    with demo.asked_by(LEAD):
        return _replayed.replayed(LEAD, CD19)


def fates(frame: pl.DataFrame) -> dict[str, list[int]]:
    return {
        row[0]: row[1:] for row in frame.select("site", *queries.REPLAY_COUNTS).rows()
    }


def test_the_diagonal_is_what_each_sites_own_specification_made_of_it(
    demo: Demo,
) -> None:
    """Of batches begun since everybody's version of today is in force."""
    (latest,) = demo.rows("select max(valid_from) as day from criterion")["day"]
    since = Filters(product=CD19.product, start=f"{latest + timedelta(days=31):%Y-%m}")
    with demo.asked_by(LEAD):
        matrix = _replayed.replayed(LEAD, since)
    own = matrix.filter(pl.col("specification") == queries.OWN_SPECIFICATION)
    diagonal = matrix.filter(pl.col("specification") == pl.col("site"))
    assert fates(own) == fates(diagonal)
    assert int(own["n"].sum()) > 500


def test_each_decision_against_the_results_is_listed_with_its_batch(
    demo: Demo,
) -> None:
    """Released at a gate that failed: at the planted site, and nowhere else."""
    with demo.asked_by(LEAD) as filters:
        listed = queries.discordances(LEAD, filters)
    errors = listed.filter(pl.col("severity") == "error")
    against = demo.rows(
        "select distinct r.site, r.batch from release as r"
        " join gate_outcome as o using (site, batch, gate)"
        " where r.decision = 'released' and o.failed > 0"
    )
    assert set(errors.select("site", "batch").rows()) == set(against.rows())
    assert set(errors["site"]) == set(demo.planted("discordant_releases"))
    assert errors["column"].null_count() == errors["expected"].null_count() == 0


def test_a_replay_is_the_judgement_of_single_results(
    demo: Demo, matrix: pl.DataFrame
) -> None:
    """One pair of the matrix, as written, judged again result by result."""
    maker, asker = "manzanera", "rhodanie"
    batches = demo.rows(
        "select b.* from fact_batch as b where site = 'manzanera' and counted"
        " and product = 'car-t-cd19' and ended_as not in ('in_process', 'terminated')"
    )
    criteria = demo.rows(
        "select * from criterion where site = 'rhodanie' and product = 'car-t-cd19'"
        " and spec_version = '2'"
    )
    results = demo.rows("select * from result where site = 'manzanera'")
    assignment = batches.select(
        *("site", "batch", "product", "final_volume_ml", "recipient_weight_band_kg"),
        spec_site=pl.lit(asker),
        spec_version=pl.lit("2"),
    )
    gates = batch_outcomes(judge(results, criteria, assignment))
    slowly = gates.group_by("batch").agg(pl.col("failed", "undetermined").sum())
    with demo.asked_by(LEAD):
        written = _replayed.replayed(LEAD, LITERALLY)
    (row,) = written.filter(
        pl.col("site") == maker, pl.col("specification") == asker
    ).to_dicts()
    assert row["n"] == batches.height
    assert row["failed"] == slowly.filter(pl.col("failed") > 0).height
    assert row["sole"] == slowly.filter(pl.col("failed") == 1).height
    unknown = slowly.filter(pl.col("failed") == 0, pl.col("undetermined") > 0)
    assert row["undetermined"] == unknown.height


def test_the_strict_site_is_explained_by_its_criteria_and_the_bad_one_is_not(
    demo: Demo, matrix: pl.DataFrame
) -> None:
    (strict,) = set(demo.planted("stricter_criteria")) & set(matrix["site"])
    bad = set(demo.planted("double_failure_rate")) & set(matrix["site"])
    own = matrix.filter(pl.col("specification") == queries.OWN_SPECIFICATION)
    others = matrix.filter(
        ~pl.col("specification").is_in([queries.OWN_SPECIFICATION, strict])
    )
    as_made = dict(own.select("site", "failing").rows())
    elsewhere = dict(others.group_by("site").agg(pl.col("best").median()).rows())
    assert as_made[strict] > 2 * elsewhere[strict]
    rest = [s for s in elsewhere if s not in bad | {strict}]
    usual = pl.Series([elsewhere[s] for s in rest]).median()
    assert elsewhere[strict] < 2 * float(str(usual))
    for site in bad:
        assert abs(as_made[site] - elsewhere[site]) < 0.02


@pytest.mark.parametrize("viewer", EVERYBODY, ids=str)
@pytest.mark.parametrize("filters", [CD19, LITERALLY, Filters(), NO_DATA], ids=str)
def test_what_is_said_adds_up_for_every_viewer(
    demo: Demo, viewer: Viewer, filters: Filters
) -> None:
    with demo.asked_by(viewer):
        frame = _replayed.replayed(viewer, filters)
        for card in (_replay_matrix.CARD, *_replay_under.CARDS):
            rows = card.frame(viewer, filters)
            said = card.sentence(rows)
            assert said and "None" not in said and "nan" not in said.lower()
            assert card.draw is not None and card.draw(rows)
    shown = frame.filter(pl.col("state") == "data")
    parts = shown.select(pl.sum_horizontal("passed", "sole", "shared", "undetermined"))
    if viewer == LEAD:
        assert parts.to_series().to_list() == shown["n"].to_list()
    hidden = frame.filter(pl.col("state") == "suppressed")
    assert hidden["n"].null_count() == hidden.height
    assert hidden["best"].null_count() == hidden.height
    if viewer == PUBLIC:
        assert frame.is_empty()


def test_a_site_judges_its_batches_and_its_pooled_peers_by_its_own_criteria_alone(
    demo: Demo,
) -> None:
    with demo.asked_by(SITE):
        frame = _replayed.replayed(SITE, CD19)
        question = asked(SITE, CD19)
    assert set(frame["site"]) == {"manzanera", "peers"}
    assert set(frame["specification"]) == {queries.OWN_SPECIFICATION, "manzanera"}
    assert question is not None


def test_what_a_test_alone_decides_is_never_more_than_what_it_fails(
    demo: Demo,
) -> None:
    with demo.asked_by(LEAD):
        frame = _replay_under.causes(LEAD, CD19.option("under", "rhodanie"))
        one = _replay_under.under_one(LEAD, CD19.option("under", "rhodanie"))
    assert frame.filter(pl.col("sole") > pl.col("failed")).is_empty()
    assert int(frame["sole"].sum()) == int(one["sole"].sum())
    assert frame["cause"][0] == "viability"
