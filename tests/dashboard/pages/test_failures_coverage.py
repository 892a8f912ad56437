import math

import polars as pl
import pytest
from scipy.stats import binom

from dashboard.analysis import alarms
from dashboard.analysis.cusum_chart import RUN_LENGTH
from dashboard.analysis.rules import RULES
from dashboard.filters import Filters
from dashboard.pages._coverage import CARD, METHODS, RATES, SIZES
from tests.demo import PUBLIC
from tests.readme import chapter


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return CARD.frame(PUBLIC, Filters())


def test_every_size_and_rate_has_each_method_at_both_levels(
    table: pl.DataFrame,
) -> None:
    assert table.select("p", "n").rows() == [(p, n) for p in RATES for n in SIZES]
    for level in ("95", "998"):
        for method in METHODS:
            assert table[f"{method}_{level}"].is_between(0.5, 1).all()
    shown = {column.name for column in CARD.columns}
    assert shown == set(table.columns) - {"state", "reason"}


@pytest.mark.parametrize(("n", "p"), [(5, 0.02), (20, 0.08), (100, 0.2), (500, 0.05)])
def test_what_a_limit_holds_is_the_sum_of_the_counts_inside(
    table: pl.DataFrame, n: int, p: float
) -> None:
    row = table.row(by_predicate=(pl.col("n") == n) & (pl.col("p") == p), named=True)
    counts = range(n + 1)
    for level, tail, z in (("95", 0.025, 1.959964), ("998", 0.001, 3.090232)):
        low, high = binom.ppf((tail, 1 - tail), n, p)
        rule = math.fsum(binom.pmf(k, n, p) for k in counts if low <= k <= high)
        assert row[f"count_rule_{level}"] == pytest.approx(rule)
        half = z * math.sqrt(p * (1 - p) / n)
        normal = math.fsum(binom.pmf(k, n, p) for k in counts if abs(k / n - p) <= half)
        assert row[f"normal_{level}"] == pytest.approx(normal)


def test_the_sentence_says_what_is_promised_and_what_the_curve_would_do(
    table: pl.DataFrame,
) -> None:
    said = CARD.sentence(table)
    assert "95.2 % to 96.7 % from 200 batches and 5 % on" in said
    assert "77.4 % of the time at worst" in said
    assert "Nearer to the level is better" in said


def test_the_readme_shows_the_same_table(table: pl.DataFrame) -> None:
    told = chapter("What the limits and charts hold")
    for n in SIZES:
        row = table.row(
            by_predicate=(pl.col("n") == n) & (pl.col("p") == 0.08), named=True
        )
        cells = [f"{100 * row[f'{m}_{level}']:.1f}"
                 for level in ("95", "998") for m in METHODS]  # fmt: skip
        assert f"| {n:,} | {' | '.join(cells)} |" in told
    for method in ("exact", "normal", "arcsine"):
        assert f"{100 * table[f'{method}_95'].min():.1f} %" in told


def test_the_readme_shows_the_same_false_alarms() -> None:
    told = chapter("What the limits and charts hold")
    titles = {"p": "p", "laney": "Laney's p'", "u": "u", "xmr": "XmR", "g": "g",
              "t": "t"}  # fmt: skip
    for chart, sets in alarms.SHARES.items():
        cells = [" · ".join(f"{100 * v:.1f} %" for v in sets[r]) for r in RULES]
        assert f"| {titles[chart]} | {' | '.join(cells)} |" in told
    for shares in alarms.SUMMED.values():
        assert " and ".join(f"{100 * v:.1f}" for v in shares) + " %" in told
    assert f"{RUN_LENGTH:,} batches" in told
