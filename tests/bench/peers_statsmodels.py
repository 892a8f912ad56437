"""The same statistics in statsmodels, timed; run with the interpreter that has it.

`python peers_statsmodels.py SITES.csv CELLS.csv` prints what, milliseconds, numbers.
"""

import csv
import sys
import time
from collections.abc import Callable

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson


def column(path: str, name: str) -> np.ndarray:
    with open(path) as file:
        return np.array([row[name] for row in csv.DictReader(file)])


def timed(what: str, work: Callable[[], list[float]], repeats: int = 15) -> None:
    spent, value = [], work()
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    told = " ".join(f"{v:.10g}" for v in value)
    print(what, f"{1000 * min(spent):.3f}", told, sep="\t")


def main(sites: str, cells: str) -> None:
    x, n = (column(sites, c).astype(float) for c in ("events", "n"))
    p = x.sum() / n.sum()

    def intervals() -> list[float]:
        return [side.sum() for side in proportion_confint(x, n, method="beta")]

    low, high = stats.binom.cdf(x, n, p), stats.binom.sf(x - 1, n, p)
    tail = np.minimum(1, 2 * np.minimum(low, high))

    def adjusted() -> list[float]:
        return [multipletests(tail, method="fdr_bh")[1].sum()]

    def tau2() -> list[float]:
        effects = np.arcsin(np.sqrt(x / n))
        return [combine_effects(effects, 1 / (4 * n), method_re="dl").tau2]

    def ratios() -> list[float]:
        ends = confint_poisson(n * p, n * p, method="exact-c")
        return [float(np.nansum(side)) for side in ends]

    events, of = (column(cells, c).astype(float) for c in ("events", "n"))
    factors = [column(cells, c) for c in ("product", "process")]
    design = np.column_stack(
        [np.ones(len(of))]
        + [(f == v).astype(float) for f in factors for v in sorted(set(f))[1:]]
    )

    def logistic() -> list[float]:
        family = sm.families.Binomial()
        model = sm.GLM(np.column_stack((events, of - events)), design, family=family)
        return [(model.fit().fittedvalues * of).sum()]

    timed("exact intervals", intervals)
    timed("Benjamini-Hochberg", adjusted)
    timed("DerSimonian-Laird tau2", tau2)
    timed("limits of observed / expected", ratios)
    timed("logistic model of the strata", logistic)


main(*sys.argv[1:])
