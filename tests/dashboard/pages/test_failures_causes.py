"""Where batches are lost, and which test loses them."""

import polars as pl
import pytest
from scipy.stats import beta

from dashboard.analysis.wording import title
from dashboard.pages import _parameters, failures
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo

VIEWERS = [LEAD, PUBLIC, Viewer("site", site="rhodanie")]


def test_the_pareto_counts_stage_and_category_together_the_largest_first(
    demo: Demo,
) -> None:
    lost = demo.rows(
        "select failure_stage as stage, failure_category as category, count(*) as n"
        " from fact_batch where counted and no_product group by all"
    )
    with demo.asked_by() as filters:
        frame = failures.network_causes(LEAD, filters)
        said = failures._causes_said(frame)
    told = {(r["stage"], r["category"]): r["count"] for r in frame.to_dicts()}
    assert told == {(r["stage"], r["category"]): r["n"] for r in lost.to_dicts()}
    assert frame["count"].is_sorted(descending=True)
    top = frame.row(0, named=True)
    words = (top["category"], top["stage"])
    assert top["label"] == "{} ({})".format(*(w.replace("_", " ") for w in words))
    assert f"{top['count']} ({100 * top['count'] / lost['n'].sum():.1f} %)" in said
    assert "Fewer are better" in said


def test_each_parameter_has_its_share_of_judged_criteria_and_exact_limits(
    demo: Demo,
) -> None:
    counts = demo.rows(
        "select parameter, sum(judged) as n, sum(failed) as events,"
        " sum(undetermined) as undetermined from rollup_parameter group by parameter"
    )
    with demo.asked_by() as filters:
        frame = _parameters.by_parameter(LEAD, filters)
        said = _parameters.CARD.sentence(frame)
        drawn = _parameters.CARD.draw(frame)
    both = frame.join(counts, on="parameter", suffix="_counted")
    assert both.height == frame.height == counts.height
    for row in both.drop_nulls("rate").to_dicts():
        x, n = row["events"], row["n"]
        assert (x, n) == (row["events_counted"], row["n_counted"])
        assert row["undetermined"] == row["undetermined_counted"]
        assert row["upper"] == pytest.approx(beta.ppf(0.975, x + 1, n - x))
        low = beta.ppf(0.025, x, n - x + 1) if x else 0.0
        assert row["lower"] == pytest.approx(low)
    top = frame.row(0, named=True)
    assert f"fails most often is {title(top['parameter'])}:" in said
    assert "Lower is better" in said
    assert len(drawn.layout.yaxis.ticktext) == frame.drop_nulls("rate").height


@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_everybody_gets_a_sentence_and_a_figure(demo: Demo, viewer: Viewer) -> None:
    with demo.asked_by(viewer) as everything:
        for filters in (everything, everything.option("definition", "any")):
            causes = failures.network_causes(viewer, filters)
            assert failures._causes_said(causes).endswith(".")
            parameters = _parameters.by_parameter(viewer, filters)
            assert _parameters.CARD.sentence(parameters).endswith(".")
            _parameters.CARD.draw(parameters)
            for frame in (causes, parameters):
                hidden = frame.filter(~pl.col("state").is_in(("data", "zero")))
                assert hidden["reason"].null_count() == 0
