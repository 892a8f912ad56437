import polars as pl
import pytest

from dashboard.filters import Filters
from dashboard.pages import _why_one, _why_sites
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo

SITE = Viewer("site", site="manzanera")
AUTHORITY = Viewer("authority", region="ES30")
ASKED = (Filters(), Filters(site=("rhodanie",)), Filters(end="2001-02"))


@pytest.fixture(scope="module")
def apart(demo: Demo) -> pl.DataFrame:
    with demo.asked_by(LEAD) as filters:
        return _why_sites.taken_apart(LEAD, filters)


def test_each_planted_site_is_explained_by_its_own_term_and_by_no_other(
    demo: Demo, apart: pl.DataFrame
) -> None:
    """Criteria, mix and what remains name one planted site each, and nobody else."""
    raised = {
        term: _why_sites.named(apart.drop_nulls("gap").to_dicts(), term)
        for term in ("criteria", "mix", "rest")
    }
    assert raised == {
        "criteria": demo.planted("stricter_criteria"),
        "mix": demo.planted("product_mix"),
        "rest": demo.planted("double_failure_rate"),
    }


def test_the_counts_are_a_recount_of_the_batches(
    demo: Demo, apart: pl.DataFrame
) -> None:
    rows = demo.rows(
        "select site, count(*) as n, count(*) filter (fails_own) as own,"
        " count(*) filter (fails_usual) as usual,"
        " count(*) filter (fails_own and fails_usual) as both from fact_batch"
        " where counted and fails_own is not null and fails_usual is not null"
        " and started is not null group by site"
    )
    known = apart.drop_nulls("gap").select("site", "n", "own", "usual", "both")
    mine = rows.filter(pl.col("site").is_in(known["site"].to_list())).sort("site")
    assert known.cast({"n": pl.Int64}).sort("site").rows() == mine.rows()


def test_the_three_terms_sum_to_each_gap(apart: pl.DataFrame) -> None:
    known = apart.drop_nulls("gap")
    summed = known.select(pl.sum_horizontal("criteria", "mix", "rest")).to_series()
    assert summed.to_list() == pytest.approx(known["gap"].to_list(), abs=1e-12)
    assert known.height > 15


def test_the_site_that_stopped_reporting_is_not_compared_and_says_so(
    demo: Demo,
) -> None:
    (silent,) = demo.planted("stopped_reporting")
    with demo.asked_by(LEAD):
        last = Filters(start="2026-10")
        frame = _why_sites.taken_apart(LEAD, last)
    (row,) = frame.filter(pl.col("site") == silent).to_dicts()
    assert row["gap"] is None
    assert "of its rows arrived" in row["reason"]


@pytest.mark.parametrize("viewer", [LEAD, SITE, AUTHORITY, PUBLIC], ids=str)
@pytest.mark.parametrize("filters", ASKED, ids=str)
def test_both_cards_say_and_draw_something_for_everybody(
    demo: Demo, viewer: Viewer, filters: Filters
) -> None:
    with demo.asked_by(viewer):
        for card in (_why_sites.CARD, _why_one.CARD):
            frame = card.frame(viewer, filters)
            said = card.sentence(frame)
            assert said and "None" not in said and "nan" not in said.lower()
            assert card.draw is not None and card.draw(frame)


def test_the_steps_lead_from_the_network_to_the_site(demo: Demo) -> None:
    with demo.asked_by(LEAD) as filters:
        frame = _why_one.one(LEAD, filters.option("about", "rhodanie"))
    assert frame["site"].unique().to_list() == ["rhodanie"]
    reached = frame["network"][0] + frame["value"].sum()
    assert reached == pytest.approx(frame["rate"][0])
