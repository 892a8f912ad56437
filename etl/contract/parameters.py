"""The table of parameters: what is measured, in which units, which way is good."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

import polars as pl

from etl.contract.words import plain, plain_expr

OWN_ASSAY: Final = r"^potency_[a-z0-9_]+$"
_JOIN: Final = "\x1f"


@dataclass(frozen=True)
class Parameter:
    """One thing that is measured.

    `kind` says what a result usually is; a text parameter with `units` may also be
    reported as a number (the ratio of a mycoplasma assay), a number parameter with
    `meanings` as a text. `units` starts with the canonical one.
    """

    code: str
    title: str
    kind: Literal["number", "text"]
    units: tuple[str, ...]
    better: Literal["higher", "lower", "none"]
    chapter: str | None
    lowest: float | None
    highest: float | None
    synonyms: Mapping[str, tuple[str, ...]]
    meanings: Mapping[str, str]
    zero: tuple[str, ...]

    @property
    def unit(self) -> str | None:
        """The canonical unit, or None where only texts are reported."""
        return self.units[0] if self.units else None


@cache
def parameters() -> Mapping[str, Parameter]:
    """All parameters by code, in the order of the file."""
    table = _table()
    return MappingProxyType(
        {
            code: _parameter(code, row, table["texts"])
            for code, row in table["parameter"].items()
        }
    )


def parameter(code: str) -> Parameter | None:
    """One parameter; an assay of a site's own (`potency_...`) gets what is sure of it.

    Potency is shown by whatever the product does, so its tests cannot be listed; no
    unit and no direction of good is assumed for one that is not.
    """
    known = parameters().get(code)
    if known is not None or not code.startswith("potency_"):
        return known
    title = "Potency: " + code.removeprefix("potency_").replace("_", " ")
    return Parameter(
        code, title, "number", (), "none", None, None, None, {}, {}, zero=()
    )


def meaning(code: str, text: str) -> str:
    """What a text result or text limit says for a parameter; unknown text unchanged.

    `no growth`, `absent` and `sterile` are `negative` for sterility; `negative to date`
    is not.
    """
    known = parameters().get(code)
    return known.meanings.get(plain(text), text) if known else text


def meaning_expr(text: pl.Expr, code: pl.Expr) -> pl.Expr:
    """The same as `meaning`, for a column of texts and a column of parameters."""
    return pl.coalesce(known_meaning_expr(text, code), text)


def known_meaning_expr(text: pl.Expr, code: pl.Expr) -> pl.Expr:
    """The meaning where the text has one for its parameter, null elsewhere."""
    known = {
        code + _JOIN + text: said
        for code, each in parameters().items()
        for text, said in each.meanings.items()
    }
    written = pl.concat_str(code, pl.lit(_JOIN), plain_expr(text))
    return written.replace_strict(
        list(known), list(known.values()), default=None, return_dtype=pl.String
    )


@cache
def state_words() -> Mapping[str, str]:
    """What stands in the place of a result, as `plain` text, and the state it means."""
    states: Mapping[str, list[str]] = _table()["states"]
    return MappingProxyType(
        {plain(said): state for state, words in states.items() for said in words}
    )


@cache
def _table() -> dict[str, Any]:
    source = files("etl.contract").joinpath("parameters.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _parameter(
    code: str, row: Mapping[str, Any], texts: Mapping[str, Any]
) -> Parameter:
    units = tuple(row.get("units", ()))
    percent = bool(units) and units[0] == "%"
    return Parameter(
        code=code,
        title=row["title"],
        kind=row.get("kind", "number"),
        units=units,
        better=row["better"],
        chapter=row.get("chapter"),
        lowest=float(row.get("lowest", 0)),
        highest=_float(row.get("highest", 100 if percent else None)),
        synonyms=_frozen(row["synonyms"]),
        meanings=_meanings(row.get("texts", ()), texts),
        zero=tuple(plain(text) for text in row.get("zero", ())),
    )


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)


def _frozen(synonyms: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({lang: tuple(said) for lang, said in synonyms.items()})


def _meanings(names: list[str], texts: Mapping[str, Any]) -> Mapping[str, str]:
    """Earlier lists win: a word may mean one thing in two of them."""
    known: dict[str, str] = {}
    for name in names:
        for said, spellings in texts[name].items():
            for spelling in (said, *spellings):
                known.setdefault(plain(spelling), said)
    return MappingProxyType(known)
