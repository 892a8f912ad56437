"""Orders as they fall due: one Poisson process, split among streams.

The days from an order to the day on which it falls due are independent of each other,
and what a Poisson process becomes under such delays is a Poisson process again. So the
orders are drawn by the day on which they fall due, at the recorded rate, and each has
its recorded days behind it: nothing has to be run in for that.
"""

import numpy as np

from dashboard.simulation import chance
from dashboard.simulation.arrays import Floats
from dashboard.simulation.chance import ADDED, uniform
from dashboard.simulation.compiled import compiled
from dashboard.simulation.network import Coming, Streams, Word


@compiled
def coming(streams: Streams, until: float, key: Word) -> Coming:
    """The orders of one replication that fall due before the day `until`.

    What a scenario adds or takes away leaves every other order as it is.
    """
    room = _most(streams.rate.sum() * until) + _most(streams.added.sum() * until)
    orders = Coming(
        np.empty(room),
        np.empty(room),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(0),
    )
    count = _process(orders, 0, (streams, streams.rate, 0, until), key)
    count = _process(orders, count, (streams, streams.added, ADDED, until), key)
    found = Coming(
        orders.due[:count],
        orders.turn[:count],
        orders.stream[:count],
        orders.number[:count],
        orders.hold,
    )
    if np.all(found.due[1:] >= found.due[:-1]):
        return found
    row = np.argsort(found.due, kind="mergesort")
    return Coming(
        found.due[row],
        found.turn[row],
        found.stream[row],
        found.number[row],
        found.hold,
    )


@compiled
def _most(expected: float) -> int:
    """More than a Poisson number with this mean ever is, short of a miracle."""
    return int(expected + 10 * np.sqrt(expected) + 50)


@compiled
def _process(
    orders: Coming,
    count: int,
    of: tuple[Streams, Floats, int, float],
    key: Word,
) -> int:
    """Write a process of these rates behind `count` orders; the new count."""
    streams, rate, number, until = of
    share = np.cumsum(rate)
    total = share[-1] if len(share) else 0.0
    day = 0.0
    while total > 0:
        day -= np.log(uniform(key, number, 0, chance.GAP)) / total
        if day >= until:
            break
        draw = total * uniform(key, number, 0, chance.STREAM)
        stream = min(int(np.searchsorted(share, draw, "right")), len(share) - 1)
        if _counts(streams.kept[stream], streams.since, (number, day), key):
            held = streams.held[stream] <= day < streams.freed[stream]
            orders.due[count] = streams.freed[stream] if held else day
            orders.turn[count], orders.stream[count] = day, stream
            orders.number[count] = number
            count += 1
        number += 1
    return count


@compiled
def _counts(kept: float, since: float, order: tuple[int, float], key: Word) -> bool:
    """Whether an order is one of this scenario's."""
    number, day = order
    if day < since:
        return number < ADDED
    if number >= ADDED or kept >= 1:
        return True
    return bool(uniform(key, number, 0, chance.KEPT) < kept)
