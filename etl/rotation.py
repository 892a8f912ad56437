"""A site's key changed for another, without a batch that the network counts twice.

What was sent under a former key keeps its pseudonym as long as that key is listed:
whoever sent it knows by its pseudonyms which those are. The hub reads them in its
warehouse; a site that sends for itself keeps a list of its own. What is new gets a
pseudonym of the new key, so that the former key can be dropped once nobody asks any
more for what was sent under it; it is then another batch to the network.
"""

import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from etl.bundle import Bundle
from etl.contract.schemas import SENT
from etl.network import Site
from etl.pseudonym import pseudonym_columns
from etl.shelf import sync
from etl.store import Warehouse

# In a column, or as a record's name in the place where it stood.
_SAID: Final = "said"
# Beside the outbox of a site that sends for itself.
SENT_LIST: Final = "sent.parquet"
_PSEUDONYM: Final = r"^(?:record )?([a-z0-9]+-[0-9a-f]{16})(?:,|$)"


def remembering(
    site: Site,
    sent: Callable[[], Iterable[str]],
    withdrawn: frozenset[str] = frozenset(),
) -> Site:
    """The site, knowing what it sent under former keys; asked only if it has any.

    `withdrawn` are the marks of what it sent and has withdrawn.
    """
    if site.privacy is None or not site.privacy.former:
        return site
    told = tuple(f"{former.key_id}-" for former in site.privacy.former)
    known = frozenset(p for p in sent() if p.startswith(told))
    return replace(site, privacy=replace(site.privacy, sent=known, withdrawn=withdrawn))


def sent_to(warehouse: Warehouse, site: str) -> set[str]:
    """Every pseudonym that the hub's warehouse has from a site, also of closed rows."""
    found: set[str] = set()
    for dataset in SENT:
        for column in (*pseudonym_columns(dataset), "ref"):
            found |= _known(warehouse, dataset, column, site)
    return found | _known(warehouse, "reject", "ref", site)


def _known(warehouse: Warehouse, table: str, column: str, site: str) -> set[str]:
    query = (
        f'select distinct "{column}" as {_SAID} from {warehouse.table(table)} '
        "where sender = $site"
    )
    return _named(warehouse.query(query, {"site": site})[_SAID])


class Sent:
    """The pseudonyms that a site has sent by itself: a Parquet file of one column."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pseudonyms(self) -> set[str]:
        """All that it has sent so far."""
        return set(self._known())

    def note(self, bundle: Bundle) -> None:
        """Add what a bundle holds, before it leaves: it may have left."""
        known = self._known()
        whole = pl.concat([known, in_bundle(bundle)]).unique()
        if len(whole) == len(known):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        whole.sort().to_frame().write_parquet(temporary)
        sync(temporary)
        os.replace(temporary, self.path)

    def _known(self) -> pl.Series:
        if not self.path.exists():
            return pl.Series(_SAID, [], pl.String)
        return pl.read_parquet(self.path, memory_map=False)[_SAID]


def in_bundle(bundle: Bundle) -> pl.Series:
    """Every pseudonym of a bundle: in its columns, and where a record is named."""
    rows, rejects = bundle.rows.lazy(), bundle.rejects.lazy()
    there = rows.collect_schema().names()
    columns = (*pseudonym_columns(bundle.manifest.dataset), "_ref")
    said = [rows.select(pl.col(c).alias(_SAID)) for c in columns if c in there]
    said.append(rejects.select(pl.col("ref").alias(_SAID)))
    told = pl.concat(said).select(pl.col(_SAID).str.extract(_PSEUDONYM))
    return told.drop_nulls().unique().collect(engine="streaming")[_SAID]


def _named(said: pl.Series) -> set[str]:
    return set(said.str.extract(_PSEUDONYM).drop_nulls())
