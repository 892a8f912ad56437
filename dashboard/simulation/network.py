"""The network as the simulation sees it: plain arrays, every one by site or stream."""

from typing import NamedTuple

import numpy as np

from dashboard.simulation.arrays import Bools, Floats, Ints


class Lines(NamedTuple):
    """When the lines of each site may start a batch.

    `opens` (site, line, week): zero where the line is staffed that week, else the first
    day of the next week in which it is, infinite where there is none. `hold` (site) is
    how many days a start keeps its line.
    """

    opens: Floats
    hold: Floats


class Streams(NamedTuple):
    """Where orders come from: one stream a site and product, each a Poisson process.

    All arrays by stream. `rate` is orders that fall due a day as recorded; from the day
    `since` on a scenario keeps the share `kept` of them, adds `added` to the rate and
    may send an order `elsewhere` (stream, place): to sites that may make it too,
    nearest first, -1 for none. An order due from `held` until `freed` has to wait until
    then. `patient` says whether somebody waits for it.
    """

    home: Ints
    product: Ints
    rate: Floats
    kept: Floats
    added: Floats
    held: Floats
    freed: Floats
    patient: Bools
    elsewhere: Ints
    since: float


class Fates(NamedTuple):
    """What becomes of a batch, by the site that makes it and its product.

    `fails` and `again` are chances: to give no product, and to be made once more after
    that. `given` is the chance that a product reaches its patient; `patience` the mean
    days by site of home after which somebody who waits for a slot is lost.
    """

    fails: Floats
    again: Floats
    given: Floats
    patience: Floats


class Days(NamedTuple):
    """Recorded days as quantiles, the last axis: whole distributions, no formula.

    `lead` from the order to the day on which it falls due, by home and product; `after`
    from the start to the infusion and `gap` from a start that failed to the day on
    which the next falls due, by the site that makes it and product. `slower` (site)
    is what a start from `since` on takes longer.
    """

    lead: Floats
    after: Floats
    gap: Floats
    slower: Floats
    since: float


class Network(NamedTuple):
    """Everything that one replication needs."""

    lines: Lines
    streams: Streams
    fates: Fates
    days: Days


class Coming(NamedTuple):
    """Orders of one replication by the day on which they fall due.

    `turn` is the day on which it would have, had nothing held it. `number` is what an
    order's luck goes by; `hold` how long each keeps its line, empty where the site's
    own time holds.
    """

    due: Floats
    turn: Floats
    stream: Ints
    number: Ints
    hold: Floats


class Events(NamedTuple):
    """Every attempt of every order of one replication, in the order of its due day.

    `order` points into `Coming`; `start` is infinite for what is never started; `lost`
    gave up waiting; `site` made it, or would have; `fate` is one of this module's.
    """

    order: Ints
    attempt: Ints
    site: Ints
    due: Floats
    start: Floats
    fate: Ints


# Nobody started it; gave up waiting; failed and made again, or for good; made but never
# given; infused.
NEVER, LOST, AGAIN, FAILED, UNUSED, TREATED = range(6)
Word = np.uint64
