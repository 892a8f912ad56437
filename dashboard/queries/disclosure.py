"""The one point through which every figure leaves: who is shown, and which counts.

A viewer sees some sites by name; the others are pooled under one heading whose
membership no filter can change, so that no two answers differ by one hidden site. One
batch of an autologous product is one patient: counts under the audience's threshold are
held back, and a hidden value is null with its reason, never zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dashboard.filters import Filters
from dashboard.publication import Group
from dashboard.queries.publishing import publishing
from dashboard.queries.snapshot import Snapshot, audience
from dashboard.viewer import Viewer

DATA = "data"
ZERO = "zero"
NOT_REPORTED = "not_reported"
SUPPRESSED = "suppressed"
NOT_APPLICABLE = "not_applicable"

FEWEST_POOLED = 5
_POOLING = ("authority", "site", "public")
WITHHELD = (
    "its site does not publish this, or has not signed in time, or it is not the"
    " network's rule to show it to you"
)
POOLS = {"peers": "Peers", "other-regions": "Other regions", "network": "Network"}


@dataclass(frozen=True)
class Scope:
    """Which sites an answer may speak of (`site`) and under which heading (`shown`)."""

    site: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The sites that this viewer sees by name."""
        return tuple(s for s in dict.fromkeys(self.shown) if s not in POOLS)

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The scope as query parameters; SQL unnests both lists side by side."""
        return {"sites": list(self.site), "shown": list(self.shown)}

    @property
    def frame(self) -> pl.DataFrame:
        """One row a site, with its heading."""
        text = {"site": pl.String, "shown": pl.String}
        return pl.DataFrame({"site": self.site, "shown": self.shown}, schema=text)


# With their type, since a scope may be empty.
SCOPE = (
    "(select unnest(cast($sites as varchar[])) as site,"
    " unnest(cast($shown as varchar[])) as shown)"
)


def heading(viewer: Viewer, site: str, region: str) -> str:
    """The name under which `viewer` sees a site: its slug, or a pool's heading."""
    match viewer.role:
        case "lead":
            return site
        case "authority":
            return site if region == viewer.region else "other-regions"
        case "site":
            return site if site == viewer.site else "peers"
        case _:
            return "network"


def overseeing(viewer: Viewer) -> Viewer:
    """As whom `viewer` looks at what arrived: a data manager sees every site's."""
    return Viewer("lead") if viewer.role == "data_manager" else viewer


def scope(
    snapshot: Snapshot,
    viewer: Viewer,
    filters: Filters,
    group: Group | None = "batches",
) -> Scope:
    """The member sites that `filters` ask for, each under the heading of `viewer`.

    Filters choose among named sites only: a pool is always whole, otherwise two links
    that differ by one site would subtract to that site. A site that does not publish
    the figures of `group` to this viewer is not among them, and so in no total; facts
    of the network's own (None) are everybody's.
    """
    published = publishing(snapshot, viewer, group)
    kept = [
        (site, shown)
        for site, region in snapshot.members
        for shown in (heading(viewer, site, region),)
        if published(site, shown)
        and (
            shown in POOLS
            or (
                (not filters.site or site in filters.site)
                and (not filters.region or region in filters.region)
            )
        )
    ]
    return Scope(tuple(s for s, _ in kept), tuple(shown for _, shown in kept))


def openly(snapshot: Snapshot, viewer: Viewer, whole: Scope) -> tuple[Scope, Scope]:
    """The part of a scope of which the viewer sees every count, and the other part.

    A lead's own rule holds for single sites only, since nobody is pooled for it.
    """
    every = viewer.role == "lead" or audience_rule(snapshot, viewer)[0] <= 1
    pairs = [*zip(whole.site, whole.shown, strict=True)]
    free = [p for p in pairs if p[1] not in POOLS and (every or p[1] == viewer.site)]
    return tuple(
        Scope(tuple(s for s, _ in part), tuple(shown for _, shown in part))
        for part in (free, [p for p in pairs if p not in free])
    )  # type: ignore[return-value]


def headed(
    snapshot: Snapshot,
    viewer: Viewer,
    filters: Filters,
    by: Sequence[str],
    group: Group | None = "batches",
) -> Scope:
    """The scope with regions as headings where `by` names them, else as it is.

    A pool stays the pool it is, and a site stays itself in its own eyes: its region
    would be none but itself.
    """
    found = scope(snapshot, viewer, filters, group)
    if "region" not in by or viewer.role == "site":
        return found
    regions = dict(snapshot.members)
    shown = (
        s if s in POOLS else regions[site]
        for site, s in zip(found.site, found.shown, strict=True)
    )
    return Scope(found.site, tuple(shown))


def disclose(
    snapshot: Snapshot,
    viewer: Viewer,
    frame: pl.DataFrame,
    counts: Sequence[str],
    beside: Sequence[str] = (),
) -> pl.DataFrame:
    """`frame` with `state` and `reason`, its `counts` null where they are held back.

    The threshold comes before the rounding. A row has the column `site` (the heading)
    and `pooled_from`, the number of sites behind it, which is taken away here. Figures
    `beside` the counts are nobody's treatment and decide nothing, but go with them.
    """
    threshold, rounding = audience_rule(snapshot, viewer)
    if viewer.role == "lead" and threshold <= 0 and rounding <= 1:
        none = pl.lit(False)
        return _marked(frame, counts, none, (none, pl.lit(0))).drop("pooled_from")
    own = pl.col("site") == (viewer.site or "")
    strictest = max(threshold, pooled_least(snapshot, "patients"))
    if viewer.role == "lead":
        strictest = threshold
    pooled = pl.col("site").is_in([*POOLS])
    few = pooled & (pl.col("pooled_from") < FEWEST_POOLED) & (viewer.role != "lead")
    least = pl.when(pooled).then(strictest).otherwise(threshold)
    small = ~own & pl.any_horizontal(
        pl.lit(False), *((pl.col(c) > 0) & (pl.col(c) < least) for c in counts)
    )
    marked = _marked(frame, counts, few, (small, least))
    hidden = pl.col("state") == SUPPRESSED
    return marked.with_columns(
        *(pl.when(~hidden).then(rounded(c, rounding)).alias(c) for c in counts),
        *(pl.when(~hidden).then(pl.col(c)).alias(c) for c in beside),
    ).drop("pooled_from")


def parted(
    snapshot: Snapshot, viewer: Viewer, parts: pl.DataFrame, by: Sequence[str]
) -> pl.DataFrame:
    """Rows by site under the heading of the total they are part of, pools marked."""
    pool = pl.col("site").is_in([*POOLS])
    heading = pl.lit("network")
    if "region" in by:
        found = headed(snapshot, viewer, Filters(), by, None)
        named = dict(zip(found.site, found.shown, strict=True))
        heading = pl.when(pool).then("site").otherwise(pl.col("site").replace(named))
    return parts.with_columns(pool.alias("pool"), heading.alias("site"))


def withheld(
    totals: pl.DataFrame, parts: pl.DataFrame, keys: list[str], columns: Sequence[str]
) -> pl.DataFrame:
    """The totals without those from which a viewer could subtract what it sees.

    `parts` are the headings that a total (by `keys`) is made of. It goes when one of
    them alone is held back, or when the pool is.
    """
    hidden = pl.col("state") == SUPPRESSED
    if parts.filter(hidden).is_empty():
        return totals
    telling = (
        parts.with_columns(hidden=hidden, pool=hidden & pl.col("pool"))
        .group_by(keys)
        .agg(
            pl.col("reason").filter("hidden").first().alias("why"),
            ((pl.col("hidden").sum() == 1) | pl.col("pool").any()).alias("telling"),
        )
        .filter("telling")
    )
    why = pl.col("why").is_not_null()
    return (
        totals.join(
            telling, on=keys, how="left", nulls_equal=True, maintain_order="left"
        )
        .with_columns(
            *(pl.when(~why).then(pl.col(c)).alias(c) for c in columns),
            pl.when(why).then(pl.lit(SUPPRESSED)).otherwise("state").alias("state"),
            pl.coalesce("why", "reason").alias("reason"),
        )
        .drop("why", "telling")
    )


def _silent(counts: Sequence[str]) -> pl.Expr:
    """Whether none of these counts was reported."""
    if not counts:
        return pl.lit(False)
    return pl.all_horizontal(*(pl.col(c).is_null() for c in counts))


def _nothing(counts: Sequence[str]) -> pl.Expr:
    """Whether none of these counts has anything."""
    if not counts:
        return pl.lit(False)
    return pl.all_horizontal(*(pl.col(c).fill_null(0) == 0 for c in counts))


def _marked(
    frame: pl.DataFrame,
    counts: Sequence[str],
    few: pl.Expr,
    small: tuple[pl.Expr, pl.Expr],
) -> pl.DataFrame:
    """`frame` with the state of each row and, where it hides something, why."""
    silent, nothing = _silent(counts), _nothing(counts)
    too_small, threshold = small
    return frame.with_columns(
        pl.when(silent)
        .then(pl.lit(NOT_REPORTED))
        .when(few)
        .then(pl.lit(SUPPRESSED))
        .when(nothing)
        .then(pl.lit(ZERO))
        .when(too_small)
        .then(pl.lit(SUPPRESSED))
        .otherwise(pl.lit(DATA))
        .alias("state"),
        pl.when(silent)
        .then(pl.lit("not reported"))
        .when(few)
        .then(pl.lit(f"fewer than {FEWEST_POOLED} sites stand behind it"))
        .when(~nothing & too_small)
        .then(pl.format("a count under {} could point to a patient", threshold))
        .alias("reason"),
    )


def audience_rule(snapshot: Snapshot, viewer: Viewer) -> tuple[int, int]:
    """The smallest count shown to this audience, and what counts are rounded to."""
    values = audience(snapshot.rules, viewer)
    return int(values.get("threshold", 0)), int(values.get("rounding", 0))


def pooled_least(snapshot: Snapshot, kind: str) -> int:
    """The smallest count of a kind that is shown of a pool, whoever's pool it is.

    The strictest of all audiences that are shown pools, since they are shown parts of
    the same sum.
    """
    rules = snapshot.rules["disclosure"]
    return max(_least(rules.get(audience), kind) for audience in _POOLING)


def _least(rule: object, kind: str) -> int:
    values = rule if isinstance(rule, dict) else {}
    named = values.get(kind)
    return int(values.get("threshold", 0) if named is None else named)


def rounded(column: str, to: int) -> pl.Expr:
    """A count to the nearest multiple of `to`, halves away from zero."""
    if to <= 1:
        return pl.col(column)
    return ((pl.col(column) / to).round() * to).cast(pl.Int64)
