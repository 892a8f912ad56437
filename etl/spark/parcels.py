"""Parcels: some rows of a named table in Arrow's bytes, as one row of a Spark table.

Spark carries them between machines and need not know what is in them, so one stage can
give several tables, and what polars made arrives as polars made it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, Final

import polars as pl
import pyarrow as pa

# Rows in a parcel at most: a few megabytes, which Spark moves as one cell.
HEIGHT: Final = 65_536
PARCELS: Final = pa.schema([("table", pa.large_string()), ("frame", pa.large_binary())])
Batches = Iterator[pa.RecordBatch]
Tables = Mapping[str, pl.DataFrame]


def parcel(table: str, frame: pl.DataFrame) -> pa.RecordBatch:
    """One parcel, as a batch of its own."""
    buffer = BytesIO()
    oldest = pl.CompatLevel.oldest()
    frame.write_ipc_stream(buffer, compression="lz4", compat_level=oldest)
    return pa.record_batch([[table], [buffer.getvalue()]], schema=PARCELS)


def parcels(tables: Tables) -> Batches:
    """All rows of the tables; an empty one needs none."""
    for name, frame in tables.items():
        for part in frame.iter_slices(HEIGHT):
            if part.height:
                yield parcel(name, part)


def frame_of(payload: bytes) -> pl.DataFrame:
    """The rows of a parcel."""
    return pl.read_ipc_stream(payload)


def unpacked(batches: Iterable[pa.RecordBatch]) -> Tables:
    """The tables whose parcels these are, each whole."""
    found: dict[str, list[pl.DataFrame]] = {}
    for batch in batches:
        for row in batch.to_pylist():
            found.setdefault(row["table"], []).append(frame_of(row["frame"]))
    return {name: pl.concat(parts) for name, parts in found.items()}


def packing(batches: Batches) -> Batches:
    """Parcels of Spark's rows, of a table without a name."""
    for batch in batches:
        yield from parcels({"": as_polars(batch)})


def by_site(table: str, frame: pl.DataFrame) -> Batches:
    """Parcels of one site each, with the site before them."""
    for (site,), part in frame.partition_by("site", as_dict=True).items():
        for packed in parcels({table: part}):
            yield packed.add_column(0, "site", pa.array([site], pa.large_string()))


def packing_by_site(table: str) -> Callable[[Batches], Batches]:
    """A function over Spark's rows that puts them into parcels as `by_site` does."""

    def pack(batches: Batches) -> Batches:
        for batch in batches:
            yield from by_site(table, as_polars(batch))

    return pack


def unpacking(schema: pa.Schema) -> Callable[[Batches], Batches]:
    """A function over parcels of one table that gives Spark its rows."""

    def unpack(batches: Batches) -> Batches:
        for batch in batches:
            for payload in batch.column("frame").to_pylist():
                yield from as_arrow(frame_of(payload), schema).to_batches()

    return unpack


def as_arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame in the columns and types that Spark was told of."""
    arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return arrow.select(schema.names).cast(schema)


def as_polars(rows: Any) -> pl.DataFrame:
    """Rows of Spark's as a frame."""
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame
