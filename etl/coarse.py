"""Dates made coarser before they leave a site that wants it so.

A week says enough for rates and waiting times, and less about one patient. Every date
of a week becomes its Monday, so that the order of events is kept; only equal weeks can
no longer be told apart.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import polars as pl

from etl.contract.schemas import SCHEMAS
from etl.dates import dates
from etl.network import Privacy
from etl.pseudonym import pseudonym
from etl.reading import Reading, by_style
from etl.values import Style

# 2024-03-15, 15.03.24, 20240315, 150324: any order, as files are named.
_DAY: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{4}([-_. ]?)[0-9]{2}\1[0-9]{2}|[0-9]{2}([-_. ]?)[0-9]{2}\2"
    r"(?:[0-9]{4}|[0-9]{2}))(?![0-9])"
)
Styles = Mapping[str, Mapping[str, object]]


def weekly(frame: pl.DataFrame, dataset: str, styles: Styles) -> pl.DataFrame:
    """The mapped frame with each date that can be read as the Monday of its week.

    Written year first, which has one reading whatever style the manifest declares. A
    text that is no date is refused by the hub, and shown there: its digits are gone,
    for a slip such as 31/02/2024 says as much as the day that was meant.
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
    unread = frame[name].str.replace_all(r"\p{N}", "9")
    return day.dt.truncate("1w").cast(pl.String).fill_null(unread)


def undated(origins: pl.Series, site: str, privacy: Privacy) -> pl.Series:
    """Names of files and sheets in which no day stands, when days are made coarser.

    A day becomes its pseudonym and not its Monday: two files of one week stay two.
    """
    if privacy.coarsen == "day":
        return origins
    once = origins.drop_nulls().unique()
    named = {
        origin: _DAY.sub(lambda day: _hidden(day[0], site, privacy), origin)
        for origin in once
    }
    return origins.replace(named) if named else origins


def _hidden(day: str, site: str, privacy: Privacy) -> str:
    return pseudonym(day, site, privacy.key, privacy.key_id)
