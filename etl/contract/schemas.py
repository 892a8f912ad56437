"""The datasets of the contract: the only list of columns, keys, types and row rules.

A rule's name is what a reject shows as `rule`, its docstring is what the site reads as
`expected`. A comparison with an empty cell is no answer and never rejects a row.
"""

from typing import Final

import dataframely as dy

from etl.contract.batches import Batch, Demand, Deviation, Material, Release
from etl.contract.quality import Criterion, Result, RingTrial
from etl.contract.reporting import Cohort, Declared, Report, Stratum
from etl.contract.sites import Authorisation, Capacity, Loss, Milestone, Product, Site

SCHEMAS: Final[dict[str, type[dy.Schema]]] = {
    "site": Site,
    "product": Product,
    "milestone": Milestone,
    "authorisation": Authorisation,
    "demand": Demand,
    "batch": Batch,
    "result": Result,
    "criterion": Criterion,
    "release": Release,
    "capacity": Capacity,
    "loss": Loss,
    "deviation": Deviation,
    "material": Material,
    "ring_trial": RingTrial,
    "cohort": Cohort,
    "declared": Declared,
    "stratum": Stratum,
    "report": Report,
}
DATASETS: Final = tuple(SCHEMAS)
# `site` and `product` stand in the network's TOML files, `cohort` ships with the
# project, `report` is made by the hub, `stratum` by the agent of a site that sends no
# batches. What a site's file can map is the rest.
_MADE: Final = ("site", "product", "cohort", "stratum", "report")
SENT: Final = tuple(name for name in SCHEMAS if name not in _MADE)
KEYS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(schema.primary_key()) for name, schema in SCHEMAS.items()
}
