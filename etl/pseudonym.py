"""Keyed pseudonyms for the numbers by which a site knows a batch, an order, a sample.

HMAC-SHA-256 under a key that stays at the site: without it a number cannot be guessed
from its pseudonym, however few numbers there are. The site's name is part of what is
hashed, so that two sites with one batch number never share a pseudonym.
"""

import hashlib
import hmac
import unicodedata
from typing import Final

import polars as pl
from polars_hash import CryptographicHashingNameSpace

from etl.contract.columns import NONE
from etl.contract.schemas import SCHEMAS
from etl.network import Privacy

# Sixteen hex digits: two of a million numbers share one with a chance of 3e-8.
DIGITS: Final = 16
PSEUDONYM: Final = r"^[a-z0-9]+-[0-9a-f]{16}$"
# A shorter number would be found in any file name.
_TELLING: Final = 4
_FEW: Final = 1_000
_RECORD: Final = r"(?s)^record (.+?)((?:, event [^,]*)?(?:, instance [^,]*)?)$"
_REPEATED: Final = r", (?:event|instance) "
_COUNTED: Final = r"^(?:line|row) [0-9]+$"


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


def mark(pseudonym: str) -> str:
    """What is kept of a pseudonym that is withdrawn: see `etl.withdrawal`."""
    return hashlib.sha256(f"pocnet withdrawn|{pseudonym}".encode()).hexdigest()


def _was_sent(pseudonym: str, privacy: Privacy) -> bool:
    return pseudonym in privacy.sent or mark(pseudonym) in privacy.withdrawn


def pseudonyms(numbers: pl.Series, site: str, privacy: Privacy) -> pl.Series:
    """The pseudonym of each number; null for a blank, `-` for `-`.

    A number that was sent under a former key keeps the pseudonym it had then, or the
    network would take it for another one. Each different number is hashed once.
    """
    if len(numbers) <= _FEW:
        said = {one: _kept(one, site, privacy) for one in set(numbers) if one}
        return pl.Series([said.get(one) for one in numbers], dtype=pl.String)
    once = numbers.drop_nulls().unique()
    if 2 * len(once) > len(numbers):
        return _made(numbers, site, privacy)
    made = _made(once, site, privacy)
    return numbers.replace_strict(once, made, default=None, return_dtype=pl.String)


def pseudonymise(
    frame: pl.DataFrame, dataset: str, site: str, privacy: Privacy
) -> pl.DataFrame:
    """The mapped frame with pseudonyms in place of the site's own numbers.

    Blank stays null and `-` stays `-`. In a row that belongs to another site (a
    laboratory reports for it) a batch that is a pseudonym already is the owner's, and
    stays; anything else there is replaced as well, so that no number ever leaves. A
    record in `_ref`, and a number in `_origin`, are replaced too: systems name records
    and people name files by the batch.
    """
    columns = [c for c in pseudonym_columns(dataset) if c in frame.columns]
    foreign = frame["site"] != site if "site" in frame.columns else None
    made = []
    for column in columns:
        own = pseudonyms(frame[column], site, privacy)
        if foreign is not None and foreign.any():
            theirs = foreign & frame[column].str.contains(PSEUDONYM)
            own = frame[column].zip_with(theirs.fill_null(False), own)
        made.append(own.alias(column))
    if origins := _origins(frame, columns, site, privacy):
        frame = frame.with_columns(pl.col("_origin").replace(origins))
    refs = _without_records(frame["_ref"], site, privacy)
    return frame.with_columns(*made, _ref=refs)


def pseudonymise_refs(
    rejects: pl.DataFrame, site: str, privacy: Privacy
) -> pl.DataFrame:
    """A reject frame whose `ref` names a record by its pseudonym.

    Always, as in good rows: a row that is mended later is known by its place again.
    """
    return rejects.with_columns(ref=_without_records(rejects["ref"], site, privacy))


def _kept(number: str, site: str, privacy: Privacy) -> str | None:
    """One number's pseudonym; a few are not worth a query."""
    tidy = number.strip()
    if tidy in ("", NONE):
        return tidy or None
    for former in privacy.former:
        earlier = pseudonym(number, site, former.key, former.key_id)
        if _was_sent(earlier, privacy):
            return earlier
    return pseudonym(number, site, privacy.key, privacy.key_id)


def _made(numbers: pl.Series, site: str, privacy: Privacy) -> pl.Series:
    tidy = numbers.str.strip_chars()
    if (tidy.str.len_bytes() != tidy.str.len_chars()).any():
        tidy = numbers.str.normalize("NFKC").str.strip_chars()
    made = _hashed(tidy, site, privacy.key, privacy.key_id)
    for former in reversed(privacy.former):
        earlier = _hashed(tidy, site, former.key, former.key_id)
        sent = pl.Series(
            [p is not None and _was_sent(p, privacy) for p in earlier],
            dtype=pl.Boolean,
        )
        made = earlier.zip_with(sent, made)
    return made.zip_with((tidy != NONE).fill_null(True), tidy)


def _hashed(tidy: pl.Series, site: str, key: str, key_id: str) -> pl.Series:
    message = pl.concat_str(pl.lit(f"{site}|"), pl.col("number"))
    mac = CryptographicHashingNameSpace(message).hmac_sha256(key=key)
    made = pl.concat_str(pl.lit(f"{key_id}-"), mac.str.head(DIGITS))
    numbers = tidy.alias("number").to_frame()
    return numbers.select(pl.when(pl.col("number") != "").then(made)).to_series()


def _without_records(refs: pl.Series, site: str, privacy: Privacy) -> pl.Series:
    """`record 102, event baseline` with a pseudonym for 102; `line 14` is ours.

    What is neither is a record's name as well, whatever system wrote it so.
    """
    counted = refs.str.contains(_COUNTED) | refs.is_null()
    if counted.all():
        return refs
    parts = pl.select(number=refs.str.strip_prefix("record "), rest=pl.lit(""))
    if refs.str.contains(_REPEATED).any():
        groups = refs.str.extract_groups(_RECORD).struct.unnest()
        parts = groups.select(number=pl.col("1").fill_null(refs), rest="2")
    named = parts.select(
        pl.concat_str(
            pl.lit("record "),
            pseudonyms(parts["number"], site, privacy),
            pl.col("rest").fill_null(""),
        )
    )
    return refs.zip_with(counted, named.to_series())


def _origins(
    frame: pl.DataFrame, columns: list[str], site: str, privacy: Privacy
) -> dict[str, str]:
    """What each origin that holds one of the frame's numbers becomes."""
    numbers = {n.strip() for c in columns for n in frame[c].unique() if n}
    telling = [number for number in numbers if len(number) >= _TELLING]
    renamed = {}
    for origin in frame["_origin"].drop_nulls().unique():
        held = [number for number in telling if number in origin]
        if held:
            renamed[origin] = _renamed(origin, held, site, privacy)
    return renamed


def _renamed(origin: str, numbers: list[str], site: str, privacy: Privacy) -> str:
    """The longest first, because a number may be part of another."""
    for number in sorted(numbers, key=len, reverse=True):
        origin = origin.replace(number, _kept(number, site, privacy) or "")
    return origin
