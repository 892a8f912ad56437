"""Every batch judged again: what would have become of it under any specification.

The answers were brought to the questions' units when the run published; here they are
laid against limits, and only counts of batches leave, as `disclose` left them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.analysis import versions
from dashboard.filters import Filters
from dashboard.queries.asked import Asked
from dashboard.queries.batches import conditions
from dashboard.queries.disclosure import SCOPE, disclose, openly, scope
from dashboard.queries.pooled import told_cells
from dashboard.queries.snapshot import Snapshot, current
from dashboard.viewer import Viewer
from etl.contract.schemas import SCHEMAS
from etl.panel import Panel
from etl.panel_tables import read_panel
from etl.tally import Flags, Tally, demanded, failing, judged
from etl.usual import counted_as

OWN: Final = "own"
COUNTS: Final = ("n", "passed", "sole", "shared", "undetermined")
_PRODUCTS_KEPT: Final = 16
_TALLIES_KEPT: Final = 256
_SPECIFICATION: Final = SCHEMAS["criterion"].create_empty().schema
_CAUSE: Final = {"cause": pl.String, "failed": pl.Boolean, "sole": pl.Boolean}


@dataclass(frozen=True)
class Under:
    """A specification to be judged under, and how.

    `literally` asks it in the very cells it names; otherwise each site is asked in the
    cells in which it counts (`etl.usual.counted_as`).
    """

    criteria: pl.DataFrame
    literally: bool = False

    @property
    def said(self) -> tuple[tuple[object, ...], ...]:
        """What it asks, as a value that can be compared."""
        return tuple(self.criteria.select([*_SPECIFICATION]).rows())


def replayed(
    viewer: Viewer, filters: Filters, product: str, specifications: Mapping[str, Under]
) -> pl.DataFrame:
    """One row a site (or pool) and specification: how many of its batches would pass.

    `OWN` is added to them: each batch under its site's version in force when it was
    made. Of `n` ended batches that came to their tests, `passed`; `sole` and `shared`
    fail, in one requirement or in several; `undetermined` lack a result that would
    decide.
    """
    snapshot = current()
    chosen = tested(snapshot, viewer, filters, product)
    members = members_of(snapshot, product)
    fates = {OWN: as_made(chosen)}
    for name, under in specifications.items():
        tally = tally_of(members, under.said, under.literally)
        if tally.asked:
            fates[name] = _flags(tally, chosen)
    parts = [
        by_heading(chosen, fate.with_columns(specification=pl.lit(name)), COUNTS[1:])
        for name, fate in fates.items()
    ]
    return disclose(snapshot, viewer, pl.concat(parts), COUNTS)


def causes(
    viewer: Viewer, filters: Filters, product: str, under: Under
) -> pl.DataFrame:
    """One row a site (or pool) and requirement: batches that fail it, or it alone.

    `cause` is the parameter, or the name of an or-group; `sole` of the `failed` fail
    nothing else.
    """
    snapshot = current()
    chosen = tested(snapshot, viewer, filters, product)
    members = members_of(snapshot, product)
    here = chosen["position"].to_numpy()
    alone = tally_of(members, under.said, under.literally).cause[here]
    empty = pl.DataFrame(schema=_CAUSE)
    parts = [by_heading(chosen.clear(), empty, ("failed", "sole"))]
    failing_it = failing_of(members, under.said, under.literally)
    for name, numbers in demanded(under.criteria).items():
        fails, sole = failing_it[name][here], np.isin(alone, numbers)
        flags = pl.DataFrame({"cause": name, "failed": fails, "sole": sole})
        parts.append(by_heading(chosen, flags, ("failed", "sole")))
    return disclose(snapshot, viewer, pl.concat(parts), ("n", "failed", "sole"))


@dataclass(frozen=True, eq=False)
class Members:
    """A product's batches, site by site, and what each site asks of its own today."""

    panel: Panel
    spans: tuple[tuple[str, int, int], ...]
    place: NDArray[np.uint32]
    own: Mapping[str, pl.DataFrame]

    def judged(self, under: Under) -> Tally:
        """Every batch under one specification."""
        parts = [
            judged(self.panel.part(first, last), self.asked(site, under))
            for site, first, last in self.spans
        ]
        none = np.zeros(0, np.uint8)
        return Tally(
            np.concatenate([none, *(part.passed for part in parts)]),
            np.concatenate([none, *(part.failed for part in parts)]),
            np.concatenate([none, *(part.cause for part in parts)]),
            parts[0].asked if parts else 0,
        )

    def failing(self, under: Under) -> Mapping[str, Flags]:
        """The batches that fail any requirement about a thing, by what it is about."""
        about = demanded(under.criteria)
        fails = {name: np.zeros(self.panel.height, np.bool_) for name in about}
        for site, first, last in self.spans:
            theirs, asked = self.panel.part(first, last), self.asked(site, under)
            for name, numbers in about.items():
                fails[name][first:last] = failing(theirs, asked, numbers)
        return fails

    def asked(self, site: str, under: Under) -> pl.DataFrame:
        """What a specification asks of a site: in the cells in which it counts."""
        own = self.own.get(site)
        if under.literally or own is None:
            return under.criteria
        return counted_as(under.criteria, own)


@lru_cache(maxsize=_PRODUCTS_KEPT)
def members_of(snapshot: Snapshot, product: str) -> Members:
    """The panel of a product, read once from each snapshot."""
    criteria = snapshot.rows(
        "select *, (valid_from is null or valid_from <= cast($day as date))"
        " and (valid_to is null or valid_to >= cast($day as date)) as current"
        " from criterion where product = $product",
        {"product": product, "day": snapshot.as_of},
    )
    held = versions.in_force(criteria).partition_by("site", as_dict=True)
    laid = read_panel(snapshot.rows, product)
    return Members(
        *(laid.panel, laid.spans, laid.place),
        {str(site): rows for (site,), rows in held.items()},
    )


@lru_cache(maxsize=_TALLIES_KEPT)
def tally_of(
    members: Members, said: tuple[tuple[object, ...], ...], literally: bool
) -> Tally:
    """Kept by what is asked: viewers and filters only choose from it."""
    criteria = pl.DataFrame([*said], schema=_SPECIFICATION, orient="row")
    return members.judged(Under(criteria, literally))


@lru_cache(maxsize=_TALLIES_KEPT)
def failing_of(
    members: Members, said: tuple[tuple[object, ...], ...], literally: bool
) -> Mapping[str, Flags]:
    """Who fails what of a specification, kept as a tally is."""
    criteria = pl.DataFrame([*said], schema=_SPECIFICATION, orient="row")
    return members.failing(Under(criteria, literally))


def tested(
    snapshot: Snapshot, viewer: Viewer, filters: Filters, product: str
) -> pl.DataFrame:
    """The batches to be judged: position in the panel, heading, fate by own criteria.

    A batch that was lost before its harvest has no results to judge.
    """
    place = members_of(snapshot, product).place
    condition, parameters = conditions(filters)
    begun = condition.replace("r.month", "cast(date_trunc('month', r.started) as date)")
    found = snapshot.rows(
        "select b.position, s.shown as site, r.site as member, o.failed,"
        " o.undetermined, r.product, r.pathway,"
        " cast(date_trunc('quarter', r.started) as date) as begins"
        " from replay_batch as b"
        " join fact_batch as r on b.site = r.site and b.batch = r.batch"
        " left join (select site, batch, sum(failed) as failed,"
        " sum(undetermined) as undetermined from gate_outcome group by all) as o"
        " on b.site = o.site and b.batch = o.batch"
        f" join {SCOPE} as s on r.site = s.site"
        " left join product as p on r.product = p.product"
        " where b.product = $panel and r.counted"
        " and r.ended_as not in ('in_process', 'terminated')"
        f" and {begun}",
        {
            "panel": product,
            **scope(snapshot, viewer, filters).parameters,
            **parameters,
        },
    )
    here = pl.Series(place[found["position"].to_numpy()])
    placed = found.with_columns(here.alias("position")).sort("position")
    return _in_whole_blocks(
        snapshot, viewer, placed, replace(filters, product=(product,))
    )


def _in_whole_blocks(
    snapshot: Snapshot, viewer: Viewer, batches: pl.DataFrame, filters: Filters
) -> pl.DataFrame:
    """The batches, of a pool only those of blocks that are told as a whole."""
    free, hidden = openly(snapshot, viewer, scope(snapshot, viewer, filters))
    if not hidden.site:
        return batches.drop("product", "pathway", "begins")
    asked = Asked(filters, "rollup_batch", ("fails_own", "fails_own_of"), ("site",))
    cells = told_cells(snapshot, asked)
    words = ["product", "pathway", "begins"]
    whole = batches.with_row_index().join(cells, on=words, how="semi")["index"]
    told = pl.int_range(pl.len()).is_in(whole.implode())
    kept = batches.filter(pl.col("member").is_in([*free.site]) | told)
    return kept.drop(words)


def _flags(tally: Tally, chosen: pl.DataFrame) -> pl.DataFrame:
    position = chosen["position"].to_numpy()
    failed = tally.failed[position]
    return pl.DataFrame(
        {
            "passed": tally.passes[position],
            "sole": failed == 1,
            "shared": failed > 1,
            "undetermined": tally.undetermined[position],
        }
    )


def as_made(chosen: pl.DataFrame) -> pl.DataFrame:
    """As judged result by result when the run published, by the version in force."""
    failed, unknown = pl.col("failed"), pl.col("undetermined")
    return chosen.select(
        ((failed == 0) & (unknown == 0)).fill_null(False).alias("passed"),
        (failed == 1).fill_null(False).alias("sole"),
        (failed > 1).fill_null(False).alias("shared"),
        ((failed == 0) & (unknown > 0)).fill_null(True).alias("undetermined"),
    )


def by_heading(
    chosen: pl.DataFrame, flags: pl.DataFrame, columns: tuple[str, ...]
) -> pl.DataFrame:
    """The flags' sums by heading, and by what they are about (their other column)."""
    both = pl.concat([chosen.select("site", "member"), flags], how="horizontal")
    about = [name for name in flags.columns if name not in columns]
    return both.group_by("site", *about, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("n"),
        *(pl.col(name).sum().cast(pl.Int64) for name in columns),
        pl.col("member").n_unique().alias("pooled_from"),
    )
