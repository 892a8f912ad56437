"""The made-up network with something else in it: a copy of its snapshot, changed."""

import shutil
from pathlib import Path

import duckdb

from tests.demo import Demo


def altered(demo: Demo, folder: Path, *statements: str) -> Demo:
    snapshots = folder / "data" / "snapshots"
    snapshots.mkdir(parents=True)
    shutil.copy(demo.snapshots / "current", snapshots / "1.duckdb")
    (snapshots / "current").symlink_to("1.duckdb")
    with duckdb.connect(snapshots / "1.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)
    return Demo(folder)


def only(*sites: str) -> str:
    names = ", ".join(f"'{site}'" for site in sites)
    return f"delete from site where site not in ({names})"
