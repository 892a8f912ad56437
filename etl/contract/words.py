"""How two spellings of one word are recognised as the same."""

import unicodedata

import polars as pl


def plain(text: str) -> str:
    """The text in lower case, one form of each letter, no outer dots or spaces.

    Spreadsheets bring no-break spaces, full-width letters and `Neg.` for `neg`; none of
    these changes what was said.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join(folded.split()).strip(" .")


def plain_expr(text: pl.Expr) -> pl.Expr:
    """The same as `plain`, for a column."""
    folded = text.str.normalize("NFKC").str.to_lowercase()
    return folded.str.replace_all(r"\s+", " ").str.strip_chars(" .")


def slug_expr(text: pl.Expr) -> pl.Expr:
    """The text as a slug: `Trypan blue (Neubauer)` becomes `trypan-blue-neubauer`.

    Accents are dropped, not the letters under them. `-` stays `-`.
    """
    bare = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()
    joined = bare.str.replace_all(r"[^a-z0-9]+", "-").str.strip_chars("-")
    return pl.when(text.str.strip_chars() == "-").then(pl.lit("-")).otherwise(joined)


def bare(text: str) -> str:
    """The text in lower case without accents, and blanks for all signs but `+`.

    `Esterilidad`, `ESTERILIDAD ` and `esterilidád` are the same; `in-process` is
    `in_process`. For recognising what people call things, never for a value.
    """
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss")).lower()
    kept = "".join(
        sign if sign.isalnum() or sign == "+" else " "
        for sign in letters
        if not unicodedata.combining(sign)
    )
    return " ".join(kept.split())
