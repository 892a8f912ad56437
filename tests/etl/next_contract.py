"""The pocnet that may come after this one: its contract calls one column otherwise.

Run as `python -m tests.etl.next_contract WORDS...` it is that pocnet's command line. In
version 2 a batch's `facility_grade` is its `room_grade`, and says `grade-b` for `b`.
Everything else is the code as it stands.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Final

import polars as pl

from etl.contract import version

OLD, NEW = "facility_grade", "room_grade"
SCHEMA: Final = "etl.contract.batches"


def _said_longer(rows: pl.LazyFrame) -> pl.LazyFrame:
    if NEW not in rows.collect_schema():
        return rows
    return rows.with_columns(pl.format("grade-{}", NEW).alias(NEW))


def install() -> None:
    """Make this process the next pocnet; before anything of `etl` is imported."""
    assert "etl.contract.schemas" not in sys.modules
    upgrade = version.Upgrade(_said_longer, {OLD: NEW})
    vars(version).update(CONTRACT="2", UPGRADES={"1": {"batch": upgrade}})
    found = importlib.util.find_spec(SCHEMA)
    assert found and found.origin
    source = Path(found.origin).read_text()
    assert source.count(OLD) == 1
    sys.modules[SCHEMA] = module = types.ModuleType(SCHEMA)
    exec(compile(source.replace(OLD, NEW), found.origin, "exec"), vars(module))


if __name__ == "__main__":
    install()
    from dashboard.cli import main

    main()
