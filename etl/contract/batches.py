"""What became of an order and of the batches made for it."""

import dataframely as dy
import polars as pl

from etl.contract.columns import (
    NONE,
    band,
    count,
    date,
    lot,
    number,
    ordered,
    pseudonym,
    slug,
    text,
    word,
)


class Demand(dy.Schema):
    """An order for one patient; it waits here before it has a batch."""

    site = slug(key=True)
    order_key = pseudonym(key=True)
    product = slug()
    region = text()
    referred = date()
    ordered = date()
    slot_offered = date()
    collected = date()
    closed = date()
    close_reason = word("close_reason", nullable=True)

    @dy.rule()
    def ordered_before_referred(cls) -> pl.Expr:
        """An order on or after the referral."""
        return ordered("referred", "ordered")

    @dy.rule()
    def closed_beforeordered(cls) -> pl.Expr:
        """A closing on or after the order."""
        return ordered("ordered", "closed")


class Batch(dy.Schema):
    """One batch from collection to infusion; of an autologous product, one patient."""

    site = slug(key=True)
    batch = pseudonym(key=True)
    product = slug()
    pathway = word("pathway")
    trial = text()
    order_key = pseudonym(nullable=True)
    attempt = count(lowest=1)
    collected = date()
    received = date()
    started = date()
    harvested = date()
    infused = date()
    ended = date()
    outcome = text()
    failure_stage = word("failure_stage", nullable=True)
    failure_category = word("failure_category", nullable=True)
    process = word("process", nullable=True)
    facility_grade = slug(nullable=True)
    medium = slug(nullable=True)
    starting_material = word("starting_material", nullable=True)
    cells_planned = number(lowest=0)
    cells_final = number(lowest=0)
    final_volume_ml = number(lowest=0)
    recipient_weight_band_kg = band()
    doses_made = count()
    doses_released = count()
    doses_infused = count()
    labour_hours = number(lowest=0)

    @dy.rule()
    def received_before_collected(cls) -> pl.Expr:
        """A receipt on or after the collection."""
        return ordered("collected", "received")

    @dy.rule()
    def started_before_received(cls) -> pl.Expr:
        """A start on or after the receipt."""
        return ordered("received", "started")

    @dy.rule()
    def started_before_collected(cls) -> pl.Expr:
        """A start on or after the collection."""
        return ordered("collected", "started")

    @dy.rule()
    def harvested_before_started(cls) -> pl.Expr:
        """A harvest on or after the start."""
        return ordered("started", "harvested")

    @dy.rule()
    def infused_before_harvested(cls) -> pl.Expr:
        """An infusion on or after the harvest."""
        return ordered("harvested", "infused")

    @dy.rule()
    def infused_before_started(cls) -> pl.Expr:
        """An infusion on or after the start."""
        return ordered("started", "infused")

    @dy.rule()
    def ended_before_started(cls) -> pl.Expr:
        """An end on or after the start."""
        return ordered("started", "ended")

    @dy.rule()
    def weight_band_of_five(cls) -> pl.Expr:
        """The lower end of a 5-kg band, such as 60."""
        return pl.col("recipient_weight_band_kg") % 5 == 0


class Release(dy.Schema):
    """A decision at one gate."""

    site = slug(key=True)
    batch = pseudonym(key=True)
    gate = word("gate", key=True)
    decision = word("decision")
    decided = date(nullable=False)
    reason = word("release_reason", nullable=True)


class Deviation(dy.Schema):
    """A departure from the procedure, and what was done about it."""

    site = slug(key=True)
    deviation = pseudonym(key=True)
    batch = pseudonym(nullable=True)
    grade = word("deviation_grade")
    category = word("failure_category", nullable=True)
    root_cause = word("failure_category", nullable=True)
    opened = date(nullable=False)
    closed = date()
    capa_due = date()
    capa_closed = date()

    @dy.rule()
    def closed_before_opened(cls) -> pl.Expr:
        """A closing on or after the opening."""
        return ordered("opened", "closed")

    @dy.rule()
    def capa_closed_before_opened(cls) -> pl.Expr:
        """A corrective action closed on or after the opening."""
        return ordered("opened", "capa_closed")


class Material(dy.Schema):
    """A lot that went into a batch; the same lot is used at several sites."""

    site = slug(key=True)
    batch = pseudonym(key=True)
    kind = word("material_kind", key=True)
    supplier = slug(key=True, missing=NONE)
    lot = lot()
    expires = date(years_ahead=50)
