"""Small networks to simulate, and queues whose answer is in the books."""

from math import factorial

import numpy as np

from dashboard.simulation.chance import stream_key
from dashboard.simulation.network import (
    Coming,
    Days,
    Events,
    Fates,
    Lines,
    Network,
    Streams,
)
from dashboard.simulation.queue import serve

KEY = stream_key(1, 0)


def network(
    lines: Lines,
    rates: list[float],
    again: float = 0.0,
    fails: float = 0.0,
    patience: float = np.inf,
    patient: bool = True,
) -> Network:
    """One product, made at each site at this many orders a day; all days are given."""
    sites = len(rates)
    return Network(
        lines,
        Streams(
            home=np.arange(sites),
            product=np.zeros(sites, np.int64),
            rate=np.array(rates, np.float64),
            kept=np.ones(sites),
            added=np.zeros(sites),
            held=np.full(sites, np.inf),
            freed=np.full(sites, np.inf),
            patient=np.full(sites, patient),
            elsewhere=np.full((sites, 0), -1),
            since=0.0,
        ),
        Fates(
            fails=np.full((sites, 1), fails),
            again=np.full((sites, 1), again),
            given=np.ones((sites, 1)),
            patience=np.full(sites, patience),
        ),
        Days(
            lead=np.full((sites, 1, 1), 10.0),
            after=np.full((sites, 1, 1), 15.0),
            gap=np.full((sites, 1, 1), 20.0),
            slower=np.zeros(sites),
            since=np.inf,
        ),
    )


def always_open(sites: int, count: int, weeks: int) -> Lines:
    """Lines that are never shut; each start keeps its line for seven days."""
    return Lines(np.zeros((sites, count, weeks)), np.full(sites, 7.0))


def queue(due: np.ndarray, hold: np.ndarray, lines: int, **kinds: float) -> Events:
    """What one site with these lines makes of customers with these service times."""
    weeks = int(due[-1] / 7) + 1000
    orders = Coming(due, due, np.zeros(len(due), np.int64), np.arange(len(due)), hold)
    return serve(orders, network(always_open(1, lines, weeks), [1.0], **kinds), KEY)


def erlang_c(lines: int, load: float) -> float:
    """The chance to wait in M/M/c (Erlang 1917), `load` being arrivals per service."""
    own = load**lines / factorial(lines) / (1 - load / lines)
    return own / (sum(load**k / factorial(k) for k in range(lines)) + own)


def far_from(values: np.ndarray, true: float, batches: int = 40) -> float:
    """How many standard errors the mean is off, by the means of long batches."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(1)
    return abs(means.mean() - true) / (means.std(ddof=1) / np.sqrt(batches))
