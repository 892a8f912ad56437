"""CPU time of every statistic of the Failure rates page, for 500 sites x 20 strata.

Run it: `python -m tests.bench.statistics`. It prints milliseconds beside those of
statsmodels and R where they do the same, with whether the numbers agree, and asserts
nothing: a busy machine is no fault of the code. statsmodels is fetched from the package
index into an environment of its own under tests/.state; R is Debian's r-base-core.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from dashboard.analysis.cells import numbers
from dashboard.analysis.funnel import TAILS, Scheme, Widening, drawn, funnel
from dashboard.analysis.intervals import clopper_pearson, poisson
from dashboard.analysis.logistic import fitted
from dashboard.analysis.multiple import adjusted, benjamini_hochberg
from dashboard.analysis.overdispersion import overdispersion, tau_squared, z_scores
from dashboard.analysis.shrinkage import fit_prior, rank_intervals, shrink
from dashboard.analysis.standardisation import standardise
from tests.serving import STATE

HERE = Path(__file__).parent
STATSMODELS = "statsmodels>=0.14,<0.16"
Numbers = list[float]
Peer = Mapping[str, tuple[float, Numbers]]


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


def cpu(work: Callable[[], object], repeats: int = 15) -> float:
    """The least CPU time of a few runs, in milliseconds, over all threads."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return 1000 * min(spent)


def statistics(strata: pl.DataFrame, sites: pl.DataFrame) -> None:
    """What the page shows, each with its time, and their sum."""
    steps: dict[str, Callable[[], object]] = {
        "funnel, power, adjusted p-values": lambda: adjusted(funnel(sites)),
        "exact intervals": lambda: clopper_pearson(sites["events"], sites["n"]),
        "test, phi and tau²": lambda: overdispersion(sites),
        "beta-binomial": lambda: shrink(sites),
        "standardised, 20 strata": lambda: standardise(strata, ["product", "process"]),
    }
    spent = {name: cpu(step) for name, step in steps.items()}
    for name, each in spent.items():
        print(f"{name:34} {each:8.1f} ms CPU")
    print(f"{'every statistic':34} {sum(spent.values()):8.1f} ms CPU  (goal 50)")
    ranks = cpu(lambda: rank_intervals(sites), 5)
    print(f"{'rank intervals, 1,000 draws':34} {ranks:8.1f} ms CPU  (goal 250)")


def ours(cells: pl.DataFrame, sites: pl.DataFrame) -> dict[str, Callable[[], Numbers]]:
    """What the peers compute, as they do: each gives the numbers to compare."""
    x, n = (numbers(sites, c) for c in ("events", "n"))
    events, of = (numbers(cells, c) for c in ("events", "n"))
    p = float(x.sum() / n.sum())
    tail = funnel(sites)["p_value"]

    def widened() -> Numbers:
        found = overdispersion(sites)
        assert found.phi is not None and found.tau2 is not None
        scheme = Scheme(widening=Widening("additive", found.tau2))
        lower, upper = (drawn(n, p, q, scheme) for q in TAILS["998"])
        return [found.phi, found.tau2, float(lower.sum()), float(upper.sum())]

    def dersimonian_laird() -> Numbers:
        middle = np.sin((n * np.arcsin(np.sqrt(x / n))).sum() / n.sum()) ** 2
        return [tau_squared(*z_scores(x, n, middle, "arcsine"))]

    def prior() -> Numbers:
        found = fit_prior(x, n)
        assert found is not None
        return [found.mean, found.strength]

    def logistic() -> Numbers:
        labels = [cells[c].to_list() for c in ("product", "process")]
        return [float((fitted(labels, events, of) * of).sum())]

    return {
        "exact intervals": lambda: [float(s.sum()) for s in clopper_pearson(x, n)],
        "Benjamini-Hochberg": lambda: [float(benjamini_hochberg(tail).sum())],
        "phi, tau2 and widened limits": widened,
        "limits of observed / expected": lambda: [
            float((side / (n * p)).sum()) for side in poisson(n * p)
        ],
        "logistic model of the strata": logistic,
        "DerSimonian-Laird tau2": dersimonian_laird,
        "beta-binomial": prior,
    }


def compared(strata: pl.DataFrame, sites: pl.DataFrame) -> None:
    """Each statistic beside its peers: milliseconds, times as long, same numbers."""
    by = ["product", "process"]
    cells = strata.group_by(by).agg(pl.col("events", "n").sum()).sort(by)
    labelled = cells.with_columns(pl.format("v{}", c).alias(c) for c in by)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("sites.csv", "cells.csv")]
        sites.write_csv(files[0])
        labelled.write_csv(files[1])
        peers = {
            "statsmodels": asked(
                python_with(STATSMODELS, "peers-venv"),
                HERE / "peers_statsmodels.py",
                files,
            ),
            "R": asked(shutil.which("Rscript"), HERE / "peers.R", files),
        }
    print(f"\n{'the same by':34} {'pocnet':>8} " + "".join(f"{p:>24}" for p in peers))
    for name, work in ours(cells, sites).items():
        mine, numbers_of_mine = cpu(work), work()
        line = f"{name:34} {mine:8.2f} "
        for peer in peers.values():
            line += f"{beside(mine, numbers_of_mine, peer.get(name)):>24}"
        print(line)


def beside(mine: float, found: Numbers, peer: tuple[float, Numbers] | None) -> str:
    """A peer's time, how many times as long that is, and whether it says the same."""
    if peer is None:
        return "–"
    spent, said = peer
    apart = max(
        abs(a - b) / max(abs(b), 1e-9) for a, b in zip(found, said, strict=True)
    )
    same = "same" if apart < 1e-6 else f"differs {apart:.0e}"
    return f"{spent:.2f} (x{spent / mine:.1f}) {same}"


def asked(program: str | None, script: Path, files: list[Path]) -> Peer:
    """What a peer printed; nothing, with the reason, where it cannot be run."""
    if program is None:
        print(f"{script.name}: not there, left out")
        return {}
    done = subprocess.run(
        [program, script, *files], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{script.name} failed: {done.stderr[-400:]}")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        what: (float(ms), [float(v) for v in said.split()]) for what, ms, said in rows
    }


def python_with(requirement: str, name: str) -> str | None:
    """The interpreter of an environment with a peer, made once."""
    home = STATE / "servers" / name
    if not (home / "bin" / "python").exists():
        made = home.with_name(f"{home.name}.new")
        subprocess.run([sys.executable, "-m", "venv", "--clear", made], check=True)
        pip = [str(made / "bin" / "python"), "-m", "pip", "install", "-q", requirement]
        if subprocess.run(pip, check=False).returncode:
            return None
        made.rename(home)
    return str(home / "bin" / "python")


def main() -> None:
    strata = network()
    sites = strata.group_by("site", maintain_order=True).agg(
        pl.col("events", "n").sum()
    )
    statistics(strata, sites)
    compared(strata, sites)


if __name__ == "__main__":
    main()
