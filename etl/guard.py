"""The privacy gate: what may leave a site, and what is stopped without being told.

The network never holds a name, a birth date or anybody's number. A cell that looks
like one stops its whole row, because what stands beside it may be about the same
person; the reject shows its shape only. Names of files, sheets and records pass the
same gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final

import polars as pl

from etl.contract.parameters import parameters
from etl.contract.schemas import SCHEMAS
from etl.contract.units import units
from etl.contract.vocabulary import VOCABULARIES
from etl.identifiers import Column, identifiers, shape_expr
from etl.mapping import REJECT_SCHEMA
from etl.network import Privacy
from etl.pseudonym import pseudonym_columns, pseudonymise, pseudonymise_refs

RULE: Final = "identifier"
_FIGURES: Final = ("number", "count", "band", "date", "instant")
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


def guard(frame: pl.DataFrame, dataset: str, site: str) -> Guarded:
    """The mapped frame without the rows in which a cell looks like an identifier.

    Batch, order, deviation and sample may be anything: they are replaced by
    pseudonyms, before this or after. An origin or a reference that looks like an
    identifier does not stop its row but is shown as its shape.
    """
    numbered = frame.with_columns(_row=pl.int_range(pl.len(), dtype=pl.Int64))
    safe = _safe(numbered, _PLACES)
    told = _told(frame, dataset)
    rejects = [
        _rejects(safe.join(kinds, on=column, maintain_order="left"), column, dataset)
        for column, kinds in told.items()
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
    the site's. Without `privacy` (publications) numbers stay: they are citations.
    """
    if privacy is None:
        return guard(frame, dataset, site)
    replaced = pseudonymise(frame, dataset, site, privacy.key, privacy.key_id)
    return guard(replaced, dataset, site)


def protect_rejects(
    rejects: pl.DataFrame, site: str, privacy: Privacy | None
) -> pl.DataFrame:
    """Rejects of the mapping, whose places may leave the site as well."""
    if privacy is not None:
        rejects = pseudonymise_refs(rejects, site, privacy.key, privacy.key_id)
    return _safe(rejects, ("origin", "ref"))


def shown(text: pl.Series) -> pl.Series:
    """Each text as it may be shown: itself, or its shape if it tells of a person."""
    once = text.filter(~text.str.contains(_OURS).fill_null(True)).unique()
    told = once.filter(identifiers(once).is_not_null())
    if told.is_empty():
        return text
    shapes = told.to_frame().select(shape_expr(pl.all())).to_series()
    return text.replace(told, shapes)


def _safe(frame: pl.DataFrame, places: tuple[str, ...]) -> pl.DataFrame:
    return frame.with_columns(shown(frame[place]) for place in places)


def _told(frame: pl.DataFrame, dataset: str) -> dict[str, pl.DataFrame]:
    """For each column in which anybody is told of: the texts, and `_kind` of each.

    Words are looked through for all columns at once: there are few different ones,
    and every search has its price.
    """
    columns = {c: k for c, k in _guarded(dataset).items() if c in frame.columns}
    words = [frame[c].unique() for c, kind in columns.items() if kind == "words"]
    empty = pl.Series([], dtype=pl.String)
    said = pl.concat([empty, *words]).unique()
    in_words = _kinds(said.filter(~said.is_in(_known_words())), "words")
    told = {
        column: in_words if kind == "words" else _kinds(frame[column], kind)
        for column, kind in columns.items()
    }
    return {
        column: texts.rename({"_text": column})
        for column, texts in told.items()
        if not texts.is_empty()
    }


def _kinds(text: pl.Series, kind: Column) -> pl.DataFrame:
    once = text.unique().alias("_text").to_frame()
    return once.with_columns(_kind=identifiers(once["_text"], kind)).drop_nulls()


@cache
def _known_words() -> frozenset[str]:
    return frozenset((*chain(*VOCABULARIES.values()), *parameters(), *units()))


def _guarded(dataset: str) -> Mapping[str, Column]:
    replaced = pseudonym_columns(dataset)
    return {
        name: _column(str((column.metadata or {}).get("kind")))
        for name, column in SCHEMAS[dataset].columns().items()
        if name not in replaced
    }


def _column(kind: str) -> Column:
    if kind == "lot":
        return "lots"
    return "figures" if kind in _FIGURES else "words"


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
