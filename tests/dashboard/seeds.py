"""The made-up network of many seeds: what the comparisons find in it, and how often.

Frames come straight from the generator. What became of a batch is told here from its
`batch` and `release` rows, as every rate of the dashboard tells it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import binom, poisson

from dashboard.analysis import funnel, lots
from dashboard.analysis.standardisation import standardise
from etl.demo import Plan, World, generate
from etl.demo.members import Member
from etl.demo.products import by_slug
from etl.demo.truth import true_rate, truths
from etl.demo.world import TODAY

DECIDING = ("provisional", "release")
SILENT_FROM = 45


def looked(seed: int) -> list[dict[str, Any]]:
    """One row a comparison and site: its plant, its counts, the exact chance of a flag.

    `chance` is that of being flagged high, `chance_low` low, under the site's true
    rate, summed from the binomial at the limits in force.
    """
    world = generate(Plan(seed=seed))
    ended = fates(world)
    usual = ended.with_columns(failed=pl.col("failed") & ~pl.col("own_only"))
    rows = [
        *_compared(world, ended, "raw", strict=True),
        *_compared(world, usual, "usual criteria", strict=False),
        *_standardised(world, ended),
        *_others(world, ended),
    ]
    return [{"seed": seed, **row} for row in rows]


def fates(world: World) -> pl.DataFrame:
    """Batches that count and have ended, and which failed by own criteria only."""
    released = world.frame("release").filter(
        pl.col("decision").is_in(["released", "released_out_of_spec"])
    )
    rejected = world.frame("release").filter(pl.col("decision") == "rejected")
    gmp = [p.member.slug for p in world.parts if p.member.stage != "pre_gmp"]
    key = ["site", "batch"]

    def among(other: pl.DataFrame, name: str) -> pl.DataFrame:
        return other.select(key).unique().with_columns(pl.lit(True).alias(name))

    return (
        world.frame("batch")
        .join(among(released, "released"), on=key, how="left")
        .join(among(rejected, "rejected"), on=key, how="left")
        .join(among(refused(world), "refused"), on=key, how="left")
        .with_columns(pl.col("released", "rejected", "refused").fill_null(False))
        .filter(
            ~pl.col("pathway").is_in(["validation", "engineering"]),
            pl.col("site").is_in(gmp),
            pl.col("released") | pl.col("rejected") | pl.col("ended").is_not_null(),
        )
        .select(
            *key,
            "product",
            failed=~pl.col("released"),
            own_only=~pl.col("released") & pl.col("rejected") & ~pl.col("refused"),
        )
    )


def refused(world: World) -> pl.DataFrame:
    """Batches with a recorded result that the network's usual criterion refuses.

    Usual is the limit that most sites set for a product, the looser of two.
    """
    test = ["product", "parameter"]
    asked = world.frame("criterion").filter(
        pl.col("status") == "release",
        pl.col("stage") == "final_product",
        pl.col("gate").is_in(DECIDING),
    )
    one_site = ["site", *test, "limit_low", "limit_high", "text_limit", "unit"]
    most = (
        asked.select(one_site)
        .unique()
        .group_by(one_site[1:])
        .len()
        .sort("len", "limit_low", descending=[True, False])
        .unique(test, keep="first", maintain_order=True)
        .drop("unit", "len")
    )
    product = world.frame("batch").select("site", "batch", "product")
    found = world.frame("result").filter(
        pl.col("state") == "valid", pl.col("stage") == "final_product"
    )
    return found.join(product, on=["site", "batch"]).join(most, on=test).filter(
        (pl.col("value") < pl.col("limit_low"))
        | (pl.col("value") > pl.col("limit_high"))
        | (pl.col("text") != pl.col("text_limit"))
    )  # fmt: skip


def true_rates(world: World, strict: bool) -> dict[str, dict[str, float]]:
    """Each site's true chance of a failure by product; `strict`: by own criteria."""
    return {
        part.member.slug: {
            line.product: true_rate(
                _judged(part.member, strict), by_slug()[line.product]
            )
            for line in part.member.lines
        }
        for part in world.parts
    }


def _judged(member: Member, strict: bool) -> Member:
    """The member as it would be with the usual criteria, all else the same."""
    own = member.plant == "stricter_criteria" and not strict
    return replace(member, plant=None) if own else member


def _compared(
    world: World, ended: pl.DataFrame, rule: str, strict: bool
) -> Iterable[dict[str, Any]]:
    counts = ended.group_by("site").agg(
        pl.col("failed").sum().alias("events"), pl.len().alias("n")
    )
    true = _mean_true(world, ended, strict)
    for row in funnel.funnel(counts).to_dicts():
        low, high = row["low_at998"], row["flag_at998"]
        p = true[row["site"]]
        yield _row(world, row["site"], rule) | {
            "n": row["n"],
            "events": row["events"],
            "flagged": row["flagged"],
            "chance": 0.0 if high is None else float(binom.sf(high - 1, row["n"], p)),
            "chance_low": 0.0 if low is None else float(binom.cdf(low, row["n"], p)),
        }


def _mean_true(world: World, ended: pl.DataFrame, strict: bool) -> dict[str, float]:
    rates = true_rates(world, strict)
    mix = ended.group_by("site", "product").len()
    return {
        str(site): float(
            np.average([rates[str(site)][p] for p in mine["product"]],
                       weights=mine["len"])
        )
        for (site,), mine in mix.group_by(["site"])
    }  # fmt: skip


def _standardised(world: World, ended: pl.DataFrame) -> Iterable[dict[str, Any]]:
    counts = ended.group_by("site", "product").agg(
        pl.col("failed").sum().alias("events"), pl.len().alias("n")
    )
    true = _mean_true(world, ended, strict=True)
    for row in standardise(counts, ("product",)).to_dicts():
        low, high, n = row["low_at998"], row["flag_at998"], row["n"]
        compared = row["flagged"] is not None
        p = true[row["site"]]
        yield _row(world, row["site"], "by product") | {
            "n": n,
            "events": row["observed"],
            "flagged": row["flagged"],
            "chance": float(binom.sf(high - 1, n, p)) if compared else 0.0,
            "chance_low": (
                float(binom.cdf(low, n, p)) if compared and low is not None else 0.0
            ),
        }


def _others(world: World, ended: pl.DataFrame) -> Iterable[dict[str, Any]]:
    """The plants that are no site's failure rate: lot, silence, staff, discordance."""
    told = {p["kind"]: p for p in truths(world)["plants"]}
    uses = (
        world.frame("material").join(ended, on=["site", "batch"])
        .group_by("kind", "supplier", "lot", "product", "site")
        .agg(pl.col("failed").sum().alias("events"), pl.len().alias("n"))
    )  # fmt: skip
    table = lots.judged(uses)
    bad = told["bad_vector_lot"]["lot"]
    for row in table.to_dicts():
        others = table.filter(pl.col("kind") == row["kind"])["p_value"].count()
        true = told["bad_vector_lot"]["true_rate"]
        yield {
            "rule": "lot", "site": row["lot"], "n": row["n"], "events": row["events"],
            "plant": "bad_vector_lot" if row["lot"] == bad else None,
            "flagged": "high998" if row["listed"] else "none",
            "chance": _lot_power(row, others, true) if row["lot"] == bad else 0.0,
            "chance_low": 0.0,
        }  # fmt: skip
    yield from _staff(world, told["staff_shortage"])
    at_odds = discordant(world)
    for part in world.parts:
        if part.site.lives and part.member.stage != "pre_gmp":
            slug = part.member.slug
            age = (TODAY - part.frames["capacity"]["week"].max()).days
            yield _certain(world, slug, "silence", age > SILENT_FROM, 1.0)
            power = told["discordant_releases"]["power"]
            yield _certain(world, slug, "discordance", slug in at_odds, power)


def discordant(world: World) -> set[str]:
    """Sites with a batch plainly released though a deciding test of it had failed."""
    key = ["site", "batch"]
    first = world.frame("release").filter(
        pl.col("gate").is_in(DECIDING), pl.col("decision") == "released"
    )
    asked = world.frame("criterion").filter(
        pl.col("gate").is_in(DECIDING), pl.col("status") == "release"
    ).select("site", "product", "parameter", "stage").unique()  # fmt: skip
    refused_there = world.frame("result").filter(pl.col("verdict") == "fail")
    named = refused_there.join(
        world.frame("batch").select(*key, "product"), on=key
    ).join(asked, on=["site", "product", "parameter", "stage"])
    return set(first.join(named, on=key, how="semi")["site"])


def _lot_power(row: Mapping[str, Any], lots_of_kind: int, true: float) -> float:
    """The chance that a lot with its true rate is listed as the one of its kind."""
    counts = np.arange(row["n"] + 2)
    p = binom.sf(counts - 1, row["n"], row["expected"] / row["n"]) * lots_of_kind
    at = max(row["flag_at"], int(np.argmax(p < lots.LEVEL)))
    return float(binom.sf(at - 1, row["n"], true))


def _staff(world: World, told: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    slots = world.frame("capacity").filter(pl.col("resource") == "slot")
    gmp = [p.member.slug for p in world.parts if p.member.stage != "pre_gmp"]
    size = slots.filter(pl.col("site").is_in(gmp)).group_by("site").agg(
        pl.col("theoretical").sum().alias("n")
    )  # fmt: skip
    lost = world.frame("loss").filter(reason="staff").group_by("site").agg(
        pl.col("lost").sum().alias("events")
    )  # fmt: skip
    counts = size.join(lost, on="site", how="left").with_columns(
        pl.col("events").fill_null(0)
    )
    law = funnel.Scheme(law="poisson")
    for row in funnel.funnel(counts, scheme=law).to_dicts():
        mine = row["site"] == told["site"]
        chance = float(poisson.sf(row["flag_at998"] - 1, row["n"] * row["centre"]))
        yield _row(world, row["site"], "staff") | {
            "n": row["n"], "events": row["events"], "flagged": row["flagged"],
            "chance": told["power"] if mine else chance, "chance_low": 0.0,
        }  # fmt: skip


def _certain(
    world: World, site: str, rule: str, found: bool, power: float
) -> dict[str, Any]:
    row = _row(world, site, rule)
    planted = {"silence": "stopped_reporting", "discordance": "discordant_releases"}
    return row | {
        "n": 1, "events": int(found), "flagged": "high998" if found else "none",
        "chance": power if row["plant"] == planted[rule] else 0.0, "chance_low": 0.0,
    }  # fmt: skip


def _row(world: World, site: str, rule: str) -> dict[str, Any]:
    return {"rule": rule, "site": site, "plant": world.by_slug[site].member.plant}
