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
from dashboard.simulation.arrays import Floats, Ints
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
    opens, streams, fates = network.lines.opens, network.streams, network.fates
    free = np.zeros(opens.shape[:2])
    # What falls due again, soonest last: few at a time, so they are kept in order.
    pending = np.empty((size + 1, 3))
    waiting = done = following = 0
    while following < size or waiting:
        soonest = pending[waiting - 1, 0] if waiting else np.inf
        if following == size or soonest < coming.due[following]:
            waiting -= 1
            due, order = soonest, int(pending[waiting, 1])
            attempt = int(pending[waiting, 2])
        else:
            due, order, attempt = coming.due[following], following, 0
            following += 1
        stream, number = coming.stream[order], coming.number[order]
        site = streams.home[stream]
        leaves = np.inf
        if streams.patient[stream]:
            leaves = due + _patience(fates.patience[site], key, number, attempt)
        line, start = earliest(opens, free, site, due)
        if start > due + PATIENT_DAYS and due >= streams.since:
            near = streams.elsewhere[stream]
            site, line, start = _elsewhere(opens, free, near, due, (site, line, start))
        fate = LOST if start > leaves else NEVER
        if start <= leaves and start < np.inf:
            kept = coming.hold[order] if len(coming.hold) else network.lines.hold[site]
            free[site, line] = start + kept
            row = (site, streams.product[stream])
            odds = (fates.fails[row], fates.again[row], fates.given[row])
            fate = _fate(odds, uniform(key, number, attempt, chance.FATE), attempt)
            if fate == AGAIN:
                draw = uniform(key, number, attempt, chance.AGAIN)
                again = (start + drawn(network.days.gap[row], draw), order, attempt + 1)
                waiting = _insert(pending, waiting, again)
        _write(events, done, (order, attempt, site, fate), (due, min(start, leaves)))
        done += 1
    return _told(events, done)


@compiled
def earliest(opens: Floats, free: Floats, site: int, due: float) -> tuple[int, float]:
    """The line of a site that can start an order first, and the day."""
    last = opens.shape[2] - 1
    best, line = np.inf, 0
    for each in range(free.shape[1]):
        begin = max(free[site, each], due)
        # Past the last week everything is shut for good.
        week = min(int(begin / DAYS), last) if begin < np.inf else last
        begin = max(begin, opens[site, each, week])
        if begin < best:
            best, line = begin, each
    return line, best


@compiled
def drawn(quantiles: Floats, draw: float) -> float:
    """The value of a uniform draw under equally likely quantiles."""
    return float(quantiles[int(draw * len(quantiles))])


@compiled
def _patience(mean: float, key: Word, number: int, attempt: int) -> float:
    """How long somebody can wait: as likely to be lost on any day as on another."""
    return float(-mean * np.log(uniform(key, number, attempt, chance.PATIENCE)))


@compiled
def _elsewhere(
    opens: Floats,
    free: Floats,
    near: Ints,
    due: float,
    own: tuple[int, int, float],
) -> tuple[int, int, float]:
    """The nearest site that can start the order in time; its own where none can."""
    for site in near:
        if site < 0:
            break
        line, start = earliest(opens, free, site, due)
        if start <= due + PATIENT_DAYS:
            return site, line, start
    return own


@compiled
def _fate(odds: tuple[float, float, float], draw: float, attempt: int) -> int:
    """One draw decides: the shares of all fates lie side by side between 0 and 1."""
    fails, again, given = odds
    if draw < fails:
        more = draw < fails * again and attempt < ATTEMPTS - 1
        return AGAIN if more else FAILED
    return TREATED if draw < fails + (1 - fails) * given else UNUSED


@compiled
def _write(
    events: Events,
    at: int,
    whole: tuple[int, int, int, int],
    days: tuple[float, float],
) -> None:
    """One event: order, attempt, site and fate; due day, and start or leave."""
    events.order[at], events.attempt[at], events.site[at], events.fate[at] = whole
    events.due[at], events.start[at] = days


@compiled
def _insert(pending: Floats, count: int, entry: tuple[float, float, float]) -> int:
    """Put an entry in its place among `count`, the soonest last; the new count."""
    place = count
    while place > 0 and pending[place - 1, 0] < entry[0]:
        pending[place] = pending[place - 1]
        place -= 1
    pending[place, 0], pending[place, 1], pending[place, 2] = entry
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
