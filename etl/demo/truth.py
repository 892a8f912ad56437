"""What was planted, what was not, and how sure the exact rule is to see it.

The rule is the one the funnel uses: a site is flagged when its failures lie above
q(0.999) of the binomial about the network's rate. The power is the exact chance of
that under the site's true rate; only what has a power of 95 % must be found.
"""

from typing import Any

import polars as pl
from scipy.stats import binom, poisson

from etl.demo import gaps
from etl.demo.lives import DISCORDANT, EXPIRED
from etl.demo.living import living
from etl.demo.members import Member
from etl.demo.paper import BAD_LOT, BAD_LOT_SUPPLIER
from etl.demo.products import OUT_OF_SPEC_SHARE, Product, by_slug, failure_chance
from etl.demo.quality import BAD_LOT_FAILS, STRICT_VIABILITY, gate_chance, true_split
from etl.demo.schedule import SHORT_STAFF, staff_share
from etl.demo.world import SILENT_DAYS, TODAY, Part, World

FOUND_FROM = 0.95
Truth = dict[str, Any]


def fates(world: World) -> pl.DataFrame:
    """Site, product, batch and `failed` of every batch that counts and has ended.

    A batch counts unless it is a validation or engineering run or made before GMP; it
    failed when nothing was released: terminated, expired, or rejected.
    """
    parts = [_fates(part) for part in world.parts if part.site.lives]
    return pl.concat(parts)


def _fates(part: Part) -> pl.DataFrame:
    released = part.frames["release"].filter(pl.col("decision") != "rejected")
    batch = part.frames["batch"]
    known = pl.DataFrame({"common": part.common_failure, "bad_lot": part.bad_lot,
                          "batch": part.site.batch})  # fmt: skip
    return (
        batch.join(known, on="batch")
        .with_columns(released=pl.col("batch").is_in(released["batch"].implode()))
        .filter(
            ~pl.col("pathway").is_in(["validation", "engineering"]),
            pl.lit(part.member.stage != "pre_gmp"),
            pl.col("released") | pl.col("ended").is_not_null(),
        )
        .select(
            "site", "product", "batch", "bad_lot", "common", "harvested", "outcome",
            failed=~pl.col("released"),
        )
    )  # fmt: skip


def true_rate(member: Member, product: Product, bad_lot: bool = False) -> float:
    """The true chance that an ended batch gives no product, worked out, not counted."""
    terminated, _ = true_split(member, product)
    gate = gate_chance(member, product, member.plant == "stricter_criteria")
    if bad_lot:
        gate = _with_bad_lot(member, product, gate)
    rejected = 1 - OUT_OF_SPEC_SHARE
    if member.plant == "discordant_releases":
        rejected -= DISCORDANT
    return terminated + (1 - terminated) * (gate * rejected + (1 - gate) * EXPIRED)


def _with_bad_lot(member: Member, product: Product, gate: float) -> float:
    assay = next(a for a in product.assays if a.parameter == "car_positive")
    usual = failure_chance(product, assay, true_split(member, product)[1])
    return 1 - (1 - gate) / (1 - usual) * (1 - BAD_LOT_FAILS)


def seen(n: int, observed: int, network: float, true: float) -> Truth:
    """Where the exact 99.8 % rule flags, and its power under the true rate."""
    threshold = int(binom.ppf(0.999, n, network)) + 1
    power = float(binom.sf(threshold - 1, n, true))
    return {
        "n": n,
        "observed": observed,
        "network_rate": network,
        "true_rate": true,
        "flagged_at": threshold,
        "flagged_below": int(binom.ppf(0.001, n, network)),
        "power": power,
        "must_be_found": power >= FOUND_FROM,
    }


def truths(world: World) -> Truth:
    """Everything that is true of the made-up network and that a page should tell."""
    ended = fates(world)
    rate = float(ended["failed"].mean())  # type: ignore[arg-type]
    planted = [_plant(world, part, ended, rate) for part in world.parts
               if part.member.plant]  # fmt: skip
    return {
        "plan": {
            "sites": world.plan.sites,
            "years": world.plan.years,
            "seed": world.plan.seed,
            "scale": world.plan.scale,
        },
        "today": TODAY.isoformat(),
        "network": {
            "rate": rate,
            "ended": ended.height,
            "failed": int(ended["failed"].sum()),
        },
        "plants": planted,
        "unplanted": [_unplanted(part, ended, rate) for part in world.parts
                      if not part.member.plant],
        "assays": assays(world),
        "living": living(world),
        "gaps": gaps.told(
            {p.member.slug: p.frames["deviation"] for p in world.parts}, TODAY
        ),
    }  # fmt: skip


def assays(world: World) -> Truth:
    """Whose viability differs by how many points, and whether by assay or by product.

    Nobody else's is planted to differ; what else a laboratory reads off is its draw of
    a few tenths of the ring trials' standard deviation, as every laboratory's.
    """
    members = [part.member for part in world.parts]
    return {
        "parameter": "viability",
        "assay": {m.slug: m.reads_viability for m in members if m.reads_viability},
        "product": {m.slug: m.viability for m in members if m.viability},
    }


def _plant(world: World, part: Part, ended: pl.DataFrame, rate: float) -> Truth:
    member = part.member
    mine = ended.filter(pl.col("site") == member.slug)
    found = {
        "double_failure_rate": _rates,
        "too_small": _rates,
        "stricter_criteria": _strict,
        "product_mix": _mix,
        "bad_vector_lot": _lot,
        "stopped_reporting": _silent,
        "staff_shortage": _staff,
        "discordant_releases": _discordant,
    }[member.plant or ""]
    return {"site": member.slug, "kind": member.plant, **found(world, part, mine, rate)}


def _site_rate(part: Part, mine: pl.DataFrame) -> float:
    """The site's true rate over the products of its ended batches."""
    rates = [true_rate(part.member, by_slug()[p]) for p in mine["product"]]
    return sum(rates) / max(len(rates), 1)


def _rates(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    true = _site_rate(part, mine)
    return {"measure": "no_product", "factor": 2.0,
            **seen(mine.height, int(mine["failed"].sum()), rate, true)}  # fmt: skip


def _strict(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """Failures once its batches are judged by the usual criteria instead of its own."""
    own_only = (pl.col("outcome") == "rejected") & ~pl.col("common")
    common = mine.filter(pl.col("failed") & ~own_only).height
    raw = _rates(world, part, mine, rate)
    return {
        **raw,
        "factor": 1.0,
        "criterion": {
            "parameter": "viability",
            "operator": ">=",
            "own": STRICT_VIABILITY,
            "usual": 70.0,
        },
        "accounted": {
            "by": "usual criteria",
            "observed": common,
            "flagged": not raw["flagged_below"] <= common < raw["flagged_at"],
        },
    }


def _mix(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """Failures against those expected from the network's rate of each product."""
    by_product = fates(world).group_by("product").agg(pl.col("failed").mean())
    expected = float(
        mine.select("product").join(by_product, on="product")["failed"].sum()
    )
    observed = int(mine["failed"].sum())
    low, high = (float(poisson.ppf(q, expected)) for q in (0.001, 0.999))
    return {
        **_rates(world, part, mine, rate),
        "factor": 1.0,
        "hard_product": "car-t-cd7",
        "accounted": {
            "by": "product",
            "observed": observed,
            "expected": expected,
            "flagged": not low <= observed <= high,
        },
    }


def _lot(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """The lot over its three sites together; no site alone need stand out."""
    used = fates(world).filter(pl.col("bad_lot"))
    product = by_slug()["car-t-cd19"]
    true = true_rate(part.member, product, bad_lot=True)
    return {
        "measure": "no_product by lot",
        "lot": BAD_LOT,
        "supplier": BAD_LOT_SUPPLIER,
        "sites": sorted(set(used["site"])),
        "at_this_site": mine.filter("bad_lot").height,
        **seen(used.height, int(used["failed"].sum()), rate, true),
    }


def _silent(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """A silence is seen with certainty: no row is younger than its last day."""
    last = part.frames["capacity"]["week"].max()
    return {
        "measure": "timeliness",
        "silent_days": SILENT_DAYS,
        "last_week": str(last),
        "n": mine.height,
        "power": 1.0,
        "must_be_found": True,
    }


def _staff(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """Theoretical slots lost to staffing, against all slots of the network."""
    made = [(p, p.calendar) for p in world.parts
            if p.calendar and p.member.stage != "pre_gmp"]  # fmt: skip
    slots = {p.member.slug: c.theoretical * len(c.weeks) for p, c in made}
    lost = {p.member.slug: int(c.lost["staff"].sum()) for p, c in made}
    shut = part.calendar.lost["planned_shutdown"].sum() if part.calendar else 0
    own = slots[part.member.slug]
    true = staff_share(part.member) * (1 - int(shut) / own)
    network = sum(lost.values()) / sum(slots.values())
    return {
        "measure": "slots lost to staff",
        "share": SHORT_STAFF,
        **seen(own, lost[part.member.slug], network, true),
    }


def _discordant(world: World, part: Part, mine: pl.DataFrame, rate: float) -> Truth:
    """Released batches that failed their own criteria; elsewhere there is none."""
    judged = mine.filter(pl.col("harvested").is_not_null())
    listed = discordant_batches(part)
    gates = [gate_chance(part.member, by_slug()[p], False) for p in judged["product"]]
    true = DISCORDANT * sum(gates) / max(len(gates), 1)
    return {
        "measure": "discordance",
        "batches": listed,
        **seen(judged.height, len(listed), 0.0, true),
    }


def discordant_batches(part: Part) -> list[str]:
    """Own numbers of batches plainly released though a deciding test had failed."""
    first = part.frames["release"].filter(
        pl.col("gate").is_in(["provisional", "release"]),
        pl.col("decision") == "released",
    )
    failed = part.frames["result"].filter(
        pl.col("verdict") == "fail",
        pl.col("parameter").is_in(_deciding(part)),
        pl.col("stage") == "final_product",
    )
    return sorted(set(first["batch"]) & set(failed["batch"]))


def _deciding(part: Part) -> list[str]:
    gates = ("provisional", "release")
    mine = part.frames["criterion"].filter(pl.col("gate").is_in(gates))
    return sorted(set(mine["parameter"]))


def _unplanted(part: Part, ended: pl.DataFrame, rate: float) -> Truth:
    mine = ended.filter(pl.col("site") == part.member.slug)
    if mine.is_empty():
        return {"site": part.member.slug, "n": 0, "observed": 0, "flagged": False}
    told = seen(mine.height, int(mine["failed"].sum()), rate, _site_rate(part, mine))
    flagged = not told["flagged_below"] <= told["observed"] < told["flagged_at"]
    kept = ("n", "observed", "true_rate", "flagged_at", "flagged_below")
    return {"site": part.member.slug, "flagged": flagged, **{k: told[k] for k in kept}}
