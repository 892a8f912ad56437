"""Source values as text: faithful, without the noise a computer adds to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from polars import selectors as cs

# Made once: json.loads would make one for every record of JSON lines.
_NUMBERS_AS_WRITTEN = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str
)


def text_frame(
    columns: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> pl.DataFrame:
    """A frame of these rows, every column text, an empty text null."""
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    series = [
        pl.Series(name, list(column), dtype=pl.String)
        for name, column in zip(columns, values, strict=True)
    ]
    return blank_to_null(pl.DataFrame(series))


def blank_to_null(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with null wherever a text is empty; a space is kept as read."""
    return frame.with_columns(
        pl.when(cs.string() != "").then(cs.string()).otherwise(None).name.keep()
    )


def record_frame(
    records: Sequence[Mapping[str, str | None]], wanted: Iterable[str] = ()
) -> pl.DataFrame:
    """A frame of flattened records over all the columns any of them has.

    Systems leave out what is empty, so one record's keys are not the columns:
    `wanted` names columns that are there even when no record has them.
    """
    columns = dict.fromkeys(wanted)
    for record in records:
        columns.update(dict.fromkeys(record))
    names = list(columns)
    return text_frame(
        names, [[record.get(name) for name in names] for record in records]
    )


def parse_json(text: str | bytes) -> object:
    """A JSON value whose numbers stay the text they were written as.

    `1.50` says how precisely a laboratory reported; a float would forget it.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    return _NUMBERS_AS_WRITTEN.decode(text)


def flatten(record: Mapping[str, object], prefix: str = "") -> dict[str, str | None]:
    """One record's values by dotted name: `{"a": {"b": 1}}` gives `a.b`.

    A list of values stays JSON text: to make rows of it would invent records.
    """
    flat: dict[str, str | None] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = scalar_text(value)
    return flat


def scalar_text(value: object) -> str | None:
    """A JSON value as text; a list is its JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """A typed frame's values as a person would write them.

    Whole numbers lose `.0`, decimals their trailing zeros, dates and instants are
    ISO 8601, logical values `true` and `false`, lists and structures JSON.
    """
    columns = [_column_as_text(frame[name]) for name in frame.columns]
    return blank_to_null(pl.DataFrame(columns))


def _column_as_text(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if kind.is_float():
        return column.cast(pl.String).str.replace(r"\.0($|e)", "$1")
    if kind.is_decimal():
        return (
            column.cast(pl.String)
            .str.replace(r"(\.\d*?)0+$", "$1")
            .str.strip_chars_end(".")
        )
    if isinstance(kind, pl.Datetime):
        zone = "%:z" if kind.time_zone else ""
        return column.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if kind.is_nested():
        values = [
            None
            if value is None
            else json.dumps(_plain(value), default=str, ensure_ascii=False)
            for value in column
        ]
        return pl.Series(column.name, values, dtype=pl.String)
    if kind == pl.Binary:
        return column.bin.encode("hex")
    return column.cast(pl.String)


def _plain(value: object) -> object:
    return value.to_list() if isinstance(value, pl.Series) else value
