"""The made-up network published again and again, with a journal from before."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from dashboard import publication, queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from tests.demo import Demo

BOTH = ("no_product", "no_product_of")


class Releases:
    """Snapshots built now, under rules of their own, of one network folder."""

    def __init__(self, demo: Demo, folder: Path) -> None:
        self.demo, self.folder = demo, folder
        self.journal = Journal(folder / "journal.sqlite")
        self.run = 0
        self.sites = demo.rows("select site from site where kind <> 'published'")[
            "site"
        ].to_list()

    def publish(self, *statements: str, **rules: Any) -> None:
        """The next snapshot, changed by SQL, under these rules."""
        self.run += 1
        path = self.folder / "snapshots" / f"{self.run}.duckdb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((self.demo.snapshots / "current").resolve().read_bytes())
        with duckdb.connect(path) as database:
            ((config,),) = database.sql(
                "select value from meta where key = 'config'"
            ).fetchall()
            for key, value in {
                "config": json.dumps(json.loads(config) | rules),
                "built_at": datetime.now(UTC).isoformat(),
            }.items():
                database.execute(
                    "update meta set value = ? where key = ?", [value, key]
                )
            for statement in statements:
                database.execute(statement)
        link = path.parent / "next"
        link.symlink_to(path.name)
        os.replace(link, path.parent / "current")

    def choose(self, site: str, group: str, step: str, who: str = "") -> None:
        body = {"group": group, "to": step}
        self.journal.write(who or f"site:{site}", publication.CHOICE, site, body, "why")

    @contextmanager
    def asked_by(self, viewer: Viewer) -> Iterator[Filters]:
        snapshots = self.folder / "snapshots"
        about = queries.about(snapshots, viewer)
        with asking(Request(viewer, snapshots, self.journal, about)):
            yield Filters()

    def counts(self, viewer: Viewer) -> dict[str, tuple[int, int]]:
        with self.asked_by(viewer) as filters:
            frame = queries.counts(viewer, filters, BOTH)
        return {row["site"]: (row[BOTH[0]], row[BOTH[1]]) for row in frame.to_dicts()}

    def total(self, viewer: Viewer) -> int:
        with self.asked_by(viewer) as filters:
            frame = queries.counts(viewer, filters, BOTH, ())
        return int(frame[BOTH[1]].sum())
