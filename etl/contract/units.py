"""The table of units: one spelling each, and the other spellings sites use."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import polars as pl

from etl.contract.words import plain, plain_expr


@dataclass(frozen=True)
class Unit:
    """A unit as shown, its UCUM code, and what else it is written as."""

    code: str
    ucum: str
    aliases: tuple[str, ...]


@cache
def units() -> Mapping[str, Unit]:
    """All units by the spelling that is shown."""
    source = files("etl.contract").joinpath("units.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            code: Unit(code, row["ucum"], tuple(row["aliases"]))
            for code, row in table.items()
        }
    )


def unit_expr(text: pl.Expr) -> pl.Expr:
    """The unit a column of texts says, null where it is none of the table.

    Spelling only: `UI/ml` is `IU/mL`, and never `EU/mL`, which is a conversion.
    """
    known = {
        plain(spelling).replace(" ", ""): unit.code
        for unit in units().values()
        for spelling in (unit.code, *unit.aliases)
    }
    written = plain_expr(text).str.replace_all(" ", "", literal=True)
    return written.replace_strict(
        list(known), list(known.values()), default=None, return_dtype=pl.String
    )
