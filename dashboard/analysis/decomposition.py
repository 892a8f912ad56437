"""Why a site differs: its gap to the network as criteria, case mix, and what remains.

Every batch is judged twice, by its own site's criteria and by the usual ones (what most
members ask). With R the share that fails by own criteria, U by the usual ones, and E
what the network's rates (usual criteria) would expect of the site's mix of strata:

    R_site - R_net = [(R_site - U_site) - (R_net - U_net)]   its criteria
                   + [E_site - U_net]                        its mix
                   + [U_site - E_site]                       what remains

The terms sum exactly, by construction: the decomposition of rates of Kitagawa (1955,
doi:10.2307/2281213), with the criteria taken off before.

Each term is a weighted sum over batches, so its variance is the sum of the squared
weights times the variance of one batch's contribution (the delta method, exact for a
linear sum). That variance is taken site by site, with half a batch added to each cell
of a site's table (Agresti 2002), so that a site without any failure still has one.
Counts of batches are taken as fixed; intervals are normal, 95 %.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from dashboard.analysis.cells import numbers, series
from dashboard.analysis.standardisation import NOT_STATED

Floats = NDArray[np.float64]
TERMS: Final = ("gap", "criteria", "mix", "rest")
COUNTS: Final = ("n", "own", "usual", "both")
_Z: Final = float(norm.ppf(0.975))


def decomposed(frame: pl.DataFrame, strata: Sequence[str]) -> pl.DataFrame:
    """One row a site: gap, criteria, mix and rest, each with lower and upper end.

    Reads `site`, the strata columns, `n` batches judged both ways, and how many fail by
    their `own` criteria, by the `usual` ones and by `both`; any number of rows a site.
    Adds `n`, `rate` (by own criteria) and `network` (its mean over all batches). A site
    that makes all there is has no network to differ from: every term is 0 of itself.
    """
    named = [pl.col(s).cast(pl.String).fill_null(NOT_STATED) for s in strata]
    cells = (
        frame.with_columns(*named)
        .group_by("site", *strata, maintain_order=True)
        .agg(pl.col(COUNTS).sum())
        .filter(pl.col("n") > 0)
    )
    sites = cells.group_by("site", maintain_order=True).agg(pl.col(COUNTS).sum())
    if sites.is_empty():
        return sites.with_columns(
            pl.lit(None, pl.Float64).alias(name) for name in _columns()
        )
    shares = _shares(cells, sites["site"].to_list(), strata)
    return sites.with_columns(
        *(series(name, values) for name, values in _terms(sites, shares).items())
    )


def _columns() -> tuple[str, ...]:
    ends = (f"{term}_{end}" for term in TERMS for end in ("lower", "upper"))
    return ("rate", "network", *TERMS, *ends)


def _shares(
    cells: pl.DataFrame, sites: Sequence[str], strata: Sequence[str]
) -> tuple[Floats, Floats]:
    """Batches, and those failing the usual criteria, as site x stratum."""
    keys = cells.select(*strata, _row=pl.lit(0)).unique(maintain_order=True)
    column = cells.with_columns(_row=pl.lit(0)).join(
        keys.with_row_index("_column"), on=[*strata, "_row"], maintain_order="left"
    )["_column"]
    rows = np.array([sites.index(site) for site in cells["site"]])
    n, usual = np.zeros((2, len(sites), keys.height))
    n[rows, column.to_numpy()] = numbers(cells, "n")
    usual[rows, column.to_numpy()] = numbers(cells, "usual")
    return n, usual


def _terms(sites: pl.DataFrame, shares: tuple[Floats, Floats]) -> dict[str, Floats]:
    by_stratum, usual_by_stratum = shares
    n, own, usual = (numbers(sites, name) for name in ("n", "own", "usual"))
    total = n.sum()
    of_stratum = by_stratum.sum(axis=0)
    risk = usual_by_stratum.sum(axis=0) / of_stratum
    mixture = by_stratum / n[:, None]
    expected = mixture @ risk
    found = {
        "rate": own / n,
        "network": np.full(n.size, own.sum() / total),
        "gap": own / n - own.sum() / total,
        "criteria": (own - usual) / n - (own - usual).sum() / total,
        "mix": expected - usual.sum() / total,
        "rest": usual / n - expected,
    }
    for term, variance in _variances(sites, by_stratum, mixture / of_stratum).items():
        half = _Z * np.sqrt(variance)
        found[f"{term}_lower"] = found[term] - half
        found[f"{term}_upper"] = found[term] + half
    return found


def _variances(
    sites: pl.DataFrame, by_stratum: Floats, weight: Floats
) -> dict[str, Floats]:
    """The variance of each site's terms.

    `weight` (site x stratum) is what one batch of the stratum, anywhere, adds to what
    is expected of the site.
    """
    n = numbers(sites, "n")
    total = n.sum()
    of_own, of_usual, of_both = _of_one_batch(sites)
    differing = of_own + of_usual - 2 * of_both

    def beside(each: Floats) -> Floats:
        """(1/n - 1/N) for the site's own batches, -1/N for everybody else's."""
        own: Floats = n * (1 / n - 1 / total) ** 2 * each
        others: Floats = ((n * each).sum() - n * each) / total**2
        return own + others

    # What each site's batches add to what is expected of another: site x site.
    mix = (weight - 1 / total) ** 2 @ by_stratum.T
    rest = weight**2 @ by_stratum.T
    own_rest = ((1 / n[:, None] - weight) ** 2 * by_stratum).sum(axis=1)
    np.fill_diagonal(rest, own_rest)
    return {
        "gap": beside(of_own),
        "criteria": beside(differing),
        "mix": mix @ of_usual,
        "rest": rest @ of_usual,
    }


def _of_one_batch(sites: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Variances of a batch's failing by own and usual criteria; their covariance."""
    n, own, usual, both = (numbers(sites, name) for name in COUNTS)
    p, q, pq = (own + 1) / (n + 2), (usual + 1) / (n + 2), (both + 0.5) / (n + 2)
    return p * (1 - p), q * (1 - q), pq - p * q
