"""Counts by stratum in place of batches, made at a site that lets no batch out.

They are made by the same checks and the same statements that the hub runs over the
batches of other sites, so that a rate means the same whichever way it came. What the
hub cannot do with counts, nobody can: no list of batches, no duration, no parameter.
Neither can a site know what most members ask of a batch, so the usual criteria are not
judged here, nor results that a laboratory sends to the hub.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import duckdb
import polars as pl

from etl.build import product_rows, site_rows
from etl.bundle import PART, Bundle, Manifest, Part
from etl.check import ROW, check
from etl.contract.reporting import BATCH_LEVEL, STRATUM
from etl.contract.schemas import KEYS, SCHEMAS
from etl.contract.version import CONTRACT
from etl.mapping import REJECT_SCHEMA
from etl.marts import build_marts
from etl.network import Network, Site

SOURCE: Final = "counts"
_WHY: Final = ("row", "column", "rule")
_KEY: Final = ("product", "pathway", "process", "starting_material", "period")


@dataclass
class Aggregation:
    """One site's batches, counted; `notes` say what could not be counted and why.

    `network` holds this site alone.
    """

    network: Network
    site: Site
    notes: list[str] = field(default_factory=list)
    _rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    _read: list[str] = field(default_factory=list)

    def counted(self, bundles: Iterable[Bundle]) -> Iterator[Bundle]:
        """The bundles that hold no batch as they are, then one of counts.

        None of counts where a dataset that they are made of could not be read: without
        its decisions a batch would look lost.
        """
        for bundle in bundles:
            name = bundle.manifest.dataset
            if name in BATCH_LEVEL or name == "criterion":
                self._take(bundle)
            if name not in BATCH_LEVEL:
                yield bundle
        promised = {rules.name for rules in self.site.datasets}
        missing = (promised & {*BATCH_LEVEL, "criterion"}) - {*self._rows}
        if missing:
            names = ", ".join(sorted(missing))
            self.notes.append(f"Nothing was counted: {names} could not be read.")
        elif "batch" in self._rows:
            yield self._bundle(strata(self._rows, self.network))

    def _take(self, bundle: Bundle) -> None:
        """Check the rows here, as the hub would, and keep the good ones to count."""
        name = bundle.manifest.dataset
        good: list[pl.DataFrame] = [SCHEMAS[name].create_empty()]
        refused = [pl.DataFrame(schema=REJECT_SCHEMA).select(_WHY)]
        for piece in check(bundle, self.network).slices:
            if piece.good.height:
                good.append(piece.good.select(SCHEMAS[name].column_names()))
            refused.append(piece.rejects.select(_WHY))
        whole = pl.concat(good, how="vertical_relaxed")
        self._rows[name] = whole.unique(KEYS[name], keep="last", maintain_order=True)
        self._read.append(bundle.manifest.mapping)
        self._note_refused(name, bundle.manifest.read, pl.concat(refused))

    def _note_refused(self, dataset: str, read: int, refused: pl.DataFrame) -> None:
        if refused.height:
            reasons = refused.group_by("column", "rule").len().sort("len").reverse()
            told = ", ".join(f"{c or 'row'}: {r} ({n})" for c, r, n in reasons.rows())
            self.notes.append(
                f"Of {read} rows of `{dataset}`, {refused['row'].n_unique()} were "
                f"refused here and are in no count: {told}."
            )

    def _bundle(self, counts: pl.DataFrame) -> Bundle:
        now, height = datetime.now(UTC), counts.height
        part = Part(
            source=SOURCE,
            kind=SOURCE,
            location=STRATUM,
            records=height,
            read=height,
            compared=now,
        )
        manifest = Manifest(
            contract=CONTRACT,
            site=self.site.slug,
            dataset=STRATUM,
            extracted_at=now,
            full=height > 0,
            empty=height == 0,
            mapping=hashlib.sha256("".join(self._read).encode()).hexdigest(),
            records=height,
            read=height,
            parts=(part,),
        )
        number = pl.int_range(pl.len(), dtype=pl.Int64)
        rows = counts.select(
            pl.lit(self.site.slug).alias("site"),
            pl.all().cast(pl.String),
            number.alias(ROW),
            pl.lit(0, pl.Int64).alias(PART),
            _origin=pl.lit("counted at the site"),
            _ref=pl.format("row {}", number + 1),
        )
        return Bundle(manifest, rows.lazy(), pl.LazyFrame(schema=REJECT_SCHEMA))


def strata(rows: dict[str, pl.DataFrame], network: Network) -> pl.DataFrame:
    """The contract's `stratum` rows, without `site`, of one site's checked rows."""
    held = {
        **{name: schema.create_empty() for name, schema in SCHEMAS.items()},
        **rows,
        "site": site_rows(network),
        "product": product_rows(network),
    }
    columns = [c for c in SCHEMAS[STRATUM].column_names() if c not in ("site", *_KEY)]
    sums = ", ".join(f"cast(sum({name}) as bigint) as {name}" for name in columns)
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'")
        for name, frame in held.items():
            connection.register("_frame", frame.to_arrow())
            connection.execute(f'create table "{name}" as from _frame')
            connection.unregister("_frame")
        build_marts(connection, network.today())
        counts: pl.DataFrame = connection.sql(
            "select product, pathway, process, starting_material, "
            f"strftime(month, '%Y-%m') as period, {sums} from rollup_batch "
            "group by all order by all"
        ).pl()
    return counts
