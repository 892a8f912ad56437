"""Release criteria: what each site asks of its batches, beside what papers printed.

A limit is no patient's and holds no count; who may see whose follows the same scope as
everything else. Published programmes are open to every viewer and never members.
"""

from collections.abc import Sequence

import polars as pl

from dashboard.analysis import agreement as agreeing
from dashboard.analysis import versions
from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, FEWEST_POOLED, SUPPRESSED, scope
from dashboard.queries.remembered import kept
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer


def criteria(viewer: Viewer, filters: Filters, published: bool = False) -> pl.DataFrame:
    """The contract's `criterion` rows of the sites seen by name, all versions.

    `kind` is the site's kind, `current` says whether the version is in force on the
    network's day. With `published`, the published programmes of the same product
    classes follow the members.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters, "criteria").named
    return _rows(snapshot, named, filters, published).with_columns(
        pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason")
    )


def agreement(
    viewer: Viewer, product: str, reference: str | None = None
) -> pl.DataFrame:
    """How far all members agree on each test of a product, in counts of pairs.

    Over the whole network, whichever sites the viewer sees by name: `sites`, `without`,
    `pairs`, `comparable`, `equal`, `share`; and where `reference` is a site seen by
    name, how it stands to the others: `same_as`, `stricter_than`, `looser_than` and
    `unlike` of them. A test that fewer than five sites have would tell one from the
    others, and is held back from who does not see them all by name. What members ask
    is theirs: the public gets no row.
    """
    snapshot = current()
    whole = scope(snapshot, viewer, Filters(), "criteria")
    asked = _rows(snapshot, whole.site, Filters(product=(product,)), False)
    held = versions.in_force(asked).with_columns(pl.lit(True).alias("member"))
    layout = agreeing.lay_out(held)
    frame = agreeing.agreement(layout)
    seen = pl.col("site") == (reference if reference in whole.named else "")
    own = agreeing.compared(layout).filter(seen)
    frame = frame.join(
        own.select("gate", "stage", "parameter", *agreeing.STANDING),
        on=["gate", "stage", "parameter"],
        how="left",
    )
    if viewer.audience == "public":
        frame = frame.clear()
    unseen = not set(held["site"]) <= set(whole.named)
    few = (pl.col("sites") < FEWEST_POOLED) & unseen
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    return frame.with_columns(
        *(pl.when(~few).then(pl.col(name)).alias(name) for name in numbers),
        pl.when(few).then(pl.lit(SUPPRESSED)).otherwise(pl.lit(DATA)).alias("state"),
        pl.when(few)
        .then(pl.lit(f"fewer than {FEWEST_POOLED} sites have this test"))
        .alias("reason"),
    )


def _rows(
    snapshot: Snapshot, sites: Sequence[str], filters: Filters, published: bool
) -> pl.DataFrame:
    paper = pl.col("kind") == "published"
    asked = pl.col("site").is_in(sites) | (paper & published)
    if filters.product:
        asked &= pl.col("product").is_in(filters.product) | paper
    if filters.product_class:
        asked &= pl.col("product_class").is_in(filters.product_class)
    return specified(snapshot).filter(asked)


@kept
def specified(snapshot: Snapshot) -> pl.DataFrame:
    """All criteria, of papers last, with whether the version is in force today."""
    day = snapshot.as_of
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= day)
    lasting = pl.col("valid_to").is_null() | (pl.col("valid_to") >= day)
    return snapshot.rows(
        "select c.*, st.name, st.kind, p.product_class, p.title"
        " from criterion as c join site as st on c.site = st.site"
        " left join product as p on c.product = p.product"
        " order by st.kind = 'published', c.site, c.product, c.spec_version,"
        " c.parameter"
    ).with_columns(current=begun & lasting)
