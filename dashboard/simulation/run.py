"""Many replications of a network, on all the machine's cores, the same every time."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dashboard.simulation.arrays import Floats
from dashboard.simulation.arrivals import coming
from dashboard.simulation.chance import stream_key
from dashboard.simulation.compiled import compiled
from dashboard.simulation.network import Days, Network
from dashboard.simulation.queue import serve
from dashboard.simulation.tally import UNTIL, Tally, count, empty


@dataclass(frozen=True)
class Plan:
    """How often a year is lived through, and from which seed."""

    replications: int = 1000
    seed: int = 1


def simulate(network: Network, plan: Plan) -> Tally:
    """The tally of every replication; the same plan gives the same bytes.

    Each replication is a function of the seed and its own number alone, so that it does
    not matter which core has it.
    """
    tally = empty(plan.replications, len(network.lines.hold))
    cores = os.cpu_count() or 1
    edges = np.linspace(0, plan.replications, cores + 1).astype(int)
    with ThreadPoolExecutor(cores) as threads:
        parts = [
            threads.submit(_replications, network, tally, plan.seed, (int(a), int(b)))
            for a, b in zip(edges[:-1], edges[1:], strict=True)
        ]
        for part in parts:
            part.result()
    return tally


@compiled
def _replications(
    network: Network, tally: Tally, seed: int, span: tuple[int, int]
) -> None:
    for replication in range(*span):
        key = stream_key(seed, replication)
        orders = coming(network.streams, UNTIL, key)
        events = serve(orders, network, key)
        count(tally, replication, (orders, events, network, key))


def settled(network: Network, plan: Plan) -> Days:
    """The recorded days without the wait that the simulation makes itself.

    The recorded days from order to start hold the recorded wait for a slot, and the
    queue of the simulation would count it twice. Its mean, site by site, is taken from
    them; they are cut at zero. The queue itself does not depend on them.
    """
    tally = simulate(network, plan)
    wait = tally.waits.sum(0) / np.maximum(tally.attempts.sum(0), 1)
    return network.days._replace(
        lead=_shorter(network.days.lead, wait), gap=_shorter(network.days.gap, wait)
    )


def _shorter(quantiles: Floats, mean: Floats) -> Floats:
    """Quantiles (site, product, quantile) cut at zero with means less by `mean`.

    Where they are less than that in the whole, nothing is left of them.
    """
    low = np.zeros(quantiles.shape[:2])
    high = quantiles.max(axis=2)
    wanted = np.maximum(quantiles.mean(axis=2) - mean[:, None], 0)
    for _ in range(50):
        middle = (low + high) / 2
        short = np.maximum(quantiles - middle[..., None], 0).mean(axis=2) > wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(np.maximum(quantiles - high[..., None], 0))
