import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from dashboard.analysis import lots


def uses(
    *rows: tuple[str, str, str, str, int, int], site: str = "alpha"
) -> pl.DataFrame:
    names = ["kind", "supplier", "lot", "product", "n", "events"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(pl.lit(site).alias("site"))


def ordinary(kind: str = "vector", count: int = 20) -> list[tuple[str, ...]]:
    return [(kind, "maker", f"L{i:02d}", "easy", 50, 5) for i in range(count)]


def test_a_lot_whose_batches_fail_more_than_expected_is_listed() -> None:
    table = lots.judged(uses(*ordinary(), ("vector", "maker", "BAD", "easy", 50, 25)))
    (bad,) = table.filter("listed").to_dicts()
    expected = 50 * (20 * 5 + 25) / (21 * 50)
    assert bad["lot"] == "BAD"
    assert bad["expected"] == pytest.approx(expected)
    rate = expected / 50
    assert bad["flag_at"] == binom.ppf(0.999, 50, rate) + 1
    tail = sum(binom.pmf(k, 50, rate) for k in range(bad["flag_at"], 51))
    assert bad["chance"] == pytest.approx(tail)
    assert bad["chance"] < 0.001
    smallest = sum(binom.pmf(k, 50, rate) for k in range(25, 51))
    assert bad["p_value"] == pytest.approx(smallest)
    assert bad["p_value_adjusted"] == pytest.approx(21 * smallest)


def test_a_lot_of_a_hard_product_is_not_taken_for_a_bad_one() -> None:
    hard = [("vector", "maker", f"H{i}", "hard", 50, 25) for i in range(3)]
    assert not lots.judged(uses(*ordinary(), *hard))["listed"].any()


def test_the_lots_of_a_site_that_fails_with_all_of_them_are_not_taken_for_bad() -> None:
    worse = [("vector", "maker", f"L{i:02d}", "easy", 50, 20) for i in range(20)]
    own = [("vector", "maker", f"X{i}", "easy", 50, 20) for i in range(3)]
    bad = uses(*worse, *own, site="beta")
    assert not lots.judged(pl.concat([uses(*ordinary()), bad]))["listed"].any()


def test_a_lot_that_no_single_site_would_notice_is_listed_by_all_of_them() -> None:
    sites = []
    for site in ("alpha", "beta", "gamma"):
        bad = ("vector", "maker", "BAD", "easy", 25, 8)
        alone = lots.judged(uses(*ordinary(), bad, site=site))
        assert not alone["listed"].any()
        sites.append(uses(*ordinary(), bad, site=site))
    (listed,) = lots.judged(pl.concat(sites)).filter("listed").to_dicts()
    assert (listed["lot"], listed["n"], listed["events"]) == ("BAD", 75, 24)


def test_two_makers_may_give_a_lot_the_same_number() -> None:
    other = ("vector", "other-maker", "L01", "easy", 50, 25)
    (bad,) = lots.judged(uses(*ordinary(), other)).filter("listed").to_dicts()
    assert (bad["supplier"], bad["lot"]) == ("other-maker", "L01")


def test_a_lot_is_compared_with_lots_of_its_own_kind() -> None:
    media = [("medium", "maker", f"M{i}", "easy", 50, 5) for i in range(20)]
    beads = [("beads", "maker", f"B{i}", "easy", 50, 25) for i in range(20)]
    assert not lots.judged(uses(*media, *beads))["listed"].any()


def test_a_lot_above_the_limit_is_not_listed_when_chance_explains_one_among_many() -> (
    None
):
    table = lots.judged(
        uses(*ordinary(count=200), ("vector", "maker", "HIGH", "easy", 50, 14))
    )
    high = table.filter(lot="HIGH").row(0, named=True)
    assert high["events"] >= high["flag_at"]
    assert high["p_value"] < lots.LEVEL < high["p_value_adjusted"]
    assert not high["listed"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("vector", "maker", "ONLY", "easy", 50, 50)],
        [
            ("vector", "maker", "A", "easy", 0, 0),
            ("vector", "maker", "B", "easy", 0, 0),
        ],
        [("vector", "-", "A", "easy", 5, 0), ("vector", "-", "B", "easy", 5, 0)],
        [("vector", "-", "A", "one", 5, 5), ("vector", "-", "B", "two", 5, 0)],
    ],
)
def test_where_nothing_can_be_compared_no_lot_is_listed(
    rows: list[tuple[str, str, str, str, int, int]],
) -> None:
    table = lots.judged(uses(*rows))
    assert table.height == len(rows)
    assert not table["listed"].any()
    for column in ("expected", "chance", "p_value"):
        assert not table[column].is_nan().any()


def test_where_no_lot_differs_fewer_than_one_look_in_500_lists_one() -> None:
    rng = np.random.default_rng(1)
    looks, lots_a_look = 500, 40
    listed = 0
    for _ in range(looks):
        n = rng.integers(20, 120, lots_a_look)
        events = rng.binomial(n, 0.14)
        rows = [
            ("vector", "maker", f"L{i}", "easy", int(n[i]), int(events[i]))
            for i in range(lots_a_look)
        ]
        listed += bool(lots.judged(uses(*rows))["listed"].any())
    assert listed <= binom.ppf(0.9999, looks, lots.LEVEL)
