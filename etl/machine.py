"""What can be wrong with the machine that runs pocnet, said in words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from connectors import PocnetError

_OS_ERROR: Final = re.compile(r"[^:]+\(os error \d+\)")


@contextmanager
def disk_errors(data: Path) -> Iterator[None]:
    """A disk that is full or may not be written to, said in one line."""
    try:
        yield
    except ConnectionError:
        # Python counts a server that is gone among these; it is no disk.
        raise
    except (OSError, duckdb.IOException, pl.exceptions.ComputeError) as error:
        # polars calls it a fault of the computation when a file cannot be written.
        told = _OS_ERROR.search(str(error))
        if told is None and isinstance(error, pl.exceptions.ComputeError):
            raise
        said = told[0].strip() if told else str(error).splitlines()[0]
        raise PocnetError(
            f"{data} could not be written: {said}. What was published before still "
            "stands. Look at the disk's room and at this account's rights there."
        ) from error


def assert_later(now: datetime, newest: datetime | None, what: str) -> None:
    """PocnetError unless it is later than the newest thing that is known.

    What is extracted must rank after all that was extracted before, and what is built
    on an earlier day would refuse what has come since as dated ahead.
    """
    if newest is not None and newest >= now:
        raise PocnetError(
            f"This machine's clock says {now:%Y-%m-%d %H:%M} (UTC), but what was "
            f"brought in at {newest:%Y-%m-%d %H:%M} is known, so the clock went back. "
            f"Set it right, then {what} again."
        )
