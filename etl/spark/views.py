"""Tables of the cluster: views by the names that the marts' statements use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa

from etl.spark.dialect import query
from etl.spark.parcels import frame_of, packing, unpacking

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PARCELS: Final = "table string, frame binary"


@dataclass(frozen=True)
class Views:
    """The views of one session, which works on so many `tasks` at a time."""

    spark: "SparkSession"
    tasks: int

    def say(self, table: str, rows: "DataFrame") -> None:
        """Have these rows under this name."""
        rows.createOrReplaceTempView(table)

    def sql(self, duckdb: str) -> "DataFrame":
        """The answer to a query in DuckDB's words."""
        return self.spark.sql(query(duckdb))

    def local(self, frame: pl.DataFrame) -> "DataFrame":
        """Rows that this machine has, in the hands of the cluster."""
        arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        return self.spark.createDataFrame(arrow)


def opened(parcels: "DataFrame", table: str, schema: pa.Schema) -> "DataFrame":
    """The rows in the parcels of a table."""
    frames = parcels.where(f"table = '{table}'").select("frame")
    return frames.mapInArrow(unpacking(schema), spark_types(schema))


def packed(rows: "DataFrame") -> "DataFrame":
    """Any rows as parcels, of a table without a name."""
    return rows.mapInArrow(packing, PARCELS)


def fetched(parcels: "DataFrame") -> Iterator[tuple[str, pl.DataFrame]]:
    """Table and rows of each parcel, here, a partition at a time.

    All partitions are made first, on all cores, and wait on their disks. They are
    fetched by one job each: `toLocalIterator` of Spark 4 holds on to every partition
    that it ever fetched, until this machine has no memory left.
    """
    made = kept(parcels)
    made.count()
    rows, spark = made.rdd, made.sparkSession.sparkContext
    for partition in range(rows.getNumPartitions()):
        for row in spark.runJob(rows, iter, [partition]):
            yield row["table"], frame_of(bytes(row["frame"]))


def kept(rows: "DataFrame") -> "DataFrame":
    """The rows on the disks of who made them; what is lost is made again."""
    from pyspark import StorageLevel

    return rows if rows.is_cached else rows.persist(StorageLevel.DISK_ONLY)


def spark_types(schema: pa.Schema) -> Any:
    """The schema in Spark's terms."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)
