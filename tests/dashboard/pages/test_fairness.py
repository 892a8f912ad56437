"""What the planted sites look like before and after they are compared fairly."""

import math
from pathlib import Path

import polars as pl
import pytest

from dashboard.analysis.overdispersion import overdispersion
from dashboard.card import Card
from dashboard.filters import Filters
from dashboard.pages import _fairness, _shrunken, _standardised, _strata, _usual
from dashboard.pages.failures import said
from dashboard.rates import compared
from dashboard.viewer import Viewer
from tests.dashboard.pages.altered import altered, only
from tests.demo import LEAD, PUBLIC, Demo

BAD, STRICT, MIX = "manzanera", "rhodanie", "havelmark"
CARDS = (
    *_fairness.CARDS,
    _usual.CARD,
    _standardised.CARD,
    _strata.CARD,
    _shrunken.CARD,
)
VIEWERS = (
    LEAD,
    PUBLIC,
    Viewer("site", site=STRICT),
    Viewer("site", site="elbmarsch"),
    Viewer("authority", region="ES61"),
)
QUESTIONS = (
    Filters(),
    Filters(start="2035-01"),
    Filters(start="2026-10"),
    Filters(site=(STRICT,)),
    Filters(product=("car-t-cd7",)),
    Filters(product=("cd133-bone-marrow",)),
    Filters(definition="late_failure"),
    Filters(extra={"width": "additive"}),
    Filters(extra={"width": "multiplicative"}),
    Filters(extra={"width": "no such width"}),
    Filters(extra={"expected": "model"}),
)


def flagged(frame: pl.DataFrame) -> set[str]:
    assert not (frame["flagged"] == "low998").any()
    return set(frame.filter(pl.col("flagged") == "high998")["site"])


def fairness(demo: Demo, filters: Filters | None = None) -> list[dict[str, object]]:
    with demo.asked_by(LEAD) as everything:
        return _fairness.fairness(LEAD, filters or everything).to_dicts()


def test_as_counted_the_bad_the_strict_and_the_mixed_site_are_flagged(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        assert flagged(compared(LEAD, filters)) == {BAD, STRICT, MIX}


def test_the_strict_site_is_an_outlier_no_more_once_all_are_judged_alike(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        assert flagged(_usual.judged_alike(LEAD, filters)) == {BAD, MIX}


def test_the_mixed_site_is_an_outlier_no_more_once_its_mix_is_allowed_for(
    demo: Demo,
) -> None:
    with demo.asked_by() as filters:
        assert flagged(_standardised.standardised(LEAD, filters)) == {BAD, STRICT}


def test_only_the_truly_bad_site_stays_after_both(demo: Demo) -> None:
    with demo.asked_by() as filters:
        both = _standardised.standardised(LEAD, filters, _usual.COLUMNS)
        assert flagged(both) == {BAD}
        said = _fairness._said(_fairness.fairness(LEAD, filters))
    assert said.count("Hospital Manzanera") == 2
    assert said.count("Centre Rhodanie") == said.count("Klinikum Havelmark") == 1


def test_each_comparison_names_whom_it_flags(demo: Demo) -> None:
    assert [set(map(str, row["flagged"])) for row in fairness(demo)] == [  # type: ignore[call-overload]
        {BAD, STRICT, MIX},
        {BAD, MIX},
        {BAD, STRICT},
        {BAD},
    ]


def test_the_test_of_spread_is_the_sum_of_squared_arcsine_scores(demo: Demo) -> None:
    row = fairness(demo)[0]
    with demo.asked_by() as filters:
        rows = compared(LEAD, filters).filter("compared").to_dicts()
    rate = sum(r["events"] for r in rows) / sum(r["n"] for r in rows)
    angle = math.asin(math.sqrt(rate))
    scores = [
        2 * math.sqrt(r["n"]) * (math.asin(math.sqrt(r["events"] / r["n"])) - angle)
        for r in rows
    ]
    assert row["statistic"] == pytest.approx(sum(z * z for z in scores))
    assert row["freedom"] == len(rows) - 1
    assert row["p"] == "< 0.001"


def test_limits_are_of_chance_alone_unless_the_reader_widens_them(demo: Demo) -> None:
    with demo.asked_by() as filters:
        usual = compared(LEAD, filters)
        phi = compared(LEAD, filters.option("width", "multiplicative"))
        tau2 = compared(LEAD, filters.option("width", "additive"))
        test = overdispersion(usual.select("site", "events", "n", "state", "reason"))
        sentences = said(usual), said(phi)
    assert usual["widened"].unique().to_list() == [None]
    assert phi["width"].unique().to_list() == [test.phi]
    assert tau2["width"].unique().to_list() == [test.tau2]
    assert "Limits are widened" not in sentences[0]
    assert sentences[1].endswith(f"chance times φ ({test.phi:.3g}).")
    rows = [f.filter(pl.col("site") == BAD) for f in (usual, phi, tau2)]
    assert rows[0]["flag_at998"][0] < rows[1]["flag_at998"][0]
    assert rows[0]["flag_at998"][0] < rows[2]["flag_at998"][0]


def test_no_limit_is_widened_by_a_pool(demo: Demo) -> None:
    viewer = Viewer("site", site=STRICT)
    with demo.asked_by(viewer) as filters:
        assert _fairness.widths(viewer, filters, "/failures") is None
        wide = compared(viewer, filters.option("width", "additive"))
        assert wide.rows() == compared(viewer, filters).rows()
        assert flagged(wide) == {STRICT}
        found = _fairness.fairness(viewer, filters)
    assert found["phi"].null_count() == found["tau2"].null_count() == found.height


def test_the_table_of_comparisons_does_not_move_with_the_readers_choice(
    demo: Demo,
) -> None:
    assert fairness(demo, Filters(extra={"width": "additive"})) == fairness(demo)
    assert fairness(demo, Filters(extra={"expected": "model"})) == fairness(demo)
    assert fairness(demo, Filters(site=(STRICT,))) == fairness(demo)


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = compared(LEAD, filters).drop_nulls("p_value").sort("p_value")
    p = frame["p_value"].to_list()
    by_hand = [
        min(1.0, *(p[j] * len(p) / (j + 1) for j in range(i, len(p))))
        for i in range(len(p))
    ]
    assert frame["p_value_adjusted"].to_list() == pytest.approx(by_hand)


def test_a_site_whose_rows_are_missing_stands_apart_with_the_reason(
    demo: Demo, tmp_path: Path
) -> None:
    short = altered(
        demo,
        tmp_path,
        "update report set expected_rows = 10 * received_rows"
        f" where site = '{BAD}' and dataset = 'batch'",
    )
    with short.asked_by() as filters:
        apart = _fairness.not_compared(LEAD, filters)
        others = (
            compared(LEAD, filters),
            _usual.judged_alike(LEAD, filters),
            _standardised.standardised(LEAD, filters),
            _shrunken.shrunken(LEAD, filters),
        )
    row = apart.row(by_predicate=pl.col("site") == BAD, named=True)
    assert row["n"] > 500
    assert row["why"] == "not compared: 10 % of its rows arrived, 80 % were agreed"
    assert set(apart["site"]) == {BAD, "elbmarsch", "skanelund"}
    for frame in others:
        mine = frame.row(by_predicate=pl.col("site") == BAD, named=True)
        assert mine.get("flagged") is None
        assert mine["reason"] == row["why"]


def test_the_public_is_told_that_it_sees_one_total(demo: Demo) -> None:
    with demo.asked_by(PUBLIC) as filters:
        told = said(compared(PUBLIC, filters))
        apart = _fairness.not_compared(PUBLIC, filters)
        sentence = _fairness.CARDS[1].sentence(apart)
        reasons = _fairness.fairness(PUBLIC, filters)["reason"].to_list()
    assert (
        "You see the network as one total: 865 of 6\u202f340 batches (13.6 %)." in told
    )
    assert sentence.startswith("You see no site by name")
    assert all("one total" in reason for reason in (*apart["why"], *reasons[:2]))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_every_question_has_a_sentence_and_states(
    demo: Demo, viewer: Viewer, card: Card
) -> None:
    # No limit is widened and no model fitted for a site, which sees a pool beside it.
    asked = QUESTIONS[:7] if viewer.role == "site" else QUESTIONS
    with demo.asked_by(viewer):
        for filters in asked:
            holds(card, viewer, filters)


@pytest.mark.parametrize(
    "change",
    [
        only(STRICT),
        only(STRICT, BAD),
        only("elbmarsch"),
        "delete from rollup_batch",
        "update rollup_batch set no_product = 0, fails_usual = 0, fails_own = 0",
        "update rollup_batch set no_product = no_product_of,"
        " fails_usual = fails_usual_of",
        f"delete from rollup_batch where site = '{STRICT}' and month <>"
        f" (select min(month) from rollup_batch where site = '{STRICT}')",
        "delete from report",
    ],
    ids=[
        "one site", "two sites", "a laboratory", "no batch", "no failure",
        "nothing but failures", "a site with a month", "no reports",
    ],
)  # fmt: skip
def test_extremes_are_a_state_or_a_sentence(
    demo: Demo, tmp_path: Path, change: str
) -> None:
    odd = altered(demo, tmp_path, change)
    for viewer in (LEAD, PUBLIC, Viewer("site", site=STRICT)):
        with odd.asked_by(viewer):
            for card in CARDS:
                holds(card, viewer, Filters())


def holds(card: Card, viewer: Viewer, filters: Filters) -> None:
    frame = card.frame(viewer, filters)
    said = card.sentence(frame)
    assert said.endswith(".")
    assert not {"None", "nan", "inf"} & set(said.replace(",", " ").split())
    for column in frame.iter_columns():
        if column.dtype.is_float():
            assert column.drop_nulls().is_finite().all(), column.name
    assert frame["state"].null_count() == 0
    hidden = frame.filter(~pl.col("state").is_in(("data", "zero")))
    assert hidden["reason"].null_count() == 0
    if card.draw is not None:
        card.draw(frame).to_json()
