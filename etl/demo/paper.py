"""What surrounds the batches of a site: capacity, losses, deviations, lots, papers."""

import hashlib
from datetime import date, timedelta

import numpy as np
import polars as pl

from etl.demo.demand import waiting
from etl.demo.lives import OUT_OF_SPEC
from etl.demo.members import LABORATORY, Member
from etl.demo.products import by_slug
from etl.demo.quality import Bools
from etl.demo.records import Site, dates
from etl.demo.schedule import Calendar, Ints

BAD_LOT = "LV9317"
BAD_LOT_SUPPLIER = "vectoria"
BAD_LOT_SPAN = (0.70, 0.80)
_SUPPLIERS = ("vectoria", "lentipro")
_KINDS = {"medium": "MD", "cytokine": "CY", "beads": "BD", "tubing_set": "TS"}
_DEVIATIONS = ("human_error", "equipment", "facility", "invalid_test", "other")
_RING = {"viability": ("%", 92.0, 2.0), "cd3_purity": ("%", 88.0, 2.5),
         "vcn": ("copies/cell", 2.4, 0.3),
         "endotoxin": ("EU/mL", 0.6, 0.1)}  # fmt: skip


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def bad_lot(member: Member, start: Ints, lentiviral: Bools, span: Ints) -> Bools:
    """The batches for which a site with the bad vector lot used it."""
    if member.plant != "bad_vector_lot":
        return np.zeros(len(start), dtype=np.bool_)
    first, last = span[0], span[1]
    share = (start - first) / (last - first)
    used: Bools = lentiviral & (share >= BAD_LOT_SPAN[0]) & (share < BAD_LOT_SPAN[1])
    return used


def material_frame(site: Site, bad: Bools) -> pl.DataFrame:
    """Lots by batch: vector and medium, at the regional centre everything."""
    code = int(hashlib.sha256(site.member.slug.encode()).hexdigest(), 16)
    lentiviral = lentiviral_of(site)
    letter, supplier = "AB"[code % 2], _SUPPLIERS[code // 2 % 2]
    vector = _lots(site, lentiviral, ("vector", supplier, f"LV{{}}{letter}"))
    vector = vector.with_columns(
        supplier=pl.when(pl.Series(bad[lentiviral])).then(pl.lit(BAD_LOT_SUPPLIER))
        .otherwise("supplier"),
        lot=pl.when(pl.Series(bad[lentiviral])).then(pl.lit(BAD_LOT)).otherwise("lot"),
    )  # fmt: skip
    kinds = _KINDS if site.member.nominal else {"medium": "MD"}
    every = np.ones(len(site.start), dtype=np.bool_)
    others = [_lots(site, every, (k, "biomedia", f"{c}{{}}")) for k, c in kinds.items()]
    return pl.concat([vector, *others])


def lentiviral_of(site: Site) -> Bools:
    """Which batches carry a lentiviral vector."""
    made = [
        by_slug()[x.product].gene_transfer == "lentiviral" for x in site.member.lines
    ]
    return np.array(made, dtype=np.bool_)[site.line]


def _lots(site: Site, used: Bools, named: tuple[str, str, str]) -> pl.DataFrame:
    """One lot a quarter: its number holds the year and the quarter."""
    kind, supplier, pattern = named
    started = dates(site.start[used], site.horizon)
    quarter = started.dt.strftime("%y") + started.dt.quarter().cast(pl.String)
    head, tail = pattern.split("{}")
    size = len(started)
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "batch": site.batch.filter(pl.Series(used)),
            "kind": pl.repeat(kind, size, eager=True),
            "supplier": pl.repeat(supplier, size, eager=True),
            "lot": pl.Series([head]) + quarter + pl.Series([tail]),
            "expires": started.dt.truncate("1q").dt.offset_by("18mo"),
        }
    )


def capacity_frame(site: Site, made: Calendar, orders: pl.DataFrame) -> pl.DataFrame:
    """Weekly starts that each resource could carry; only slots have a queue."""
    weeks, used = made.weeks, np.zeros(len(made.weeks), dtype=np.int64)
    pre_gmp = site.member.stage == "pre_gmp"
    if not pre_gmp:
        place = np.searchsorted(weeks, site.start, "right") - 1
        used = np.bincount(place, minlength=len(weeks)).astype(np.int64)
    staffed = np.zeros_like(used) if pre_gmp else made.staffed
    broken = made.lost["equipment"] + made.lost["maintenance"]
    room = made.theoretical - broken - made.lost["planned_shutdown"]
    people = made.theoretical - made.lost["staff"] - made.lost["planned_shutdown"]
    extra = {"clean_room": room, "operator": people, "quality_control": people + 1}
    nothing = np.zeros_like(used)
    parts = [_resource(site, made, "slot", (staffed, used))]
    parts += [
        _resource(site, made, name, (nothing if pre_gmp else can, used))
        for name, can in extra.items()
    ]
    queue = pl.Series(waiting(orders, weeks).astype(np.float64))
    parts[0] = parts[0].with_columns(waiting=queue)
    return pl.concat(parts).filter(pl.col("week").is_not_null())


def _resource(
    site: Site, made: Calendar, name: str, figures: tuple[Ints, Ints]
) -> pl.DataFrame:
    staffed, used = figures
    size = len(made.weeks)
    booked = np.minimum(staffed, used + (made.lost["patient"] > 0))
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "resource": pl.repeat(name, size, eager=True),
            "week": dates(made.weeks, site.horizon - 6),
            "theoretical": np.maximum(staffed, made.theoretical).astype(np.float64),
            "staffed": staffed.astype(np.float64),
            "booked": np.maximum(booked, used).astype(np.float64),
            "used": used.astype(np.float64),
            "waiting": pl.repeat(None, size, dtype=pl.Float64, eager=True),
        }
    )


def loss_frame(site: Site, made: Calendar) -> pl.DataFrame:
    """Slots lost by week and reason; weeks without a loss have no row."""
    week = dates(made.weeks, site.horizon - 6)
    parts = [
        pl.DataFrame(
            {
                "site": pl.repeat(site.member.slug, len(week), eager=True),
                "resource": pl.repeat("slot", len(week), eager=True),
                "week": week,
                "reason": pl.repeat(reason, len(week), eager=True),
                "lost": lost.astype(np.float64),
            }
        )
        for reason, lost in made.lost.items()
    ]
    return pl.concat(parts).filter(pl.col("week").is_not_null() & (pl.col("lost") > 0))


def deviation_frame(
    site: Site, batches: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """One deviation for most failed batches and for a sixth of the others."""
    failed = site.gather("fate") > OUT_OF_SPEC
    there = np.flatnonzero(rng.random(len(failed)) < np.where(failed, 0.8, 0.16))
    size = len(there)
    opened = site.start[there] + rng.integers(0, 10, size)
    grade = rng.choice(("critical", "major", "minor"), size, p=[0.06, 0.34, 0.6])
    serious = grade != "minor"
    category = pl.Series(rng.choice(_DEVIATIONS, size), dtype=pl.String)
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "deviation": pl.Series(
                [f"DEV-{i + 1:05d}" for i in range(size)], dtype=pl.String
            ),
            "batch": site.batch[there],
            "grade": pl.Series(grade, dtype=pl.String),
            "category": category,
            "root_cause": category,
            "opened": dates(opened, site.horizon),
            "closed": dates(opened + rng.integers(8, 95, size), site.horizon),
            "capa_due": dates(np.where(serious, opened + 90, 1 << 60), 1 << 40),
            "capa_closed": dates(
                np.where(serious, opened + rng.integers(25, 150, size), 1 << 60),
                site.horizon,
            ),
        }
    ).filter(pl.col("opened").is_not_null())


def ring_frame(site: Site, rng: np.random.Generator) -> pl.DataFrame:
    """The site's own results of the yearly ring trials, two specimens in duplicate."""
    years = range(_year(site.first) + 1, _year(site.horizon) + 1)
    bias = {parameter: rng.normal(0, 0.4) for parameter in _RING}
    bias["viability"] += site.member.reads_viability / _RING["viability"][2]
    rows = []
    for year in years if site.member.stage == "active" else ():
        for specimen, shift in (("a", 0.0), ("b", -1.5)):
            for parameter, (unit, value, sd) in _RING.items():
                assigned = value + shift * sd
                for replicate in ("1", "2"):
                    found = round(assigned + sd * (bias[parameter] + rng.normal()), 2)
                    rows.append((f"{year}", specimen, site.member.slug, parameter, "-",
                                 replicate, max(found, 0.05), "=", unit,
                                 round(assigned, 2), sd))  # fmt: skip
    columns = ["round", "specimen", "laboratory", "parameter", "method", "replicate",
               "value", "comparator", "unit", "assigned_value",
               "assigned_sd"]  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row")


def _year(day: int) -> int:
    return (date(1970, 1, 1) + timedelta(days=day)).year


def is_laboratory(member: Member) -> bool:
    """Whether the member only tests for others."""
    return member.slug == LABORATORY
