"""Who starts when: every order as it falls due, first come, first served.

Event by event in continuous time. An order takes the line that can start it first,
which is exact for first come, first served on several lines, whatever the arrivals and
the times (Kiefer and Wolfowitz 1955, Trans Am Math Soc 78:1). A patient who would have
to wait longer than he can is lost and takes no line. A batch that fails and is made
again is a new event of the same order.
"""

from typing import Final

import numpy as np

from dashboard.simulation import chance
from dashboard.simulation.arrays import Floats
from dashboard.simulation.chance import uniform
from dashboard.simulation.compiled import compiled
from dashboard.simulation.network import (
    AGAIN,
    FAILED,
    LOST,
    NEVER,
    TREATED,
    UNUSED,
    Coming,
    Events,
    Lines,
    Network,
    Word,
)
from dashboard.simulation.slots import DAYS

ATTEMPTS: Final = 4
# An order that its own site could not start within so many days of falling due goes
# elsewhere, where that is allowed, if it can be started within as many there.
PATIENT_DAYS: Final = 7.0


@compiled
def serve(coming: Coming, network: Network, key: Word) -> Events:
    """Every attempt of the orders of one replication, each as early as lines allow."""
    size = len(coming.due)
    events = _room(size)
    free = np.zeros(network.lines.opens.shape[:2])
    # What falls due again, soonest last: few at a time, so they are kept in order.
    pending = np.empty((size + 1, 3))
    waiting = done = following = 0
    while following < size or waiting:
        again = waiting > 0 and (
            following == size or pending[waiting - 1, 0] < coming.due[following]
        )
        if again:
            waiting -= 1
            due, order, attempt = pending[waiting]
        else:
            due, order, attempt = coming.due[following], float(following), 0.0
            following += 1
        events.due[done], events.order[done] = due, int(order)
        events.attempt[done] = int(attempt)
        _start(events, done, (coming, network, key), free)
        if events.fate[done] == AGAIN:
            back = _back(events, done, (coming, network, key))
            waiting = _insert(pending, waiting, (back, order, attempt + 1))
        done += 1
    return _told(events, done)


@compiled
def earliest(lines: Lines, free: Floats, site: int, due: float) -> tuple[int, float]:
    """The line of a site that can start an order first, and the day."""
    last = lines.opens.shape[2] - 1
    best, line = np.inf, 0
    for each in range(free.shape[1]):
        begin = max(free[site, each], due)
        # Past the last week everything is shut for good.
        week = min(int(begin / DAYS), last) if begin < np.inf else last
        begin = max(begin, lines.opens[site, each, week])
        if begin < best:
            best, line = begin, each
    return line, best


@compiled
def drawn(quantiles: Floats, draw: float) -> float:
    """The value of a uniform draw under equally likely quantiles."""
    return float(quantiles[int(draw * len(quantiles))])


@compiled
def _start(
    events: Events, at: int, of: tuple[Coming, Network, Word], free: Floats
) -> None:
    """Where and when an event is started, and what becomes of it."""
    coming, network, key = of
    order, due = events.order[at], events.due[at]
    stream = coming.stream[order]
    site = network.streams.home[stream]
    line, start = earliest(network.lines, free, site, due)
    if start > due + PATIENT_DAYS and due >= network.streams.since:
        site, line, start = _elsewhere(
            network, free, (stream, site, due), (line, start)
        )
    events.site[at], events.start[at] = site, start
    number, attempt = coming.number[order], events.attempt[at]
    if network.streams.patient[stream]:
        draw = uniform(key, number, attempt, chance.PATIENCE)
        mean = network.fates.patience[network.streams.home[stream]]
        if start > due - mean * np.log(draw):
            events.fate[at], events.start[at] = LOST, due - mean * np.log(draw)
            return
    if start == np.inf:
        events.fate[at] = NEVER
        return
    hold = coming.hold[order] if len(coming.hold) else network.lines.hold[site]
    free[site, line] = start + hold
    draw = uniform(key, number, attempt, chance.FATE)
    row = (site, network.streams.product[stream])
    events.fate[at] = _fate(network, row, draw, attempt)


@compiled
def _elsewhere(
    network: Network,
    free: Floats,
    asked: tuple[int, int, float],
    home: tuple[int, float],
) -> tuple[int, int, float]:
    """The nearest site that can start the order in time; its own where none can."""
    stream, own, due = asked
    for site in network.streams.elsewhere[stream]:
        if site < 0:
            break
        line, start = earliest(network.lines, free, site, due)
        if start <= due + PATIENT_DAYS:
            return site, line, start
    return own, home[0], home[1]


@compiled
def _fate(network: Network, row: tuple[int, int], draw: float, attempt: int) -> int:
    """One draw decides: the shares of all fates lie side by side between 0 and 1."""
    fails = network.fates.fails[row]
    if draw < fails:
        more = draw < fails * network.fates.again[row] and attempt < ATTEMPTS - 1
        return AGAIN if more else FAILED
    return TREATED if draw < fails + (1 - fails) * network.fates.given[row] else UNUSED


@compiled
def _back(events: Events, at: int, of: tuple[Coming, Network, Word]) -> float:
    """The day on which a failed attempt's next one falls due."""
    coming, network, key = of
    order, site = events.order[at], events.site[at]
    draw = uniform(key, coming.number[order], events.attempt[at], chance.AGAIN)
    product = network.streams.product[coming.stream[order]]
    return float(events.start[at] + drawn(network.days.gap[site, product], draw))


@compiled
def _insert(pending: Floats, count: int, entry: tuple[float, float, float]) -> int:
    """Put an entry in its place among `count`, the soonest last; the new count."""
    place = count
    while place > 0 and pending[place - 1, 0] < entry[0]:
        pending[place] = pending[place - 1]
        place -= 1
    for column in range(3):
        pending[place, column] = entry[column]
    return count + 1


@compiled
def _room(size: int) -> Events:
    most = size * ATTEMPTS
    return Events(
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most),
        np.empty(most),
        np.empty(most, np.int64),
    )


@compiled
def _told(events: Events, done: int) -> Events:
    return Events(
        events.order[:done],
        events.attempt[:done],
        events.site[:done],
        events.due[:done],
        events.start[:done],
        events.fate[:done],
    )
