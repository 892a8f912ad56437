"""How often a site like the network stays inside the limits: what they really hold."""

from functools import lru_cache

import polars as pl

from dashboard.analysis import coverage
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.viewer import Viewer

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
RATES = (0.02, 0.05, 0.08, 0.20)
LEVELS = {"95": "95 %", "998": "99.8 %"}
METHODS = {
    coverage.RULE: "count rule",
    "exact": "drawn curve",
    "normal": "normal",
    "arcsine": "arcsine",
    "ukhsa": "UKHSA",
}


def attained(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    """One row a rate and number of batches, one column a level and way of flagging."""
    return _table()


@lru_cache(maxsize=1)
def _table() -> pl.DataFrame:
    parts = [
        coverage.attained(SIZES, RATES, level)
        .pivot("method", index=["p", "n"], values="coverage")
        .rename({method: f"{method}_{level}" for method in METHODS})
        for level in LEVELS
    ]
    return (
        parts[0]
        .join(parts[1], on=["p", "n"], maintain_order="left")
        .with_columns(state=pl.lit("data"), reason=pl.lit(None, pl.String))
    )


def _said(frame: pl.DataFrame) -> str:
    rule, curve = frame[f"{coverage.RULE}_95"], frame["exact_95"]
    large = frame.filter(pl.col("n") >= 200, pl.col("p") >= 0.05)[rule.name]
    return (
        "A site like the network stays inside the 95 % limits of the count rule"
        f" {_percent(rule.min())} to {_percent(rule.max())} of the time, and"
        f" {_percent(large.min())} to {_percent(large.max())} from 200 batches and 5 %"
        f" on; inside the drawn curve {_percent(curve.min())} of the time at worst,"
        " which is why it decides nothing. Nearer to the level is better: counts are"
        " whole, so nothing attains it exactly."
    )


def _percent(value: object) -> str:
    return written(value, "percent")


CARD = Card(
    "methods-coverage",
    "What the limits really hold",
    attained,
    _said,
    columns=(
        Column("p", "Network rate", "percent"),
        Column("n", "Batches", "count"),
        *(
            Column(f"{method}_{level}", f"{title}: {words}", "percent")
            for level, title in LEVELS.items()
            for method, words in METHODS.items()
        ),
    ),
    count=lambda f: f"{f.height} sizes and rates, summed from the binomial",
    note="The chance not to be flagged for a site whose true rate is the network's."
    " Only the count rule flags sites here; the curves are what published funnels draw,"
    " taken as if whatever lies outside them were flagged.",
)
