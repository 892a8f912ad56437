"""What a year of one replication comes to, site by site."""

from typing import Final, NamedTuple

import numpy as np

from dashboard.simulation import chance
from dashboard.simulation.arrays import Counts, Floats
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
from dashboard.simulation.queue import drawn
from dashboard.simulation.slots import DAYS

WARM: Final = 8
YEAR: Final = 52
# Weeks after the year, in which what fell due in it is still started.
TAIL: Final = 52
LATE: Final = 28.0
LONGEST: Final = 366
FROM: Final = WARM * DAYS
UNTIL: Final = (WARM + YEAR) * DAYS


class Tally(NamedTuple):
    """Counts of every replication: arrays (replication, site), some with one axis more.

    Of patients whose turn for a slot came within the year, by their home: `orders`,
    `treated`, `lost` while they waited, `failed` (no product in the end, or one that
    was never given) and `never` (nobody could start it); `days` sums order to infusion
    of the treated, `late` counts who was not treated within LATE days, be it that they
    gave up; who got no product in the end is not among them. `spread` (day) counts the
    treated by whole days. `waits` sums the days waited for a slot by `attempts`;
    `waiting` (week) who waits for one when the year begins and at the end of each week.
    Of batches, by the site that makes them: `starts` within the year, and
    `taken` of them for other sites' patients, which those count as `sent`.
    """

    orders: Counts
    treated: Counts
    lost: Counts
    failed: Counts
    never: Counts
    late: Counts
    days: Floats
    spread: Counts
    waits: Floats
    attempts: Counts
    waiting: Counts
    starts: Counts
    taken: Counts
    sent: Counts


def empty(replications: int, sites: int) -> Tally:
    """A tally with nothing counted yet."""
    flat = (replications, sites)
    deep = {"spread": LONGEST + 1, "waiting": YEAR + 1}
    return Tally(
        **{
            name: np.zeros(
                (*flat, deep[name]) if name in deep else flat,
                np.float64 if name in ("days", "waits") else np.int32,
            )
            for name in Tally._fields
        }
    )


@compiled
def count(tally: Tally, at: int, of: tuple[Coming, Events, Network, Word]) -> None:
    """Add the events of one replication to row `at` of the tally."""
    coming, events, network, _ = of
    for event in range(len(events.order)):
        order = events.order[event]
        stream = coming.stream[order]
        home = network.streams.home[stream]
        _start(tally, at, home, event, events)
        if network.streams.patient[stream]:
            turn = coming.turn[order]
            first = events.attempt[event] == 0
            since = turn if first else events.due[event]
            if FROM <= since < UNTIL:
                _wait(tally, at, home, (since, events.start[event]), events.fate[event])
            _queue(tally, at, home, since, events.start[event])
            if FROM <= turn < UNTIL:
                tally.orders[at, home] += first
                _fate(tally, at, (event, stream), of)


@compiled
def _start(tally: Tally, at: int, home: int, event: int, events: Events) -> None:
    begun = events.fate[event] >= AGAIN
    if begun and FROM <= events.start[event] < UNTIL:
        site = events.site[event]
        tally.starts[at, site] += 1
        if site != home:
            tally.taken[at, site] += 1
            tally.sent[at, home] += 1


@compiled
def _wait(
    tally: Tally, at: int, home: int, span: tuple[float, float], fate: int
) -> None:
    since, until = span
    if fate != NEVER:
        tally.waits[at, home] += until - since
        tally.attempts[at, home] += 1


@compiled
def _queue(tally: Tally, at: int, home: int, since: float, until: float) -> None:
    """Who fell due by the end of a week and was not started then waits."""
    week = max(0, int(np.ceil((since - FROM) / DAYS)))
    while week <= YEAR and FROM + DAYS * week < until:
        tally.waiting[at, home, week] += 1
        week += 1


@compiled
def _fate(
    tally: Tally,
    at: int,
    which: tuple[int, int],
    of: tuple[Coming, Events, Network, Word],
) -> None:
    event, stream = which
    _, events, network, _ = of
    home, fate = network.streams.home[stream], events.fate[event]
    if fate == NEVER:
        tally.never[at, home] += 1
        tally.late[at, home] += 1
    elif fate == LOST:
        tally.lost[at, home] += 1
        tally.late[at, home] += 1
    elif fate in (FAILED, UNUSED):
        tally.failed[at, home] += 1
    elif fate == TREATED:
        days = _days(event, stream, of)
        tally.treated[at, home] += 1
        tally.days[at, home] += days
        tally.late[at, home] += days > LATE
        tally.spread[at, home, min(int(days + 0.5), LONGEST)] += 1


@compiled
def _days(event: int, stream: int, of: tuple[Coming, Events, Network, Word]) -> float:
    """Days from the order to the infusion."""
    coming, events, network, key = of
    order, site = events.order[event], events.site[event]
    home, product = network.streams.home[stream], network.streams.product[stream]
    number = coming.number[order]
    lead = drawn(network.days.lead[home, product], uniform(key, number, 0, chance.LEAD))
    after = drawn(
        network.days.after[site, product], uniform(key, number, 0, chance.AFTER)
    )
    start = events.start[event]
    slower = network.days.slower[site] if start >= network.days.since else 0.0
    return float(lead + start - coming.turn[order] + after + slower)
