"""Checked rows: every row is good, or is refused with the rule it broke.

Nothing vanishes. A row that says a key again counts as good and is listed as repeated;
of two that differ the later one stands, because a correction supersedes what it
corrects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import polars as pl

from etl.bundle import PART, Bundle, Manifest, translated
from etl.contract.row_rules import row_rules
from etl.contract.schemas import KEYS, SCHEMAS
from etl.fold import Arrival, Slice
from etl.guard import shown
from etl.mapping import REJECT_SCHEMA
from etl.network import Network
from etl.pieces import pieces, two_by_two
from etl.reading import Reading, Typed, read_rows
from etl.sentences import bound, not_owned, unknown_product

ROW: Final = "_row"
# Rows of a bundle that are checked at a time.
SLICE: Final = 65_536
_PLACE: Final = {ROW: pl.Int64, PART: pl.Int64, "_style": pl.Int64}
_REPEATED: Final = {
    "row": pl.Int64,
    "origin": pl.String,
    "ref": pl.String,
    "reason": pl.String,
}
_FORMATS: Final = {
    "period": "a month such as 2024-03",
    "logic_group": "a name with :and or :or behind it, such as potency:or",
}
_EVERY: Final = "all"
_FOR_ALL: Final = ("milestone", "authorisation")
_HINTS: Final = 200


@dataclass(frozen=True)
class Checked:
    """Rows in the types of their schema, rejects, and rows that said a key again.

    `good` has one row a key and `origin` and `ref` beside the schema's columns.
    `repeated` has row, origin, ref and reason. The rows checked are `good`, `repeated`
    and the distinct rows of `rejects`, and no more.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame
    repeated: pl.DataFrame

    @property
    def rejected(self) -> int:
        """How many rows were refused, whatever the number of rules each broke."""
        return self.rejects["row"].n_unique()


@dataclass(frozen=True)
class Known:
    """What the network's settings say that a row must agree with.

    `owners` are the sites for which the sender may report results; `products` is None
    where the settings do not list them, as for publications.
    """

    owners: frozenset[str]
    products: frozenset[str] | None = None


def check(bundle: Bundle, network: Network) -> Arrival:
    """A bundle whose rows are checked, slice by slice, when they are asked for."""
    manifest = bundle.manifest
    names = pl.Series([part.entry for part in manifest.parts])
    entry = pl.col(PART).replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    keys = bundle.keys.select("ref", "said", entry=entry)
    return Arrival(manifest, _slices(translated(bundle), network), keys)


def _slices(bundle: Bundle, network: Network) -> Iterator[Slice]:
    manifest = bundle.manifest
    reading = Reading(
        manifest.site, [part.styles for part in manifest.parts], network.today()
    )
    known = _known(network, manifest.site)
    for rejects in pieces(bundle.rejects, SLICE):
        told = rejects.select(*REJECT_SCHEMA, _entry(rejects["row"], manifest))
        yield Slice(pl.DataFrame(), told)

    def judge(rows: pl.DataFrame) -> Slice:
        good, rejects = _judged(rows, manifest.dataset, reading, known)
        return Slice(
            good.with_columns(_entry(good[ROW], manifest)),
            rejects.with_columns(_entry(rejects["row"], manifest)),
        )

    yield from two_by_two(judge, pieces(bundle.rows, SLICE))


def _entry(rows: pl.Series, manifest: Manifest) -> pl.Series:
    """The entry that each row was read by: entries are numbered one after the other."""
    ends = pl.Series(accumulate(part.read for part in manifest.parts[:-1]))
    names = pl.Series("entry", [part.entry for part in manifest.parts])
    return names[ends.cast(pl.Int64).search_sorted(rows, side="right")]


def check_rows(
    frame: pl.DataFrame, dataset: str, reading: Reading, known: Known
) -> Checked:
    """The rows of a mapped frame, checked cell by cell, then row by row, then by key.

    `_row` is each row's number in the extract (its place where there is none), `_part`
    and `_style` say how it was written (the first way where they are missing).
    """
    passed, rejects = _judged(frame, dataset, reading, known)
    good, repeated = _once(passed, dataset)
    return Checked(good.drop(ROW), rejects, repeated)


def _judged(
    frame: pl.DataFrame, dataset: str, reading: Reading, known: Known
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The good rows with `_row`, and the rejects."""
    rows = _complete(frame, dataset)
    typed = read_rows(rows, dataset, reading)
    rejects = pl.concat(
        [
            pl.DataFrame(schema=REJECT_SCHEMA),
            *_of_cells(rows, typed),
            *_of_columns(rows, typed, dataset),
            *_of_rows(rows, typed, dataset),
            *_of_settings(rows, typed, dataset, reading.site, known),
        ]
    ).with_columns(site=pl.lit(reading.site), dataset=pl.lit(dataset))
    passed = typed.frame.with_columns(rows.select(ROW, origin="_origin", ref="_ref"))
    refused = rejects["row"].unique()
    good = passed.filter(~pl.col(ROW).is_in(refused.implode()))
    return good, _shown(rejects).sort("row")


def _known(network: Network, site: str) -> Known:
    """A site speaks for itself, a laboratory for whoever names it."""
    served = (s.slug for s in network.sites.values() if site in s.info.laboratories)
    member = network.sites.get(site)
    published = member is None or member.info.kind == "published"
    products = frozenset(product.product for product in network.products)
    return Known(frozenset((site, *served)), None if published else products)


def _complete(frame: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """The frame with a column for everything the contract has, empty if not mapped."""
    wanted = dict.fromkeys(SCHEMAS[dataset].column_names(), pl.String)
    numbered = frame.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in {**wanted, **_PLACE}.items()
        if name not in frame.columns
    )
    return numbered.with_columns(
        pl.col(*wanted).cast(pl.String),
        pl.col(ROW).fill_null(pl.int_range(pl.len(), dtype=pl.Int64)),
        pl.col(PART, "_style").cast(pl.Int64).fill_null(0),
    )


def _of_cells(rows: pl.DataFrame, typed: Typed) -> Iterator[pl.DataFrame]:
    """Cells that could not be read; a unit that does not fit is told of the unit."""
    rule, expected = pl.col("_reason"), pl.col("_expected")
    for column, broken in typed.broken.items():
        named = broken.select(_reason="reason", _expected="expected")
        told = rows.with_columns(named).filter(rule.is_not_null())
        of_unit = rule.is_in(["unit_missing", "unit_of_parameter"])
        if column == "value" and "unit" in rows.columns:
            yield _rejects(told.filter(of_unit), "unit", rule, expected)
            told = told.filter(~of_unit)
        yield _rejects(told, column, rule, expected)


def _of_columns(
    rows: pl.DataFrame, typed: Typed, dataset: str
) -> Iterator[pl.DataFrame]:
    """Values that were read and cannot be: below zero, a month that is none."""
    for name, spec in SCHEMAS[dataset].columns().items():
        for rule, holds in spec.validation_rules(pl.col(name)).items():
            if rule in ("min", "max") or (rule == "regex" and name in _FORMATS):
                told = rows.filter(_breaks(typed, holds))
                broken = "format" if rule == "regex" else "out_of_range"
                expected = _FORMATS.get(name) or bound(rule, getattr(spec, rule))
                yield _rejects(told, name, pl.lit(broken), pl.lit(expected))


def _of_rows(rows: pl.DataFrame, typed: Typed, dataset: str) -> Iterator[pl.DataFrame]:
    """Rows whose cells contradict each other, as far as they could be read."""
    for rule in row_rules(SCHEMAS[dataset]):
        broken = _breaks(typed, rule.holds)
        for column in rule.columns:
            if column in typed.broken:
                broken &= typed.broken[column]["reason"].is_null()
        told = rows.filter(broken).with_columns(_told(rule.columns).replace("", None))
        yield _rejects(
            told,
            rule.columns[0],
            pl.lit(rule.name),
            pl.lit(rule.expected),
            read="_told",
        )


def _of_settings(
    rows: pl.DataFrame, typed: Typed, dataset: str, site: str, known: Known
) -> Iterator[pl.DataFrame]:
    """Rows about a site or a product that they may not be about."""
    columns = typed.frame.columns
    if "site" in columns:
        owners = known.owners if dataset == "result" else {site}
        told = rows.filter(_breaks(typed, pl.col("site").is_in(owners)))
        yield _rejects(told, "site", pl.lit("owner"), pl.lit(not_owned(site)))
    if "product" in columns and known.products is not None:
        everything = {_EVERY} if dataset in _FOR_ALL else set()
        listed = known.products | everything
        told = rows.filter(_breaks(typed, pl.col("product").is_in(listed)))
        hints = {
            word: unknown_product(word, known.products, site)
            for word in told["product"].unique().head(_HINTS)
        }
        expected = pl.col("product").replace_strict(
            hints, default=unknown_product("", known.products, site)
        )
        yield _rejects(told, "product", pl.lit("product"), expected)


def _breaks(typed: Typed, holds: pl.Expr) -> pl.Series:
    """Where a condition fails; where it is unknown it does not."""
    return typed.frame.select((~holds).fill_null(False).alias("_")).to_series()


def _told(columns: tuple[str, ...]) -> pl.Expr:
    """`harvested 2024-01-02, started 2024-01-05`, without what is empty."""
    said = (pl.lit(f"{column} ") + pl.col(column) for column in columns)
    return pl.concat_str(*said, separator=", ", ignore_nulls=True).alias("_told")


def _rejects(
    told: pl.DataFrame,
    column: str,
    rule: pl.Expr,
    expected: pl.Expr,
    read: str | None = None,
) -> pl.DataFrame:
    # Most rules are broken nowhere.
    if told.is_empty():
        return pl.DataFrame(schema=REJECT_SCHEMA)
    return told.select(
        site=pl.lit(None),
        dataset=pl.lit(None),
        row=ROW,
        origin="_origin",
        ref="_ref",
        column=pl.lit(column),
        rule=rule,
        read=read or column,
        expected=expected,
    ).cast(REJECT_SCHEMA)


def _shown(rejects: pl.DataFrame) -> pl.DataFrame:
    """What was read, where it may be shown: another hand may have made the bundle."""
    columns = ["read", "origin", "ref"]
    said = pl.concat([rejects[c].alias("said") for c in columns]).drop_nulls().unique()
    return rejects.with_columns(pl.col(columns).replace(said, shown(said)))


def _once(good: pl.DataFrame, dataset: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row a key, the last one said, and the rows before it."""
    key = list(KEYS[dataset])
    if good.select(key).n_unique() == good.height:
        return good, pl.DataFrame(schema=_REPEATED)
    ordered = good.sort(ROW)
    kept = ordered.unique(key, keep="last", maintain_order=True)
    earlier = ordered.join(kept, on=ROW, how="anti", maintain_order="left")
    content = SCHEMAS[dataset].column_names()
    same = earlier.join(
        kept, on=content, how="left", nulls_equal=True, maintain_order="left"
    )
    reason = (
        pl.when(same[f"{ROW}_right"].is_not_null())
        .then(pl.lit("identical"))
        .otherwise(pl.lit("superseded in the same extract"))
    )
    repeated = earlier.select(pl.col(ROW).alias("row"), "origin", "ref", reason=reason)
    return kept, repeated
