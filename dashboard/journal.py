"""What people write: one append-only table, kept apart from everything a run makes.

Notes, rebased limits, proposals, votes and sign-offs are rows with who, when, what and
why. Nothing is ever changed or deleted: a correction is a later row on the same
subject.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL CHECK (who <> ''),
    kind TEXT NOT NULL CHECK (kind <> ''),
    subject TEXT NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    why TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_by_subject ON entry (kind, subject, id);
CREATE TRIGGER IF NOT EXISTS entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: write a new entry'); END;
CREATE TRIGGER IF NOT EXISTS entry_is_never_replaced BEFORE INSERT ON entry
WHEN EXISTS (SELECT 1 FROM entry WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: write a new entry'); END;
CREATE TRIGGER IF NOT EXISTS entry_is_never_deleted BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: write a new entry'); END;
"""

_SELECT = """
SELECT id, at, who, kind, subject, body, why FROM entry
WHERE (:kind IS NULL OR kind = :kind) AND (:subject IS NULL OR subject = :subject)
ORDER BY id
"""


@dataclass(frozen=True)
class Entry:
    """One row of the journal; `at` is an instant in UTC, `body` what was decided."""

    id: int
    at: datetime
    who: str
    kind: str
    subject: str
    body: Mapping[str, object]
    why: str


@dataclass(frozen=True)
class Journal:
    """The journal kept in the SQLite file `path`, made on first use.

    Every call opens its own connection in write-ahead mode: several threads and
    processes of one machine read while one writes, and a writer waits up to ten seconds
    for another. Two web hosts need PostgreSQL instead, since SQLite's locks do not hold
    over network file systems.
    """

    path: Path

    def write(
        self, who: str, kind: str, subject: str, body: Mapping[str, object], why: str
    ) -> int:
        """The id of the entry just added; ids grow, so the last one is the latest."""
        row = (_now(), who, kind, subject, json.dumps(body, sort_keys=True), why)
        with self._open() as connection, connection:
            cursor = connection.execute(
                "INSERT INTO entry (at, who, kind, subject, body, why)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            return int(cursor.lastrowid or 0)

    def read(
        self, kind: str | None = None, subject: str | None = None
    ) -> tuple[Entry, ...]:
        """The entries of a kind, on a subject, oldest first; without either, all."""
        with self._open() as connection:
            rows = connection.execute(_SELECT, {"kind": kind, "subject": subject})
            return tuple(_entry(row) for row in rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLE)
            yield connection


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _entry(row: tuple[int, str, str, str, str, str, str]) -> Entry:
    id_, at, who, kind, subject, body, why = row
    return Entry(
        id_, datetime.fromisoformat(at), who, kind, subject, json.loads(body), why
    )
