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
_USED = (
    " from material as m left join fact_batch as b"
    " on m.site = b.site and m.batch = b.batch"
    " where list_contains($named, m.site)"
    " and ($lot is null or m.lot = $lot)"
    " and ($kind is null or m.kind = $kind)"
    " and ($supplier is null or m.supplier = $supplier)"
)


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
    found = snapshot.rows(
        "select m.kind, m.supplier, m.lot, m.site,"
        " cast(count(distinct m.batch) as bigint) as used,"
        " cast(count(distinct case when not b.in_process then m.batch end) as bigint)"
        " as ended, cast(count(distinct case when b.no_product then m.batch end)"
        " as bigint) as failed, min(b.started) as first, max(b.started) as last,"
        f" max(m.expires) as expires, 1 as pooled_from{_USED}"
        " group by all"
        " order by last desc nulls last, m.kind, m.supplier, m.lot, m.site",
        {
            "named": list(scope(snapshot, viewer, filters, None).named),
            **_asked(filters),
        },
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
    asked = _asked(filters)
    named = _listable(snapshot, viewer, filters) if asked["lot"] else []
    return snapshot.rows(
        "select m.kind, m.supplier, m.lot, m.site, m.batch, b.product, b.pathway,"
        " b.started, b.harvested, b.first_release, b.infused, b.ended,"
        " case when b.batch is null then 'never sent'"
        " when b.infused is not null then 'infused'"
        " when b.in_process then 'in process'"
        " when b.first_release is not null and b.ended is null"
        " then 'released, not infused'"
        " when b.first_release is not null then 'released, never infused'"
        " else 'gave no product' end as stands, m.expires"
        f"{_USED} order by b.started desc nulls first, m.site, m.batch, m.kind"
        f" limit {MOST_BATCHES}",
        {"named": named, **asked},
    ).with_columns(pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason"))


def lot_asked(viewer: Viewer, filters: Filters) -> tuple[Lot, ...]:
    """The lots of the number in the address that this viewer's sites used."""
    if not _asked(filters)["lot"]:
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


def _asked(filters: Filters) -> dict[str, str | None]:
    """The lot in the address, as the contract writes it; its supplier and kind."""
    number = lot_number(filters.extra.get("lot", ""))
    return {
        "lot": number or None,
        "kind": filters.extra.get("kind") or None,
        "supplier": filters.extra.get("supplier") or None,
    }


def _listable(snapshot: Snapshot, viewer: Viewer, filters: Filters) -> list[str]:
    """The sites whose batches this viewer may see one by one."""
    named = scope(snapshot, viewer, filters, None).named
    return [s for s in named if viewer.role == "lead" or s == viewer.site]
