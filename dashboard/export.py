"""A card's rows as CSV or JSON: the numbers of a figure, with their states.

A hidden value leaves as an empty cell beside its state and reason, never as a zero.
"""

import polars as pl

_FORMULA = r"^[=+\-@\t\r]"
_NOT_A_NUMBER = r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"


def csv(frame: pl.DataFrame) -> str:
    """`frame` as CSV with a header; UTF-8, dates in ISO 8601.

    A text that a spreadsheet would run as a formula gets an apostrophe in front: site
    names and words come from outside.
    """
    texts = [c for c, t in frame.schema.items() if t == pl.String]
    return flat(frame).with_columns(_harmless(c) for c in texts).write_csv()


def records(frame: pl.DataFrame) -> list[dict[str, object]]:
    """`frame` as plain rows for JSON; dates as ISO text, a hidden value as null."""
    rows: list[dict[str, object]] = flat(frame, dates=True).to_dicts()
    return rows


def flat(frame: pl.DataFrame, dates: bool = False) -> pl.DataFrame:
    """`frame` with lists joined to text, and figures that are no number null.

    With `dates`, days and moments are ISO text.
    """
    lists = [c for c, t in frame.schema.items() if isinstance(t, pl.List)]
    floats = [c for c, t in frame.schema.items() if t.is_float()]
    days = [c for c, t in frame.schema.items() if dates and t.is_temporal()]
    return frame.with_columns(
        *(pl.col(c).cast(pl.List(pl.String)).list.join("; ") for c in lists),
        *(pl.when(pl.col(c).is_finite()).then(pl.col(c)) for c in floats),
        *(pl.col(c).cast(pl.String) for c in days),
    )


def _harmless(column: str) -> pl.Expr:
    text = pl.col(column)
    formula = text.str.contains(_FORMULA) & ~text.str.contains(_NOT_A_NUMBER)
    return pl.when(formula).then(pl.lit("'") + text).otherwise(text).alias(column)
