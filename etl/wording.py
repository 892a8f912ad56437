"""Columns of words read: slugs, words of a vocabulary, parameters, units, lots, texts.

Capitals, blanks and hyphens do not matter (`Hospital exemption` is
`hospital_exemption`); any other word is refused with the one it may have meant. Each
reader gives the columns value, reason and expected.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from etl.contract.parameters import OWN_ASSAY, parameters
from etl.contract.units import unit_expr, units
from etl.contract.vocabulary import VOCABULARIES
from etl.contract.words import plain_expr, slug_expr
from etl.sentences import unknown_parameter, unknown_word
from etl.values import COMPARATORS, distinctly, is_empty, repeatedly

_LONGEST: Final = 200
_NAME: Final = "a short name with a letter or a digit in it"
# More unknown words than this are a wrong column, and no hint helps.
_HINTS: Final = 200


def worded(text: pl.Series, meta: Mapping[str, Any], site: str) -> pl.DataFrame:
    """A column of words read by the kind that its schema gives it.

    `site` is whose TOML file a refused word can be translated in.
    """
    match meta["kind"]:
        case "word":
            return repeatedly(text, _words, meta["vocabulary"], site)
        case "parameter":
            return repeatedly(text, _parameters, site)
        case "unit":
            return repeatedly(text, _units, site)
        case "pseudonym":
            # No two bundles have the same few.
            return distinctly(text, lambda once: _said(once, "pseudonym"))
        case kind:
            return repeatedly(text, _said, kind)


def lot_number(said: str) -> str:
    """A lot as the contract keeps it, however a person writes it down."""
    return str(pl.DataFrame({"text": [said]}).select(_TEXTS["lot"]).item())


def _words(text: pl.Series, vocabulary: str, site: str) -> pl.DataFrame:
    known = VOCABULARIES[vocabulary]
    return _listed(text, set(known), lambda word: unknown_word(word, known, site))


def _parameters(text: pl.Series, site: str) -> pl.DataFrame:
    return _listed(
        text, set(parameters()), lambda word: unknown_parameter(word, site), OWN_ASSAY
    )


def _listed(
    text: pl.Series, known: set[str], hint: Callable[[str], str], more: str = "^$"
) -> pl.DataFrame:
    """Words of a list, whatever their capitals, blanks and hyphens."""
    said = plain_expr(pl.col("text")).replace(COMPARATORS)
    word = pl.coalesce(
        pl.when(said.is_in(known)).then(said),
        said.str.replace_all("[ -]+", "_"),
    )
    listed = word.is_in(known) | word.str.contains(more)
    wrong = ~listed & ~is_empty(pl.col("text"))
    frame = text.alias("text").to_frame()
    read = frame.select(
        "text",
        value=pl.when(listed & ~_blank(known)).then(word),
        reason=pl.when(wrong).then(pl.lit("vocabulary")),
    )
    return _hinted(read, hint)


def _blank(known: set[str]) -> pl.Expr:
    """`-` is a word where the list has it, and nothing everywhere else."""
    return is_empty(pl.col("text")) & pl.lit("-" not in known)


def _hinted(frame: pl.DataFrame, hint: Callable[[str], str]) -> pl.DataFrame:
    unknown = frame.filter(pl.col("reason").is_not_null())["text"].head(_HINTS)
    said = {word: hint(word) for word in unknown}
    expected = pl.when(pl.col("reason").is_not_null()).then(
        pl.col("text").replace_strict(said, default=hint(""), return_dtype=pl.String)
    )
    return frame.with_columns(expected=expected).drop("text")


def _units(text: pl.Series, site: str) -> pl.DataFrame:
    known = tuple(units())
    frame = text.alias("text").to_frame().with_columns(value=unit_expr(pl.col("text")))
    unknown = pl.col("value").is_null() & ~is_empty(pl.col("text"))
    read = frame.with_columns(reason=pl.when(unknown).then(pl.lit("vocabulary")))
    return _hinted(read, lambda word: unknown_word(word, known, site))


def _said(text: pl.Series, kind: str) -> pl.DataFrame:
    """Texts; one that holds nothing but signs is no name (`name`)."""
    frame = text.alias("text").to_frame().with_columns(value=_TEXTS[kind])
    wrong = (pl.col("value") == "") | (pl.col("value").str.len_chars() > _LONGEST)
    filled = ~is_empty(pl.col("text"))
    return frame.select(
        value=pl.when(~wrong & filled).then("value"),
        reason=pl.when(wrong & filled).then(pl.lit("name")),
        expected=pl.when(wrong & filled).then(pl.lit(_NAME)),
    )


def _tidy() -> pl.Expr:
    return pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars()


_TEXTS: Final = {
    "slug": slug_expr(pl.col("text")),
    "pseudonym": _tidy(),
    "text": _tidy(),
    # `ab-12 3` and `AB123` are one lot, whoever wrote it down.
    "lot": pl.col("text").str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", ""),
}
