"""A simulated year of the made-up network, beside a plain SimPy model of it.

Run it: `python -m tests.bench.whatif`. It prints seconds of both, and whether they say
the same: the mean of each figure with how many standard errors they are apart. SimPy is
fetched from the package index into an environment of its own under tests/.state.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.queries import recorded
from dashboard.simulation.measures import network
from dashboard.simulation.model import model
from dashboard.simulation.network import Network
from dashboard.simulation.run import Plan, simulate
from dashboard.simulation.scenario import Scenario
from dashboard.simulation.tally import FROM, UNTIL, Tally
from tests.bench.statistics import python_with
from tests.demo import LEAD, made

HERE = Path(__file__).parent
SIMPY = "simpy>=4.1,<5"
YEARS = 1000
PLAIN = 30
FIGURES = ("orders", "starts", "mean days", "late")


def best(net: Network, runs: int = 5) -> tuple[float, float, Tally]:
    """The least wall-clock and CPU seconds of a few warm runs, and what they found."""
    simulate(net, Plan(2))
    spent = []
    for _ in range(runs):
        begun, cpu = time.perf_counter(), time.process_time()
        tally = simulate(net, Plan(YEARS))
        spent.append((time.perf_counter() - begun, time.process_time() - cpu))
    return min(w for w, _ in spent), min(c for _, c in spent), tally


def plain(net: Network) -> dict[str, Any]:
    """The network as lists, for a program that has no numpy."""
    streams, fates, days = net.streams, net.fates, net.days
    rows = []
    for at, (home, product) in enumerate(
        zip(streams.home, streams.product, strict=True)
    ):
        patience = fates.patience[home]
        rows.append(
            {
                "home": int(home),
                "rate": float(streams.rate[at]),
                "patient": bool(streams.patient[at]),
                "fails": float(fates.fails[home, product]),
                "again": float(fates.again[home, product]),
                "given": float(fates.given[home, product]),
                "patience": float(patience) if np.isfinite(patience) else None,
                **{
                    name: getattr(days, name)[home, product].tolist()
                    for name in ("lead", "after", "gap")
                },
            }
        )
    opens = np.where(np.isfinite(net.lines.opens), net.lines.opens, -1).tolist()
    weeks = net.lines.opens.shape[2] - 1
    return {"streams": rows, "opens": opens, "from": FROM, "until": UNTIL,
            "end": 7 * weeks}  # fmt: skip


def asked(net: Network) -> tuple[float, np.ndarray] | None:
    """Seconds a year and its figures by SimPy; None where it cannot be had."""
    python = python_with(SIMPY, "simpy-venv")
    if python is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plain(net), file)
        file.flush()
        done = subprocess.run(
            [python, HERE / "peers_simpy.py", file.name, str(PLAIN)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    seconds, *lines = done.stdout.splitlines()
    rows = np.array([[float(v) for v in line.split()] for line in lines])
    orders, starts, days, treated, late = rows.T
    return float(seconds) / PLAIN, np.stack((orders, starts, days / treated, late))


def main() -> None:
    with made().asked_by(LEAD):
        begun = time.process_time()
        found = model(recorded(LEAD))
        making = time.process_time() - begun
    net = network(found, Scenario())
    wall, cpu, tally = best(net)
    sites = len(found.sites)
    print(f"{YEARS:,} years of {sites} sites, {tally.starts.sum(1).mean():,.0f} starts")
    print(f"{'pocnet, records to model':28} {making:8.2f} s CPU, once a snapshot")
    print(f"{'pocnet, warm':28} {wall:8.2f} s, {cpu:.2f} s CPU  (goal 1 s)")
    peer = asked(net)
    if peer is None:
        print("SimPy: not to be had, left out")
        return
    each, theirs = peer
    said = f"{PLAIN} years measured"
    print(f"{'SimPy, one process':28} {each * YEARS:8.0f} s CPU  ({said})")
    print(f"{'times as long':28} {each * YEARS / cpu:8.0f}")
    treated = tally.treated.sum(1)
    ours = np.stack((tally.orders.sum(1), tally.starts.sum(1),
                     tally.days.sum(1) / treated, tally.late.sum(1)))  # fmt: skip
    print(f"\n{'a year':12} {'pocnet':>10} {'SimPy':>10} {'standard errors apart':>22}")
    for name, mine, its in zip(FIGURES, ours, theirs, strict=True):
        error = np.hypot(*(a.std(ddof=1) / np.sqrt(len(a)) for a in (mine, its)))
        apart = abs(mine.mean() - its.mean()) / error
        print(f"{name:12} {mine.mean():10.2f} {its.mean():10.2f} {apart:22.1f}")


if __name__ == "__main__":
    main()
