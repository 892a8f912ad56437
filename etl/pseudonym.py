"""Keyed pseudonyms for the numbers by which a site knows a batch, an order, a sample.

HMAC-SHA-256 under a key that stays at the site: without it a number cannot be guessed
from its pseudonym, however few numbers there are. The site's name is part of what is
hashed, so that two sites with one batch number never share a pseudonym.
"""

import hashlib
import hmac
import unicodedata
from itertools import product
from typing import Final

import polars as pl
from polars_hash import CryptographicHashingNameSpace

from etl.contract.columns import NONE
from etl.contract.schemas import SCHEMAS

# Sixteen hex digits: two of a million numbers share one with a chance of 3e-8.
DIGITS: Final = 16
PSEUDONYM: Final = r"^[a-z0-9]+-[0-9a-f]{16}$"
# A shorter number would be found in any file name.
_TELLING: Final = 4
_COUNTED: Final = r"^(line|row) [0-9]+$"


def pseudonym_columns(dataset: str) -> tuple[str, ...]:
    """The columns of a dataset that leave a site only as pseudonyms."""
    columns = SCHEMAS[dataset].columns().items()
    return tuple(
        name for name, c in columns if (c.metadata or {}).get("kind") == "pseudonym"
    )


def pseudonym(value: str, site: str, key: str, key_id: str) -> str:
    """The pseudonym of one number, as the site itself looks it up."""
    tidy = unicodedata.normalize("NFKC", value).strip()
    mac = hmac.new(key.encode(), f"{site}|{tidy}".encode(), hashlib.sha256)
    return f"{key_id}-{mac.hexdigest()[:DIGITS]}"


def pseudonymise(
    frame: pl.DataFrame, dataset: str, site: str, key: str, key_id: str
) -> pl.DataFrame:
    """The mapped frame with pseudonyms in place of the site's own numbers.

    Blank stays null and `-` stays `-`. In a row that belongs to another site (a
    laboratory reports for it) a batch that is a pseudonym already is the owner's, and
    stays; anything else there is replaced as well, so that no number ever leaves. Where
    `_ref` or `_origin` name the record by such a number, they name its pseudonym.
    """
    columns = [c for c in pseudonym_columns(dataset) if c in frame.columns]
    made = frame.with_columns(
        _pseudonym(column, site, key, key_id).alias(f"_new_{column}")
        for column in columns
    )
    for place, column in product(("_ref", "_origin"), columns):
        made = _renamed(made, place, column)
    foreign = pl.col("site") != site if "site" in frame.columns else pl.lit(False)
    return made.with_columns(
        pl.when(foreign & pl.col(column).str.contains(PSEUDONYM))
        .then(pl.col(column))
        .otherwise(f"_new_{column}")
        .alias(column)
        for column in columns
    ).drop(f"_new_{column}" for column in columns)


def _pseudonym(column: str, site: str, key: str, key_id: str) -> pl.Expr:
    tidy = pl.col(column).str.normalize("NFKC").str.strip_chars()
    message = pl.concat_str(pl.lit(f"{site}|"), tidy)
    mac = CryptographicHashingNameSpace(message).hmac_sha256(key=key)
    made = pl.concat_str(pl.lit(f"{key_id}-"), mac.str.head(DIGITS))
    return pl.when(tidy == NONE).then(pl.lit(NONE)).when(tidy != "").then(made)


def _renamed(frame: pl.DataFrame, place: str, column: str) -> pl.DataFrame:
    """The frame with the number in `place` replaced, where it is long enough to tell.

    `line 14` and `row 14` are ours and count lines; `record 14` is the site's own.
    """
    number, made = pl.col(column).str.strip_chars(), pl.col(f"_new_{column}")
    record = pl.concat_str(pl.lit("record "), number, pl.lit(","))
    named = (pl.col(place) + ",").str.starts_with(record)
    within = pl.col(place).str.contains(number, literal=True)
    telling = (number.str.len_chars() >= _TELLING) & within
    site_own = ~pl.col(place).str.contains(_COUNTED) & (number != "") & (number != NONE)
    told = frame.select((site_own & (telling | named)).fill_null(False)).to_series()
    if not told.any():
        return frame
    renamed = pl.col(place).str.split(number).list.join(made)
    return frame.with_columns(pl.when(told).then(renamed).otherwise(place).alias(place))
