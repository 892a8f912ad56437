"""The privacy gate: what may leave a site, and what is stopped without being told.

The network never holds a name, a birth date or anybody's number. A cell that looks
like one stops its whole row, because what stands beside it may be about the same
person; the reject shows its shape only. Names of files, sheets and records pass the
same gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from etl.coarse import undated
from etl.contract.schemas import SCHEMAS
from etl.identifier_patterns import Column
from etl.identifiers import identifiers, shape_expr, suspected
from etl.mapping import REJECT_SCHEMA
from etl.network import Privacy
from etl.pseudonym import pseudonym_columns, pseudonymise, pseudonymise_refs

RULE: Final = "identifier"
_FIGURES: Final = ("number", "count", "band")
# No patient stands in these; what they speak of may be older than any.
_RULES: Final = ("milestone", "authorisation", "criterion")
_PLACES: Final = ("_origin", "_ref")
# Made by us: a line counted, a record named by its pseudonym.
_OURS: Final = r"^((line|row) [0-9]+|record [a-z0-9]+-[0-9a-f]{16})$"


@dataclass(frozen=True)
class Guarded:
    """Rows that may leave the site, and the rejects of those that may not.

    `rows` has `_row` (Int64), the place each had before others were taken out.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame


def guard(
    frame: pl.DataFrame, dataset: str, site: str, *, free_text: bool = True
) -> Guarded:
    """The mapped frame without the rows in which a cell looks like an identifier.

    Batch, order, deviation and sample may be anything: they are replaced by
    pseudonyms, before this or after. An origin or a reference that looks like an
    identifier does not stop its row but is shown as its shape. Without `free_text` a
    cell that holds a long text stops its row as well.
    """
    numbered = frame.with_columns(_row=pl.int_range(pl.len(), dtype=pl.Int64))
    safe = _safe(numbered, _PLACES)
    rejects = [
        _rejects(safe.join(kinds, on=column, maintain_order="left"), column, dataset)
        for column, kinds in _told(frame, dataset, free_text).items()
    ]
    if not rejects:
        return Guarded(safe, pl.DataFrame(schema=REJECT_SCHEMA))
    stopped = pl.concat(rejects).with_columns(site=pl.lit(site))
    passed = safe.filter(~pl.col("_row").is_in(stopped["row"].implode()))
    return Guarded(passed, stopped)


def protect(
    frame: pl.DataFrame, dataset: str, site: str, privacy: Privacy | None
) -> Guarded:
    """What of a mapped frame may leave its site: pseudonyms made, identifiers refused.

    Pseudonyms come first, so that also the places of stopped rows name no number of
    the site's. Without `privacy` (publications) numbers and texts stay: they are
    citations.
    """
    if privacy is None:
        return guard(frame, dataset, site)
    replaced = pseudonymise(frame, dataset, site, privacy)
    origin = undated(replaced["_origin"], site, privacy)
    replaced = replaced.with_columns(_origin=origin)
    return guard(replaced, dataset, site, free_text=privacy.free_text)


def protect_rejects(
    rejects: pl.DataFrame, site: str, privacy: Privacy | None
) -> pl.DataFrame:
    """Rejects of the mapping, whose places may leave the site as well."""
    if privacy is not None:
        origin = undated(rejects["origin"], site, privacy)
        rejects = pseudonymise_refs(rejects, site, privacy)
        rejects = rejects.with_columns(origin=origin)
    return _safe(rejects, ("origin", "ref"))


def shown(text: pl.Series) -> pl.Series:
    """Each text as it may be shown: itself, or its shape if it tells of a person."""
    ours = text.str.contains(_OURS)
    if ours.all(ignore_nulls=True):
        return text
    once = text.filter(~ours).unique()
    told = once.filter(identifiers(once).is_not_null())
    if told.is_empty():
        return text
    shapes = told.to_frame().select(shape_expr(pl.all())).to_series()
    return text.replace(told, shapes)


def _safe(frame: pl.DataFrame, places: tuple[str, ...]) -> pl.DataFrame:
    return frame.with_columns(shown(frame[place]) for place in places)


def _told(
    frame: pl.DataFrame, dataset: str, free_text: bool
) -> dict[str, pl.DataFrame]:
    """For each column in which anybody is told of: the texts, and `_kind` of each.

    Columns of one kind are looked through at once: a page has few different texts,
    and every search has its price.
    """
    columns: dict[Column, list[str]] = {}
    for name, kind in _guarded(dataset).items():
        if name in frame.columns:
            columns.setdefault(kind, []).append(name)
    told = {}
    for kind, names in columns.items():
        texts = [frame[name] for name in names]
        if suspected(texts, kind, may_be_long=free_text).is_empty():
            continue
        for name in names:
            kinds = _kinds(frame[name], kind, free_text)
            if not kinds.is_empty():
                told[name] = kinds.rename({"_text": name})
    return told


def _kinds(text: pl.Series, kind: Column, free_text: bool) -> pl.DataFrame:
    once = text.unique().alias("_text").to_frame()
    found = identifiers(once["_text"], kind, may_be_long=free_text)
    return once.with_columns(_kind=found).drop_nulls()


@cache
def _guarded(dataset: str) -> Mapping[str, Column]:
    replaced = pseudonym_columns(dataset)
    return {
        name: _column(str((column.metadata or {}).get("kind")), dataset)
        for name, column in SCHEMAS[dataset].columns().items()
        if name not in replaced
    }


def _column(kind: str, dataset: str) -> Column:
    if kind in ("date", "instant"):
        return "old_dates" if dataset in _RULES else "dates"
    if kind in _FIGURES:
        return "figures"
    return "lots" if kind == "lot" else "text" if kind == "text" else "words"


def _rejects(told: pl.DataFrame, column: str, dataset: str) -> pl.DataFrame:
    advice = pl.lit("; map another column, or none")
    return told.select(
        site=pl.lit(None),
        dataset=pl.lit(dataset),
        row="_row",
        origin="_origin",
        ref="_ref",
        column=pl.lit(column),
        rule=pl.lit(RULE),
        read=shape_expr(pl.col(column)),
        expected=pl.concat_str(pl.lit("no "), "_kind", advice),
    ).cast(REJECT_SCHEMA)
