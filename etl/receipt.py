"""Receipts: what the hub answers to a bundle, in figures and in words.

It goes to whoever sent the bundle and speaks of that bundle alone: what was counted,
and each row that was refused, with its place at the site, the rule and what was
expected, so that it can be mended where it was written.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from etl.contract.schemas import KEYS
from etl.fold import Arrival
from etl.signature import RefusedError, Signed

_LISTED = 2_000
_SHOWN = 20


class Reject(BaseModel):
    """One refused row: where it stands at the site, what it breaks, what would do."""

    model_config = ConfigDict(frozen=True)

    row: int
    origin: str | None
    ref: str | None
    column: str | None
    rule: str
    read: str | None
    expected: str | None


class Receipt(BaseModel):
    """What became of one bundle: read = good + rejected, repeated in good.

    A bundle that is not `accepted` left nothing at the hub; `rule` and `message` say
    why. `rejects` lists at most the first 2,000; the counts hold for all.
    """

    model_config = ConfigDict(frozen=True)

    network: str
    site: str
    dataset: str
    bundle: str
    accepted: bool
    rule: str | None = None
    message: str = ""
    records: int = 0
    read: int = 0
    good: int = 0
    repeated: int = 0
    rejected: int = 0
    rejects: tuple[Reject, ...] = ()

    def to_bytes(self) -> bytes:
        """The receipt as JSON."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    def in_words(self) -> str:
        """The receipt as a person at the site reads it."""
        return "\n".join(_words(self))


def receipt_of(network: str, arrival: Arrival) -> Receipt:
    """What is answered to a bundle that was let in; its rows are checked meanwhile."""
    manifest, names = arrival.manifest, [*Reject.model_fields]
    key = pl.struct(KEYS[manifest.dataset]).hash()
    said: list[pl.Series] = []
    refused: list[pl.Series] = []
    listed: list[dict[str, Any]] = []
    for piece in arrival.slices:
        if piece.good.height:
            said.append(piece.good.select(key.alias("key"))["key"])
        refused.append(piece.rejects["row"].unique())
        if len(listed) < _LISTED:
            listed += piece.rejects.select(names).head(_LISTED).rows(named=True)
    good = sum(map(len, said))
    return Receipt(
        network=network,
        site=manifest.site,
        dataset=manifest.dataset,
        bundle=manifest.name,
        accepted=True,
        records=manifest.records,
        read=manifest.read,
        good=good,
        repeated=good - (pl.concat(said).n_unique() if said else 0),
        rejected=pl.concat(refused).n_unique() if refused else 0,
        rejects=tuple(Reject(**row) for row in listed[:_LISTED]),
    )


def refusal_of(signed: Signed, error: RefusedError) -> Receipt:
    """What is answered to a known site whose bundle was not let in."""
    claim = signed.claim
    return Receipt(
        network=claim.network,
        site=claim.site,
        dataset="",
        bundle=claim.manifest,
        accepted=False,
        rule=error.rule,
        message=str(error),
    )


def _words(receipt: Receipt) -> Iterator[str]:
    what = f"{receipt.site}, {receipt.dataset or 'bundle'} {receipt.bundle[:12]}"
    if not receipt.accepted:
        yield f"{what}: refused ({receipt.rule}). {receipt.message}"
        return
    yield (
        f"{what}: accepted. {receipt.records} records gave {receipt.read} rows: "
        f"{receipt.good} good (of them {receipt.repeated} said again), "
        f"{receipt.rejected} rejected."
    )
    if receipt.message:
        yield f"  {receipt.message}"
    reasons = Counter((each.column, each.rule) for each in receipt.rejects)
    for (column, rule), rows in reasons.most_common():
        yield f"  {rows} × {column or 'row'}: {rule}"
    for each in receipt.rejects[:_SHOWN]:
        read = f"read {each.read!r}, " if each.read is not None else ""
        place = ", ".join(part for part in (each.origin, each.ref) if part)
        yield f"  {place}: {each.column or 'row'}: {read}expected {each.expected}"
    if receipt.rejected and len(receipt.rejects) > _SHOWN:
        yield f"  … and more, {receipt.rejected} rows in all; --json lists them."
