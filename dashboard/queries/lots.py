"""Lots that the whole network's batches speak against, told to those who used them.

A lot is judged by the batches of all sites together, whoever asks and whatever is
filtered. That a lot is listed is told to every site that used it; by whom else it was
used, and how often, is told to nobody but the lead.
"""

from dataclasses import replace

import polars as pl

from dashboard.analysis import lots
from dashboard.filters import Filters
from dashboard.queries.batches import classes, conditions
from dashboard.queries.disclosure import disclose, scope
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer

_NETWORK = ("events", "n", "expected", "flag_at", "chance")


def listed_lots(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a listed lot and named site that used it: kind, supplier, lot, site.

    `used` are the site's batches made with it, in process or not, `ended` those that
    have ended and `failed` those of them without a product. The lot's own figures over
    the network (`lots.judged`) are null for everybody but the lead.
    """
    snapshot = current()
    judged = _listed(snapshot)
    condition, parameters = conditions(
        replace(filters, start=None, end=None, pathway=())
    )
    mine = snapshot.rows(
        "select r.kind, r.supplier, r.lot, r.site,"
        " cast(sum(r.batches) as bigint) as used,"
        " cast(sum(r.ended) as bigint) as ended,"
        " cast(sum(r.failed) as bigint) as failed, 1 as pooled_from"
        f" from rollup_material as r{classes(filters)}"
        " where r.lot in (select unnest(cast($lots as varchar[])))"
        f" and list_contains($named, r.site) and {condition}"
        " group by all order by r.kind, r.supplier, r.lot, r.site",
        {
            "lots": judged["lot"].unique().to_list(),
            "named": list(scope(snapshot, viewer, filters, None).named),
            **parameters,
        },
    )
    found = mine.join(judged, on=[*lots.KEY], maintain_order="left")
    shown = disclose(snapshot, viewer, found, ("used", "ended", "failed"))
    known = pl.lit(viewer.role == "lead")
    return shown.with_columns(pl.when(known).then(pl.col(c)).alias(c) for c in _NETWORK)


@kept
def _listed(snapshot: Snapshot) -> pl.DataFrame:
    """The lots that are listed, judged by the batches of all sites and products."""
    uses = snapshot.rows(
        "select kind, supplier, lot, product, site, cast(sum(ended) as bigint) as n,"
        " cast(sum(failed) as bigint) as events from rollup_material group by all"
        " order by kind, supplier, lot, product, site"
    )
    return lots.judged(uses).filter("listed")
