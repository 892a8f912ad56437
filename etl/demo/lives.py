"""What became of each batch: fates, decisions and the days on which things happened.

Everything is drawn to the end, then what lies after the last day the site has spoken
of is taken away again (`known`), so that batches in process look as they would.
Days are counted since 1970; a day that never comes is `NEVER`.
"""

from dataclasses import dataclass

import numpy as np

from etl.demo.members import Line, Member
from etl.demo.products import OUT_OF_SPEC_SHARE, Product, by_slug
from etl.demo.quality import (
    Bools,
    Drawn,
    Floats,
    chances,
    draw,
    own_assays,
    true_split,
)
from etl.demo.schedule import Ints

NEVER = np.iinfo(np.int64).max // 4
EXPIRED = 0.002
DISCORDANT = 0.35
NOT_INFUSED = 0.05
WORDS = np.array(
    ["released", "released_out_of_spec", "rejected", "terminated", "expired"]
)
RELEASED, OUT_OF_SPEC, REJECTED, TERMINATED, SPOILED = range(5)

# Why batches end before harvest: stage, category, weight (published order of reasons).
TERMINATIONS = (
    ("expansion", "no_expansion", 0.36),
    ("expansion", "low_viability", 0.12),
    ("transduction", "low_transduction", 0.08),
    ("starting_material", "starting_material_quality", 0.14),
    ("activation", "equipment", 0.08),
    ("expansion", "contamination", 0.07),
    ("harvest", "human_error", 0.05),
    ("transduction", "vector_or_reagent", 0.04),
    ("logistics", "transport", 0.03),
    ("clinical", "patient_died", 0.03),
)


@dataclass(frozen=True)
class Lives:
    """One product's batches at one site, all arrays in order of their start.

    `rows` are positions among the site's batches; `tests` one entry an assay;
    `reported` the day of each test's report; `fate` indexes `WORDS`.
    """

    product: Product
    rows: Ints
    start: Ints
    fate: Ints
    late_failure: Bools
    tests: tuple[Drawn, ...]
    sampled: tuple[Ints, ...]
    reported: tuple[Ints, ...]
    harvest: Ints
    provisional: Ints
    final: Ints
    infused: Ints
    ended: Ints
    reason: Ints
    category: tuple[str, ...]


def live(
    rng: np.random.Generator,
    member: Member,
    product: Product,
    batches: tuple[Ints, Ints, Bools],
    seed: tuple[int, int, int],
) -> Lives:
    """The lives of one product's batches: (rows, start days, bad vector lot)."""
    rows, start, bad_lot = batches
    size = len(rows)
    own = own_assays(member, product, seed)
    tests = tuple(
        draw(rng, usual, mine, chances(member, product, usual, size, bad_lot))
        for usual, mine in zip(product.assays, own, strict=True)
    )
    fate, reason = _fates(rng, member, product, tests)
    harvest, ended_early = _harvests(rng, product, start, fate)
    sampled = tuple(_sampled(t.assay.stage, start, harvest, ended_early) for t in tests)
    reported = tuple(
        _reported(rng, member, t, s) for t, s in zip(tests, sampled, strict=True)
    )
    provisional, final = _decisions(rng, product, tests, reported, fate)
    infused = _infusions(rng, product, provisional, final, fate)
    late = _failed(tests, product, deciding=False) & (fate <= OUT_OF_SPEC)
    first = provisional if product.two_stage else final
    ended = np.minimum(infused, _endings(rng, first, ended_early, fate, infused))
    ended = np.where(fate == SPOILED, harvest + 4, ended)
    categories = tuple(t.assay.category for t in tests)
    return Lives(product, rows, start, fate, late, tests, sampled, reported, harvest,
                 provisional, final, infused, ended, reason, categories)  # fmt: skip


def decides(product: Product, drawn: Drawn) -> bool:
    """Whether a test is part of the first decision on a batch."""
    late = product.two_stage and drawn.assay.gate == "final"
    return drawn.assay.status == "release" and not late


def _failed(tests: tuple[Drawn, ...], product: Product, deciding: bool) -> Bools:
    judged = [
        t.refused
        for t in tests
        if t.assay.status == "release" and decides(product, t) == deciding
    ]
    none = np.zeros(len(tests[0].values), dtype=np.bool_)
    failed: Bools = np.any([none, *judged], axis=0)
    return failed


def _fates(
    rng: np.random.Generator,
    member: Member,
    product: Product,
    tests: tuple[Drawn, ...],
) -> tuple[Ints, Ints]:
    """Fate of each batch and its reason: a test's position, or a termination's.

    At the site whose decisions do not follow from its results, most batches that
    failed their own criteria are recorded as plainly released.
    """
    size = len(tests[0].values)
    terminated, _ = true_split(member, product)
    failed = _failed(tests, product, deciding=True)
    chance = rng.random(size)
    discordant = DISCORDANT if member.plant == "discordant_releases" else 0.0
    judged = np.where(chance < 1 - OUT_OF_SPEC_SHARE, REJECTED, OUT_OF_SPEC)
    judged = np.where(chance < discordant, RELEASED, judged)
    fate = np.where(failed, judged, RELEASED)
    fate[rng.random(size) < terminated] = TERMINATED
    spoiled = (fate == RELEASED) & ~failed & (rng.random(size) < EXPIRED)
    fate[spoiled] = SPOILED
    first = np.argmax(
        [t.refused & decides(product, t) for t in tests], axis=0
    )  # the first test that failed names the category
    weights = np.array([weight for *_, weight in TERMINATIONS])
    drawn = rng.choice(len(weights), size, p=weights / weights.sum())
    return fate.astype(np.int64), np.where(fate == TERMINATED, drawn, first)


def _harvests(
    rng: np.random.Generator, product: Product, start: Ints, fate: Ints
) -> tuple[Ints, Ints]:
    """Harvest days, and the days on which terminated batches ended."""
    low, high = product.process_days
    lasts = rng.integers(low, high + 1, len(start))
    early = start + (lasts * rng.uniform(0.2, 1.0, len(start))).astype(np.int64)
    gone = fate == TERMINATED
    return np.where(gone, NEVER, start + lasts), np.where(gone, early, NEVER)


def _sampled(stage: str, start: Ints, harvest: Ints, ended: Ints) -> Ints:
    if stage == "starting_material":
        return start
    if stage == "in_process":
        day = start + 4
        return np.where(day < np.minimum(harvest, ended), day, NEVER)
    return harvest


def _reported(
    rng: np.random.Generator, member: Member, drawn: Drawn, sampled: Ints
) -> Ints:
    """Report days: own laboratory or a third party's, and one in thirty very late."""
    low, high = drawn.assay.days
    taken = rng.integers(low, high + 1, len(sampled))
    late = (rng.random(len(sampled)) < 0.03) & (high > 2)
    taken = taken + np.where(late, rng.integers(10, 40, len(sampled)), 0)
    if member.external and sent_out(drawn):
        taken = taken + rng.integers(2, 8, len(sampled))
    return np.where(sampled < NEVER, sampled + taken, NEVER)


def sent_out(drawn: Drawn) -> bool:
    """Whether a site without these tests sends the sample to a testing laboratory."""
    return drawn.assay.parameter in ("sterility", "mycoplasma", "vcn", "rcl")


def _decisions(
    rng: np.random.Generator,
    product: Product,
    tests: tuple[Drawn, ...],
    reported: tuple[Ints, ...],
    fate: Ints,
) -> tuple[Ints, Ints]:
    """Days of the provisional and of the final (or only) decision."""
    size = len(fate)
    none = np.full(size, NEVER)
    decided = (fate == RELEASED) | (fate == OUT_OF_SPEC) | (fate == REJECTED)
    deciding = [r for t, r in zip(tests, reported, strict=True) if decides(product, t)]
    every = [r for t, r in zip(tests, reported, strict=True)
             if t.assay.status == "release"]  # fmt: skip
    first = np.maximum.reduce(deciding) + rng.integers(0, 3, size)
    last = np.maximum(np.maximum.reduce(every), first) + rng.integers(1, 5, size)
    if not product.two_stage:
        return none, np.where(decided, last, NEVER)
    certified = decided & (fate != REJECTED)
    return np.where(decided, first, NEVER), np.where(certified, last, NEVER)


def _infusions(
    rng: np.random.Generator,
    product: Product,
    provisional: Ints,
    final: Ints,
    fate: Ints,
) -> Ints:
    """Infusion days of released batches; one in twenty never reaches its patient."""
    size = len(fate)
    wait = rng.integers(1, 6, size)
    if not product.two_stage:
        wait = rng.integers(7, 60, size)
    given = (fate <= OUT_OF_SPEC) & (rng.random(size) >= NOT_INFUSED)
    first = provisional if product.two_stage else final
    return np.where(given, first + wait, NEVER)


def _endings(
    rng: np.random.Generator, first: Ints, early: Ints, fate: Ints, infused: Ints
) -> Ints:
    """The day a batch's life closed otherwise than by an infusion."""
    unused = (fate <= OUT_OF_SPEC) & (infused == NEVER)
    closed = np.where(unused, first + rng.integers(3, 25, len(fate)), NEVER)
    closed = np.where(fate == REJECTED, first, closed)
    return np.where(fate == TERMINATED, early, closed)


def products_of(lines: tuple[Line, ...]) -> tuple[Product, ...]:
    """The products of some lines, each once, in the lines' order."""
    return tuple(by_slug()[slug] for slug in dict.fromkeys(x.product for x in lines))


def known(days: Ints | Floats, horizon: int) -> Ints:
    """The days up to the horizon; later ones have not come yet."""
    return np.where(days <= horizon, days, NEVER).astype(np.int64)
