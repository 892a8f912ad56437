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
    coming, events, network, key = of
    for event in range(len(events.order)):
        order, start = events.order[event], events.start[event]
        stream, site, fate = (
            coming.stream[order],
            events.site[event],
            events.fate[event],
        )
        home, product = network.streams.home[stream], network.streams.product[stream]
        if fate >= AGAIN and FROM <= start < UNTIL:
            tally.starts[at, site] += 1
            tally.taken[at, site] += site != home
            tally.sent[at, home] += site != home
        if not network.streams.patient[stream]:
            continue
        turn = coming.turn[order]
        first = events.attempt[event] == 0
        since = turn if first else events.due[event]
        _queue(tally.waiting, (at, home), since, start)
        if FROM <= since < UNTIL and fate != NEVER:
            tally.waits[at, home] += start - since
            tally.attempts[at, home] += 1
        if FROM <= turn < UNTIL:
            tally.orders[at, home] += first
            tally.never[at, home] += fate == NEVER
            tally.lost[at, home] += fate == LOST
            tally.failed[at, home] += fate in (FAILED, UNUSED)
            tally.late[at, home] += fate in (NEVER, LOST)
            if fate == TREATED:
                luck = (key, coming.number[order])
                days = (
                    start
                    - turn
                    + network.days.slower[site] * (start >= network.days.since)
                )
                days += _drawn(network.days.lead, (home, product), luck, chance.LEAD)
                days += _drawn(network.days.after, (site, product), luck, chance.AFTER)
                tally.treated[at, home] += 1
                tally.days[at, home] += days
                tally.late[at, home] += days > LATE
                tally.spread[at, home, min(int(days + 0.5), LONGEST)] += 1


@compiled
def _queue(waiting: Counts, row: tuple[int, int], since: float, until: float) -> None:
    """Who fell due by the end of a week and was not started then waits."""
    week = max(0, int(np.ceil((since - FROM) / DAYS)))
    while week <= YEAR and FROM + DAYS * week < until:
        waiting[row[0], row[1], week] += 1
        week += 1


@compiled
def _drawn(
    quantiles: Floats, row: tuple[int, int], luck: tuple[Word, int], kind: int
) -> float:
    """Days of one order, by the site and product whose record they come from."""
    draw = uniform(luck[0], luck[1], 0, kind)
    return float(quantiles[row[0], row[1], int(draw * quantiles.shape[2])])
