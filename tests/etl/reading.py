"""Mapped rows read into the contract's types by the shortest way there is."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from etl import dates, values
from etl.contract.schemas import SCHEMAS
from etl.contract.units import unit_expr
from etl.results import results

TODAY = date(2026, 11, 16)
Styles = Mapping[str, Mapping[str, object]]


def typed(frame: pl.DataFrame, dataset: str, styles: Styles) -> pl.DataFrame:
    """The rows with typed cells; a cell that cannot be read is empty."""
    if "_style" not in frame.columns:
        return _typed(frame, dataset, styles)
    parts = frame.partition_by("_style", as_dict=True)
    return pl.concat(
        _typed(rows, dataset, _of_block(styles, int(str(block))))
        for (block,), rows in parts.items()
    )


def _of_block(styles: Styles, block: int) -> Styles:
    plain = {name: style for name, style in styles.items() if "#" not in name}
    own = {
        name.partition("#")[0]: style
        for name, style in styles.items()
        if name.endswith(f"#{block}")
    }
    return plain | own


def _typed(frame: pl.DataFrame, dataset: str, styles: Styles) -> pl.DataFrame:
    cells = {}
    for name, column in SCHEMAS[dataset].columns().items():
        if name in frame.columns:
            kind = (column.metadata or {})["kind"]
            style = values.Style(**styles.get(name, {}))  # type: ignore[arg-type]
            cells[name] = _cell(frame[name], str(kind), style)
    if dataset == "result":
        cells |= _result(frame, values.Style(**styles["value"]))  # type: ignore[arg-type]
    return pl.DataFrame(cells)


def _cell(text: pl.Series, kind: str, style: values.Style) -> pl.Series:
    match kind:
        case "date":
            return dates.dates(text, style, TODAY)["value"]
        case "number":
            return values.plain_numbers(text, style)["value"]
        case "count":
            return values.counts(text, style)["value"]
        case "band":
            return values.bands(text, style)["value"]
        case "unit":
            return pl.select(unit_expr(pl.lit(text))).to_series()
        case "lot":
            return text.str.replace_all("[^A-Z0-9]", "")
    return text


def _result(frame: pl.DataFrame, style: values.Style) -> dict[str, pl.Series]:
    unit = pl.select(unit_expr(pl.lit(frame["unit"]))).to_series()
    cells = frame.select("parameter", "value").with_columns(unit.alias("unit"))
    read = results(cells, style)
    names = ["comparator", "value", "text", "unit"]
    names += [] if "state" in frame.columns else ["state"]
    return {name: read[name] for name in names}
