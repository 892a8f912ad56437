from collections import Counter

import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages._standardised import _said, standardised
from dashboard.pages._strata import strata
from dashboard.strata import STRATA
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo

Stratum = tuple[str, ...]
SITE = "rhodanie"


def batches(demo: Demo) -> list[tuple[str, Stratum, bool]]:
    rows = demo.rows(
        "select site, product, pathway, starting_material, process, no_product"
        " from fact_batch where counted and no_product is not null"
    )
    return [(site, tuple(stratum), lost) for site, *stratum, lost in rows.iter_rows()]


def expected(rows: list[tuple[str, Stratum, bool]], site: str) -> float:
    """Batches of the site times their stratum's rate, summed; nothing but Python."""
    n = Counter(stratum for _, stratum, _ in rows)
    lost = Counter(stratum for _, stratum, failed in rows if failed)
    mine = Counter(stratum for where, stratum, _ in rows if where == site)
    return sum(count * lost[s] / n[s] for s, count in mine.items())


def test_what_is_expected_is_each_stratum_at_the_networks_rate(demo: Demo) -> None:
    rows = batches(demo)
    with demo.asked_by() as filters:
        frame = standardised(LEAD, filters).drop_nulls("expected")
    assert frame.height == 22
    for row in frame.to_dicts():
        assert row["expected"] == pytest.approx(expected(rows, row["site"]))
        assert row["observed"] == sum(f for s, _, f in rows if s == row["site"])
        assert row["ratio"] == pytest.approx(row["observed"] / row["expected"])
        assert row["ratio_lower"] < row["ratio"] < row["ratio_upper"]


def test_every_failure_is_expected_somewhere(demo: Demo) -> None:
    with demo.asked_by() as filters:
        frame = standardised(LEAD, filters)
    assert frame["expected"].sum() == pytest.approx(frame["observed"].sum())


def test_the_reader_may_have_a_model_say_what_is_expected(demo: Demo) -> None:
    with demo.asked_by() as filters:
        plain = standardised(LEAD, filters)
        asked = filters.option("expected", "model")
        model = standardised(LEAD, asked)
        told, untold = _said(model), _said(plain)
    assert model["expected"].sum() == pytest.approx(plain["observed"].sum())
    assert model["observed"].to_list() == plain["observed"].to_list()
    assert model["expected"].to_list() != plain["expected"].to_list()
    flagged = [
        f.filter(pl.col("flagged") == "high998")["site"].to_list()
        for f in (model, plain)
    ]
    assert flagged[0] == flagged[1] == ["manzanera", SITE]
    assert "from a logistic model" in told
    assert "model" not in untold


def test_batches_in_strata_of_its_own_are_counted_and_said(demo: Demo) -> None:
    rows = batches(demo)
    sites: dict[Stratum, set[str]] = {}
    for site, stratum, _ in rows:
        sites.setdefault(stratum, set()).add(site)
    with demo.asked_by() as filters:
        frame = standardised(LEAD, filters)
    for row in frame.drop_nulls("n").to_dicts():
        mine = [s for where, s, _ in rows if where == row["site"]]
        assert row["n"] == len(mine)
        assert row["alone"] == sum(sites[s] == {row["site"]} for s in mine)
    lone = frame.filter(pl.col("alone") == pl.col("n"))
    assert lone["reason"].unique().to_list() == ["no other site works in its strata"]
    assert not lone["compared"].any()


def test_the_strata_are_named_in_words_with_their_rates(demo: Demo) -> None:
    rows = batches(demo)
    with demo.asked_by() as filters:
        frame = strata(LEAD, filters)
    assert frame.height == len({stratum for _, stratum, _ in rows})
    assert frame["n"].sum() == len(rows)
    words = "CAR-T against CD7, clinical trial, fresh, prodigy"
    row = frame.row(by_predicate=pl.col("label") == words, named=True)
    mine = [f for _, s, f in rows if s == ("car-t-cd7", "clinical_trial", "fresh",
                                           "prodigy")]  # fmt: skip
    assert (row["events"], row["n"]) == (sum(mine), len(mine))
    assert row["rate"] == pytest.approx(sum(mine) / len(mine))


def test_a_choice_of_sites_moves_no_limit(demo: Demo) -> None:
    with demo.asked_by() as filters:
        every = standardised(LEAD, filters)
        one = standardised(LEAD, Filters(site=(SITE,)))
    assert one.rows() == every.filter(pl.col("site") == SITE).rows()


def test_strata_that_a_site_may_not_see_are_left_out_on_both_sides_and_said(
    demo: Demo,
) -> None:
    rows = batches(demo)
    peers: dict[Stratum, set[str]] = {}
    for site, stratum, _ in rows:
        peers.setdefault(stratum, set()).update({site} - {SITE})
    viewer = Viewer("site", site=SITE)
    with demo.asked_by(viewer) as filters:
        frame = standardised(viewer, filters)
        said = _said(frame)
        both = ("no_product", "no_product_of")
        told = queries.counts(viewer, filters, both, ("site", *STRATA))
    assert frame["site"].to_list() == ["peers", SITE]
    pool = told.filter(site="peers")
    hidden = set(pool.filter(state="suppressed").select(STRATA).iter_rows())
    assert {s for s, sites in peers.items() if 0 < len(sites) < 5} <= hidden
    seen = {
        tuple(stratum): (lost, n)
        for *stratum, lost, n in pool.drop_nulls("no_product")
        .select(*STRATA, *both)
        .iter_rows()
    }
    own = frame.row(by_predicate=pl.col("site") == SITE, named=True)
    mine = [(s, lost) for site, s, lost in rows if site == SITE and s not in hidden]
    assert own["n"] == len(mine)
    n = Counter(s for s, _ in mine)
    lost = Counter(s for s, failed in mine if failed)
    rates = {s: (lost[s] + seen[s][0]) / (n[s] + seen[s][1]) for s in n}
    assert own["expected"] == pytest.approx(sum(n[s] * rates[s] for s in n))
    assert own["hidden"] == len(hidden) > 0
    left_out = f"{len(hidden)} of {len(hidden) + int(own['strata'])} strata."
    assert said.endswith(f"as a count in them is hidden from you: {left_out}")


def test_the_public_has_no_site_to_compare(demo: Demo) -> None:
    with demo.asked_by(PUBLIC) as filters:
        frame = standardised(PUBLIC, filters)
        assert set(frame["site"]) <= {"network"}
        assert not frame["compared"].any()
        assert _said(frame).startswith("No site can be compared")


def test_a_site_without_a_batch_keeps_its_row_and_its_reason(demo: Demo) -> None:
    with demo.asked_by():
        frame = standardised(LEAD, Filters(product=("car-t-cd7",)))
    row = frame.row(by_predicate=pl.col("site") == "guadalora", named=True)
    assert (row["state"], row["reason"]) == (
        "not_applicable",
        "no batches in this selection",
    )
    assert frame.height == 24
    assert len(STRATA) == 4
