"""Sites compared on the mix of work they do: observed against expected events.

Indirect standardisation: what a site would have seen had each stratum of its batches
(product, pathway, starting material, process) failed at the network's rate. A site
with a harder mix has more expected, and a ratio near 1.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from dashboard.analysis.cells import Floats, numbers, series, visible, whole
from dashboard.analysis.funnel import Scheme, funnel
from dashboard.analysis.intervals import poisson
from dashboard.analysis.logistic import fitted

NOT_STATED = "not stated"
RATIOS = Scheme(law="poisson")


def standardise(
    frame: pl.DataFrame, strata: Sequence[str], scheme: Scheme = RATIOS
) -> pl.DataFrame:
    """One row a site: observed against the events its own mix of strata would expect.

    Reads `site`, the strata columns, `events` and `n`, any number of rows a site. An
    absent stratum value is a stratum of its own, named `not stated`. Where a `reason`
    stands against a site it keeps its ratio, is not compared and sets no rates.

    Adds observed, expected, ratio, ratio_lower, ratio_upper (exact Poisson limits of
    observed / expected, 95 %), rate (the ratio times the network's rate), n, alone
    (batches in strata that no other site has: compared with themselves), unstated
    (batches whose stratum is not stated), and the columns of `funnel.funnel` for the
    ratio about 1. Observed counts are taken as Poisson: a little wide where failures
    are common.
    """
    cells, network = _cells(frame, strata)
    return _ratios(cells, network.with_columns(series("risk", _risk(network))), scheme)


def standardise_by_model(
    frame: pl.DataFrame, strata: Sequence[str], scheme: Scheme = RATIOS
) -> pl.DataFrame:
    """The same table, with what is expected taken from a logistic model of the strata.

    Main effects only, each stratum column on its own: the second choice, where the
    cells of all strata together are too thin to have rates of their own.
    """
    cells, network = _cells(frame, strata)
    labels = [network[stratum].to_list() for stratum in strata]
    risk = fitted(labels, numbers(network, "events"), numbers(network, "n"))
    return _ratios(cells, network.with_columns(series("risk", risk)), scheme)


def stratum_rates(frame: pl.DataFrame, strata: Sequence[str]) -> pl.DataFrame:
    """The network's rate in each stratum, named: strata, events, n, sites, risk."""
    _, network = _cells(frame, strata)
    known = network.with_columns(series("risk", _risk(network)))
    return known.sort("stratum").drop("stratum")


def _cells(
    frame: pl.DataFrame, strata: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Counts by site and stratum, and by stratum over the sites that are compared.

    `stratum` names the combination of all strata. Null counts make a site `hidden`,
    because a sum without them would pass for the whole.
    """
    if "reason" not in frame.columns:
        frame = frame.with_columns(reason=pl.lit(None, pl.String))
    named = [pl.col(s).cast(pl.String).fill_null(NOT_STATED) for s in strata]
    label = pl.concat_str(named, separator="\x1f") if named else pl.lit("")
    cells = (
        frame.with_columns(*named, stratum=label, hidden=_hidden().any().over("site"))
        .group_by("site", "stratum", *strata, maintain_order=True)
        .agg(
            pl.col("events", "n").cast(pl.Float64).sum(),
            pl.col("reason", "hidden").first(),
        )
    )
    compared = pl.col("reason").is_null() & ~pl.col("hidden") & (pl.col("n") > 0)
    network = cells.group_by("stratum", *strata, maintain_order=True).agg(
        pl.col("events", "n").filter(compared).sum(), sites=compared.sum()
    )
    unstated = pl.any_horizontal(
        pl.lit(False), *(pl.col(s) == NOT_STATED for s in strata)
    )
    return cells.with_columns(unstated=unstated), network


def _hidden() -> pl.Expr:
    return pl.any_horizontal(
        pl.col(c).cast(pl.Float64).fill_nan(None).is_null() for c in ("events", "n")
    )


def _risk(network: pl.DataFrame) -> Floats:
    n = numbers(network, "n")
    return np.where(n > 0, numbers(network, "events") / np.maximum(n, 1), np.nan)


def _ratios(cells: pl.DataFrame, network: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    rates = network.select("stratum", "risk", "sites")
    joined = cells.join(rates, on="stratum", how="left", maintain_order="left")
    sites = joined.group_by("site", maintain_order=True).agg(
        pl.col("reason", "hidden").first(),
        observed=pl.col("events").sum(),
        expected=(pl.col("n") * pl.col("risk")).sum(),
        batches=pl.col("n").sum(),
        alone=pl.col("n").filter(pl.col("sites") <= 1).sum(),
        unstated=pl.col("n").filter("unstated").sum(),
        unknown=pl.col("n").filter(pl.col("risk").is_null()).sum(),
    )
    return _judged(sites.with_columns(_obstacles()), network, scheme)


def _obstacles() -> list[pl.Expr]:
    """State and reason of a site whose ratio cannot be had, or not be judged."""
    none = {
        "nothing to count: 0 of 0": pl.col("batches") <= 0,
        "batches in strata without a rate from a compared site": pl.col("unknown") > 0,
        "no event expected: nobody had one in its strata": pl.col("expected") <= 0,
    }
    blocked = pl.any_horizontal(*none.values())
    state = (
        pl.when("hidden")
        .then(pl.lit("not_reported"))
        .when(blocked)
        .then(pl.lit("not_applicable"))
    )
    why = [pl.when(case).then(pl.lit(text)) for text, case in none.items()]
    unseen = pl.when("hidden").then(pl.lit("some of its counts are not shown"))
    lone = pl.when(pl.col("alone") >= pl.col("batches")).then(
        pl.lit("no other site works in its strata")
    )
    return [
        state.alias("state"),
        pl.coalesce("reason", unseen, *why, lone).alias("reason"),
    ]


def _judged(sites: pl.DataFrame, network: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    drawn = sites.rename({"observed": "events", "expected": "n"})
    drawn = funnel(drawn, centre=1.0, scheme=scheme)
    shown = visible(drawn)
    observed, expected = (
        np.where(shown, numbers(drawn, c), np.nan) for c in ("events", "n")
    )
    lower, upper = poisson(observed)
    total = float(network["n"].sum())
    overall = float(network["events"].sum()) / total if total else np.nan
    counted = ("batches", "alone", "unstated")
    return (
        drawn.rename({"rate": "ratio"})
        .with_columns(
            series("n", expected),
            whole("events", observed),
            pl.col(counted).cast(pl.Int64),
            series("rate", observed / expected * overall),
            series("ratio_lower", lower / expected),
            series("ratio_upper", upper / expected),
        )
        .drop("unknown", "hidden")
        .rename({"events": "observed", "n": "expected", "batches": "n"})
    )
