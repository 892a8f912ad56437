"""What a site is, what it may make, and what it could carry."""

import dataframely as dy
import polars as pl

from etl.contract.columns import (
    count,
    date,
    number,
    ordered,
    slug,
    text,
    word,
)


class Site(dy.Schema):
    """A member of the network, or a publication laid beside the members."""

    site = slug(key=True)
    name = text(nullable=False)
    country = text(nullable=False)
    region = text()
    latitude = number(lowest=-90, highest=90)
    longitude = number(lowest=-180, highest=180)
    kind = word("site_kind")
    stage = word("site_stage")
    joined = date()
    nominal_capacity = count()


class Milestone(dy.Schema):
    """What happened at a site on a day, so that a chart can mark it."""

    site = slug(key=True)
    kind = word("milestone_kind", key=True)
    date = date(key=True)
    product = slug(missing="all")


class Authorisation(dy.Schema):
    """A permission to make a product, or all of them, for a time."""

    site = slug(key=True)
    product = slug(key=True)
    kind = word("authorisation_kind", key=True)
    valid_from = date(key=True)
    authority = text()
    valid_to = date(years_ahead=50)

    @dy.rule()
    def valid_to_before_valid_from(cls) -> pl.Expr:
        """A last day on or after the first one."""
        return ordered("valid_from", "valid_to")


class Product(dy.Schema):
    """A product of the network, said once in `network.toml`."""

    product = slug(key=True)
    title = text(nullable=False)
    product_class = word("product_class")
    source = word("product_source", nullable=True)
    tissue = word("tissue", nullable=True)
    format = word("format", nullable=True)
    gene_transfer = word("gene_transfer", nullable=True)
    indication = text()


class Capacity(dy.Schema):
    """Batch starts that one resource could carry, and carried, in one week."""

    site = slug(key=True)
    resource = word("resource", key=True)
    week = date(key=True)
    theoretical = number(lowest=0)
    staffed = number(lowest=0)
    booked = number(lowest=0)
    used = number(lowest=0)
    waiting = number(lowest=0)

    @dy.rule()
    def week_is_a_monday(cls) -> pl.Expr:
        """The Monday of the week."""
        return pl.col("week").dt.weekday() == 1


class Loss(dy.Schema):
    """Batch starts lost by one resource in one week, and to what."""

    site = slug(key=True)
    resource = word("resource", key=True)
    week = date(key=True)
    reason = word("loss_reason", key=True)
    lost = number(lowest=0, nullable=False)

    @dy.rule()
    def week_is_a_monday(cls) -> pl.Expr:
        """The Monday of the week."""
        return pl.col("week").dt.weekday() == 1
