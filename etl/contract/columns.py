"""The kinds of column the contract knows, as dataframely columns.

Each kind says in its metadata how a site's text is read into it (`etl.check`), so a
schema stays the only list of columns: `kind` names the reading, `vocabulary` the list
of words, `missing` what an empty cell becomes. No part of a key is ever null; a part
that does not apply is `-`, because a null in a key makes a repeat look new.
"""

from typing import Final, Literal

import dataframely as dy
import polars as pl

from etl.contract.vocabulary import VOCABULARIES

Kind = Literal[
    "slug",
    "word",
    "parameter",
    "unit",
    "pseudonym",
    "lot",
    "text",
    "number",
    "count",
    "band",
    "date",
    "instant",
]
NONE: Final = "-"
SLUG: Final = r"^(-|[a-z0-9]+(-[a-z0-9]+)*)$"


def _text(
    kind: Kind, key: bool, nullable: bool, missing: str | None, **rest: object
) -> dy.String:
    return dy.String(
        primary_key=key,
        nullable=nullable and not key,
        min_length=1,
        regex=SLUG if kind == "slug" else None,
        metadata={"kind": kind, "missing": missing, **rest},
    )


def slug(
    *, key: bool = False, missing: str | None = None, nullable: bool = False
) -> dy.String:
    """Lower-case letters, digits and single hyphens: a name that joins and links."""
    return _text("slug", key, nullable, missing)


def word(
    vocabulary: str,
    *,
    key: bool = False,
    missing: str | None = None,
    nullable: bool = False,
) -> dy.String:
    """One of the words of a named vocabulary."""
    if vocabulary not in VOCABULARIES:
        raise KeyError(vocabulary)
    return _text("word", key, nullable, missing, vocabulary=vocabulary)


def parameter(*, key: bool = False) -> dy.String:
    """A code of the table of parameters, or any other `potency_` assay of a site."""
    return _text("parameter", key, False, None)


def unit() -> dy.String:
    """A unit of the table of units, kept as reported (IU stays IU)."""
    return _text("unit", False, True, None)


def pseudonym(
    *,
    key: bool = False,
    missing: str | None = None,
    nullable: bool = False,
    alias: str | None = None,
) -> dy.String:
    """A keyed pseudonym, or a citation where the site is a publication."""
    return dy.String(
        primary_key=key,
        nullable=nullable,
        min_length=1,
        alias=alias,
        metadata={"kind": "pseudonym", "missing": missing},
    )


def lot() -> dy.String:
    """A lot number in capitals without separators, equal at every site that used it."""
    return _text("lot", True, False, None)


def text(*, key: bool = False, nullable: bool = True) -> dy.String:
    """Words as written; only where a vocabulary would lose what was said."""
    return _text("text", key, nullable, None)


def month() -> dy.String:
    """A calendar month, written `2024-03`, as part of a key."""
    return dy.String(
        primary_key=True,
        regex=r"^\d{4}-(0[1-9]|1[0-2])$",
        metadata={"kind": "text", "missing": None},
    )


def number(
    *, lowest: float | None = None, highest: float | None = None, nullable: bool = True
) -> dy.Float64:
    """A measured figure; never infinite and never NaN."""
    return dy.Float64(
        nullable=nullable, min=lowest, max=highest, metadata={"kind": "number"}
    )


def count(*, lowest: int = 0, nullable: bool = True) -> dy.Int64:
    """A whole number of things."""
    return dy.Int64(nullable=nullable, min=lowest, metadata={"kind": "count"})


def band() -> dy.Int64:
    """The lower end of a 5-kg weight band: 60 stands for 60 to under 65 kg."""
    return dy.Int64(nullable=True, min=0, max=300, metadata={"kind": "band"})


def date(*, key: bool = False, nullable: bool = True, years_ahead: int = 2) -> dy.Date:
    """A day at the site, no further ahead of today than can be meant.

    What has happened or is booked lies within two years; what expires may lie further.
    """
    return dy.Date(
        primary_key=key,
        nullable=nullable and not key,
        metadata={"kind": "date", "years_ahead": years_ahead},
    )


def instant() -> dy.Datetime:
    """A moment, in UTC, to the microsecond."""
    return dy.Datetime(
        nullable=True, time_zone="UTC", time_unit="us", metadata={"kind": "instant"}
    )


def ordered(first: str, then: str) -> pl.Expr:
    """Whether one day is not before another; unknown where either is empty."""
    return pl.col(then) >= pl.col(first)
