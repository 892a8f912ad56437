"""Release criteria: what each site asks of its batches, beside what papers printed.

A limit is no patient's and holds no count; who may see whose follows the same scope as
everything else. Published programmes are open to every viewer and never members.
"""

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.disclosure import DATA, scope
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer


def criteria(viewer: Viewer, filters: Filters, published: bool = False) -> pl.DataFrame:
    """The contract's `criterion` rows of the sites seen by name, all versions.

    `kind` is the site's kind, `current` says whether the version is in force on the
    network's day. With `published`, the published programmes of the same product
    classes follow the members.
    """
    snapshot = current()
    named = scope(snapshot, viewer, filters).named
    return snapshot.rows(
        "select c.*, st.name, st.kind, p.product_class, p.title,"
        " (c.valid_from is null or c.valid_from <= cast($day as date))"
        " and (c.valid_to is null or c.valid_to >= cast($day as date)) as current"
        " from criterion as c join site as st on c.site = st.site"
        " left join product as p on c.product = p.product"
        " where (list_contains($named, c.site) or ($published"
        " and st.kind = 'published'))"
        " and ($product is null or list_contains($product, c.product)"
        " or st.kind = 'published')"
        " and ($class is null or list_contains($class, p.product_class))"
        " order by st.kind = 'published', c.site, c.product, c.spec_version,"
        " c.parameter",
        {
            "named": list(named),
            "published": published,
            "day": snapshot.as_of,
            "product": list(filters.product) or None,
            "class": list(filters.product_class) or None,
        },
    ).with_columns(pl.lit(DATA).alias("state"), pl.lit(None, pl.String).alias("reason"))
