"""The cell of a test result split into comparator, value, text, unit and state.

Sites put all of these into one cell: `<0,3`, `negative to date`, `nd`, `No beads`,
`97 %`. What a text means depends on the parameter (`absent` is negative for
mycoplasma), so cells are read together with it.
"""

from typing import Final

import polars as pl

from etl.contract.parameters import known_meaning_expr, parameters, state_words
from etl.contract.units import unit_expr
from etl.contract.words import plain_expr
from etl.values import Style, numbers

_JOIN: Final = "\x1f"


def results(cells: pl.DataFrame, style: Style) -> pl.DataFrame:
    """Columns comparator, value, text, unit, state and reason.

    `cells` has the columns value (as written), parameter (a code) and unit (of the
    table of units, or null). Text of a parameter that is reported in words is kept as
    written where no meaning is known; where a number is due it is refused (`number`).
    A unit written behind the number must be the one declared (`unit_in_value`). A
    number needs a unit its parameter is reported in (`unit_missing`,
    `unit_of_parameter`) and must lie in the parameter's range (`out_of_range`).
    """
    read = numbers(cells["value"], style)
    frame = cells.select("parameter", "unit", cell="value").hstack(read)
    frame = frame.join(_facts(), on="parameter", how="left", maintain_order="left")
    frame = frame.with_columns(tail_unit=unit_expr(pl.col("tail")))
    frame = frame.with_columns(is_number=_is_number(), **_words())
    frame = frame.with_columns(
        value=pl.when("is_number").then("value").when("is_zero").then(0.0),
        unit=pl.coalesce("unit", "tail_unit"),
        text=_text(),
    )
    frame = frame.with_columns(
        reason=pl.coalesce(_cell_reason(), _unit_reason(), _range_reason())
    )
    return _final(frame)


def _facts() -> pl.DataFrame:
    """What the table of parameters says, one row each."""
    rows = [
        (p.code, p.kind, _joined(p.units), p.unit, p.lowest, p.highest)
        for p in parameters().values()
    ]
    texts = dict.fromkeys(("parameter", "kind", "units", "canonical"), pl.String)
    bounds = dict.fromkeys(("lowest", "highest"), pl.Float64)
    return pl.DataFrame(rows, schema={**texts, **bounds}, orient="row")


def _joined(units: tuple[str, ...]) -> str:
    return _JOIN + _JOIN.join(units) + _JOIN if units else ""


def _words() -> dict[str, pl.Expr]:
    """The state, zero or meaning that a cell says in words."""
    said = plain_expr(pl.col("cell"))
    states = state_words()
    zeros = [c + _JOIN + z for c, p in parameters().items() for z in p.zero]
    return {
        "said_state": said.replace_strict(
            list(states), list(states.values()), default=None, return_dtype=pl.String
        ),
        "is_zero": pl.concat_str("parameter", pl.lit(_JOIN), said).is_in(zeros),
        "meaning": known_meaning_expr(pl.col("cell"), pl.col("parameter")),
    }


def _is_number() -> pl.Expr:
    """A text such as `2 colonies` or `46` is no figure of a test reported in words."""
    in_words = (pl.col("kind") == "text").fill_null(False)
    known_tail = pl.col("tail").is_null() | pl.col("tail_unit").is_not_null()
    may_be = ~in_words | (known_tail & (pl.col("units") != ""))
    return pl.col("value").is_not_null() & may_be


def _text() -> pl.Expr:
    """A text with a meaning, or any text where a result may be words.

    An assay of a site's own may report either, and nothing is known of its words.
    """
    written = pl.col("cell").str.replace_all(r"\s+", " ").str.strip_chars()
    in_words = (pl.col("kind") == "text") | pl.col("kind").is_null()
    taken = pl.col("is_number") | pl.col("is_zero") | pl.col("said_state").is_not_null()
    return (
        pl.when(taken.fill_null(False) | (written == ""))
        .then(None)
        .when(in_words | pl.col("meaning").is_not_null())
        .then(pl.coalesce("meaning", written))
    )


def _cell_reason() -> pl.Expr:
    tail_differs = pl.col("tail").is_not_null() & (
        pl.col("tail_unit").is_null() | (pl.col("tail_unit") != pl.col("unit"))
    )
    spoken = pl.col("text").is_not_null() | pl.col("said_state").is_not_null()
    return (
        pl.when(pl.col("is_number") & tail_differs)
        .then(pl.lit("unit_in_value"))
        .when(pl.col("is_number") | spoken | pl.col("is_zero").fill_null(False))
        .then(None)
        .otherwise("reason")
    )


def _unit_reason() -> pl.Expr:
    due = pl.col("is_number") & (pl.col("units") != "")
    within = pl.concat_str(pl.lit(_JOIN), "unit", pl.lit(_JOIN))
    listed = pl.col("units").str.contains(within, literal=True)
    return (
        pl.when(due & pl.col("unit").is_null())
        .then(pl.lit("unit_missing"))
        .when(due & ~listed)
        .then(pl.lit("unit_of_parameter"))
    )


def _range_reason() -> pl.Expr:
    """The upper end is said in the canonical unit and binds only there."""
    above = (pl.col("value") > pl.col("highest")) & (
        pl.col("unit") == pl.col("canonical")
    )
    below = pl.col("value") < pl.col("lowest")
    return pl.when(above.fill_null(False) | below.fill_null(False)).then(
        pl.lit("out_of_range")
    )


def _final(frame: pl.DataFrame) -> pl.DataFrame:
    fine = pl.col("reason").is_null()
    comparator = pl.when("is_number").then(pl.col("comparator").fill_null("="))
    zero = pl.when("is_zero").then(pl.lit("="))
    spoken = pl.any_horizontal(pl.col("value", "text").is_not_null())
    state = pl.when(spoken).then(pl.lit("valid")).otherwise("said_state")
    return frame.select(
        comparator=pl.when(fine).then(pl.coalesce(comparator, zero)),
        value=pl.when(fine).then("value"),
        text=pl.when(fine).then("text"),
        unit="unit",
        state=pl.when(fine).then(state),
        reason="reason",
    )
