"""CPU time of every statistic of the Failure rates page, for 500 sites x 20 strata.

Run it: `python -m tests.bench.statistics`. It prints milliseconds and asserts nothing:
a busy machine is no fault of the code.
"""

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from dashboard.analysis.funnel import funnel
from dashboard.analysis.multiple import adjusted
from dashboard.analysis.overdispersion import overdispersion
from dashboard.analysis.shrinkage import rank_intervals, shrink
from dashboard.analysis.standardisation import standardise


def network() -> pl.DataFrame:
    """500 sites x 20 strata."""
    generator = np.random.default_rng(1)
    n = generator.integers(1, 40, 10_000)
    risk = np.repeat(generator.beta(8, 92, 500), 20)
    return pl.DataFrame(
        {
            "site": np.repeat(np.arange(500), 20).astype(str),
            "product": np.tile(np.repeat(np.arange(5), 4), 500).astype(str),
            "process": np.tile(np.arange(4), 2500).astype(str),
            "n": n,
            "events": generator.binomial(n, risk),
        }
    )


def cpu(work: Callable[[], object], repeats: int = 7) -> float:
    """The least CPU time of a few runs, in milliseconds, over all threads."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return 1000 * min(spent)


def main() -> None:
    strata = network()
    sites = strata.group_by("site").agg(pl.col("events", "n").sum())
    steps: dict[str, Callable[[], object]] = {
        "funnel and adjusted p-values": lambda: adjusted(funnel(sites)),
        "test, phi and tau²": lambda: overdispersion(sites),
        "beta-binomial": lambda: shrink(sites),
        "standardised": lambda: standardise(strata, ["product", "process"]),
        "rank intervals": lambda: rank_intervals(sites),
    }
    for name, step in steps.items():
        print(f"{name:32} {cpu(step):8.1f} ms CPU")


if __name__ == "__main__":
    main()
