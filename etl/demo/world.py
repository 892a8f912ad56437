"""The made-up network as a whole: one generator a site, one frame a dataset.

A site's rows come from a generator seeded by the network's seed and the site's own
name, so that adding a site changes nothing at the others.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.demo import (
    bookings,
    demand,
    gaps,
    paper,
    products,
    records,
    results,
    standing,
)
from etl.demo.lives import Lives, decides, live, products_of
from etl.demo.members import Member, members
from etl.demo.quality import Bools
from etl.demo.records import Site
from etl.demo.schedule import Calendar, Ints, calendar, lines_in_time, starts

TODAY = date(2026, 11, 16)
SILENT_DAYS = 70
KEYED = ("batch", "order_key", "deviation")


@dataclass(frozen=True)
class Plan:
    """How large a network is made: sites, years of history, seed, batches × scale."""

    sites: int = 24
    years: int = 5
    seed: int = 1
    scale: float = 1.0


@dataclass(frozen=True)
class Part:
    """One site's rows, with the hidden causes that the truth file is computed from.

    `frames` hold the site's own batch and order numbers; `bad_lot` and
    `common_failure` run along the site's batches in order of their start.
    """

    site: Site
    calendar: Calendar | None
    frames: dict[str, pl.DataFrame]
    bad_lot: np.ndarray
    common_failure: np.ndarray

    @property
    def member(self) -> Member:
        """Who the site is."""
        return self.site.member

    @property
    def key(self) -> str:
        """The site's key for pseudonyms, as secret as a made-up network's can be."""
        return hashlib.sha256(f"made-up key of {self.member.slug}".encode()).hexdigest()


@dataclass(frozen=True)
class World:
    """The whole network: its plan and each site's part, in the members' order."""

    plan: Plan
    parts: tuple[Part, ...]

    @cached_property
    def by_slug(self) -> dict[str, Part]:
        """The parts by their site."""
        return {part.member.slug: part for part in self.parts}

    def frame(self, dataset: str) -> pl.DataFrame:
        """All rows of a dataset of the contract, with the sites' own numbers."""
        if dataset == "product":
            return products.frame()
        if dataset == "site":
            return site_frame(self)
        return pl.concat([part.frames[dataset] for part in self.parts])


def first_day(plan: Plan) -> int:
    """The Monday on which the network's history begins."""
    start = standing.days_since_epoch(
        TODAY - timedelta(days=round(365.25 * plan.years))
    )
    return start - (start - standing.days_since_epoch(TODAY)) % 7


def generate(plan: Plan) -> World:
    """The made-up network of a plan; the same plan gives the same rows, always."""
    return World(plan, tuple(_part(member, plan) for member in members(plan.sites)))


def _streams(plan: Plan, member: Member) -> list[np.random.Generator]:
    """Independent generators of one site, one for each thing that is drawn."""
    name = int.from_bytes(hashlib.sha256(member.slug.encode()).digest()[:8])
    seeds = np.random.SeedSequence([plan.seed, name]).spawn(10)
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]


def _part(member: Member, plan: Plan) -> Part:
    first, today = first_day(plan), standing.days_since_epoch(TODAY)
    silent = SILENT_DAYS if member.plant == "stopped_reporting" else 0
    counts = [_count(line.batches, plan) for line in member.lines]
    streams = _streams(plan, member)
    made, begun, line = _begin(streams[0], member, counts, (first, today))
    site = Site(member, first, today - silent, pl.Series(dtype=pl.String), line, begun,
                ())  # fmt: skip
    lentiviral = paper.lentiviral_of(site)
    bad = paper.bad_lot(member, begun, lentiviral, np.array([first, today]))
    site = _grown(site, bad, streams[1], plan.seed)
    told = site.start <= site.horizon
    frames = _frames(site, made, bad, streams)
    common = np.zeros(len(begun), dtype=np.bool_)
    for life in site.lives:
        common[life.rows] = _common_failure(life)
    return Part(site, made, frames, bad & told, common)


def _count(batches: int, plan: Plan) -> int:
    """Batches of a line in this plan's years; a line that exists has at least one."""
    return max(1, round(batches * plan.years / 5 * plan.scale))


def _begin(
    rng: np.random.Generator, member: Member, counts: list[int], span: tuple[int, int]
) -> tuple[Calendar | None, Ints, Ints]:
    total = sum(counts)
    if not total:
        empty = np.zeros(0, dtype=np.int64)
        return None, empty, empty
    made = calendar(rng, member, span, total)
    begun = starts(rng, made, total)
    return made, begun, lines_in_time(rng, member.lines, counts)


def _grown(site: Site, bad: np.ndarray, rng: np.random.Generator, seed: int) -> Site:
    """The site with its batches' lives and numbers."""
    member = site.member
    name = int.from_bytes(hashlib.sha256(member.slug.encode()).digest()[:4])
    product_of = np.array([line.product for line in member.lines], dtype=object)
    lives = []
    for number, product in enumerate(products_of(member.lines)):
        rows = np.flatnonzero(product_of[site.line] == product.product)
        batches = (rows, site.start[rows], bad[rows])
        lives.append(live(rng, member, product, batches, (seed, name, number)))
    grown = Site(member, site.first, site.horizon, site.batch, site.line, site.start,
                 tuple(lives))  # fmt: skip
    return Site(member, site.first, site.horizon, records.numbers(grown), site.line,
                site.start, tuple(lives))  # fmt: skip


def _common_failure(life: Lives) -> Bools:
    """Batches that would fail the deciding tests under the usual criteria."""
    judged = [t.commonly for t in life.tests if decides(life.product, t)]
    failed: Bools = np.any(judged, axis=0)
    return failed


def _frames(
    site: Site,
    made: Calendar | None,
    bad: np.ndarray,
    streams: list[np.random.Generator],
) -> dict[str, pl.DataFrame]:
    frames = {name: standing.typed(name, []) for name in SCHEMAS if name != "cohort"}
    frames["milestone"] = standing.milestone_frame(site)
    frames["authorisation"] = standing.authorisation_frame(site)
    frames["ring_trial"] = paper.ring_frame(site, streams[6])
    if made is not None:
        frames |= _batch_frames(site, made, bad, streams)
        frames = gaps.planted(site, frames, streams[9])
    declared = standing.declared_frame(site.member, frames)
    frames["declared"] = gaps.announced(site, declared)
    return {name: _as_said(name, frame) for name, frame in frames.items()}


def _batch_frames(
    site: Site, made: Calendar, bad: np.ndarray, streams: list[np.random.Generator]
) -> dict[str, pl.DataFrame]:
    chain = demand.chains(site, streams[2])
    batches = records.batch_frame(site, streams[3]).with_columns(
        order_key=demand.order_keys(chain),
        attempt=pl.when(pl.Series(chain.order >= 0)).then(pl.Series(chain.attempt)),
    )
    orders = demand.demand_frame(site, batches, chain, streams[4])
    today = standing.days_since_epoch(TODAY)
    ahead = bookings.booked_ahead(site, made, today, streams[8])
    frames = {
        "batch": batches,
        "demand": orders,
        "release": records.release_frame(site),
        "result": results.result_frame(site, streams[5]),
        "criterion": standing.criterion_frame(site),
        "capacity": pl.concat([paper.capacity_frame(site, made, orders), ahead]),
        "loss": paper.loss_frame(site, made),
        "deviation": paper.deviation_frame(site, batches, streams[7]),
        "material": paper.material_frame(site, bad),
    }
    return frames | _told(frames)


def _told(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Only batches that have begun by the last day the site spoke of."""
    begun = frames["batch"].filter(pl.col("started").is_not_null())
    kept = begun["batch"].implode()
    named = ("release", "result", "deviation", "material")
    return {"batch": begun} | {
        name: frames[name].filter(pl.col("batch").is_in(kept)) for name in named
    }


def _as_said(dataset: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the contract's columns, types and order."""
    schema = SCHEMAS[dataset].create_empty().schema
    return frame.select(schema.names()).cast(dict(schema.items()))


def site_frame(world: World) -> pl.DataFrame:
    """The contract's `site` rows, as `sites/*.toml` state them."""
    joined = date(1970, 1, 1) + timedelta(days=first_day(world.plan))
    rows = [
        {
            "site": m.slug,
            "name": m.name,
            "country": m.country,
            "region": m.region,
            "latitude": m.latitude,
            "longitude": m.longitude,
            "kind": m.kind,
            "stage": m.stage,
            "joined": joined,
            "nominal_capacity": m.nominal,
        }
        for m in (part.member for part in world.parts)
    ]
    return standing.typed("site", rows)
