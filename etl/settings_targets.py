"""Constants and code lists: what a mapping may turn a site's words into."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from etl.contract.parameters import OWN_ASSAY, parameters
from etl.contract.schemas import SCHEMAS, SENT
from etl.contract.units import unit_expr, units
from etl.contract.vocabulary import VOCABULARIES
from etl.settings_mistakes import unknown

ALL_PRODUCTS: Final = "all"


@dataclass(frozen=True)
class Known:
    """What the other files of the network folder define.

    `sites` gives each site's kind; a kind that could not be read is "".
    """

    products: tuple[str, ...]
    sites: Mapping[str, str]


def target_mistake(
    dataset: str, column: str, target: object, known: Known
) -> str | None:
    """Why a constant or a code's target cannot stand in a column, or None if it can.

    An empty target says that nothing was said, which a column that no row can do
    without cannot take.
    """
    definition = SCHEMAS[dataset].columns()[column]
    metadata = definition.metadata or {}
    missing = metadata.get("missing")
    text = str(target)
    if not text.strip():
        needed = not definition.nullable and missing is None
        return f'"{column}" cannot be empty.' if needed else None
    if text == missing:
        return None
    words = _words(dataset, column, known)
    if words is not None:
        what = column if column in ("product", "site", "dataset") else "word"
        return None if text in words else unknown(f"The {what}", text, words)
    return _kind_mistake(str(metadata.get("kind")), column, text)


def _words(dataset: str, column: str, known: Known) -> tuple[str, ...] | None:
    if column == "product":
        general = dataset in ("milestone", "authorisation")
        return (*known.products, ALL_PRODUCTS) if general else known.products
    if column == "site":
        return tuple(known.sites)
    if (dataset, column) == ("declared", "dataset"):
        return SENT
    metadata = SCHEMAS[dataset].columns()[column].metadata or {}
    return VOCABULARIES.get(str(metadata.get("vocabulary")))


def _kind_mistake(kind: str, column: str, text: str) -> str | None:
    match kind:
        case "parameter" if text not in parameters() and not re.match(OWN_ASSAY, text):
            return unknown("The parameter", text, parameters())
        case "unit" if pl.select(unit_expr(pl.lit(text))).item() is None:
            return unknown("The unit", text, units())
        case "date" if not _reads(date.fromisoformat, text):
            return f'"{column}" takes a date such as 2024-03-15.'
        case "number" | "count" | "band" if not _reads(float, text):
            return f'"{column}" takes a number such as 1 or 0.5.'
    return None


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
