import numpy as np
import polars as pl
import pytest

from dashboard.analysis.logistic import fitted
from dashboard.analysis.standardisation import (
    NOT_STATED,
    standardise,
    standardise_by_model,
    stratum_rates,
)

# By hand: product p fails 12 of 240, q 40 of 200 over the three sites.
MIX = pl.DataFrame(
    {
        "site": ["a", "a", "b", "b", "c", "c"],
        "product": ["p", "q", "p", "q", "p", None],
        "events": [5, 10, 3, 30, 4, 0],
        "n": [100, 50, 80, 150, 60, 10],
    }
)


def test_expected_counts_are_the_mix_at_the_networks_rates() -> None:
    found = standardise(MIX, ["product"])
    assert found["observed"].to_list() == [15, 33, 4]
    assert found["expected"].to_list() == pytest.approx([15.0, 34.0, 3.0])
    assert found["ratio"].to_list() == pytest.approx([1.0, 33 / 34, 4 / 3])
    assert found["rate"][1] == pytest.approx(33 / 34 * 52 / 450)
    # R 4.2.2: poisson.test(observed, expected)$conf.int
    assert found["ratio_lower"].to_list() == pytest.approx(
        [0.559692408852221, 0.668108281550878, 0.363288457875442], abs=1e-12
    )
    assert found["ratio_upper"].to_list() == pytest.approx(
        [1.649347924765723, 1.363066743210861, 3.413862891801232], abs=1e-12
    )


def test_a_stratum_that_is_not_stated_is_named_and_counted() -> None:
    rates = stratum_rates(MIX, ["product"])
    assert rates["product"].to_list() == [NOT_STATED, "p", "q"]
    assert rates["sites"].to_list() == [1, 3, 2]
    last = standardise(MIX, ["product"]).row(2, named=True)
    assert (last["unstated"], last["alone"], last["n"]) == (10, 10, 70)


def test_a_harder_mix_stops_being_an_outlier_and_a_bad_site_does_not() -> None:
    easy, hard = 0.02, 0.25
    rows = [(f"s{i}", "easy", 400, 8) for i in range(6)]
    rows += [(f"s{i}", "hard", 100, 25) for i in range(6)]
    rows += [("mix", "easy", 40, round(40 * easy)), ("mix", "hard", 300, 300 * hard)]
    rows += [("bad", "easy", 400, 24), ("bad", "hard", 100, 50)]
    frame = pl.DataFrame(
        rows, schema=["site", "product", "n", "events"], orient="row"
    ).with_columns(pl.col("events").cast(pl.Float64))
    crude = standardise(frame, [])
    fair = standardise(frame, ["product"])
    flags = {
        name: dict(zip(t["site"], t["flagged"], strict=True))
        for name, t in (("crude", crude), ("fair", fair))
    }
    assert flags["crude"]["mix"] == "high998"
    assert flags["fair"]["mix"] == "none"
    assert flags["fair"]["bad"] == flags["crude"]["bad"] == "high998"


def test_all_expected_events_together_are_those_observed() -> None:
    for found in (
        standardise(MIX, ["product"]),
        standardise_by_model(MIX, ["product"]),
    ):
        assert found["expected"].sum() == pytest.approx(52)


def test_the_model_gives_the_fitted_risks_of_glm() -> None:
    # R 4.2.2: fitted(glm(cbind(ev, n - ev) ~ product + process, binomial))
    labels = [["p", "p", "q", "q", "r", "r"], ["x", "y"] * 3]
    events, n = np.array([5.0, 9, 12, 4, 7, 20]), np.array([100.0, 90, 80, 60, 50, 110])
    assert fitted(labels, events, n) == pytest.approx(
        [
            0.0710116482073448,
            0.0766537242140613,
            0.1106897795566911,
            0.1190802939244119,
            0.1608730562946047,
            0.1723304289569978,
        ],
        abs=1e-9,
    )


def test_a_stratum_without_any_event_gets_a_risk_of_nothing() -> None:
    found = fitted([["p", "q"]], np.array([0.0, 10]), np.array([50.0, 50]))
    assert found == pytest.approx([0.0, 0.2], abs=1e-9)
    assert np.isnan(fitted([["p"]], np.array([0.0]), np.array([0.0]))).all()


def test_what_cannot_be_compared_says_why() -> None:
    frame = pl.DataFrame(
        {
            "site": ["a", "b", "c", "d", "e", "f"],
            "product": ["p", "p", "q", "p", "r", "p"],
            "events": [5, 10, 0, None, 3, 0],
            "n": [100, 50, 80, 9, 20, 0],
        }
    )
    rows = {r["site"]: r for r in standardise(frame, ["product"]).rows(named=True)}
    assert rows["a"]["compared"] and rows["b"]["compared"]
    reasons = {site: rows[site]["reason"] for site in "cdef"}
    assert reasons == {
        "c": "no event expected: nobody had one in its strata",
        "d": "some of its counts are not shown",
        "e": "no other site works in its strata",
        "f": "nothing to count: 0 of 0",
    }
    assert rows["e"]["ratio"] == pytest.approx(1.0)
    assert [rows[site]["flagged"] for site in "cdef"] == [None] * 4


def test_a_site_with_a_reason_sets_no_rates_but_keeps_its_ratio() -> None:
    late = MIX.with_columns(
        reason=pl.when(pl.col("site") == "c").then(pl.lit("completeness 60 %"))
    )
    found = standardise(late.filter(pl.col("product").is_not_null()), ["product"])
    last = found.row(2, named=True)
    assert (last["compared"], last["flagged"]) == (False, None)
    assert last["ratio"] == pytest.approx(4 / (60 * 8 / 180))
