import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.analysis.decomposition import TERMS, decomposed

STRATA = ("product",)
SITES = "abcdef"
COUNTS = st.tuples(*[st.integers(0, 40)] * 4)
PRODUCTS = st.sampled_from(["x", "y", None])

Cell = dict[str, object]


def cell(site: str, product: str | None, *counts: int) -> Cell:
    n, own, usual, both = counts
    where = {"site": site, "product": product}
    return {**where, "n": n, "own": own, "usual": usual, "both": both}


def rows(*cells: Cell) -> pl.DataFrame:
    return pl.DataFrame(list(cells), schema_overrides={"product": pl.String})


def test_the_terms_by_hand() -> None:
    """Two sites, two products; b asks more, and makes more of the hard product."""
    frame = decomposed(
        rows(
            cell("a", "easy", 80, 4, 4, 4),
            cell("a", "hard", 20, 4, 4, 4),
            cell("b", "easy", 50, 10, 5, 5),
            cell("b", "hard", 50, 25, 11, 11),
        ),
        STRATA,
    )
    b = frame.row(by_predicate=pl.col("site") == "b", named=True)
    network, usual = 43 / 200, 24 / 200
    expected = 0.5 * 9 / 130 + 0.5 * 15 / 70
    assert b["gap"] == pytest.approx(0.35 - network)
    assert b["criteria"] == pytest.approx((0.35 - 0.16) - (network - usual))
    assert b["mix"] == pytest.approx(expected - usual)
    assert b["rest"] == pytest.approx(0.16 - expected)
    assert (b["rate"], b["network"], b["n"]) == (0.35, network, 100)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SITES), PRODUCTS, COUNTS), max_size=20))
def test_the_terms_sum_to_the_gap_and_nothing_is_without_a_number(
    drawn: list[tuple[str, str | None, tuple[int, int, int, int]]],
) -> None:
    cells = [
        cell(site, product, own + usual + both + none, own + both, usual + both, both)
        for site, product, (own, usual, both, none) in drawn
    ]
    found = decomposed(rows(*cells, cell("nobody", "x", 0, 0, 0, 0)), STRATA)
    assert "nobody" not in found["site"].to_list()
    for row in found.to_dicts():
        terms = row["criteria"] + row["mix"] + row["rest"]
        assert terms == pytest.approx(row["gap"], abs=1e-12)
        for term in TERMS:
            assert np.isfinite(row[term])
            assert row[f"{term}_lower"] <= row[term] <= row[f"{term}_upper"]


def test_no_batch_at_all_gives_no_row() -> None:
    assert decomposed(rows(cell("a", "x", 0, 0, 0, 0)), STRATA).is_empty()


def simulated(seed: int) -> tuple[pl.DataFrame, dict[str, dict[str, float]]]:
    """A drawn network of six sites, and the true terms its intervals should hold.

    The second site is truly bad, the fourth asks more, the third has the harder mix.
    """
    draw = np.random.default_rng(seed)
    sizes = np.array([[40, 10], [150, 150], [20, 80], [200, 20], [60, 60], [90, 30]])
    usual = np.array([[0.05, 0.2]] * 6)
    usual[1] *= 1.8
    stricter = np.array([[0.0] * 2] * 3 + [[0.15] * 2, [0.0] * 2, [0.02] * 2])
    cells = []
    for i, (n, u, more) in enumerate(
        zip(sizes.ravel(), usual.ravel(), stricter.ravel(), strict=True)
    ):
        both, own_only, _ = map(int, draw.multinomial(n, [u, more, 1 - u - more]))
        site, product = SITES[i // 2], "xy"[i % 2]
        cells.append(cell(site, product, int(n), both + own_only, both, both))
    n, total = sizes.sum(axis=1), sizes.sum()
    own_rate = (sizes * (usual + stricter)).sum(axis=1) / n
    usual_rate = (sizes * usual).sum(axis=1) / n
    net_own, net_usual = (n * own_rate).sum() / total, (n * usual_rate).sum() / total
    risk = (sizes * usual).sum(axis=0) / sizes.sum(axis=0)
    expected = (sizes / n[:, None]) @ risk
    true = {
        "gap": own_rate - net_own,
        "criteria": (own_rate - usual_rate) - (net_own - net_usual),
        "mix": expected - net_usual,
        "rest": usual_rate - expected,
    }
    by_site = {t: dict(zip(SITES, map(float, v), strict=True)) for t, v in true.items()}
    return rows(*cells), by_site


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Each term of each site in 400 drawn networks."""
    held: dict[str, list[bool]] = {term: [] for term in TERMS}
    for seed in range(400):
        frame, true = simulated(seed)
        for row in decomposed(frame, STRATA).to_dicts():
            for term in TERMS:
                low, high = row[f"{term}_lower"], row[f"{term}_upper"]
                held[term].append(low <= true[term][row["site"]] <= high)
    for term, each in held.items():
        assert 0.93 < np.mean(each) < 0.995, term
