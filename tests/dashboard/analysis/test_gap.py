from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboard.analysis.gap import gaps, read, readings

SITES = [f"s{i}" for i in range(12)]


def sums(means: dict[str, float], n: int = 100, **more: Any) -> pl.DataFrame:
    """Sums of `n` results a site about its mean, standard deviation 4."""
    return pl.DataFrame(
        [
            {"site": site, "laboratory": site, "product": "p", "unit": "%", "n": n,
             "censored": 0, "total": n * mean,
             "squares": n * mean**2 + 16.0 * (n - 1)} | more
            for site, mean in means.items()
        ]
    )  # fmt: skip


def scored(off: dict[str, float], seed: int = 1) -> pl.DataFrame:
    """Ten specimens that each laboratory reads off by about so much."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        [
            {"laboratory": site, "unit": "%", "round": str(i), "specimen": "a",
             "value": 90 + amount + rng.normal(0, 1), "reference": 90.0}
            for site, amount in off.items() for i in range(10)
        ]
    )  # fmt: skip


def verdicts(means: dict[str, float], off: dict[str, float]) -> dict[str, str]:
    frame = read(gaps(sums(means)), readings(scored(off)))
    return dict(frame.select("site", "verdict").rows())


def test_a_gap_is_the_assay_s_where_the_laboratory_reads_low() -> None:
    means = dict.fromkeys(SITES, 92.0) | {"s0": 87.0, "s1": 87.0}
    off = dict.fromkeys(SITES, 0.0) | {"s0": -5.0}
    found = verdicts(means, off)
    assert (found.pop("s0"), found.pop("s1")) == ("assay", "product")
    assert set(found.values()) == {"neither"}


def test_a_laboratory_that_hides_a_worse_product_is_both() -> None:
    means = dict.fromkeys(SITES, 92.0)
    off = dict.fromkeys(SITES, 0.0) | {"s0": 5.0}
    found = read(gaps(sums(means)), readings(scored(off))).row(0, named=True)
    assert found["verdict"] == "both"
    assert found["product"] < -3


def test_the_two_terms_sum_to_the_gap() -> None:
    means = {site: 90 + i / 3 for i, site in enumerate(SITES)}
    off = {site: i / 5 - 1 for i, site in enumerate(SITES)}
    frame = read(gaps(sums(means)), readings(scored(off)))
    assert (frame["assay"] + frame["product"] - frame["gap"]).abs().max() < 1e-12


def test_one_odd_site_makes_no_gap_of_the_others() -> None:
    frame = gaps(sums(dict.fromkeys(SITES, 92.0) | {"s0": 40.0}))
    others = frame.filter(pl.col("site") != "s0")
    assert others["gap"].abs().max() == 0
    assert frame["gap"][0] == pytest.approx(-52)


def test_no_mix_of_products_makes_a_gap() -> None:
    easy = sums(dict.fromkeys(SITES, 95.0))
    hard = sums(dict.fromkeys(SITES[:6], 80.0), product="q")
    frame = gaps(pl.concat([easy, hard]))
    assert frame["gap"].abs().max() == 0
    assert frame["mean"].to_list() != [95.0] * 12


def test_too_few_others_give_no_gap() -> None:
    few = sums(dict.fromkeys(SITES[:5], 92.0))
    assert gaps(few, fewest=4)["gap"].null_count() == 0
    assert gaps(few, fewest=5)["gap"].null_count() == 5
    assert gaps(few, fewest=4, threshold=401)["gap"].null_count() == 5
    assert gaps(few.head(1))["gap"].to_list() == [None]


def test_a_mean_without_its_censored_results_is_no_mean() -> None:
    frame = gaps(sums(dict.fromkeys(SITES, 0.3), censored=2))
    assert frame["gap"].null_count() == frame.height


def test_without_ring_trials_nothing_is_read_into_a_gap() -> None:
    means = dict.fromkeys(SITES, 92.0) | {"s0": 80.0}
    frame = read(gaps(sums(means)), readings(scored({"s1": 0.0})))
    told = dict(frame.select("site", "verdict").rows())
    assert told.pop("s1") == "neither"
    assert set(told.values()) == {None}


def test_where_nothing_differs_hardly_anything_is_found() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for seed in range(30):
        means = {site: 92 + rng.normal(0, 0.4) for site in SITES}
        off = dict.fromkeys(SITES, 0.0)
        frame = read(gaps(sums(means)), readings(scored(off, seed)))
        found += frame.filter(pl.col("verdict") != "neither").height
    # 720 looks at 99.8 %: one or two by chance.
    assert found <= 6
