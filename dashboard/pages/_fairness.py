"""Whether sites differ by more than chance, and what is left once compared fairly."""

from collections.abc import Mapping

import polars as pl
from dash.development.base_component import Component

from dashboard import queries
from dashboard.analysis.funnel import ALONE
from dashboard.analysis.overdispersion import Overdispersion, overdispersion
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import site_names, some
from dashboard.pages import _usual
from dashboard.pages._standardised import EXPECTED, spread, standardised
from dashboard.rates import WIDTHS, all_sites, compared, compared_by, sees_pools
from dashboard.viewer import Viewer

_ALPHA = 0.05
_TOTAL = "many sites shown as one total: there is nothing to compare it with"


def widths(viewer: Viewer, filters: Filters, path: str) -> Component | None:
    """The reader's choice of what the limits allow for; none for who sees pools."""
    if sees_pools(viewer):
        return None
    options = [(key, f"Limits for {words}") for key, words in WIDTHS.items()]
    return switch("What the limits allow for", filters, path, "width", options)


def fairness(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a way to compare: the test of spread, phi, tau², and who is flagged.

    `flagged` holds the sites above the 99.8 % limit of chance alone. Always over the
    whole network, and never with widened limits: it is what to choose them by.
    """
    whole = all_sites(filters).without("width").without(EXPECTED)
    title = DEFINITIONS[filters.definition].title.lower()
    raw = compared(viewer, whole)
    alike = compared_by(viewer, whole, _usual.COLUMNS)
    mix = standardised(viewer, whole)
    both = standardised(viewer, whole, _usual.COLUMNS)
    rows = [
        _row(f"as counted ({title})", raw, overdispersion(_counts(raw))),
        _row("judged by the usual criteria", alike, overdispersion(_counts(alike))),
        _row(f"allowing for its mix ({title})", mix, spread(mix)),
        _row("both: usual criteria, and its mix", both, spread(both)),
    ]
    frame = pl.DataFrame(rows, schema=_SCHEMA)
    if not sees_pools(viewer):
        return frame
    # The spread between sites cannot be learned from a pool.
    return frame.with_columns(
        *(pl.lit(None, pl.Float64).alias(c) for c in ("phi", "tau2")),
        pl.col("reason").replace(ALONE, _TOTAL),
    )


_SCHEMA: Mapping[str, pl.DataType] = {
    "comparison": pl.String(),
    "sites": pl.Int64(),
    "statistic": pl.Float64(),
    "freedom": pl.Int64(),
    "p_value": pl.Float64(),
    "p": pl.String(),
    "phi": pl.Float64(),
    "tau2": pl.Float64(),
    "flagged": pl.List(pl.String),
    "state": pl.String(),
    "reason": pl.String(),
}


def _counts(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("site", "events", "n", "state", "reason")


def _row(
    comparison: str, frame: pl.DataFrame, test: Overdispersion
) -> dict[str, object]:
    none = test.reason is not None
    return {
        "comparison": comparison,
        "sites": test.sites,
        "statistic": test.statistic,
        "freedom": test.freedom,
        "p_value": test.p_value,
        "p": None if test.p_value is None else _probability(test.p_value),
        "phi": test.phi,
        "tau2": test.tau2,
        "flagged": None if none else _high(frame),
        "state": "not_applicable" if none else "data",
        "reason": test.reason,
    }


def _high(frame: pl.DataFrame) -> list[str]:
    high = frame.filter(pl.col("flagged") == "high998")
    return [str(site) for site in high["site"].sort()]


def _said(frame: pl.DataFrame) -> str:
    raw, both = (frame.row(i, named=True) for i in (0, -1))
    if raw["statistic"] is None:
        return f"No test for more spread than chance: {raw['reason']}."
    more = (
        "differ by more than" if raw["p_value"] < _ALPHA else "differ no more than by"
    )
    told = (
        f"As counted, sites {more} chance ({_test(raw)}); above the 99.8 % limit:"
        f" {site_names(raw['flagged']) or 'no site'}."
    )
    if both["statistic"] is None:
        return f"{told} Beyond that nothing can be tested: {both['reason']}."
    left = "still do" if both["p_value"] < _ALPHA else "no longer do"
    return (
        f"{told} Judged by the usual criteria and allowing for each site's mix they"
        f" {left} ({_test(both)}); above the limit:"
        f" {site_names(both['flagged']) or 'no site'}."
    )


def _test(row: Mapping[str, object]) -> str:
    p = str(row["p"])
    said = f"p {p}" if p.startswith("<") else f"p = {p}"
    return (
        f"Q = {float(str(row['statistic'])):.0f} on"
        f" {some(int(str(row['freedom'])), 'degree')} of freedom, {said}"
    )


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def not_compared(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The sites that stand beside the comparison: `why`, and their counts if known.

    What a row tells is its reason, so its own state is data whatever hides the counts.
    """
    frame = compared(viewer, filters).filter(~pl.col("compared")).sort("site")
    return frame.select(
        "site",
        pl.col("reason").replace(ALONE, _TOTAL).alias("why")
        if sees_pools(viewer)
        else pl.col("reason").alias("why"),
        "events",
        "n",
        "rate",
        pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )


def _not_compared_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "Every site in this selection is compared."
    if frame["site"].is_in([*queries.POOLS]).all():
        return "You see no site by name, so none can be compared with the others."
    are = "are" if frame.height > 1 else "is"
    return (
        f"{some(frame.height, 'site')} {are} not compared: a rate from rows that are"
        " missing, or from none, would say nothing about the site."
    )


CARDS = (
    Card(
        "failure-fairness",
        "Bad luck, stricter criteria, a harder mix, or worse?",
        fairness,
        _said,
        columns=(
            Column("comparison", "Compared"),
            Column("flagged", "Above the 99.8 % limit", "sites"),
            Column("statistic", "Q", "number"),
            Column("freedom", "on df", "count"),
            Column("p", "p"),
            Column("phi", "φ", "number"),
            Column("tau2", "τ²", "number"),
        ),
        count=lambda f: f"n = {written(f['sites'].max() or 0, 'count')} compared sites",
        metric="no_product",
        note="Q is the sum of squared z-scores, held against chi-squared; φ and τ² come"
        " from the winsorised ones (Spiegelhalter 2005). Widened limits take"
        " differences between sites as a fact of life: off unless chosen above.",
    ),
    Card(
        "failure-not-compared",
        "Not compared",
        not_compared,
        _not_compared_said,
        columns=(
            Column("site", "Site", "site"),
            Column("why", "Why"),
            Column("events", "Failures", "count"),
            Column("n", "Batches", "count"),
            Column("rate", "Rate", "percent"),
        ),
        count=lambda f: some(f.height, "site"),
    ),
)
