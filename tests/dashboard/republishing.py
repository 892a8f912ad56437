"""The made-up network's snapshot published once more, under other rules."""

import json
import os
from pathlib import Path
from typing import Any

import duckdb

from tests.demo import Demo


def republished(
    demo: Demo, path: Path, rules: dict[str, Any] | None = None, agreed: float = 0.8
) -> None:
    """The same rows at `path`, pointed to by `current`; agreed completeness differs."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((demo.snapshots / "current").resolve().read_bytes())
    with duckdb.connect(path) as database:
        ((config,),) = database.sql(
            "select value from meta where key = 'config'"
        ).fetchall()
        changed = json.loads(config)
        changed["disclosure"] |= rules or {}
        changed["reporting"]["completeness"] = agreed
        database.execute(
            "update meta set value = ? where key = 'config'", [json.dumps(changed)]
        )
    link = path.parent / "next"
    link.symlink_to(path.name)
    os.replace(link, path.parent / "current")
