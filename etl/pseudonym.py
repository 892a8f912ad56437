"""Keyed pseudonyms for the numbers by which a site knows a batch, an order, a sample.

HMAC-SHA-256 under a key that stays at the site: without it a number cannot be guessed
from its pseudonym, however few numbers there are. The site's name is part of what is
hashed, so that two sites with one batch number never share a pseudonym.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable
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
_RECORD: Final = r"^record (.+?)((?:, event .*)?(?:, instance .*)?)$"


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
    stays; anything else there is replaced as well, so that no number ever leaves. A
    record in `_ref`, and a number in `_origin`, are replaced too: systems name records
    and people name files by the batch.
    """
    columns = [c for c in pseudonym_columns(dataset) if c in frame.columns]
    foreign = pl.col("site") != site if "site" in frame.columns else pl.lit(False)
    theirs = {c: foreign & pl.col(c).str.contains(PSEUDONYM) for c in columns}
    made = {
        c: pl.when(theirs[c]).then(c).otherwise(_made(pl.col(c), site, key, key_id))
        for c in columns
    }
    origins = _origins(frame, columns, lambda n: pseudonym(n, site, key, key_id))
    frame = frame.with_columns(pl.col("_origin").replace(origins))
    return _without_records(frame.with_columns(**made), "_ref", site, key, key_id)


def pseudonymise_refs(
    rejects: pl.DataFrame, site: str, key: str, key_id: str
) -> pl.DataFrame:
    """A reject frame whose `ref` names a record by its pseudonym.

    Always, as in good rows: a row that is mended later is known by its place again.
    """
    return _without_records(rejects, "ref", site, key, key_id)


def _made(number: pl.Expr, site: str, key: str, key_id: str) -> pl.Expr:
    tidy = number.str.normalize("NFKC").str.strip_chars()
    message = pl.concat_str(pl.lit(f"{site}|"), tidy)
    mac = CryptographicHashingNameSpace(message).hmac_sha256(key=key)
    made = pl.concat_str(pl.lit(f"{key_id}-"), mac.str.head(DIGITS))
    return pl.when(tidy == NONE).then(pl.lit(NONE)).when(tidy != "").then(made)


def _without_records(
    frame: pl.DataFrame, place: str, site: str, key: str, key_id: str
) -> pl.DataFrame:
    """`record 102, event baseline` with a pseudonym for 102; `line 14` is ours."""
    parts = pl.col(place).str.extract_groups(_RECORD)
    number = _made(parts.struct.field("1"), site, key, key_id)
    named = pl.concat_str(pl.lit("record "), number, parts.struct.field("2"))
    return frame.with_columns(pl.coalesce(named, pl.col(place)).alias(place))


def _origins(
    frame: pl.DataFrame, columns: list[str], made: Callable[[str], str]
) -> dict[str, str]:
    """What each origin that holds one of the frame's numbers becomes."""
    named = [frame[c].str.strip_chars().alias("number") for c in columns]
    empty = pl.Series("number", [], pl.String)
    numbers = pl.concat([empty, *named]).drop_nulls().unique()
    telling = numbers.filter(numbers.str.len_chars() >= _TELLING)
    renamed = {}
    for origin in frame["_origin"].drop_nulls().unique():
        within = pl.lit(origin).str.contains(pl.col("number"), literal=True)
        held = telling.to_frame().filter(within)["number"]
        renamed[origin] = _renamed(origin, held, made)
    return renamed


def _renamed(origin: str, numbers: pl.Series, made: Callable[[str], str]) -> str:
    """The longest first, because a number may be part of another."""
    for number in sorted(numbers, key=len, reverse=True):
        origin = origin.replace(number, made(number))
    return origin
