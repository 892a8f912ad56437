"""What a scenario changes of a network: who is shut, what is lacking, where to go."""

from typing import Final

import numpy as np

from dashboard.simulation.arrays import Floats, Ints
from dashboard.simulation.model import Model
from dashboard.simulation.network import Network, Streams
from dashboard.simulation.scenario import Scenario, Sizes
from dashboard.simulation.slots import DAYS, lines
from dashboard.simulation.tally import FROM, TAIL, WARM, YEAR

_WEEKS: Final = WARM + YEAR + TAIL


def network(model: Model, scenario: Scenario) -> Network:
    """The network under a scenario; under none, the network as recorded."""
    since = FROM
    if scenario.since is not None:
        since += (scenario.since - model.first).days
    slower = np.zeros(len(model.sites))
    for laboratory, days in scenario.laboratory.items():
        slower[list(model.laboratories[laboratory])] += days
    return Network(
        lines(_staffed(model, scenario, int(since / DAYS))),
        _streams(model, scenario, since),
        model.fates,
        model.days._replace(slower=slower, since=since),
    )


def year_slots(model: Model, scenario: Scenario) -> Ints:
    """Slots that are staffed in the year, by site."""
    first = WARM
    if scenario.since is not None:
        first += (scenario.since - model.first).days // 7
    within = _staffed(model, scenario, first)[:, WARM : WARM + YEAR]
    return np.asarray(within.sum(axis=1))


def _staffed(model: Model, scenario: Scenario, first: int) -> Ints:
    """Slots of every simulated week; the recorded year stands for each.

    Staff can man no more slots than the site has, a device comes with its staff, and
    in weeks in which nobody worked nobody does.
    """
    year = (np.arange(_WEEKS) - WARM) % YEAR
    staffed, most = (a[:, year].copy() for a in (model.staffed, model.theoretical))
    worked = np.where(staffed[:, first:] > 0, 1, 0)
    for site, slots in scenario.device.items():
        row = model.sites.index(site)
        most[row, first:] += slots
        staffed[row, first:] += slots * worked[row]
    for site, slots in scenario.staff.items():
        row = model.sites.index(site)
        now = staffed[row, first:]
        more = np.minimum(now + slots * worked[row], np.maximum(most[row, first:], now))
        staffed[row, first:] = more
    for site, weeks in scenario.close.items():
        staffed[model.sites.index(site), first : first + int(weeks)] = 0
    return _carried(np.maximum(staffed, 0))


def _carried(slots: Floats) -> Ints:
    """Whole slots whose sums follow those of the fractions, week by week."""
    sums = np.floor(np.cumsum(slots, axis=1) + 0.5)
    return np.diff(sums, axis=1, prepend=0).astype(np.int64)


def _streams(model: Model, scenario: Scenario, since: float) -> Streams:
    streams = model.streams
    factor = np.array([_factor(s.regions, scenario.demand) for s in streams])
    rate = np.array([s.rate for s in streams])
    product = np.array([s.product for s in streams], np.int64)
    weeks = np.array(
        [scenario.vector.get(model.vectors[p], 0) for p in product], np.float64
    )
    return Streams(
        home=np.array([s.home for s in streams], np.int64),
        product=product,
        rate=rate,
        kept=np.minimum(factor, 1),
        added=rate * np.maximum(factor - 1, 0),
        held=np.where(weeks > 0, since, np.inf),
        freed=np.where(weeks > 0, since + DAYS * weeks, np.inf),
        patient=np.array([s.patient for s in streams], np.bool_),
        elsewhere=_elsewhere(model, scenario),
        since=since,
    )


def _factor(regions: Sizes, demand: Sizes) -> float:
    """How many times as many orders, where a share of them comes from each region."""
    return 1 + sum(regions.get(r, 0) * (times - 1) for r, times in demand.items())


def _elsewhere(model: Model, scenario: Scenario) -> Ints:
    """By stream, the sites that may make its product, nearest first.

    Patients leave the sites that the scenario shuts or cuts down; where it names none,
    any site that cannot start them in time.
    """
    if scenario.divert is None:
        return np.full((len(model.streams), 0), -1)
    cut = {
        *scenario.close,
        *(s for s, n in (*scenario.staff.items(), *scenario.device.items()) if n < 0),
    }
    found = np.full((len(model.streams), len(model.sites)), -1)
    for row, stream in zip(found, model.streams, strict=True):
        if stream.patient and (not cut or model.sites[stream.home] in cut):
            near = nearest(model, stream.home, stream.product, scenario.divert)
            row[: len(near)] = near
    return found


def nearest(model: Model, home: int, product: int, most: float) -> list[int]:
    """The other sites that may make a product, within so many kilometres of one.

    Along the great circle. A pool lies nowhere, so it comes last and only where any
    distance will do.
    """
    distance = model.distance[home]
    return [
        int(site)
        for site in np.argsort(distance, kind="stable")
        if site != home and model.may[site, product] and distance[site] <= most
    ]
