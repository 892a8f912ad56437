"""The latent quality of batches and the criteria each site judges it by.

A batch's values are drawn from the same distributions wherever it is made; what a
site decides follows from them and from its own specification.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from etl.demo.assays import Assay
from etl.demo.members import Member
from etl.demo.products import (
    Product,
    failure_chance,
    split_rate,
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STRICT_VIABILITY = 90.0
BAD_LOT_FAILS = 0.45
DOUBLED = 2.0

# Limits inside the gap between wrong and sound values: different words, same verdicts.
_HARMLESS = {
    "viability": (70.0, 75.0, 80.0),
    "cd3_purity": (70.0, 75.0, 80.0),
    "car_positive": (10.0, 15.0, 20.0),
    "vcn": (5.0, 7.0, 10.0),
    "endotoxin": (0.3, 0.5, 2.5, 5.0),
    "cd73": (70.0, 80.0),
    "cd90": (70.0, 80.0),
    "cd105": (70.0, 80.0),
}
_POPULATIONS = ("all_cells", "cells", "cd45_cd3", "tnc")


@dataclass(frozen=True)
class Drawn:
    """Values of one test for some batches, and whether the site's limit refuses them.

    `commonly` says the same under the network's usual criterion.
    """

    assay: Assay
    values: Floats
    refused: Bools
    commonly: Bools


def rate_factor(member: Member) -> float:
    """How often batches really fail here, against the rest of the network."""
    return DOUBLED if member.plant in ("double_failure_rate", "too_small") else 1.0


def true_split(member: Member, product: Product) -> tuple[float, float]:
    """Chances of a termination and of a sound test gate failing, at this site."""
    return split_rate(product.rate * rate_factor(member))


def own_assays(
    member: Member, product: Product, seed: tuple[int, int, int]
) -> tuple[Assay, ...]:
    """The site's own specification of a product.

    Only the strict site's viability limit lies where sound batches are.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return tuple(_own(member, assay, rng) for assay in product.assays)


def _own(member: Member, assay: Assay, rng: np.random.Generator) -> Assay:
    choices = _HARMLESS.get(assay.parameter)
    # Drawn whether used or not, so that one test's choice does not move another's.
    pick, bound, population = rng.random(), rng.random(), int(rng.integers(0, 4))
    if assay.stage != "final_product" or choices is None or assay.is_text:
        return assay
    strict = member.plant == "stricter_criteria" and assay.parameter == "viability"
    limit = STRICT_VIABILITY if strict else choices[int(pick * len(choices))]
    operator = ">=" if strict else _bound(assay.operator, bound)
    made = replace(assay, limit=limit, operator=operator)
    if assay.parameter == "viability":
        made = replace(made, population=_POPULATIONS[population])
    return made


def _bound(operator: str, draw: float) -> str:
    """Open at some sites, closed at others: `>` or `>=`."""
    open_ = operator.rstrip("=")
    return open_ if draw < 0.4 else f"{open_}="


def draw(
    rng: np.random.Generator,
    usual: Assay,
    own: Assay,
    chance: Floats,
) -> Drawn:
    """Values for as many batches as `chance` has entries, wrong with that chance."""
    size = len(chance)
    wrong = rng.random(size) < chance
    a, b = (2, 4) if usual.operator.startswith("<") or usual.limit is None else (4, 2)
    sound = _between(usual.sound, rng.beta(a, b, size))
    values = np.where(wrong, _between(usual.wrong, rng.random(size)), sound)
    values = np.round(values, usual.decimals).astype(np.float64)
    return Drawn(own, values, refuses(own, values), refuses(usual, values))


def _between(ends: tuple[float, float], share: Floats) -> Floats:
    return ends[0] + (ends[1] - ends[0]) * share


def refuses(assay: Assay, values: Floats) -> Bools:
    """Which values the criterion refuses; without a limit, none."""
    if assay.is_text:
        return values > 0.5
    if assay.limit is None:
        return np.zeros(len(values), dtype=np.bool_)
    kept = {
        ">": values > assay.limit,
        ">=": values >= assay.limit,
        "<": values < assay.limit,
        "<=": values <= assay.limit,
    }
    return ~kept[assay.operator]


def chances(
    member: Member, product: Product, assay: Assay, size: int, bad_lot: Bools
) -> Floats:
    """The chance of a wrong value for each batch; a bad vector lot transduces badly."""
    _, failed = true_split(member, product)
    chance = np.full(size, failure_chance(product, assay, failed))
    if assay.parameter == "car_positive":
        chance[bad_lot] = BAD_LOT_FAILS
    return chance


def gate_chance(member: Member, product: Product, strict: bool) -> float:
    """The true chance that the deciding gate of a harvested batch fails."""
    _, failed = true_split(member, product)
    if not strict:
        return failed
    viability = next(
        a
        for a in product.assays
        if a.parameter == "viability" and a.stage == "final_product"
    )
    low, high = viability.sound
    # Values are rounded to a tenth, so the limit begins half a tenth below itself.
    edge = STRICT_VIABILITY - 0.05
    below = float(beta.cdf((edge - low) / (high - low), 4, 2))
    return 1 - (1 - failed) * (1 - below)
