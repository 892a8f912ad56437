"""Each column's text read into its type: a value, or the rule that it broke.

Every reader gives the columns value, reason and expected, the last two null where
there is nothing to complain of. Which reader a column gets is said by its kind in the
schema.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import dataframely as dy
import polars as pl

from etl.contract.parameters import meaning_expr
from etl.contract.schemas import SCHEMAS
from etl.dates import dates, instants
from etl.results import results
from etl.sentences import REQUIRED, range_of, sentences, units_of
from etl.values import Style, bands, counts, plain_numbers
from etl.wording import worded

Styles = Sequence[Mapping[str, Mapping[str, object]]]
_FIGURES: Final = ("number", "count", "band", "date", "instant")
# What a cell of a result says by saying nothing else.
_UNTOLD: Final = {"comparator": "=", "state": "valid"}
_PLACE: Final = {"_part": pl.Int64, "_style": pl.Int64}


@dataclass(frozen=True)
class Reading:
    """Who wrote a frame and how: the sender, the styles of each part, the day it is.

    `styles` has one mapping a part (`_part`), from a column, or `column#block` for the
    rows of one block of a wide record (`_style`), to how it was written.
    """

    site: str
    styles: Styles
    today: date

    def style(self, column: str, part: int, block: int) -> Style:
        """How one column was written in one block of one part."""
        written = self.styles[part] if part < len(self.styles) else {}
        said: Mapping[str, Any] = written.get(
            f"{column}#{block}", written.get(column, {})
        )
        return Style(**said)


@dataclass(frozen=True)
class Typed:
    """The rows in the types of their schema, and what is wrong with which cell.

    `broken` has, for each column with a broken rule, the columns reason and expected.
    """

    frame: pl.DataFrame
    broken: Mapping[str, pl.DataFrame]


def read_rows(frame: pl.DataFrame, dataset: str, reading: Reading) -> Typed:
    """Every column of the dataset, read by its kind; columns not mapped are empty.

    `frame` is a mapped frame with `_part` and `_style`.
    """
    specs = SCHEMAS[dataset].columns()
    has_cells = {"parameter", "value", "comparator"} <= specs.keys()
    plain = {n: s for n, s in specs.items() if not (has_cells and n == "value")}
    read = {name: _column(frame, name, spec, reading) for name, spec in plain.items()}
    if has_cells:
        read |= _result_cells(frame, read, reading)
    read = {name: _filled(read[name], spec) for name, spec in specs.items()}
    typed = pl.DataFrame({name: cells["value"] for name, cells in read.items()})
    broken = {
        name: cells.drop("value")
        for name, cells in read.items()
        if cells["reason"].null_count() < cells.height
    }
    return Typed(typed, broken)


def _column(
    frame: pl.DataFrame, name: str, spec: dy.Column, reading: Reading
) -> pl.DataFrame:
    meta = spec.metadata or {}
    if frame[name].null_count() == frame.height:
        return _nothing(frame.height, spec)
    if meta["kind"] in _FIGURES:
        return by_style(
            frame,
            name,
            reading,
            lambda part, style: _figures(part[name], meta, style, reading),
        )
    return worded(frame[name], meta, reading.site)


def _nothing(height: int, spec: dy.Column) -> pl.DataFrame:
    """Most columns of most sites are not mapped, and reading them has its price."""
    empty = pl.DataFrame(
        schema={"value": spec.dtype, "reason": pl.String, "expected": pl.String}
    )
    return empty.clear(height)


def by_style(
    frame: pl.DataFrame,
    column: str,
    reading: Reading,
    read: Callable[[pl.DataFrame, Style], pl.DataFrame],
) -> pl.DataFrame:
    """What `read` makes of the rows, those of one style at a time."""
    places: dict[Style, list[tuple[int, int]]] = {}
    for part, block in frame.select("_part", "_style").unique().rows():
        style = reading.style(column, part, block)
        places.setdefault(style, []).append((part, block))
    if len(places) < 2:
        return read(frame, next(iter(places), Style()))
    rows, pieces = frame.with_row_index("_at"), []
    for style, where in places.items():
        these = pl.DataFrame(where, schema=_PLACE, orient="row")
        piece = rows.join(these, on=list(_PLACE), how="semi", maintain_order="left")
        pieces.append(read(piece, style).with_columns(piece["_at"]))
    return pl.concat(pieces).sort("_at").drop("_at")


def _figures(
    text: pl.Series, meta: Mapping[str, Any], style: Style, reading: Reading
) -> pl.DataFrame:
    ahead = meta.get("years_ahead", 2)
    match meta["kind"]:
        case "number":
            read = plain_numbers(text, style)
        case "count":
            read = counts(text, style)
        case "band":
            read = bands(text, style)
        case "date":
            read = dates(text, style, reading.today, ahead)
        case _:
            read = instants(text, style, reading.today)
    return _explained(read, sentences(style, ahead))


def _result_cells(
    frame: pl.DataFrame, read: Mapping[str, pl.DataFrame], reading: Reading
) -> dict[str, pl.DataFrame]:
    """The columns that one cell of a result is split into, and the unit it names.

    What a site maps for itself (a comparator, a state) completes what the cell says.
    """
    cells = frame.select("value", "_part", "_style").with_columns(
        parameter=read["parameter"]["value"], unit=read["unit"]["value"]
    )
    split = by_style(
        cells,
        "value",
        reading,
        lambda part, style: _once_each(part.drop("_part", "_style"), style),
    )
    if "text" not in read:
        split = _in_figures_only(split)
    code = read["parameter"]["value"]
    found = {"value": split.select("value", "reason", "expected")}
    return found | {
        name: _completed(split[name], read[name], code)
        for name in ("comparator", "text", "unit", "state")
        if name in read
    }


def _once_each(cells: pl.DataFrame, style: Style) -> pl.DataFrame:
    """What results say, reading what is said more than once only once."""
    once = cells.unique(maintain_order=True)
    read = _explained_cells(results(once, style), once, style)
    if once.height == cells.height:
        return read
    numbered = once.with_row_index("_at")
    place = cells.join(
        numbered, on=cells.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return read[place["_at"]]


def _explained(read: pl.DataFrame, said: Mapping[str, str]) -> pl.DataFrame:
    expected = pl.col("reason").replace_strict(
        said, default=None, return_dtype=pl.String
    )
    return read.with_columns(expected=expected)


def _explained_cells(
    split: pl.DataFrame, cells: pl.DataFrame, style: Style
) -> pl.DataFrame:
    codes = cells["parameter"].drop_nulls().unique()
    frame = split.with_columns(cells["parameter"])

    def of_parameter(say: Callable[[str], str]) -> pl.Expr:
        said = {code: say(code) for code in codes}
        return pl.col("parameter").replace_strict(
            said, default=None, return_dtype=pl.String
        )

    reason = pl.col("reason")
    told = reason.replace_strict(sentences(style), default=None, return_dtype=pl.String)
    return frame.with_columns(
        expected=pl.when(reason == "unit_of_parameter")
        .then(of_parameter(units_of))
        .when(reason == "out_of_range")
        .then(of_parameter(range_of))
        .otherwise(told)
    )


def _in_figures_only(split: pl.DataFrame) -> pl.DataFrame:
    """A ring trial compares figures; a word has no place in it."""
    said = pl.col("text").is_not_null() & pl.col("reason").is_null()
    return split.with_columns(
        reason=pl.when(said).then(pl.lit("number")).otherwise("reason"),
        expected=pl.when(said)
        .then(pl.lit(sentences(Style())["number"]))
        .otherwise("expected"),
    )


def _completed(cell: pl.Series, mapped: pl.DataFrame, code: pl.Series) -> pl.DataFrame:
    """What the cell says and what the site maps beside it, one completing the other.

    A cell that says `nd` or `<` is not valid or equal, whatever a constant says.
    """
    told, beside = pl.lit(cell), pl.col("value")
    if cell.name in _UNTOLD:
        told = pl.when(told != _UNTOLD[cell.name]).then(told)
    if cell.name == "text":
        beside = meaning_expr(beside, pl.lit(code))
    return mapped.with_columns(value=pl.coalesce(told, beside, pl.lit(cell)))


def _filled(read: pl.DataFrame, spec: dy.Column) -> pl.DataFrame:
    """Empty cells with what the contract has for them, or refused if it has nothing."""
    missing = (spec.metadata or {}).get("missing")
    empty = pl.col("value").is_null() & pl.col("reason").is_null()
    if missing is not None:
        return read.with_columns(
            value=pl.when(empty).then(pl.lit(missing)).otherwise("value")
        )
    if spec.nullable:
        return read
    return read.with_columns(
        reason=pl.when(empty).then(pl.lit("required")).otherwise("reason"),
        expected=pl.when(empty).then(pl.lit(REQUIRED)).otherwise("expected"),
    )
