"""Accounts, sessions, tokens and failed sign-ins: what changes, unlike the journal.

One SQLite file for all processes of a machine, readable by its owner alone. No secret
is in it: passwords are argon2id hashes, sessions and tokens SHA-256 of random texts.
It is no part of a backup; accounts are made anew after a loss.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS account (
    name TEXT PRIMARY KEY, viewer TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS session (
    id BLOB PRIMARY KEY, who TEXT NOT NULL, viewer TEXT NOT NULL,
    account TEXT REFERENCES account (name) ON DELETE CASCADE,
    began REAL NOT NULL, seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS token (
    id BLOB PRIMARY KEY, label TEXT NOT NULL UNIQUE, viewer TEXT NOT NULL,
    scope TEXT NOT NULL, ends REAL NOT NULL);
CREATE TABLE IF NOT EXISTS failure (key TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS failure_by_key ON failure (key, at);
"""


@dataclass(frozen=True)
class Store:
    """The file `path`, made on first use; every call opens a connection of its own."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept when the block ends without an error."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(_TABLES)
            with connection:
                yield connection


def fingerprint(secret: str) -> bytes:
    """What is kept of a random secret: enough to know it again, too little to use."""
    return hashlib.sha256(secret.encode()).digest()
