"""Dates made coarser before they leave a site that wants it so.

A week says enough for rates and waiting times, and less about one patient. Every date
of a week becomes its Monday, so that the order of events is kept; only equal weeks can
no longer be told apart.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.dates import dates
from etl.reading import Reading, by_style
from etl.values import Style

Styles = Mapping[str, Mapping[str, object]]


def weekly(frame: pl.DataFrame, dataset: str, styles: Styles) -> pl.DataFrame:
    """The mapped frame with each date that can be read as the Monday of its week.

    Written year first, which has one reading whatever style the manifest declares. A
    text that is no date stays as it is, to be refused with what was read.
    """
    reading = Reading("", [styles], datetime.now(UTC).date())
    block = pl.col("_style") if "_style" in frame.columns else pl.lit(None, pl.Int64)
    placed = frame.with_columns(_part=pl.lit(0, pl.Int64), _style=block.fill_null(0))
    mondays = {
        name: _mondays(placed, name, reading)
        for name, column in SCHEMAS[dataset].columns().items()
        if (column.metadata or {}).get("kind") == "date" and name in frame.columns
    }
    return frame.with_columns(**mondays)


def _mondays(frame: pl.DataFrame, name: str, reading: Reading) -> pl.Series:
    def read(rows: pl.DataFrame, style: Style) -> pl.DataFrame:
        return dates(rows[name], style, reading.today)

    day = by_style(frame, name, reading, read)["value"]
    return day.dt.truncate("1w").cast(pl.String).fill_null(frame[name])
