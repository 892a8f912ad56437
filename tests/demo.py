"""The made-up network that most tests look at, pulled once through its own sources.

Kept in tests/.state under a name made of the code that makes it: an unchanged pipeline
is not run again, and a changed one always is.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dashboard import queries
from dashboard.demonstration import demonstration
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.viewer import Request, Viewer, asking
from etl.demo import Plan, World, generate
from tests.serving import ROOT, STATE, one_at_a_time

LEAD = Viewer("lead")
PUBLIC = Viewer("public")


@dataclass(frozen=True)
class Demo:
    """A network folder after its pull, and what its generator knows."""

    folder: Path

    @property
    def snapshots(self) -> Path:
        return self.folder / "data" / "snapshots"

    @cached_property
    def world(self) -> World:
        return generate(Plan())

    @cached_property
    def truth(self) -> Mapping[str, Any]:
        truth: Mapping[str, Any] = json.loads((self.folder / "truth.json").read_text())
        return truth

    @cached_property
    def result(self) -> Mapping[str, Any]:
        """What the pull said of itself, as `--json` prints it."""
        result: Mapping[str, Any] = json.loads((self.folder / "pull.json").read_text())
        return result

    def planted(self, kind: str) -> list[str]:
        return [p["site"] for p in self.truth["plants"] if p["kind"] == kind]

    def rows(self, sql: str) -> pl.DataFrame:
        """The snapshot's own rows, for recomputing what a page shows."""
        with duckdb.connect(self.snapshots / "current", read_only=True) as connection:
            answer: pl.DataFrame = connection.sql(sql).pl()
            return answer

    @contextmanager
    def asked_by(self, viewer: Viewer = LEAD) -> Iterator[Filters]:
        """Queries in the block are this viewer's; gives filters that ask for all."""
        about = queries.about(self.snapshots, viewer)
        journal = Journal(self.folder / "data" / "journal.sqlite")
        with asking(Request(viewer, self.snapshots, journal, about)):
            yield Filters()


def made() -> Demo:
    """The made-up network of this very code."""
    folder = STATE / f"demo-{_fingerprint()}"
    with one_at_a_time("demo"):
        if not (folder / "pull.json").exists():
            for old in STATE.glob("demo-*"):
                shutil.rmtree(old)
            from dashboard.console import as_object

            with demonstration(folder, Plan()) as result:
                (folder / "pull.json").write_text(as_object(result))
    return Demo(folder)


def _fingerprint() -> str:
    files = [
        path
        for package in ("connectors", "etl")
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in {".py", ".sql", ".toml", ".csv"}
    ]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
