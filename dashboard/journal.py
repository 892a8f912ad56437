"""What people write: one append-only table, kept apart from everything a run makes.

Notes, rebased limits, proposals, votes and sign-offs are rows with who, when, what and
why. Nothing is ever changed or deleted: a correction is a later row on the same
subject. Beside it in the same file is the audit trail, so that what is written and the
deed of writing it are kept together or not at all.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dashboard import audit
from dashboard.audit import Checkpoint, Deed, Kind, Trail
from dashboard.making import of_this_moment
from etl.contract.version import NewerError

# Raised with every change of its tables that is more than another table or column.
VERSION: Final = 1
# What a kind of entry is called in the audit trail.
_DEEDS: Final[Mapping[str, Kind]] = {
    "rebase": "rule",
    "vote": "proposal",
    "comment": "proposal",
    "proposal": "proposal",
    "scenario": "scenario",
    "sign_off": "sign_off",
    "unblinding": "unblinding",
    "publication": "rule",
    "correction": "correction",
}
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

    @property
    def own(self) -> bool:
        """Whether the site that it is about has written it."""
        return self.who == f"site:{self.subject}"


@dataclass(frozen=True)
class Journal:
    """The journal kept in the SQLite file `path`, made on first use.

    Every call opens its own connection in write-ahead mode: several threads and
    processes of one machine read while one writes, and a writer waits up to ten seconds
    for another. Two web hosts need PostgreSQL instead, since SQLite's locks do not hold
    over network file systems. With a `trail` every entry is a deed of `actor`, the
    person behind the role that writes.
    """

    path: Path
    trail: Trail | None = None
    actor: str = ""

    def of(self, actor: str) -> "Journal":
        """The same journal, whose deeds are this person's."""
        return replace(self, actor=actor)

    def write(
        self, who: str, kind: str, subject: str, body: Mapping[str, object], why: str
    ) -> int:
        """The id of the entry just added; ids grow, so the last one is the latest."""
        said = json.dumps(body, sort_keys=True)
        deed = Deed(self.actor or who, _DEEDS.get(kind, "note"), subject, "", said, why)
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO entry (at, who, kind, subject, body, why)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (_now(), who, kind, subject, said, why),
            )
            last = self.trail.add(connection, deed) if self.trail else None
        self._remember(last)
        return int(cursor.lastrowid or 0)

    def record(self, deed: Deed) -> None:
        """Add to the audit trail what somebody did without writing an entry.

        A killed process loses none; a power cut may lose those of the last moments,
        because waiting for the disk at every look would make each page slower.
        """
        if self.trail is None:
            return
        with self._writing("NORMAL") as connection:
            last = self.trail.add(connection, deed)
        self._remember(last)

    def deeds(self, most: int) -> tuple[tuple[str, ...], ...]:
        """The newest deeds first: number, instant, who, kind, subject, old, new, why.

        At most `most` of them; the numbers are texts like the rest. Nothing that is
        made of them is kept, since every look at a page adds one.
        """
        of_this_moment()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT cast(seq AS TEXT), at, who, kind, subject, old, new, why"
                " FROM deed ORDER BY seq DESC LIMIT ?",
                (most,),
            )
            return tuple(rows)

    def read(
        self, kind: str | None = None, subject: str | None = None
    ) -> tuple[Entry, ...]:
        """The entries of a kind, on a subject, oldest first; without either, all."""
        with self._open() as connection:
            rows = connection.execute(_SELECT, {"kind": kind, "subject": subject})
            return tuple(_entry(row) for row in rows)

    def newest(self) -> int:
        """The number of the newest entry, 0 without one.

        Entries are only ever added, so as long as it stays the same they all do.
        """
        with self._open() as connection:
            row = connection.execute("SELECT max(id) FROM entry").fetchone()
            return int(row[0] or 0)

    def last(self, kind: Kind, subject: str) -> str:
        """What the newest deed of a kind on a subject left there; blank without one."""
        of_this_moment()
        with self._open() as connection:
            row = connection.execute(
                "SELECT new FROM deed WHERE kind = ? AND subject = ?"
                " ORDER BY seq DESC LIMIT 1",
                (kind, subject),
            ).fetchone()
            return str(row[0]) if row else ""

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            version = _known(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLE + audit.TABLE)
            if version < VERSION:
                connection.execute(f"PRAGMA user_version = {VERSION}")
            yield connection

    @contextmanager
    def _writing(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        """A transaction that is alone from its first look: all of it, or nothing."""
        with self._open() as connection, connection:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def _remember(self, last: Checkpoint | None) -> None:
        if self.trail is not None and last is not None:
            self.trail.remember(last)


def version_at(path: Path) -> int | None:
    """The version of a journal, None where there is none; nothing in it is changed.

    NewerError for one that a newer pocnet has written.
    """
    if not path.is_file():
        return None
    # Without a log beside it all stands in the file, which is then looked at alone:
    # even a reader would leave a log behind.
    alone = not path.with_name(f"{path.name}-wal").exists()
    address = f"{path.resolve().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
        return _known(connection, path)


def _known(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise NewerError(
            f"{path} was written by a newer version of pocnet. Nothing was changed: "
            "install that version here, too."
        )
    return version


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _entry(row: tuple[int, str, str, str, str, str, str]) -> Entry:
    id_, at, who, kind, subject, body, why = row
    return Entry(
        id_, datetime.fromisoformat(at), who, kind, subject, json.loads(body), why
    )
