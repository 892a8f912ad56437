"""What a site states about itself: criteria, milestones, permissions, row counts."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.demo.assays import Assay
from etl.demo.members import LABORATORY, Member
from etl.demo.products import Product
from etl.demo.records import Site
from etl.demo.results import SPECIFICATIONS, changed

EPOCH = date(1970, 1, 1)
# The day by which a row belongs to a month.
PERIODS = {
    "batch": "started",
    "result": "sampled",
    "release": "decided",
    "capacity": "week",
    "loss": "week",
    "demand": "ordered",
    "deviation": "opened",
}
_PER_KG = {"garonnette": None, "thameslea": (70.0, 100.0)}


def typed(dataset: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows as a frame with the dataset's columns and types, empty where unsaid."""
    schema = SCHEMAS[dataset].create_empty().schema
    return pl.DataFrame(rows, schema=schema)


def criterion_frame(site: Site) -> pl.DataFrame:
    """The site's specifications: two versions, the second with another reading method.

    The change costs no batch, so that nothing is there to find in it.
    """
    day = EPOCH + timedelta(days=changed(site))
    spans = ((_start(site), day - timedelta(days=1)), (day, None))
    rows = [
        _criterion(site.member, life.product, drawn.assay, version, span)
        for life in site.lives
        for version, span in zip(SPECIFICATIONS, spans, strict=True)
        for drawn in life.tests
    ]
    return typed("criterion", rows)


def _start(site: Site) -> date:
    return EPOCH + timedelta(days=site.first - 180)


def _criterion(
    member: Member,
    product: Product,
    assay: Assay,
    version: str,
    span: tuple[date, date | None],
) -> dict[str, object]:
    gate = assay.gate
    if not product.two_stage and gate in ("provisional", "final"):
        gate = "release"
    sent = member.external and assay.parameter in ("sterility", "mycoplasma", "vcn")
    return {
        "site": member.slug,
        "product": product.product,
        "spec_version": version,
        "gate": gate,
        "parameter": assay.parameter,
        "population": assay.population,
        "stage": assay.stage,
        "method": assay.method,
        "laboratory": LABORATORY if sent else member.slug,
        "pharmacopoeia": _CHAPTERS.get(assay.parameter),
        "status": assay.status,
        "valid_from": span[0],
        "valid_to": span[1],
        **_limit(member, assay),
    }


_CHAPTERS = {
    "endotoxin": "Ph. Eur. 2.6.14",
    "sterility": "Ph. Eur. 2.6.27",
    "mycoplasma": "Ph. Eur. 2.6.7",
}


def _limit(member: Member, assay: Assay) -> dict[str, object]:
    """Operator, limit and unit; two sites state endotoxin per kilogram of recipient."""
    if assay.status == "informative":
        return {"unit": assay.unit}
    if assay.is_text:
        word = "normal" if assay.parameter == "karyotype" else "negative"
        return {"operator": "text", "text_limit": word}
    side = "limit_low" if assay.operator.startswith(">") else "limit_high"
    stated: dict[str, object] = {
        "operator": assay.operator,
        side: assay.limit,
        "unit": assay.unit,
    }
    if assay.parameter == "endotoxin" and member.slug in _PER_KG:
        weight, volume = _PER_KG[member.slug] or (None, None)
        stated |= {"limit_high": 5.0, "unit": "EU/kg", "reference_weight_kg": weight,
                   "reference_volume_ml": volume}  # fmt: skip
    return stated


def milestone_frame(site: Site) -> pl.DataFrame:
    """What happened at the site; a pre-GMP centre is still on its way."""
    told = [("cleanroom_qualified", 20, "all"), ("staff_trained", 45, "all")]
    if site.member.stage == "pre_gmp":
        told = [("technology_transfer_started", -500, "car-t-cd19"),
                ("cleanroom_qualified", -420, "all"), ("staff_trained", -330, "all"),
                ("engineering_run", -300, "car-t-cd19"),
                ("engineering_run", -120, "nk-expanded")]  # fmt: skip
    elif site.lives:
        told += [("process_validated", 70, site.lives[0].product.product),
                 ("inspection", 400, "all"), ("authorised", 430, "all"),
                 ("medium_changed", 700, site.lives[0].product.product)]  # fmt: skip
    days = [(k, site.first + d if d > 0 else site.horizon + d, p) for k, d, p in told]
    return typed(
        "milestone",
        [
            {"site": site.member.slug, "kind": kind, "product": product,
             "date": EPOCH + timedelta(days=day)}
            for kind, day, product in days if site.first <= day <= site.horizon
        ],
    )  # fmt: skip


def authorisation_frame(site: Site) -> pl.DataFrame:
    """Permissions: one to manufacture, then one for each product, pathway and trial."""
    if site.member.stage == "pre_gmp":
        return typed("authorisation", [])
    rows: dict[tuple[str, str, date], dict[str, object]] = {}
    whole = site.horizon - site.first
    wanted = [("all", "manufacturing", -400)]
    wanted += [
        (line.product, line.pathway, int(whole * line.since) - 30)
        for line in site.member.lines
        if line.pathway != "validation"
    ]
    for product, kind, offset in wanted:
        day = EPOCH + timedelta(days=site.first + offset)
        rows[product, kind, day] = {
            "site": site.member.slug,
            "product": product,
            "kind": kind,
            "valid_from": day,
            "authority": _AUTHORITIES[site.member.country],
        }
    return typed("authorisation", list(rows.values()))


_AUTHORITIES = {"ES": "AEMPS", "FR": "ANSM", "DE": "PEI", "IT": "AIFA", "SE": "MPA",
                "NL": "CCMO", "GB": "MHRA", "CN": "NMPA"}  # fmt: skip


def declared_frame(member: Member, frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The rows the site says it holds, by dataset and month of `PERIODS`' day."""
    parts = [
        frames[dataset]
        .group_by(period=pl.col(day).dt.strftime("%Y-%m"))
        .agg(expected_rows=pl.len().cast(pl.Int64))
        .sort("period")
        .select(
            site=pl.lit(member.slug),
            dataset=pl.lit(dataset),
            period="period",
            expected_rows="expected_rows",
        )
        for dataset, day in PERIODS.items()
        if dataset in frames and not frames[dataset].is_empty()
    ]
    return pl.concat(parts) if parts else typed("declared", [])


def days_since_epoch(day: date) -> int:
    """The day as a number, which arrays hold."""
    return int(np.datetime64(day, "D").astype(np.int64))
