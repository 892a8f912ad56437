"""From the records to the network of arrays that is simulated, and what was lacking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from dashboard.simulation.arrays import Bools, Floats
from dashboard.simulation.histograms import (
    ENOUGH,
    QUANTILES,
    Steps,
    counted,
    lost_before,
    quantiles,
)
from dashboard.simulation.network import Days, Fates
from dashboard.simulation.queue import ATTEMPTS
from dashboard.simulation.recorded import Recorded
from dashboard.simulation.slots import DAYS
from dashboard.simulation.tally import YEAR

_LEAD: Final = ("ordered_collected", "collected_received", "received_started")
_AFTER: Final = ("started_harvested", "harvested_released", "released_infused")
_RADIUS_KM: Final = 6371.0


@dataclass(frozen=True, eq=False)
class Stream:
    """Orders of one product at one site; `regions` says whose patients they are."""

    home: int
    product: int
    rate: float
    patient: bool
    regions: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Model:
    """The network as recorded: sites and products by their place in arrays.

    `staffed` and `theoretical` are slots by site and week of the year that begins on
    `first`. `distance` is kilometres between sites, `may` whether a site may make a
    product. `lost` is the share of a site's orders that end before their turn comes,
    `starts` the batches that it began a year as recorded.
    `lacking` says by site what it has no record of, `left_out` who is not in it.
    """

    first: date
    sites: tuple[str, ...]
    regions: tuple[str, ...]
    products: tuple[str, ...]
    vectors: tuple[str, ...]
    staffed: Floats
    theoretical: Floats
    streams: tuple[Stream, ...]
    distance: Floats
    may: Bools
    laboratories: Mapping[str, tuple[int, ...]]
    fates: Fates
    days: Days
    lost: Floats
    starts: Floats
    lacking: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]


def model(recorded: Recorded) -> Model:
    """The network of these records.

    A site's orders fall due as often as its batches were begun, without those that were
    made again: these the simulation makes itself.
    """
    sites = tuple(recorded.sites["site"])
    products = tuple(sorted(recorded.made["product"].unique()))
    lacking: dict[str, list[str]] = {site: _age(recorded, site) for site in sites}
    may = _may(recorded, sites, products)
    fates = _fates(recorded, sites, products)
    facts = {row["product"]: row for row in recorded.products.to_dicts()}
    return Model(
        first=recorded.first,
        sites=sites,
        regions=tuple(
            region or site
            for site, region in recorded.sites.select("site", "region").iter_rows()
        ),
        products=products,
        vectors=tuple(
            str(facts.get(p, {}).get("gene_transfer") or "-") for p in products
        ),
        staffed=_slots(recorded, sites, "staffed", lacking),
        theoretical=_slots(recorded, sites, "theoretical", {}),
        streams=_streams(recorded, (sites, products), fates),
        distance=_distances(recorded.sites),
        may=may,
        laboratories={
            str(name): tuple(sites.index(s) for s in rows["site"] if s in sites)
            for (name,), rows in recorded.laboratories.sort("laboratory")
            .partition_by("laboratory", as_dict=True, maintain_order=True)
            .items()
        },
        fates=fates,
        days=_days(recorded, (sites, products, may), lacking),
        lost=np.array([_lost(recorded, site)[0] for site in sites]),
        starts=recorded.sites["starts"].to_numpy() * YEAR,
        lacking={site: tuple(dict.fromkeys(what)) for site, what in lacking.items()},
        left_out=dict(recorded.left_out.iter_rows()),
    )  # fmt: skip


def _age(recorded: Recorded, site: str) -> list[str]:
    row = recorded.sites.row(by_predicate=pl.col("site") == site, named=True)
    said = []
    if row["silent"]:
        said.append("no report for too long: taken as it last was")
    if row["reported"] < row["expected"]:
        said.append(
            f"{row['expected'] - row['reported']} of {row['expected']} weeks of slots"
            " missing: its mean stands in"
        )
    if row["weeks"] < YEAR:
        said.append(f"only {row['weeks']} weeks of slots yet: its mean stands in")
    return said


def _slots(
    recorded: Recorded,
    sites: Sequence[str],
    column: str,
    lacking: Mapping[str, list[str]],
) -> Floats:
    """Slots of the same week a year before; for weeks without a report, the mean."""
    weeks = [recorded.first + timedelta(weeks=i - YEAR) for i in range(YEAR)]
    place = {week: i for i, week in enumerate(weeks)}
    found = np.full((len(sites), YEAR), np.nan)
    for site, week, slots in recorded.slots.select("site", "week", column).iter_rows():
        if slots is not None and week in place:
            found[sites.index(site), place[week]] = slots
    for row, site in zip(found, sites, strict=True):
        known = row[~np.isnan(row)]
        row[np.isnan(row)] = known.mean() if len(known) else 0
        if not known.sum() and site in lacking:
            lacking[site].append("no staffed slot: its orders wait")
    return found


def _fates(recorded: Recorded, sites: Sequence[str], products: Sequence[str]) -> Fates:
    """Chances of all that was recorded: of the site and product, else of less."""
    autologous = set(
        recorded.products.filter(pl.col("source") == "autologous")["product"]
    )
    fails = np.array([[_failing(recorded, s, p) for p in products] for s in sites])
    again = np.array([_again(recorded, site) for site in sites])
    patients = np.array([product in autologous for product in products])
    given = [_given(recorded, site) for site in sites]
    patience = [_lost(recorded, site)[1] for site in sites]
    return Fates(
        fails.reshape(len(sites), len(products)),
        again.reshape(-1, 1) * patients,
        np.array(given).reshape(-1, 1) * np.ones(len(products)),
        np.array(patience),
    )


def _failing(recorded: Recorded, site: str, product: str) -> float:
    rows = recorded.failed.drop_nulls()
    one, it = pl.col("site") == site, pl.col("product") == product
    for where in (one & it, it, one, pl.lit(True)):
        failed, ended = rows.filter(where).select("failed", "ended").sum().row(0)
        if ended >= ENOUGH:
            return float(failed / ended)
    return 0.0


def _again(recorded: Recorded, site: str) -> float:
    rows = recorded.again.drop_nulls()
    for where in (pl.col("site") == site, pl.lit(True)):
        failed, again = rows.filter(where).select("failed", "again").sum().row(0)
        if failed >= ENOUGH:
            return float(again / failed)
    return 0.0


def _given(recorded: Recorded, site: str) -> float:
    """The share of released products that reach their patient."""
    for level in recorded.steps[3:]:
        rows = level.filter(pl.col("step") == "released_infused").drop_nulls("day")
        if "site" in rows.columns:
            rows = rows.filter(pl.col("site") == site)
        ended, competing = rows.select("ended", "competing").sum().row(0)
        if ended + competing >= ENOUGH:
            return float(ended / (ended + competing))
    return 1.0


def _lost(recorded: Recorded, site: str) -> tuple[float, float]:
    return lost_before(recorded.steps[3], site, _LEAD[0])


def _streams(
    recorded: Recorded,
    named: tuple[Sequence[str], Sequence[str]],
    fates: Fates,
) -> tuple[Stream, ...]:
    sites, products = named
    rates = dict(recorded.sites.select("site", pl.col("starts") / DAYS).iter_rows())
    whole = dict(
        recorded.made.group_by("site").agg(pl.col("started").sum()).iter_rows()
    )
    source = dict(recorded.products.select("product", "source").iter_rows())
    found = []
    for site, product, started in recorded.made.iter_rows():
        s, p = sites.index(site), products.index(product)
        more = fates.fails[s, p] * fates.again[s, p]
        attempts = sum(more**n for n in range(ATTEMPTS))
        rate = rates[site] * started / whole[site] / attempts
        patient = source.get(product) == "autologous"
        found.append(Stream(s, p, rate, patient, _regions(recorded, site, product)))
    return tuple(found)


def _regions(recorded: Recorded, site: str, product: str) -> dict[str, float]:
    """The shares of the regions from which a site's orders of a product come."""
    rows = recorded.demand.filter(pl.col("site") == site, pl.col("product") == product)
    whole = rows["orders"].sum()
    return {region: n / whole for _, _, region, n in rows.iter_rows()}


def _may(recorded: Recorded, sites: Sequence[str], products: Sequence[str]) -> Bools:
    """Whether a site may make a product; of a pool, what it does make."""
    found = np.zeros((len(sites), len(products)), np.bool_)
    for site, product in recorded.authorised.iter_rows():
        if site in sites:
            which = [product == "all" or product == p for p in products]
            found[sites.index(site)] |= np.array(which, np.bool_)
    placed = set(recorded.sites.drop_nulls("latitude")["site"])
    for site, product, _ in recorded.made.iter_rows():
        if site not in placed and product in set(recorded.products["product"]):
            found[sites.index(site), products.index(product)] = True
    return found


def _distances(sites: pl.DataFrame) -> Floats:
    """Kilometres along the great circle; a pool is nowhere and farther than all."""
    lat, lon = (
        np.radians(sites[c].cast(pl.Float64).to_numpy())
        for c in ("latitude", "longitude")
    )
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * (
        np.sin((lon[:, None] - lon) / 2) ** 2
    )
    found = 2 * _RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return np.where(np.isnan(found), np.inf, found)


def _days(
    recorded: Recorded,
    named: tuple[Sequence[str], Sequence[str], Bools],
    lacking: Mapping[str, list[str]],
) -> Days:
    sites, products, may = named
    steps = Steps(recorded.steps)
    made = {(site, product) for site, product, _ in recorded.made.iter_rows()}
    shape = (len(sites), len(products), QUANTILES)
    lead, after, gap = (np.zeros(shape) for _ in range(3))
    for s, site in enumerate(sites):
        again = _gap(recorded, site)
        for p, product in enumerate(products):
            if not may[s, p] and (site, product) not in made:
                continue
            for days, chain in ((lead, _LEAD), (after, _AFTER)):
                found = [steps.weights(site, product, step) for step in chain]
                days[s, p] = quantiles([weights for weights, _ in found])
                if (site, product) in made and not all(own for _, own in found):
                    lacking[site].append("few days recorded: the network's stand in")
            gap[s, p] = again
    return Days(lead, after, gap, np.zeros(len(sites)), np.inf)


def _gap(recorded: Recorded, site: str) -> Floats:
    mine = recorded.gap.filter(pl.col("site") == site)
    enough = mine.height and mine["n"].sum() >= ENOUGH
    return quantiles([counted(mine if enough else recorded.gap, "n")])
