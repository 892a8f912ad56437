"""Which batches a lot went into: for a site its own, and nothing of anybody else's.

Every question starts from the sites whose rows the viewer may see, so that a lot which
only others used and a lot that nobody used are one and the same answer. A lot is a kind
of material, a supplier and a number: two suppliers may share a number.
"""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, disclose, scope
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer
from etl.wording import lot_number

MOST_BATCHES = 50_000


@dataclass(frozen=True)
class Lot:
    """One lot of one supplier: what a recall is about."""

    kind: str
    supplier: str
    number: str

    @property
    def query(self) -> str:
        """The part of an address that names this lot and no other."""
        return f"kind={self.kind}&supplier={self.supplier}&lot={self.number}"


def lots(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a lot and named site: `used`, `ended`, `failed` batches, first, last.

    All batches that were made with it, whether they count in rates or not. The days of
    the first and the last are told to who may see single batches.
    """
    snapshot = current()
    these, parameters = _these(scope(snapshot, viewer, filters, None).named, filters)
    found = snapshot.rows(
        "select m.kind, m.supplier, m.lot, m.site,"
        " cast(sum(m.used) as bigint) as used, cast(sum(m.ended) as bigint) as ended,"
        " cast(sum(m.failed) as bigint) as failed,"
        " min(m.first_start) as first, max(m.last_start) as last,"
        " max(m.expires) as expires, 1 as pooled_from"
        f" from rollup_lot as m where {these}"
        " group by m.kind, m.supplier, m.lot, m.site"
        " order by last desc nulls last, m.kind, m.supplier, m.lot, m.site",
        parameters,
    )
    shown = disclose(snapshot, viewer, found, ("used", "ended", "failed"))
    mine = pl.col("site").is_in(_listable(snapshot, viewer, filters))
    return shown.with_columns(
        pl.when(mine).then(pl.col(day)).alias(day) for day in ("first", "last")
    )


def recall(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Every batch made with the lot that is asked for, the latest first.

    Of all sites for the lead, of its own for a site, else none. No filter but that of
    sites shortens it: a batch that a recall overlooks is a patient. A batch of which
    only the lot was ever sent is there too.
    """
    snapshot = current()
    number = _asked(filters).get("lot")
    listable = _listable(snapshot, viewer, filters) if number else []
    these, parameters = _these(listable, filters)
    return snapshot.rows(
        "select m.kind, m.supplier, m.lot, m.site, m.batch, m.product, m.pathway,"
        " m.started, m.harvested, m.first_release, m.infused, m.ended, m.stands,"
        f" m.expires from lot_batch as m where {these}"
        " order by m.started desc nulls first, m.site, m.batch, m.kind"
        f" limit {MOST_BATCHES}",
        parameters,
    ).with_columns(pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason"))


def lot_asked(viewer: Viewer, filters: Filters) -> tuple[Lot, ...]:
    """The lots of the number in the address that this viewer's sites used."""
    if "lot" not in _asked(filters):
        return ()
    keys = (
        lots(viewer, filters).select("kind", "supplier", "lot").unique().sort(pl.all())
    )
    return tuple(Lot(*row) for row in keys.iter_rows())


def on_the_list(viewer: Viewer, lot: Lot, agreed: Collection[str]) -> dict[str, str]:
    """The other sites on a lot's recall list that the viewer may know of, with names.

    All for the lead. A site that is on the list itself and `agreed` knows of those on
    it that agreed too; everybody else of none.
    """
    asking = viewer.role == "site" and viewer.site in agreed
    if viewer.role != "lead" and not asking:
        return {}
    found = current().rows(
        "select distinct m.site, s.name from material as m join site as s"
        " on m.site = s.site where m.kind = $kind and m.supplier = $supplier"
        " and m.lot = $lot order by m.site",
        {"kind": lot.kind, "supplier": lot.supplier, "lot": lot.number},
    )
    users: dict[str, str] = dict(found.iter_rows())
    if viewer.role == "lead":
        return users
    told = (s for s in users if viewer.site in users and s in agreed)
    return {site: users[site] for site in told if site != viewer.site}


def _these(
    sites: Collection[str], filters: Filters
) -> tuple[str, dict[str, list[str] | str]]:
    """The lots asked for, of these sites, as SQL over alias `m`, with parameters."""
    asked = _asked(filters)
    words = "".join(f" and m.{word} = ${word}" for word in asked)
    named = f"m.site in (select unnest(cast($named as varchar[]))){words}"
    return named, {"named": [*sites], **asked}


def _asked(filters: Filters) -> dict[str, str]:
    """The lot in the address, as the contract writes it; its supplier and kind."""
    words = {word: filters.extra.get(word, "") for word in ("lot", "kind", "supplier")}
    words["lot"] = lot_number(words["lot"])
    return {word: said for word, said in words.items() if said}


def _listable(snapshot: Snapshot, viewer: Viewer, filters: Filters) -> list[str]:
    """The sites whose batches this viewer may see one by one."""
    named = scope(snapshot, viewer, filters, None).named
    return [s for s in named if viewer.role == "lead" or s == viewer.site]
