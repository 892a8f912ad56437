"""A scenario lived through for one viewer: the same question is answered once.

The model is made from what the viewer may see, so it is kept for each snapshot and
viewer; what was simulated is kept a while, because one page asks several figures of it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from dashboard import queries
from dashboard.filters import Filters
from dashboard.queries.snapshot import Snapshot
from dashboard.simulation import scenario as scenarios
from dashboard.simulation.arrays import Floats, Ints
from dashboard.simulation.measures import network, year_slots
from dashboard.simulation.model import Model, model
from dashboard.simulation.run import Plan, settled, simulate
from dashboard.simulation.scenario import Known, Scenario
from dashboard.simulation.summary import medians
from dashboard.simulation.tally import Tally
from dashboard.viewer import Viewer

REPLICATIONS: Final = 1000
SEED: Final = 1
# A network of more sites is lived through less often: the mean over it is as precise.
_MOST: Final = 50_000
_PILOT: Final = 200
_MODELS: Final = 8
_RUNS: Final = 24


@dataclass(frozen=True, eq=False)
class Study:
    """A scenario beside the network as recorded, both lived through equally often.

    `slots` are those of the year by site, in the base and in the scenario.
    """

    model: Model
    scenario: Scenario
    base: Tally
    other: Tally
    slots: tuple[Ints, Ints]

    @property
    def replications(self) -> int:
        """How often the year was lived through."""
        return len(self.base.orders)


def study(viewer: Viewer, scenario: Scenario) -> Study:
    """The scenario for this viewer: its model, its years and those of the base."""
    snapshot = queries.current()
    start = _start(snapshot, viewer)
    nothing = scenario.is_base
    return Study(
        start.model,
        scenario,
        start.tally,
        start.tally if nothing else _run(snapshot, viewer, scenario),
        (year_slots(start.model, Scenario()), year_slots(start.model, scenario)),
    )


def asked(viewer: Viewer, filters: Filters) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario of an address, and what of it was left out."""
    return scenarios.read(filters.extra, known(viewer))


def known(viewer: Viewer) -> Known:
    """What this viewer may change: sites seen by name, and what concerns them."""
    found = _start(queries.current(), viewer).model
    named = [s for s in found.sites if s not in queries.POOLS]
    places = {found.sites.index(site) for site in named}
    return Known(
        sites=named,
        vectors=sorted({*found.vectors} - {"-", "none"}),
        laboratories=[
            name
            for name, customers in found.laboratories.items()
            if name not in queries.POOLS and places & {*customers}
        ],
        regions=sorted({r for stream in found.streams for r in stream.regions}),
        first=found.first,
    )


def base_medians(viewer: Viewer) -> Floats:
    """The day by which half of a site's orders are infused (replication, site)."""
    return _start(queries.current(), viewer).medians


@dataclass(frozen=True, eq=False)
class _Start:
    """A viewer's model, and what its base came to."""

    model: Model
    tally: Tally
    medians: Floats


@lru_cache(maxsize=_MODELS)
def _start(snapshot: Snapshot, viewer: Viewer) -> _Start:
    raw = model(queries.recorded(viewer))
    days = settled(network(raw, Scenario()), Plan(_PILOT, SEED))
    found = replace(raw, days=days)
    tally = simulate(network(found, Scenario()), _plan(found))
    return _Start(found, _small(tally), medians(tally, found.lost))


@lru_cache(maxsize=_RUNS)
def _run(snapshot: Snapshot, viewer: Viewer, scenario: Scenario) -> Tally:
    found = _start(snapshot, viewer).model
    return _small(simulate(network(found, scenario), _plan(found)))


def _small(tally: Tally) -> Tally:
    """The tally to keep: without days one by one, and its weeks over all sites."""
    return tally._replace(
        spread=np.zeros((0, 0, 0), np.int32),
        waiting=tally.waiting.sum(axis=1, keepdims=True, dtype=np.int32),
    )


def _plan(found: Model) -> Plan:
    most = max(100, _MOST // max(len(found.sites), 1))
    return Plan(min(REPLICATIONS, most), SEED)
